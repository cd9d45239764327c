"""What publishes exchange rates, and how it says that it cannot."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol


class RatesError(Exception):
    """There are no rates to be had; the text is one line for operators, and says why."""


@dataclass(frozen=True, slots=True)
class Published:
    """Units of each currency for one euro, as of a day. The euro itself is not among them."""

    on: date
    per_euro: Mapping[str, Decimal]


class RatesSource(Protocol):
    """Where rates come from."""

    async def fetch(self, *, now: datetime) -> Published:
        """The newest rates there are. Raises RatesError."""
        ...
