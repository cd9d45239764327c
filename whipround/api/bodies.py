"""Request bodies: JSON bytes to a validated pydantic model, exactly and completely.

Numbers become `Decimal` on the way in, never float. Every wrong field is reported with its path
(`recipient.amount`, `verifications[0].id`), a stable code and what would be right.
"""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any, TypedDict, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from whipround.api.fields import MUST_MATCH
from whipround.errors import DomainError, FieldError, Invalid, Message

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


async def read(
    receive: Callable[[], Awaitable[Any]],
    headers: Mapping[bytes, bytes],
    *,
    most: int = MAX_BODY_BYTES,
    too_large: type[BodyTooLarge] = BodyTooLarge,
) -> bytes:
    """All of a request's body, from an ASGI `receive`, `most` bytes at the most.

    Raises BodyTooLarge, as the kind that says so of this limit; Disconnected.
    """
    if int(headers.get(b"content-length", b"0")) > most:
        raise too_large
    parts: list[bytes] = []
    length = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        part = message.get("body", b"")
        parts.append(part)
        length += len(part)
        if length > most:
            raise too_large
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)


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
    # As an escape is the only way in which a NUL gets through a decoder.
    errors = _with_nul(value) if b"\\u0000" in body else []
    return _validated(model, value, errors, currencies=currencies, known=known)


def parse_values(
    model: type[Model], values: Mapping[str, Any], *, currencies: Sequence[str] = ()
) -> Model:
    """What was sent otherwise than as JSON, as a `model`; values may be nested.

    Raises Invalid naming every wrong field.
    """
    return _validated(model, values, _with_nul(values), currencies=currencies)


def _validated(
    model: type[Model],
    value: Mapping[str, Any],
    errors: list[FieldError],
    *,
    currencies: Sequence[str] = (),
    known: Mapping[str, Any] = _NOTHING,
) -> Model:
    """The `value` as a `model`, in which `errors` were found already. Raises Invalid."""
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


def label(field: str) -> Message:
    """A field's name as a sentence begins: "User id" for `recipient.user_id`."""
    name, bracket, position = field.rpartition(".")[2].partition("[")
    called = Message.field(name.replace("_", " ").capitalize() or "The body")
    return Message("{field}{position}", field=called, position=bracket + position)


def _wrong(field: str, code: str, predicate: Message) -> FieldError:
    """What is wrong, as a sentence that begins with the field's name."""
    return FieldError.of(field, code, predicate, called=label(field))


_NO_NUL = Message("must not contain a NUL character")


def _with_nul(value: Mapping[str, Any]) -> list[FieldError]:
    """The fields that have a NUL character in them, of which so many are told."""
    return list(islice(_nul_fields(value), MAX_ERRORS))


def _nul_fields(body: Mapping[str, Any]) -> Iterator[FieldError]:
    """What PostgreSQL would not keep: there is no NUL in its texts.

    However deep the body is, and however much there is in it: nothing is made for what is right.
    """
    location: list[int | str] = []
    levels = [_items(body)]
    while levels:
        for part, value in levels[-1]:
            if isinstance(value, str):
                if "\0" in value:
                    yield _wrong(path((*location, part)), "invalid", _NO_NUL)
            elif value and isinstance(value, dict | list):
                location.append(part)
                levels.append(_items(value))
                break
        else:
            levels.pop()
            del location[-1:]


def _items(value: Mapping[str, Any] | list[Any]) -> Iterator[tuple[int | str, Any]]:
    return enumerate(value) if isinstance(value, list) else iter(value.items())


def _field_error(field: str, details: ErrorDetails) -> FieldError:
    code, predicate = _code_and_words(details)
    return _wrong(field, code, predicate)


def _code_and_words(details: ErrorDetails) -> tuple[str, Message]:
    kind = details["type"]
    words = details.get("ctx", {}).get("words")
    if isinstance(words, Message):  # raised by `fields.wrong`
        return kind, words
    if kind == "missing" or details["input"] is None:
        return "required", Message("is required")
    if kind in {"string_too_short", "too_short"}:
        return _too_short(details)
    code, say = _KINDS.get(kind, ("invalid", _what_it_must_be))
    return code, say(details)


def _too_short(details: ErrorDetails) -> tuple[str, Message]:
    if not (details["input"].strip() if isinstance(details["input"], str) else details["input"]):
        return "required", Message("must not be empty")
    least = details["ctx"]["min_length"]
    if details["type"] == "too_short":
        return "invalid", Message.counted(
            "must have at least {count} item", "must have at least {count} items", count=least
        )
    return "invalid", Message.counted(
        "must have at least {count} character", "must have at least {count} characters", count=least
    )


def _too_long(details: ErrorDetails) -> Message:
    return Message.counted(
        "must have at most {count} item",
        "must have at most {count} items",
        count=details["ctx"]["max_length"],
    )


def _string_too_long(details: ErrorDetails) -> Message:
    return Message.counted(
        "must have at most {count} character",
        "must have at most {count} characters",
        count=details["ctx"]["max_length"],
    )


def _unsupported(details: ErrorDetails) -> Message:
    # "'card' or 'virtual'" is how pydantic says it.
    values = re.findall("'([^']*)'", details["ctx"]["expected"])
    return Message("must be one of {values}", values=", ".join(values))


def _what_it_must_be(details: ErrorDetails) -> Message:
    if details["type"] == "string_pattern_mismatch":
        return MUST_MATCH.get(details["ctx"]["pattern"], _NOT_VALID)
    return _MUST_BE.get(details["type"], _NOT_VALID)


_KINDS: Mapping[str, tuple[str, Callable[[ErrorDetails], Message]]] = {
    "string_too_long": ("too_long", _string_too_long),
    "too_long": ("too_long", _too_long),
    "greater_than": (
        "too_small",
        lambda details: Message("must be greater than {bound}", bound=details["ctx"]["gt"]),
    ),
    "greater_than_equal": (
        "too_small",
        lambda details: Message("must be at least {bound}", bound=details["ctx"]["ge"]),
    ),
    "less_than": (
        "too_large",
        lambda details: Message("must be less than {bound}", bound=details["ctx"]["lt"]),
    ),
    "less_than_equal": (
        "too_large",
        lambda details: Message("must be at most {bound}", bound=details["ctx"]["le"]),
    ),
    "literal_error": ("unsupported", _unsupported),
    "enum": ("unsupported", _unsupported),
}
"""pydantic's stable error types that have a code of their own; all others are `invalid`."""

_NOT_VALID = Message("is not valid")
_TRUE_OR_FALSE = Message("must be true or false")
_WHOLE_NUMBER = Message("must be a whole number")
_LIST = Message("must be a list")
_OBJECT = Message("must be an object")
_UUID = Message("must be a UUID")

_MUST_BE = {
    "bool_parsing": _TRUE_OR_FALSE,
    "bool_type": _TRUE_OR_FALSE,
    "dict_type": _OBJECT,
    "int_from_float": _WHOLE_NUMBER,
    "int_parsing": _WHOLE_NUMBER,
    "int_type": _WHOLE_NUMBER,
    "list_type": _LIST,
    "model_attributes_type": _OBJECT,
    "model_type": _OBJECT,
    "string_type": Message("must be a string"),
    "uuid_parsing": _UUID,
    "uuid_type": _UUID,
}
