"""Memento, "Filtering": what a query string asks of a list, as a `ListQuery`.

`filter=status:in:[open;closed],created_at:lt:2018-01-01,name:like:john&sort=name:asc&page=2`.
Lists are written `[a;b]`, or `[a,b]` as in the first draft. `all` means no filter.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from urllib.parse import parse_qsl
from uuid import UUID

from whipround.api.fields import parse_time
from whipround.db.listing import (
    DEFAULT_LIMIT,
    MAX_DEPTH,
    MAX_LIMIT,
    NEWEST_FIRST,
    OPERATORS,
    Column,
    Condition,
    CurrencyCode,
    ListQuery,
    Order,
    Page,
    Value,
)
from whipround.errors import FieldError, Invalid, Message
from whipround.money import is_currency

MAX_PARAMETERS = 50
MAX_CONDITIONS = 20
MAX_VALUES = 100
MAX_TEXT = 200

ALL = "all"

Columns = Mapping[str, Column]

# Commas separate, except within brackets; an unclosed bracket runs to the end.
_PIECE = re.compile(r"(?:[^,\[]|\[[^\]]*\]?)+")
_LIST_SEPARATOR = re.compile("[;,]")
_NUMBER = re.compile("[0-9]{1,9}", re.ASCII)
_INTEGER = re.compile("-?[0-9]{1,18}", re.ASCII)
_DECIMAL = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)
_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


class _Wrong(ValueError):
    """One piece of a filter is wrong."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def parse(query_string: bytes, columns: Columns, *, searchable: bool = False) -> ListQuery:
    """The list that a query string asks for, over the columns of an endpoint.

    Parameters that are not part of the documents' filtering are left alone. Raises Invalid with
    every wrong piece, named `filter.status`, `sort`, `page`, `limit`, `search`.
    """
    given = _parameters(query_string)
    errors: list[FieldError] = []
    conditions = tuple(_conditions(",".join(given.get("filter", ())), columns, errors))
    order = tuple(_orders(",".join(given.get("sort", ())), columns, errors))
    page = _page(given, errors)
    search = _search(given, errors, searchable=searchable)
    if errors:
        raise Invalid(errors)
    return ListQuery(conditions, order or NEWEST_FIRST, page, search)


def since(query_string: bytes) -> datetime | None:
    """The time that the parameter `since` names, in UTC; None without it. Raises Invalid."""
    text = _parameters(query_string).get("since", [""])[-1].strip()
    try:
        return parse_time(text) if text else None
    except ValueError as error:
        raise Invalid.field(
            "since", "invalid", "Since must be a time, as in 2018-01-01 or 2018-01-01 12:30:00"
        ) from error


def _parameters(query_string: bytes) -> dict[str, list[str]]:
    if query_string.count(b"&") >= MAX_PARAMETERS:
        message = Message(
            "The query string must have at most {most} parameters", most=MAX_PARAMETERS
        )
        raise Invalid.field("query", "too_long", message)
    try:
        pairs = parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise Invalid.field(
            "query", "invalid", "The query string must be percent-encoded UTF-8"
        ) from error
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        given.setdefault(name, []).append(value)
    return given


def _conditions(text: str, columns: Columns, errors: list[FieldError]) -> Iterator[Condition]:
    pieces = [piece.strip() for piece in _PIECE.findall(text) if piece.strip()]
    if len(pieces) > MAX_CONDITIONS:
        message = Message("Filter must have at most {most} parts", most=MAX_CONDITIONS)
        errors.append(FieldError("filter", "too_long", message))
        return
    seen: set[str] = set()
    for piece in pieces:
        field, _, rest = piece.partition(":")
        operator, _, value = rest.partition(":")
        try:
            condition = _condition(field, operator, value, columns)
        except _Wrong as wrong:
            name = f"filter.{field[:50]}" if field else "filter"
            errors.append(FieldError(name, wrong.code, wrong.message))
            continue
        if field in seen and columns[field].expression is None:
            message = Message("{field} can be given once", field=field)
            errors.append(FieldError(f"filter.{field}", "invalid", message))
        seen.add(field)
        if condition is not None:
            yield condition


def _condition(field: str, operator: str, value: str, columns: Columns) -> Condition | None:
    column = columns.get(field)
    if column is None:
        raise _Wrong(
            "unsupported", Message("Filter must be one of {values}", values=_listed(columns))
        )
    if operator not in OPERATORS or operator not in column.operators:
        raise _Wrong(
            "unsupported",
            Message(
                "{field} can be filtered by {operators}, as in {field}:{operator}:VALUE",
                field=field,
                operators=_listed(column.operators),
                operator=min(column.operators),
            ),
        )
    values = _values(value) if operator == "in" else [value.strip()]
    if column.choices and ALL in values:
        return None
    parsed = tuple(_value(field, column, item) for item in values)
    return Condition(field, operator, parsed if operator == "in" else parsed[0])


