"""The arguments of lists: which part of them, from when until when, of what address."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, Field, PlainValidator, WithJsonSchema

from whipround.api.fields import wrong
from whipround.api.mobbr.fields import Whole
from whipround.db.listing import MAX_DEPTH, Slice
from whipround.domain.scripts import addresses
from whipround.errors import Message

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000


class Part(BaseModel):
    """Which part of a list is asked for: its newest rows, unless it says so otherwise."""

    offset: Whole = Field(0, ge=0, le=MAX_DEPTH, description="How many are passed over.")
    limit: Whole = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="How many at most.")

    @property
    def part(self) -> Slice:
        """The same, as the domain asks for it."""
        return Slice(self.offset, self.limit)


# Times.

_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[ T]([0-9]{2}:[0-9]{2})(:[0-9]{2})?)?", re.ASCII
)
_NO_TIME = Message("must be a time in UTC, such as 2014-10-28 01:12:00")
_EVER = datetime.max.replace(tzinfo=UTC)
_EXAMPLE = {"type": "string", "examples": ["2014-10-28 01:12:00"]}


def _span(value: object) -> tuple[datetime, datetime]:
    """When the day, minute or second begins that is meant, and when it is over."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        wrong("invalid", _NO_TIME)
    day, minute, second = match.groups()
    lasts = timedelta(seconds=1 if second else 60) if minute else timedelta(days=1)
    try:
        begin = datetime.fromisoformat(f"{day} {minute or '00:00'}{second or ':00'}+00:00")
    except ValueError:  # such as the 30th of February
        wrong("invalid", _NO_TIME)
    # The last day of all is how some clients say that there is no end.
    return begin, begin + min(lasts, _EVER - begin)


def _since(value: object) -> datetime:
    return _span(value)[0]


def _until(value: object) -> datetime:
    return _span(value)[1]


Since = Annotated[datetime, PlainValidator(_since), WithJsonSchema(_EXAMPLE)]
"""When it begins: `YYYY-MM-DD`, and perhaps ` HH:MM` or ` HH:MM:SS`, in UTC."""

Until = Annotated[datetime, PlainValidator(_until), WithJsonSchema(_EXAMPLE)]
"""The same, up to the end of the day, minute or second that is named."""


# Addresses.


def _url(value: object) -> str:
    url = addresses.normalised(value) if isinstance(value, str) else None
    return wrong("invalid", "must be an http or https address") if url is None else url


Url = Annotated[
    str,
    PlainValidator(_url),
    WithJsonSchema({"type": "string", "examples": ["https://github.com/identifi/identifi"]}),
]
"""An address of the web, which comes in its normal form."""


def _host(value: object) -> str:
    url = None
    if isinstance(value, str):
        url = addresses.normalised(value if "://" in value else f"https://{value}/")
    if url is None:
        wrong("invalid", "must be a host, such as github.com")
    host = addresses.pieces(url).host
    return re.sub(r":[0-9]+$", "", host)


Host = Annotated[
    str, PlainValidator(_host), WithJsonSchema({"type": "string", "examples": ["github.com"]})
]
"""A host, or an address at it, which comes in the normal form of a host, without a port."""
