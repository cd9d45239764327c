"""The one table of Moneypool's errors: from a kind of error to the answer.

All answers have one form: by what is wrong, a list of what is wrong with it ("later revisions",
Moneypool, "Decision, errors"). What is about no field is about `base`.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, TypeAlias

from whipround.api.bodies import BodyTooLarge, Malformed
from whipround.api.context import Call, Headers, Rendered
from whipround.api.errors import (
    MethodNotAllowed,
    UnknownException,
    advice,
    domain_error,
    log_failure,
    nearest,
)
from whipround.api.moneypool.shapes_base import Shape
from whipround.api.shapes import doc, encode
from whipround.domain.gateway_calls import GatewayDeclined
from whipround.domain.payments.commands import TooManyDeclined
from whipround.domain.pools.errors import AlreadyContributed, PoolClosed, PoolNotStarted
from whipround.errors import (
    Conflict,
    Declined,
    DomainError,
    FieldError,
    Invalid,
    Message,
    NotFound,
    Throttled,
    Unauthenticated,
    Unavailable,
)
from whipround.ledger.transfers import InsufficientFunds
from whipround.locales import translate

BASE = "base"
"""What an error is about that is about no field."""

Renamed: TypeAlias = Mapping[str | type[DomainError], str]
"""What a route calls what an error is about: by the field's name in the domain, or the error."""

_AS_NAMED: Renamed = {}


class NotAcceptable(DomainError):
    """must be application/vnd.moneypool.mx+json; version=1"""

    code = "not_acceptable"


class Errors(Shape):
    """Why a request was refused."""

    errors: Annotated[
        dict[str, list[str]],
        doc("By the name of each wrong field what is wrong with it; `base` is the request itself."),
    ]


def answer_of(error: Exception, locale: str, renamed: Renamed = _AS_NAMED) -> Rendered:
    """How Moneypool answers an error: status, body, headers. Works without a request.

    Its messages are for a reader of the locale, which is a request's `call.language`; `renamed` is
    the route's, which is its `call.renamed`.

    What has no row of its own is a failure of ours: 500, saying nothing more.
    """
    told = domain_error(error)
    wrong: dict[str, list[str]] = {}
    for field, message in _wrong(told, renamed):
        wrong.setdefault(field, []).append(translate(message, locale))
    return Rendered(status_of(type(told)), encode(Errors(errors=wrong)), _headers(told))


def status_of(kind: type[DomainError]) -> int:
    """The status that an error of this kind is answered with."""
    return nearest(_STATUS, kind)


def field_of(kind: type[DomainError], renamed: Renamed = _AS_NAMED) -> str:
    """What a rule's refusal of this kind is about, on a route that has `renamed` some."""
    for each in kind.__mro__:
        if each in renamed:
            return renamed[each]
    return nearest(_FIELDS, kind)


def refuse(error: Exception, call: Call) -> Rendered:
    """The answer to an error that ended a request; what is a failure of ours is logged."""
    rendered = answer_of(error, call.language, call.renamed)
    log_failure(error, call, status=rendered.status)
    return rendered


def _headers(error: DomainError) -> Headers:
    if isinstance(error, Unauthenticated):
        return ((b"www-authenticate", b"Token"),)
    return advice(error)


def _wrong(error: DomainError, renamed: Renamed) -> Iterable[tuple[str, str]]:
    """What is wrong, and with what."""
    match error:
        case Invalid():
            for each in error.errors:
                yield _name(each.field, renamed), _predicate(each)
        case Unauthenticated():
            yield "authorization", Message("is invalid")
        case NotFound():
            yield BASE, Message("not found")
        case NotAcceptable():
            yield "accept", error.message
        case _ if status_of(type(error)) == 500:
            yield BASE, UnknownException().message
        case _:
            yield field_of(type(error), renamed), error.message


def _name(field: str, renamed: Renamed) -> str:
    """What a field is called here: without what it is wrapped in, as in `user.email`."""
    if field in renamed:
        return renamed[field]
    name = field.rpartition(".")[2]
    return renamed.get(name, name)


def _predicate(error: FieldError) -> str:
    """What is wrong with a field, to be read after its name."""
    if error.predicate is not None:
        return error.predicate
    # The domain has whole sentences, which are read as such.
    return Message("has already been taken") if error.code == "already_taken" else error.message


_STATUS: Mapping[type[BaseException], int] = {
    Unauthenticated: 401,
    NotFound: 404,
    NotAcceptable: 406,
    Invalid: 422,
    Declined: 422,
    Conflict: 409,
    Throttled: 429,
    Unavailable: 503,
    Malformed: 400,
    BodyTooLarge: 413,
    MethodNotAllowed: 405,
    DomainError: 500,
}

_FIELDS: Mapping[type[BaseException], str] = {
    AlreadyContributed: "pool_id",
    GatewayDeclined: "card",
    InsufficientFunds: "wallet_amount",
    PoolClosed: "pool_id",
    PoolNotStarted: "pool_id",
    TooManyDeclined: "card",
    DomainError: BASE,
}
"""What the refusals are about that are about the same on most routes."""
