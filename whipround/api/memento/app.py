"""The Memento dialect as one Litestar app: all of its chapters under /v1."""

from collections.abc import Sequence
from typing import Any

from litestar import Litestar
from litestar.types import ControllerRouterHandler

from whipround.api.bodies import MAX_BODY_BYTES
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
from whipround.api.memento.call import AnyRequest, Bodies, Reply, Request, call_of, prepare
from whipround.api.memento.docs import documentation
from whipround.api.memento.errors import refuse

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
    return Litestar(
        [*handlers, *documentation(handlers)],
        before_request=prepare,
        exception_handlers={Exception: _refuse},
        logging_config=None,
        openapi_config=None,
        plugins=[Bodies()],
        request_class=Request,
        request_max_body_size=MAX_BODY_BYTES,
        response_class=Reply,
    )


def _refuse(request: AnyRequest, error: Exception) -> Reply[Any]:
    rendered = refuse(error, call_of(request))
    return Reply(body=rendered.body, status_code=rendered.status, more_headers=rendered.headers)
