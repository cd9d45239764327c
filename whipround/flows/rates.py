"""Exchange rates, from where they are published into the products."""

import logging
from datetime import UTC, date, datetime

from whipround.db.database import Database
from whipround.domain import fx
from whipround.domain.fx import RatesRefused
from whipround.gateways.rates.protocol import Published, RatesError, RatesSource

logger = logging.getLogger(__name__)


async def load(db: Database, source: RatesSource, *, now: datetime) -> Published:
    """Fetch rates and have a product convert by them; what was fetched.

    Raises RatesError, and RatesRefused for rates of a day to come or older ones than the product
    has; then those it has stay.
    """
    published = await source.fetch(now=now)
    await _store(db, published, now=now)
    return published


async def refresh(db: Database, source: RatesSource, *, now: datetime) -> int:
    """Have a product convert by today's rates (UTC), if they are out; 1 if it got newer ones.

    What keeps it from that is logged, and the rates that are there stay.
    """
    newest = await _newest(db)
    if newest is not None and newest >= now.astimezone(UTC).date():
        return 0
    try:
        published = await source.fetch(now=now)
        if newest is not None and published.on <= newest:
            return 0
        await _store(db, published, now=now)
    except (RatesError, RatesRefused, OSError) as error:
        logger.warning("%s: no new exchange rates: %s", db.schema, error)
        return 0
    logger.info("%s: exchange rates of %s", db.schema, published.on)
    return 1


class Once:
    """Rates for several products, which are fetched only once for all of them."""

    def __init__(self, source: RatesSource) -> None:
        self._source = source
        self._outcome: Published | RatesError | None = None

    async def fetch(self, *, now: datetime) -> Published:
        """What the source said the first time. Raises RatesError."""
        if self._outcome is None:
            try:
                self._outcome = await self._source.fetch(now=now)
            except RatesError as error:
                self._outcome = error
        if isinstance(self._outcome, RatesError):
            raise self._outcome
        return self._outcome


async def _newest(db: Database) -> date | None:
    async with db.transaction() as tx:
        return await fx.newest(tx)


async def _store(db: Database, published: Published, *, now: datetime) -> None:
    async with db.transaction() as tx:
        await fx.replace_rates(tx, published.per_euro, published_on=published.on, now=now)
