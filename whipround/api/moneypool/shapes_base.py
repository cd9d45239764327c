"""What all Moneypool objects have in common.

Amounts are decimal strings (`108.5`), ids integers, times ISO 8601 with milliseconds as in Mexico
City.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, TypeAlias
from zoneinfo import ZoneInfo

import msgspec

_TIMEZONE = ZoneInfo("America/Mexico_City")


class Shape(msgspec.Struct, gc=False):
    """An object of the API. Every field is `Annotated[type, doc("what it is")]`."""


Amount: TypeAlias = Annotated[str, msgspec.Meta(extra_json_schema={"examples": ["108.5"]})]
"""An amount in MXN, made with `decimal_string`."""

Time: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        extra_json_schema={
            "extra": {"format": "date-time"},
            "examples": ["2014-11-13T23:54:15.105-06:00"],
        }
    ),
]
"""A time made with `local_time`."""


def decimal_string(amount: Decimal) -> str:
    """An amount as it is shown: with at least one decimal, and none that says nothing.

    `108.50000000` is "108.5", and 50 is "50.0".
    """
    whole, _, decimals = f"{amount or Decimal():f}".partition(".")
    return f"{whole}.{decimals.rstrip('0') or '0'}"


def local_time(moment: datetime) -> str:
    """An aware time as it is shown: "2014-11-13T23:54:15.105-06:00"."""
    return moment.astimezone(_TIMEZONE).isoformat(timespec="milliseconds")
