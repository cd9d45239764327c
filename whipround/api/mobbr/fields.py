"""The types of arguments that several chapters of Mobbr share.

All may come as text, as a query has nothing else.
"""

import re
from typing import Annotated, TypeVar
from uuid import UUID

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema

from whipround.api.fields import wrong

Item = TypeVar("Item")

_NUMBER = re.compile("[0-9]{1,19}", re.ASCII)
_PAYMENT_ID = re.compile("[0-9a-f]{32}", re.ASCII | re.IGNORECASE)


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


Array = Annotated[list[Item], BeforeValidator(_listed)]
"""One or several: `Array[PaymentId]`."""

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    found = _BOOLEANS.get(str(value).lower()) if isinstance(value, str | int) else None
    return wrong("invalid", "must be true or false") if found is None else found


Boolean = Annotated[
    bool, PlainValidator(_boolean), WithJsonSchema({"type": "boolean", "examples": [True]})
]
"""True or false, as `true`, `false`, `1` or `0`."""


def _whole(value: object) -> object:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return int(value)
    # True is no 1, nor is 1.0: whoever sends it means something else.
    if isinstance(value, bool) or not isinstance(value, int):
        wrong("invalid", "must be a whole number")
    return value


Whole = Annotated[int, BeforeValidator(_whole), Field(strict=True)]
"""A whole number, 0 or more where it is sent as text; how large it may be is the field's."""


def _payment_id(value: object) -> UUID:
    if not isinstance(value, str) or not _PAYMENT_ID.fullmatch(value):
        wrong("invalid", "must be 32 hexadecimal digits")
    return UUID(hex=value)


PaymentId = Annotated[
    UUID,
    PlainValidator(_payment_id),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^[0-9a-fA-F]{32}$",
            "examples": ["302302b4dd1280e2e9a38793de92f210"],
        }
    ),
]
"""The id of a crowd payment."""
