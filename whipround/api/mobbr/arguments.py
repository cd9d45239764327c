"""The arguments of a call: read from the query or the body, and checked in the documented order.

What is not an argument of the call is told first, then what is missing, then what is wrong ("later
revisions", Mobbr, "Arguments").
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo

from whipround.api import bodies
from whipround.api.bodies import Malformed, MalformedBody
from whipround.api.context import Call
from whipround.api.mobbr import xml
from whipround.errors import Message

Model = TypeVar("Model", bound=BaseModel)

IN_QUERY = frozenset({"GET", "DELETE"})
"""The methods whose arguments are in the query."""

FORM = "application/x-www-form-urlencoded"
_JSON = frozenset({"", "application/json", "text/json"})
_XML = frozenset({"application/xml", "text/xml"})

_MUCH = 64 * 1024
# What a name ends in where there are several: PHP counts them.
_IN_LIST = re.compile(r"\[[0-9]{0,5}\]$", re.ASCII)

_MOST_VALUES = 10_000
_MOST_NAMED = 20
_LONGEST_NAME = 100


class UnwantedArguments(Malformed):
    """Unwanted arguments: NAME, NAME"""

    code = "unwanted_arguments"

    def __init__(self, names: Sequence[str]) -> None:
        listed = ", ".join(name[:_LONGEST_NAME] for name in names[:_MOST_NAMED])
        super().__init__(Message("Unwanted arguments: {names}", names=listed))


class MissingArgument(Malformed):
    """Argument [NAME] to method [PUT /api_v1/…] missing or invalid."""

    code = "missing_argument"

    def __init__(self, name: str, call: Call) -> None:
        super().__init__(
            Message(
                "Argument [{name}] to method [{method} {path}] missing or invalid.",
                name=name,
                method=call.method,
                path=call.path,
            )
        )


class MalformedArguments(MalformedBody):
    """The body is not what its Content-Type says, or does not name arguments."""


class UnsupportedFormat(Malformed):
    """Bodies are JSON, XML or application/x-www-form-urlencoded."""

    code = "unsupported_format"


async def sent(call: Call, receive: Callable[[], Awaitable[Any]]) -> dict[str, Any]:
    """What was sent with a call, by name: in the query of GET and DELETE, else in the body.

    Raises MalformedArguments, UnsupportedFormat, BodyTooLarge; UnwantedArguments for a query where
    it has no place.
    """
    query = _in_form(call.query_string)
    if call.method in IN_QUERY:
        # What is repeated is the same if it asks for the same.
        call.body = call.query_string
        if call.method == "GET":
            query.pop("product-id", None)
        return query
    check_wanted(query)
    call.body = await bodies.read(receive, call.headers)
    if not call.body:
        return {}
    content_type = _content_type(call)
    if len(call.body) <= _MUCH:
        return _in_body(call.body, content_type)
    # Of many tags or escapes it takes a second, in which others are served.
    return await asyncio.to_thread(_in_body, call.body, content_type)


def _content_type(call: Call) -> str:
    header = call.headers.get(b"content-type", b"").decode("latin-1")
    return header.partition(";")[0].strip().lower()


def _in_body(body: bytes, content_type: str) -> dict[str, Any]:
    if content_type in _JSON or (content_type == FORM and body.lstrip().startswith(b"{")):
        # curl says so of whatever it is not told otherwise; no argument is called like that.
        return bodies.decode(body)
    if content_type == FORM:
        return _in_form(body)
    if content_type not in _XML:
        raise UnsupportedFormat
    try:
        return xml.read(body)
    except xml.Unreadable as error:
        raise MalformedArguments from error


def _in_form(form: bytes) -> dict[str, Any]:
    """The values in a query or a form: a list of what is repeated; what is empty was not sent."""
    found: dict[str, list[str]] = {}
    lists = set()
    try:
        pairs = parse_qsl(
            form.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_VALUES
        )
    except ValueError as error:
        raise MalformedArguments from error
    for written, value in pairs:
        name = _IN_LIST.sub("", written)
        if name != written:
            lists.add(name)
        found.setdefault(name, []).extend([value] if value else ())
    return {
        name: (values if name in lists or len(values) > 1 else values[0]) if values else None
        for name, values in found.items()
    }


def parse(model: type[Model], call: Call, sent: Mapping[str, Any]) -> Model:
    """What was sent as the arguments of a call; null is as good as left out.

    Raises UnwantedArguments, MissingArgument, and Invalid naming every wrong argument.
    """
    check_wanted(sent, _names(model))
    given = {name: value for name, value in sent.items() if value is not None}
    for name, field in model.model_fields.items():
        names = _names_of(name, field)
        if field.is_required() and not given.keys() & {*names}:
            raise MissingArgument(names[0], call)
    return bodies.parse_values(model, given, currencies=call.product.currencies)


def check_wanted(sent: Iterable[str], wanted: Collection[str] = frozenset()) -> None:
    """Refuse arguments that a call does not have. Raises UnwantedArguments."""
    unwanted = [name for name in sent if name not in wanted]
    if unwanted:
        raise UnwantedArguments(unwanted)


@cache
def _names(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(
        each for name, field in model.model_fields.items() for each in _names_of(name, field)
    )


def _names_of(name: str, field: FieldInfo) -> Sequence[str]:
    """What an argument may be called; the first is how it is documented."""
    match field.validation_alias:
        case AliasChoices() as several:
            return [each for each in several.choices if isinstance(each, str)]
        case str() as other:
            return [other]
        case _:
            return [name]
