"""The Memento dialect as one Litestar app: all of its chapters under /v1."""

from collections.abc import Sequence

from litestar import Litestar
from litestar.types import ControllerRouterHandler

from whipround.api.docs import documentation
from whipround.api.handling import new_app
from whipround.api.memento import (
    activity,
    announcements,
    authentication,
    contacts,
    devices,
    fees,
    funding_sources,
    images,
    limits,
    moments,
    notifications,
    participants,
    payments,
    pools,
    refunds,
    requests,
    transactions,
    users,
    verifications,
)
from whipround.api.memento.call import Access, Request, prepare, route
from whipround.api.memento.errors import refuse
from whipround.api.memento.openapi import MEMENTO

DIALECT = b"memento"

HANDLERS: Sequence[ControllerRouterHandler] = [
    *activity.handlers,
    *announcements.handlers,
    *authentication.handlers,
    *contacts.handlers,
    *devices.handlers,
    *fees.handlers,
    *funding_sources.handlers,
    *images.handlers,
    *limits.handlers,
    *moments.handlers,
    *notifications.handlers,
    *participants.handlers,
    *payments.handlers,
    *pools.handlers,
    *refunds.handlers,
    *requests.handlers,
    *transactions.handlers,
    *users.handlers,
    *verifications.handlers,
]


def create_app(handlers: Sequence[ControllerRouterHandler] = HANDLERS) -> Litestar:
    """An app of these handlers, each of which needs a session unless its `route` says otherwise."""
    opt = route(access=Access.ANYONE)
    return new_app(
        [*handlers, *documentation(handlers, MEMENTO, root="/v1", opt=opt)],
        request_class=Request,
        prepare=prepare,
        refuse=refuse,
    )
