"""What a sandbox shows of what it would have sent: `GET /sandbox/messages?recipient=`.

The routes exist in a sandbox only, and need no credential: nothing in one is worth anything.
"""

import logging
from urllib.parse import parse_qs

import msgspec

from whipround.api.bodies import Malformed
from whipround.api.context import Call, Rendered
from whipround.api.types import Receive, Scope, Send
from whipround.errors import DomainError, Unavailable
from whipround.flows.deliveries import sandbox_messages

logger = logging.getLogger(__name__)

_MESSAGES = "/sandbox/messages"

_NOT_FOUND = Rendered(404)
_WRONG_METHOD = Rendered(405, b"", ((b"allow", b"GET"),))


async def sandbox(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
    """The routes of the sandbox, behind a `Front`."""
    call: Call = scope["state"]["call"]
    if call.path != _MESSAGES:
        await call.answer(send, *_NOT_FOUND)
        return
    scope["path_template"] = _MESSAGES  # for the log, as Litestar does it
    if scope["method"] != "GET":
        await call.answer(send, *_WRONG_METHOD)
    else:
        try:
            rendered = await _messages(call)
        except Exception as error:  # noqa: BLE001 (each has its answer)
            rendered = refuse(error, call)
        await call.answer(send, *rendered)


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
    if isinstance(error, Malformed):
        return _error(400, error)
    if isinstance(error, Unavailable):
        return _error(503, error)
    request_id = call.correlation_id.decode()
    logger.error("a request failed", exc_info=error, extra={"request_id": request_id})
    return _error(500, DomainError("An unknown exception occurred."))


def _error(status: int, error: DomainError) -> Rendered:
    body = {"errors": [{"code": error.code, "message": error.message}]}
    return Rendered(status, msgspec.json.encode(body))
