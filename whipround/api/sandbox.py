"""What a sandbox shows of what it would have sent, and what can be made to happen outside of it.

`GET /sandbox/messages?recipient=`, `POST /sandbox/charges/{id}/approve` and the like, and
`POST /sandbox/cash/{reference}`. The routes exist in a sandbox only, and need no credential:
nothing in one is worth anything.
"""

import logging
import re
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from urllib.parse import parse_qs
from uuid import UUID

import msgspec
import psycopg

from whipround.api.bodies import Malformed
from whipround.api.context import Call, Rendered
from whipround.api.types import Receive, Scope, Send
from whipround.errors import Conflict, DomainError, NotFound, Unavailable
from whipround.flows.deliveries import sandbox_messages
from whipround.flows.simulations import ACTS, Act, pay_cash
from whipround.gateways.processors.protocol import ProcessorError

logger = logging.getLogger(__name__)

_MESSAGES = "/sandbox/messages"

_NOT_FOUND = Rendered(404)

_REFERENCE = re.compile(r"[0-9]{14}", re.ASCII)


class _Route(NamedTuple):
    template: str
    method: str
    act: Callable[[Call], Awaitable[Rendered]]


async def sandbox(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
    """The routes of the sandbox, behind a `Front`."""
    call: Call = scope["state"]["call"]
    route = _route(call.path)
    if route is None:
        await call.answer(send, *_NOT_FOUND)
        return
    scope["path_template"] = route.template  # for the log, as Litestar does it
    if scope["method"] != route.method:
        allowed = ((b"allow", route.method.encode("ascii")),)
        await call.answer(send, 405, b"", allowed)
    else:
        try:
            rendered = await route.act(call)
        except Exception as error:  # noqa: BLE001 (each has its answer)
            rendered = refuse(error, call)
        await call.answer(send, *rendered)


def _route(path: str) -> _Route | None:
    if path == _MESSAGES:
        return _Route(_MESSAGES, "GET", _messages)
    match path.split("/"):
        case ["", "sandbox", kind, id_, name] if (kind, name) in ACTS:
            act = ACTS[kind, name]
            template = f"/sandbox/{kind}/{{id}}/{name}"
            return _Route(template, "POST", lambda call: _happen(call, act, id_))
        case ["", "sandbox", "cash", reference] if _REFERENCE.fullmatch(reference):
            return _Route(
                "/sandbox/cash/{reference}", "POST", lambda call: _pay_cash(call, reference)
            )
    return None


async def _happen(call: Call, act: Act, id_: str) -> Rendered:
    """Have it happen to the transaction, or the gateway response, of that id."""
    try:
        known_as = UUID(id_)
    except ValueError:
        return _NOT_FOUND
    changed = await act(call.services.desk, known_as, call.now)
    return Rendered(200, msgspec.json.encode({"id": changed.id, "status": changed.status}))


async def _pay_cash(call: Call, reference: str) -> Rendered:
    """Pay in cash at a shop, with what a cash payment was answered with."""
    services = call.services
    paid = await pay_cash(services.desk, services.payments, reference, now=call.now)
    body = {"reference": paid.reference, "status": paid.status, "payment_id": paid.payment_id}
    return Rendered(200, msgspec.json.encode(body))


async def _messages(call: Call) -> Rendered:
    """The messages to one recipient, or to anybody, newest first."""
    try:
        query = parse_qs(call.query_string.decode("ascii"), errors="strict", max_num_fields=10)
    except ValueError as error:
        raise Malformed from error
    recipient = recipient_of(query.get("recipient", [""])[-1])
    messages = await sandbox_messages(call.db, recipient=recipient, now=call.now)
    return Rendered(200, msgspec.json.encode(messages))


def recipient_of(text: str) -> str | None:
    """The address in a query, as it is stored; None for nobody in particular.

    A plus that nobody escaped arrives as a space, and a phone number may be punctuated.
    """
    text = text.replace("\0", "")
    digits = "".join(filter(str.isdigit, text))
    if text.startswith((" ", "+")) and digits and "@" not in text:
        return f"+{digits}"
    return text.strip().lower() or None


def refuse(error: Exception, call: Call) -> Rendered:
    """How the sandbox answers an error."""
    if isinstance(error, NotFound):
        return _NOT_FOUND
    if isinstance(error, DomainError) and (status := _status(error)):
        return _error(status, error)
    told = {"request_id": call.correlation_id.decode()}
    if isinstance(error, psycopg.OperationalError | ProcessorError):
        logger.warning("a request cannot be served now: %r", error, extra=told)
        return _error(503, Unavailable())
    logger.error("a request failed", exc_info=error, extra=told)
    return _error(500, DomainError("An unknown exception occurred."))


def _status(error: DomainError) -> int | None:
    kinds = {Malformed: 400, Conflict: 409, Unavailable: 503}
    return next((kinds[kind] for kind in kinds if isinstance(error, kind)), None)


def _error(status: int, error: DomainError) -> Rendered:
    body = {"errors": [{"code": error.code, "message": error.message}]}
    return Rendered(status, msgspec.json.encode(body))
