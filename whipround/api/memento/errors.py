"""The one table of Memento's errors: from a kind of error to the answer (Memento, Response Codes).

Matched on the class hierarchy: the nearest class that has a row.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import psycopg
from litestar.exceptions import (
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
)

from whipround.api.bodies import BodyTooLarge, Malformed
from whipround.api.context import Call, Rendered
from whipround.api.memento.shapes_base import Shape, doc, encode
from whipround.errors import (
    Conflict,
    Declined,
    DomainError,
    Invalid,
    NotFound,
    Throttled,
    Unauthenticated,
    Unavailable,
)

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1
"""After how long a client may ask again when the service is busy."""


class Error(Shape):
    """One error (Memento, The error object)."""

    code: Annotated[str, doc("The error code.")]
    message: Annotated[str, doc("The error message, for a person.")]


class Errors(Shape):
    """Why a request was refused."""

    errors: Annotated[list[Error], doc("What went wrong; usually one thing.")]


class FieldErrorShape(Shape):
    """One wrong field (Memento, The validation error object)."""

    field: Annotated[str, doc("The path of the wrong field, as in `recipient.amount`.")]
    code: Annotated[str, doc("The validation error code.")]
    message: Annotated[str, doc("What would be right, for a person.")]


class ValidationErrors(Shape):
    """Every wrong field of a request."""

    errors: Annotated[list[FieldErrorShape], doc("The wrong fields.")]


def answer_of(error: Exception) -> Rendered:
    """How Memento answers an error: status, body, headers. Works without a request.

    What has no row of its own is a failure of ours: 500 `unknown_exception`, saying nothing more.
    """
    for kind in type(error).__mro__:
        render = _TABLE.get(kind)
        if render is not None:
            return render(error)
    raise AssertionError("every exception is an Exception")


def refuse(error: Exception, call: Call | None) -> Rendered:
    """The answer to an error that ended a request; what is a failure of ours is logged."""
    rendered = answer_of(error)
    if rendered.status >= 500 and not isinstance(error, Unavailable):
        logger.error(
            "a request failed",
            exc_info=error,
            extra={"request_id": call.correlation_id.decode()} if call else {},
        )
    return rendered


def _empty(status: int, *headers: tuple[bytes, bytes]) -> Callable[[Any], Rendered]:
    rendered = Rendered(status, b"", headers)
    return lambda _: rendered


def _coded(status: int) -> Callable[[DomainError], Rendered]:
    return lambda error: _error(status, error.code, error.message)


def _error(status: int, code: str, message: str, *headers: tuple[bytes, bytes]) -> Rendered:
    return Rendered(status, encode(Errors(errors=[Error(code=code, message=message)])), headers)


def _invalid(error: Invalid) -> Rendered:
    shapes = [
        FieldErrorShape(field=each.field, code=each.code, message=each.message)
        for each in error.errors
    ]
    return Rendered(422, encode(ValidationErrors(errors=shapes)))


def _later(status: int, seconds: int, error: DomainError) -> Rendered:
    return _error(status, error.code, error.message, (b"retry-after", str(seconds).encode()))


def _throttled(error: Throttled) -> Rendered:
    return _later(429, error.retry_after_seconds, error)


def _unavailable(error: Unavailable) -> Rendered:
    return _later(503, RETRY_SECONDS, error)


def _database_lost(_: psycopg.OperationalError) -> Rendered:
    return _unavailable(Unavailable())


def _wrong_method(error: MethodNotAllowedException) -> Rendered:
    allowed = (error.headers or {}).get("allow", "")
    return _error(405, "method_not_allowed", f"Use {allowed}.", (b"allow", allowed.encode("ascii")))


def _of_the_framework(error: HTTPException) -> Rendered:
    """What Litestar itself refuses, such as a malformed Host header."""
    if error.status_code >= 500:
        return _unknown(error)
    return _error(400, Malformed.code, error.detail)


def _unknown(_: Exception) -> Rendered:
    return _error(500, DomainError.code, "An unknown exception occurred.")


_TABLE: Mapping[type[BaseException], Callable[[Any], Rendered]] = {
    Unauthenticated: _empty(401, (b"www-authenticate", b"Bearer")),
    NotFound: _empty(404),
    Invalid: _invalid,
    Declined: _coded(400),
    Conflict: _coded(409),
    Throttled: _throttled,
    Unavailable: _unavailable,
    Malformed: _coded(400),
    BodyTooLarge: _coded(413),
    psycopg.OperationalError: _database_lost,
    NotFoundException: _empty(404),
    MethodNotAllowedException: _wrong_method,
    HTTPException: _of_the_framework,
    Exception: _unknown,
}