def _values(text: str) -> list[str]:
    text = text.strip()
    if not (text.startswith("[") and text.endswith("]")):
        raise _Wrong("invalid", "The values of `in` must be in brackets, as in [open;closed]")
    values = [item.strip() for item in _LIST_SEPARATOR.split(text[1:-1])]
    if len(values) > MAX_VALUES:
        raise _Wrong("too_long", Message("A list must have at most {most} values", most=MAX_VALUES))
    return values


def _value(field: str, column: Column, text: str) -> Value:
    if column.choices and text not in column.choices:
        choices = _listed([*column.choices, ALL])
        message = Message("{field} must be one of {values}", field=field, values=choices)
        raise _Wrong("invalid", message)
    read, must_be = _READERS[column.type]
    try:
        return read(text)
    except (ValueError, KeyError) as error:
        message = Message("{field} {predicate}", field=field, predicate=must_be)
        raise _Wrong("invalid", message) from error


def _text(text: str) -> str:
    if not text or len(text) > MAX_TEXT or not text.isprintable():
        raise ValueError
    return text


def _currency(text: str) -> str:
    if not is_currency(text):
        raise ValueError
    return text


def _matching(pattern: re.Pattern[str], convert: Callable[[str], Value]) -> Callable[[str], Value]:
    def read(text: str) -> Value:
        if not pattern.fullmatch(text):
            raise ValueError
        return convert(text)

    return read


_READERS: Mapping[type, tuple[Callable[[str], Value], Message]] = {
    str: (_text, Message("must be text of 1 to {most} characters", most=MAX_TEXT)),
    CurrencyCode: (_currency, Message("must be a three-letter ISO 4217 code, such as EUR")),
    bool: ({"true": True, "false": False}.__getitem__, Message("must be true or false")),
    int: (_matching(_INTEGER, int), Message("must be a whole number")),
    Decimal: (_matching(_DECIMAL, Decimal), Message("must be a number")),
    UUID: (_matching(_UUID, UUID), Message("must be a UUID")),
    datetime: (parse_time, Message("must be a time, as in 2018-01-01 or 2018-01-01 12:30:00")),
}


def _orders(text: str, columns: Columns, errors: list[FieldError]) -> Iterator[Order]:
    sortable = [name for name, column in columns.items() if column.sortable]
    seen: set[str] = set()
    for piece in filter(None, (piece.strip() for piece in text.split(","))):
        field, colon, direction = piece.partition(":")
        if field not in sortable or field in seen:
            message = Message("Sort must be by {fields}, each once", fields=_listed(sortable))
            errors.append(FieldError("sort", "unsupported", message))
        elif colon and direction not in {"asc", "desc"}:
            message = Message("Sort must be {field}:asc or {field}:desc", field=field)
            errors.append(FieldError("sort", "invalid", message))
        else:
            seen.add(field)
            yield Order(field, descending=direction == "desc")


def _page(given: Mapping[str, list[str]], errors: list[FieldError]) -> Page:
    before = len(errors)
    number = _whole(given, "page", errors)
    limit = _whole(given, "limit", errors)
    limit = DEFAULT_LIMIT if limit is None else limit
    number = 1 if number is None else number
    if limit > MAX_LIMIT:
        message = Message("Limit must be at most {most}", most=MAX_LIMIT)
        errors.append(FieldError("limit", "too_large", message))
    elif number * limit > MAX_DEPTH:
        message = Message("Page times limit must be at most {most}", most=MAX_DEPTH)
        errors.append(FieldError("page", "too_large", message))
    return Page(number, limit) if len(errors) == before else Page()


def _whole(given: Mapping[str, list[str]], name: str, errors: list[FieldError]) -> int | None:
    text = given.get(name, [""])[-1]
    if name not in given:
        return None
    if _NUMBER.fullmatch(text) and int(text) >= 1:
        return int(text)
    small = bool(_INTEGER.fullmatch(text)) and int(text) < 1
    errors.append(
        FieldError(
            name,
            "too_small" if small else "invalid",
            Message("{field} must be a whole number from 1", field=name.capitalize()),
        )
    )
    return None


def _search(
    given: Mapping[str, list[str]], errors: list[FieldError], *, searchable: bool
) -> str | None:
    text = given.get("search", [""])[-1].strip()
    if not text:
        return None
    if not searchable:
        errors.append(FieldError("search", "unsupported", "This list cannot be searched"))
    elif len(text) > MAX_TEXT:
        message = Message("Search must have at most {most} characters", most=MAX_TEXT)
        errors.append(FieldError("search", "too_long", message))
    elif not text.isprintable():
        errors.append(FieldError("search", "invalid", "Search must not contain control characters"))
    return text


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
