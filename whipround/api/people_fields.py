"""The types of request fields that describe people, in any dialect.

Like `fields`, which has the ones that are not about people: annotations of pydantic models.
"""

import re
import string
from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, WithJsonSchema

from whipround.api.fields import ONE_LINE, VISIBLE, parse_time, wrong
from whipround.errors import Message


def _without_blanks(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


PersonName = Annotated[
    str, Field(min_length=1, max_length=100), ONE_LINE, VISIBLE, BeforeValidator(_without_blanks)
]
"""A first or last name, without the blanks around it; readable, so not empty."""

_USERNAME = re.compile(r"[A-Za-z0-9._-]{3,30}", re.ASCII)


def _username(value: str) -> str:
    if len(value) > 30:
        wrong("too_long", Message("must have at most {most} characters", most=30))
    # A letter is asked for so that no username reads like a phone number.
    if not _USERNAME.fullmatch(value) or not set(value) & set(string.ascii_letters):
        wrong("invalid", "must be 3 to 30 letters, digits, '.', '_' or '-', with a letter")
    return value


Username = Annotated[
    str,
    AfterValidator(_username),
    WithJsonSchema(
        {"type": "string", "pattern": "^[A-Za-z0-9._-]{3,30}$", "examples": ["johndough"]}
    ),
]
"""3 to 30 ASCII letters, digits, `.`, `_` and `-`, at least one of them a letter."""

Password = Annotated[
    str, Field(min_length=6, max_length=128, json_schema_extra={"format": "password"})
]
"""A new password: 6 to 128 characters of any kind; 6 is the least that Moneypool documents."""

Secret = Annotated[
    str, Field(min_length=1, max_length=1024, json_schema_extra={"format": "password"})
]
"""A password or code to be compared with one that is known; of any form."""


def _json_object(value: str) -> str:
    try:
        is_object = isinstance(msgspec.json.decode(value), dict)
    except (msgspec.DecodeError, RecursionError):
        is_object = False
    if not is_object:
        wrong("invalid", "must be a JSON object, as a string")
    return value


JsonObject = Annotated[
    str,
    Field(max_length=10_000),
    AfterValidator(_json_object),
]
"""The JSON text of an object, as a string."""

_EARLIEST_BIRTH = date(1900, 1, 1)
_EASTERNMOST = timedelta(hours=14)


def _date_of_birth(value: object) -> date:
    try:
        day = parse_time(value if isinstance(value, str) else "").date()
    except ValueError:
        wrong("invalid", "must be a date, such as 1985-09-04")
    if not _EARLIEST_BIRTH <= day <= (datetime.now(UTC) + _EASTERNMOST).date():
        wrong("invalid", "must be from 1900 to today")
    return day


DateOfBirth = Annotated[
    date,
    PlainValidator(_date_of_birth),
    WithJsonSchema({"type": "string", "format": "date", "examples": ["1985-09-04"]}),
]
"""A day; of a time, which is what Memento documents, its day in UTC."""


def _web_address(value: str) -> str:
    try:
        parts = urlsplit(value)
        is_web = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_web = False
    if not is_web or not value.isprintable() or " " in value:
        wrong("invalid", "must be an http or https address")
    return value


WebAddress = Annotated[
    str,
    Field(max_length=2_000),
    AfterValidator(_web_address),
    WithJsonSchema({"type": "string", "format": "uri", "maxLength": 2_000}),
]
"""An http or https URL; nothing is fetched here."""
