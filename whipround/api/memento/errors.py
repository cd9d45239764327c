"""The one table of Memento's errors: from a kind of error to the answer (Memento, Response Codes).

Matched on the class hierarchy: the nearest class that has a row.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeAlias

from whipround.api.bodies import BodyTooLarge, Malformed
from whipround.api.context import Call, Rendered
from whipround.api.errors import (
    MethodNotAllowed,
    UnknownException,
    advice,
    domain_error,
    log_failure,
    nearest,
)
from whipround.api.memento.shapes_base import Shape
from whipround.api.shapes import doc, encode
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
from whipround.locales import translate


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
    told = domain_error(error)
    status, render = nearest(_TABLE, type(told))
    headers = _BEARER if isinstance(told, Unauthenticated) else advice(told)
    return Rendered(status, render(told, locale), headers)


def status_of(kind: type[DomainError]) -> int:
    """The status that an error of this kind is answered with."""
    return nearest(_TABLE, kind)[0]


def refuse(error: Exception, call: Call) -> Rendered:
    """The answer to an error that ended a request; what is a failure of ours is logged."""
    rendered = answer_of(error, call.language)
    log_failure(error, call, status=rendered.status)
    return rendered


_BEARER = ((b"www-authenticate", b"Bearer"),)


def _empty(_: DomainError, __: str) -> bytes:
    return b""


def _coded(error: DomainError, locale: str) -> bytes:
    told = Error(code=error.code, message=translate(error.message, locale))
    return encode(Errors(errors=[told]))


def _invalid(error: Invalid, locale: str) -> bytes:
    shapes = [
        FieldErrorShape(field=each.field, code=each.code, message=translate(each.message, locale))
        for each in error.errors
    ]
    return encode(ValidationErrors(errors=shapes))


def _unknown(_: DomainError, locale: str) -> bytes:
    return _coded(UnknownException(), locale)


_Row: TypeAlias = tuple[int, Callable[[Any, str], bytes]]

_TABLE: Mapping[type[BaseException], _Row] = {
    Unauthenticated: (401, _empty),
    NotFound: (404, _empty),
    Invalid: (422, _invalid),
    Declined: (400, _coded),
    Conflict: (409, _coded),
    Throttled: (429, _coded),
    Unavailable: (503, _coded),
    Malformed: (400, _coded),
    BodyTooLarge: (413, _coded),
    MethodNotAllowed: (405, _coded),
    DomainError: (500, _unknown),
}
