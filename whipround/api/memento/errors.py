"""The one table of Memento's errors: from a kind of error to the answer (Memento, Response Codes).

Matched on the class hierarchy: the nearest class that has a row.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeAlias

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


class UnknownException(DomainError):
    """An unknown exception occurred."""


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
    status, render = _row(type(error))
    return render(status, error)


def status_of(kind: type[Exception]) -> int:
    """The status that an error of this kind is answered with."""
    return _row(kind)[0]


def _row(kind: type[Exception]) -> "_Row":
    return next(_TABLE[each] for each in kind.__mro__ if each in _TABLE)


def refuse(error: Exception, call: Call) -> Rendered:
    """The answer to an error that ended a request; what is a failure of ours is logged."""
    rendered = answer_of(error)
    told = {"request_id": call.correlation_id.decode()}
    if isinstance(error, psycopg.OperationalError):
        logger.warning("the database failed a request: %r", error, extra=told)
    elif rendered.status >= 500 and not isinstance(error, Unavailable):
        logger.error("a request failed", exc_info=error, extra=told)
    return rendered


def _empty(*headers: tuple[bytes, bytes]) -> "_Render":
    return lambda status, _: Rendered(status, b"", headers)


def _coded(status: int, error: DomainError) -> Rendered:
    return _error(status, error.code, error.message)


def _error(status: int, code: str, message: str, *headers: tuple[bytes, bytes]) -> Rendered:
    return Rendered(status, encode(Errors(errors=[Error(code=code, message=message)])), headers)


def _invalid(status: int, error: Invalid) -> Rendered:
    shapes = [
        FieldErrorShape(field=each.field, code=each.code, message=each.message)
        for each in error.errors
    ]
    return Rendered(status, encode(ValidationErrors(errors=shapes)))


def _later(seconds: int, status: int, error: DomainError) -> Rendered:
    return _error(status, error.code, error.message, (b"retry-after", b"%d" % seconds))


def _throttled(status: int, error: Throttled) -> Rendered:
    return _later(error.retry_after_seconds, status, error)


def _unavailable(status: int, error: Unavailable) -> Rendered:
    return _later(RETRY_SECONDS, status, error)


def _database_lost(status: int, _: psycopg.OperationalError) -> Rendered:
    return _unavailable(status, Unavailable())


def _wrong_method(status: int, error: MethodNotAllowedException) -> Rendered:
    methods = (error.headers or {}).get("allow", "").split(", ")
    allowed = ", ".join(sorted({*methods} - {"OPTIONS"}))
    return _error(
        status, "method_not_allowed", f"Use {allowed}.", (b"allow", allowed.encode("ascii"))
    )


def _of_the_framework(status: int, error: HTTPException) -> Rendered:
    """What Litestar itself refuses, such as a malformed Host header."""
    if error.status_code >= 500:
        return _unknown(500, error)
    return _coded(status, Malformed())


def _unknown(status: int, _: Exception) -> Rendered:
    return _coded(status, UnknownException())


_Render: TypeAlias = Callable[[int, Any], Rendered]
_Row: TypeAlias = tuple[int, _Render]

_TABLE: Mapping[type[BaseException], _Row] = {
    Unauthenticated: (401, _empty((b"www-authenticate", b"Bearer"))),
    NotFound: (404, _empty()),
    Invalid: (422, _invalid),
    Declined: (400, _coded),
    Conflict: (409, _coded),
    Throttled: (429, _throttled),
    Unavailable: (503, _unavailable),
    Malformed: (400, _coded),
    BodyTooLarge: (413, _coded),
    psycopg.OperationalError: (503, _database_lost),
    NotFoundException: (404, _empty()),
    MethodNotAllowedException: (405, _wrong_method),
    HTTPException: (400, _of_the_framework),
    Exception: (500, _unknown),
}
