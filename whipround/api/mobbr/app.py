"""The Mobbr dialect as one Litestar app: all of its chapters under /api_v1."""

from collections.abc import Sequence

from litestar import Litestar
from litestar.types import ControllerRouterHandler

from whipround.api.docs import documentation
from whipround.api.handling import new_app
from whipround.api.mobbr import (
    balances,
    claims,
    confirmations,
    inspecting,
    logins,
    mailed_links,
    pages,
    payments,
    previews,
    reference,
    users,
)
from whipround.api.mobbr.call import Access, Request, prepare, route
from whipround.api.mobbr.errors import refuse
from whipround.api.mobbr.openapi import MOBBR

DIALECT = b"mobbr"

HANDLERS: Sequence[ControllerRouterHandler] = [
    *previews.handlers,
    *confirmations.handlers,
    *claims.handlers,
    *payments.handlers,
    *pages.handlers,
    *inspecting.handlers,
    *balances.handlers,
    *reference.handlers,
    *logins.handlers,
    *users.handlers,
    *mailed_links.handlers,
]


def create_app(handlers: Sequence[ControllerRouterHandler] = HANDLERS) -> Litestar:
    """An app of these handlers, each of which needs credentials unless its `route` says else."""
    opt = route(access=Access.ANYONE)
    return new_app(
        [*handlers, *documentation(handlers, MOBBR, root="/api_v1", opt=opt)],
        request_class=Request,
        prepare=prepare,
        refuse=refuse,
    )
