"""Request bodies: JSON bytes to a validated pydantic model, exactly and completely.

Numbers become `Decimal` on the way in, never float. Every wrong field is reported with its path
(`recipient.amount`, `verifications[0].id`), a stable code and what would be right.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, TypedDict, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from whipround.api.fields import MUST_MATCH
from whipround.errors import DomainError, FieldError, Invalid

MAX_BODY_BYTES = 1024 * 1024
MAX_ERRORS = 100
"""A body can be wrong in more places than anybody wants to read."""

CODES = frozenset(
    {
        "required",
        "invalid",
        "already_taken",
        "unsupported",
        "too_small",
        "too_large",
        "too_long",
        "too_precise",
        "not_found",
    }
)
"""The words a field error may carry (later revisions, "Decision, errors")."""

Model = TypeVar("Model", bound=BaseModel)


class Malformed(DomainError):
    """The request cannot be read."""

    code = "malformed_request"


class MalformedBody(Malformed):
    """The body is not a JSON object."""

    code = "malformed_body"


class BodyTooLarge(Malformed):
    """The body is larger than 1 MiB."""

    code = "body_too_large"


class Disconnected(Malformed):
    """The client went away before its request was complete."""


_DECODER = msgspec.json.Decoder(float_hook=Decimal)

# What the decoder raises for bytes that are no JSON, text that is no UTF-8, nesting without end,
# integers of thousands of digits and exponents that no Decimal can hold.
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, InvalidOperation)


async def read(receive: Callable[[], Awaitable[Any]], headers: Mapping[bytes, bytes]) -> bytes:
    """All of a request's body, from an ASGI `receive`. Raises BodyTooLarge, Disconnected."""
    if int(headers.get(b"content-length", b"0")) > MAX_BODY_BYTES:
        raise BodyTooLarge
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge
        more = message.get("more_body", False)
    return body


def decode(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`; an empty body is an empty object.

    Numbers with a fraction or an exponent are `Decimal`s, others `int`s. Of a repeated name the
    last value counts. Raises MalformedBody.
    """
    if not body:
        return {}
    try:
        value = _DECODER.decode(body)
    except _UNREADABLE as error:
        raise MalformedBody from error
    if type(value) is not dict:
        raise MalformedBody
    return value


class Context(TypedDict):
    """What a field's validator may look at beside the field: `info.context`."""

    currencies: Sequence[str]
    body: Mapping[str, Any]
    known: Mapping[str, Any]


_NOTHING: Mapping[str, Any] = {}


def parse(
    model: type[Model],
    body: bytes,
    *,
    currencies: Sequence[str] = (),
    known: Mapping[str, Any] = _NOTHING,
) -> Model:
    """`body` as a `model`, for a product of these currencies, of which more may be `known`.

    Raises MalformedBody, and Invalid naming every wrong field.
    """
    value = decode(body)
    # PostgreSQL keeps no NUL in a text; as an escape is the only way one gets through a decoder.
    errors = [*_nul_fields(value, "")] if b"\\u0000" in body else []
    try:
        data: Model = model.__pydantic_validator__.validate_python(
            value, context=Context(currencies=currencies, body=value, known=known)
        )
    except ValidationError as error:
        named = {e.field for e in errors}
        errors += [e for e in field_errors(error) if e.field not in named]
    if errors:
        raise Invalid(errors[:MAX_ERRORS])
    return data


def field_errors(error: ValidationError) -> list[FieldError]:
    """What pydantic found wrong, as field errors: one per field, the first."""
    found: dict[str, FieldError] = {}
    for details in error.errors(include_url=False):
        field = path(details["loc"])
        found.setdefault(field, _field_error(field, details))
    return list(found.values())


def path(location: tuple[int | str, ...]) -> str:
    """A pydantic location as the documents write it: `verifications[0].id`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".")


def label(field: str) -> str:
    """A field's name as a sentence begins: "User id" for `recipient.user_id`."""
    return field.rpartition(".")[2].replace("_", " ").capitalize()


def _nul_fields(value: object, field: str) -> Iterator[FieldError]:
    if isinstance(value, str):
        if "\0" in value:
            yield FieldError(field, "invalid", f"{label(field)} must not contain a NUL character")
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _nul_fields(item, f"{field}.{name}".removeprefix("."))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _nul_fields(item, f"{field}[{position}]")


def _field_error(field: str, details: ErrorDetails) -> FieldError:
    code, say = _code_and_words(details)
    return FieldError(field, code, f"{label(field) or 'The body'} {say(details)}")


def _code_and_words(details: ErrorDetails) -> tuple[str, Callable[[ErrorDetails], str]]:
    kind = details["type"]
    if kind in CODES:  # raised by `fields.wrong`
        return kind, lambda it: it["msg"]
    if kind == "missing" or details["input"] is None:
        return "required", lambda _: "is required"
    if kind in {"string_too_short", "too_short"}:
        return _too_short(details)
    return _KINDS.get(kind) or ("invalid", _what_it_must_be)


def _too_short(details: ErrorDetails) -> tuple[str, Callable[[ErrorDetails], str]]:
    context = details.get("ctx", {})
    if not (details["input"].strip() if isinstance(details["input"], str) else details["input"]):
        return "required", lambda _: "must not be empty"
    return "invalid", lambda _: f"must have at least {context['min_length']} {_unit(details)}"


def _too_long(details: ErrorDetails) -> str:
    return f"must have at most {details['ctx']['max_length']} {_unit(details)}"


def _unit(details: ErrorDetails) -> str:
    return "characters" if details["type"].startswith("string") else "items"


def _bound(name: str, words: str) -> Callable[[ErrorDetails], str]:
    return lambda details: f"must be {words} {details['ctx'][name]}"


def _what_it_must_be(details: ErrorDetails) -> str:
    if details["type"] == "string_pattern_mismatch":
        return MUST_MATCH.get(details["ctx"]["pattern"], "is not valid")
    return _MUST_BE.get(details["type"], "is not valid")


_KINDS: dict[str, tuple[str, Callable[[ErrorDetails], str]]] = {
    "string_too_long": ("too_long", _too_long),
    "too_long": ("too_long", _too_long),
    "greater_than": ("too_small", _bound("gt", "greater than")),
    "greater_than_equal": ("too_small", _bound("ge", "at least")),
    "less_than": ("too_large", _bound("lt", "less than")),
    "less_than_equal": ("too_large", _bound("le", "at most")),
    "literal_error": ("unsupported", lambda details: f"must be {details['ctx']['expected']}"),
    "enum": ("unsupported", lambda details: f"must be {details['ctx']['expected']}"),
}
"""pydantic's stable error types that have a code of their own; all others are `invalid`."""

_MUST_BE = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "dict_type": "must be an object",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "list_type": "must be a list",
    "model_attributes_type": "must be an object",
    "model_type": "must be an object",
    "string_type": "must be a string",
    "uuid_parsing": "must be a UUID",
    "uuid_type": "must be a UUID",
}
