"""The Moneypool dialect as one Litestar app: all of its chapters under /api."""

from collections.abc import Sequence

from litestar import Litestar
from litestar.types import ControllerRouterHandler

from whipround.api.docs import documentation
from whipround.api.handling import new_app
from whipround.api.moneypool import (
    cash_payments,
    confirmations,
    facebook,
    history,
    liabilities,
    passwords,
    payment_requests,
    payments,
    sessions,
    users,
    withdrawals,
)
from whipround.api.moneypool.call import Access, Request, prepare, route
from whipround.api.moneypool.errors import refuse
from whipround.api.moneypool.openapi import MONEYPOOL

DIALECT = b"moneypool"

HANDLERS: Sequence[ControllerRouterHandler] = [
    *sessions.handlers,
    *users.handlers,
    *facebook.handlers,
    *confirmations.handlers,
    *passwords.handlers,
    *payment_requests.handlers,
    *liabilities.handlers,
    *payments.handlers,
    *history.handlers,
    *cash_payments.handlers,
    *withdrawals.handlers,
]


def create_app(handlers: Sequence[ControllerRouterHandler] = HANDLERS) -> Litestar:
    """An app of these handlers, each of which needs a token unless its `route` says otherwise."""
    opt = route(access=Access.ANYONE, is_versioned=False, in_any_product=True)
    return new_app(
        [*handlers, *documentation(handlers, MONEYPOOL, root="/api", opt=opt)],
        request_class=Request,
        prepare=prepare,
        refuse=refuse,
    )
