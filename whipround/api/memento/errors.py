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
    Message,
    NotFound,
    Throttled,
    Unauthenticated,
    Unavailable,
)
from whipround.locales import translate

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1
"""After how long a client may ask again when the service is busy."""


class UnknownException(DomainError):
    """An unknown exception occurred."""


class _MethodNotAllowed(DomainError):
    """This path does not know that method."""

    code = "method_not_allowed"


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


def answer_of(error: Exception, locale: str) -> Rendered:
    """How Memento answers an error: status, body, headers. Works without a request.

    Its messages are for a reader of the locale, which is a request's `call.language`.

    What has no row of its own is a failure of ours: 500 `unknown_exception`, saying nothing more.
    """
    status, render = _row(type(error))
    return render(status, error, locale)


def status_of(kind: type[Exception]) -> int:
    """The status that an error of this kind is answered with."""
    return _row(kind)[0]


def _row(kind: type[Exception]) -> "_Row":
    return next(_TABLE[each] for each in kind.__mro__ if each in _TABLE)


def refuse(error: Exception, call: Call) -> Rendered:
    """The answer to an error that ended a request; what is a failure of ours is logged."""
    rendered = answer_of(error, call.language)
    told = {"request_id": call.correlation_id.decode()}
    if isinstance(error, psycopg.OperationalError):
        logger.warning("the database failed a request: %r", error, extra=told)
    elif rendered.status >= 500 and not isinstance(error, Unavailable):
        logger.error("a request failed", exc_info=error, extra=told)
    return rendered


def _empty(*headers: tuple[bytes, bytes]) -> "_Render":
    return lambda status, _, __: Rendered(status, b"", headers)


def _coded(status: int, error: DomainError, locale: str, *headers: tuple[bytes, bytes]) -> Rendered:
    told = Error(code=error.code, message=translate(error.message, locale))
    return Rendered(status, encode(Errors(errors=[told])), headers)


def _invalid(status: int, error: Invalid, locale: str) -> Rendered:
    shapes = [
        FieldErrorShape(field=each.field, code=each.code, message=translate(each.message, locale))
        for each in error.errors
    ]
    return Rendered(status, encode(ValidationErrors(errors=shapes)))


def _later(seconds: int, status: int, error: DomainError, locale: str) -> Rendered:
    return _coded(status, error, locale, (b"retry-after", b"%d" % seconds))


def _throttled(status: int, error: Throttled, locale: str) -> Rendered:
    return _later(error.retry_after_seconds, status, error, locale)


def _unavailable(status: int, error: Unavailable, locale: str) -> Rendered:
    return _later(RETRY_SECONDS, status, error, locale)


def _database_lost(status: int, _: psycopg.OperationalError, locale: str) -> Rendered:
    return _unavailable(status, Unavailable(), locale)


def _wrong_method(status: int, error: MethodNotAllowedException, locale: str) -> Rendered:
    methods = (error.headers or {}).get("allow", "").split(", ")
    allowed = ", ".join(sorted({*methods} - {"OPTIONS"}))
    refusal = _MethodNotAllowed(Message("Use {methods}.", methods=allowed))
    return _coded(status, refusal, locale, (b"allow", allowed.encode("ascii")))


def _of_the_framework(status: int, error: HTTPException, locale: str) -> Rendered:
    """What Litestar itself refuses, such as a malformed Host header."""
    if error.status_code >= 500:
        return _unknown(500, error, locale)
    return _coded(status, Malformed(), locale)


def _unknown(status: int, _: Exception, locale: str) -> Rendered:
    return _coded(status, UnknownException(), locale)


_Render: TypeAlias = Callable[[int, Any, str], Rendered]
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
