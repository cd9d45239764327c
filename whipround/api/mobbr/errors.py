"""The one table of Mobbr's errors: from a kind of error to the answer.

All answers have the envelope, with no result and a message of type `error` ("later revisions",
Mobbr, "Arguments").
"""

import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

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
from whipround.api.mobbr import formats
from whipround.api.mobbr.arguments import UnsupportedFormat
from whipround.api.mobbr.shapes_base import enveloped
from whipround.domain.credentials import InvalidCredentials
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
from whipround.locales import translate

CHALLENGE = b'Basic realm="Whipround", charset="UTF-8"'
"""How to authenticate (RFC 7617)."""

Renamed: TypeAlias = Mapping[str, str]
"""Which argument of a route a field of the domain comes from, by the field's name."""

_AS_NAMED: Renamed = {}


class NotAcceptable(Malformed):
    """Answers are JSON or XML: accept application/json or application/xml."""

    code = "not_acceptable"


class MissingUserAgent(Malformed):
    """A request needs a User-Agent."""

    code = "missing_user_agent"


def answer_of(error: Exception, locale: str, renamed: Renamed = _AS_NAMED) -> Rendered:
    """How Mobbr answers an error: status, body, headers. Works without a request.

    Its text is for a reader of the locale, which is a request's `call.language`; `renamed` is the
    route's, which is its `call.renamed`.

    What has no row of its own is a failure of ours: 500, saying nothing more.
    """
    told = domain_error(error)
    text = " ".join(_texts(told, locale, renamed))
    return Rendered(
        status_of(type(told)),
        enveloped(None, text, "error", locale=locale),
        _headers(told),
    )


def status_of(kind: type[DomainError]) -> int:
    """The status that an error of this kind is answered with."""
    return nearest(_STATUS, kind)


def refuse(error: Exception, call: Call) -> Rendered:
    """The answer to an error that ended a request; what is a failure of ours is logged."""
    call.transcribe = formats.transcription(formats.wanted(call))
    rendered = answer_of(error, call.language, call.renamed)
    log_failure(error, call, status=rendered.status)
    return rendered


def _headers(error: DomainError) -> Headers:
    if isinstance(error, Unauthenticated):
        return ((b"www-authenticate", CHALLENGE),)
    return advice(error)


def _texts(error: DomainError, locale: str, renamed: Renamed) -> Iterable[str]:
    match error:
        case Invalid():
            for each in error.errors:
                yield _invalid(each, locale, renamed)
        case _ if status_of(type(error)) == 500:
            yield translate(UnknownException().message, locale)
        case _:
            yield translate(error.message, locale)


def _invalid(error: FieldError, locale: str, renamed: Renamed) -> str:
    """The documented text, and after it what would be right."""
    sentence = translate(error.message, locale).rstrip(".")
    told = Message(
        "Invalid parameter: {name}. {sentence}.",
        name=argument_of(error.field, renamed),
        sentence=sentence,
    )
    return translate(told, locale)


def argument_of(field: str, renamed: Renamed = _AS_NAMED) -> str:
    """Which argument a wrong field is in, as in `ids[0]` or `data.participants`."""
    argument = _BELOW.split(field, maxsplit=1)[0]
    return renamed.get(field) or renamed.get(argument, argument)


_BELOW = re.compile(r"[.\[]")

_STATUS: Mapping[type[BaseException], int] = {
    Unauthenticated: 403,
    InvalidCredentials: 403,
    NotFound: 404,
    Invalid: 400,
    Declined: 400,
    Conflict: 409,
    Throttled: 429,
    Unavailable: 503,
    Malformed: 400,
    BodyTooLarge: 413,
    NotAcceptable: 415,
    UnsupportedFormat: 415,
    MethodNotAllowed: 405,
    DomainError: 500,
}
