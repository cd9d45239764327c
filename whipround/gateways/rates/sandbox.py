"""Rates for trying things out: always the same, and always of today."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from whipround.gateways.rates.protocol import Published


class SampleRates:
    """Publishes the same rates, in units for one euro, every day (UTC)."""

    def __init__(self, per_euro: Mapping[str, Decimal]) -> None:
        self._per_euro = per_euro

    async def fetch(self, *, now: datetime) -> Published:
        """The rates, as of today."""
        return Published(now.astimezone(UTC).date(), self._per_euro)
