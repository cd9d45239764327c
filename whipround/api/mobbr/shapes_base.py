"""What all Mobbr objects have in common, and the envelope that every answer is in.

Amounts are decimal strings with 8 decimals, times `YYYY-MM-DD HH:MM:SS` in UTC, ids of payments 32
hexadecimal digits.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

import msgspec

from whipround.api.shapes import doc, encode
from whipround.locales import translate

Kind: TypeAlias = Literal["info", "warning", "error"]


class Shape(msgspec.Struct, gc=False):
    """An object of the API. Every field is `Annotated[type, doc("what it is")]`."""


class Said(Shape):
    """What there is to say about an answer."""

    text: Annotated[str, doc("A message for a person, in the language that was asked for.")]
    type: Annotated[Kind, doc("How serious it is.")]


class Refusal(Shape):
    """Why a request was refused."""

    result: Annotated[None, doc("Nothing.")]
    message: Annotated[Said, doc("What is wrong.")]


class _Envelope(msgspec.Struct, gc=False):
    """What every answer is in."""

    result: Any
    message: Said | None


def enveloped(result: object, message: str | None, kind: Kind, *, locale: str) -> bytes:
    """The JSON of an answer, with a message (if there is one) for a reader of the locale."""
    said = None if message is None else Said(translate(message, locale), kind)
    return encode(_Envelope(result, said))


Amount: TypeAlias = Annotated[str, msgspec.Meta(extra_json_schema={"examples": ["-1.00000000"]})]
"""An amount made with `decimal_string`."""

Time: TypeAlias = Annotated[
    str, msgspec.Meta(extra_json_schema={"examples": ["2014-11-20 13:36:22"]})
]
"""A time made with `utc_time`."""

Flag: TypeAlias = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["0", "1"]})]
"""Yes or no, made with `flag`."""

PaymentId: TypeAlias = Annotated[
    str, msgspec.Meta(extra_json_schema={"examples": ["302302b4dd1280e2e9a38793de92f210"]})
]
"""The id of a crowd payment: the hexadecimal digits of its UUID."""


def decimal_string(amount: Decimal) -> str:
    """An amount as it is shown: with 8 decimals; negative for money that leaves."""
    return f"{amount or Decimal():.8f}"


def utc_time(moment: datetime) -> str:
    """An aware time as it is shown: "2014-11-20 13:36:22", in UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "seconds")


def optional_utc_time(moment: datetime | None) -> str | None:
    """The same, where there may be none."""
    return None if moment is None else utc_time(moment)


def flag(value: bool) -> str:  # noqa: FBT001 (it is the value)
    """Yes or no as it is shown: "1" or "0"."""
    return "1" if value else "0"


def payment_id(id_: UUID) -> str:
    """The id of a crowd payment as it is shown."""
    return id_.hex
