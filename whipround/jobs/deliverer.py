"""Keeps the outboxes empty."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime

import psycopg

from whipround.db.database import Database
from whipround.domain import products
from whipround.errors import Unavailable
from whipround.flows.deliveries import Lane

logger = logging.getLogger(__name__)

PRODUCTS_KNOWN_FOR_SECONDS = 5.0
"""How long until a new product's outbox is looked at."""

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 15.0


class Deliverer:
    """Drains every product's outbox when nudged, each lane by itself.

    It does nothing until then: a nudge comes from whoever has just put a message there, and every
    few seconds from the schedule, for retries and for what other processes put there.
    """

    def __init__(self, db: Database, lanes: Sequence[Lane]) -> None:
        self._db = db
        self._lanes = [(lane, asyncio.Event()) for lane in lanes]
        self._stopping = asyncio.Event()
        self._known: list[Database] = []
        self._known_until = 0.0

    def nudge(self) -> None:
        """There may be something to deliver. Costs next to nothing, and never fails."""
        for _, awake in self._lanes:
            awake.set()

    def stop(self) -> None:
        """Finish the batches under way, and `run` with them."""
        self._stopping.set()
        self.nudge()

    async def run(self) -> None:
        """Deliver until stopped. What goes wrong is logged and tried again."""
        async with asyncio.TaskGroup() as group:
            for lane, awake in self._lanes:
                group.create_task(self._run_lane(lane, awake), name=f"deliver {lane.name}")

    async def _run_lane(self, lane: Lane, awake: asyncio.Event) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            await awake.wait()
            awake.clear()
            if await self._drain(lane):
                pause = _FIRST_PAUSE_SECONDS
                # What is put into the outbox meanwhile goes together.
                await asyncio.sleep(lane.gather_seconds)
            else:
                awake.set()
                await self._rest(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def _drain(self, lane: Lane) -> bool:
        """Deliver all that is due in the lane, product by product in turn; whether all went well.

        A message that could not be delivered is no failure here: its row says when to try again.
        """
        well = True
        try:
            busy = await self._outboxes()
        except (psycopg.Error, Unavailable) as error:
            logger.warning("%s: the products cannot be read: %r", lane.name, error)
            return False
        while busy and not self._stopping.is_set():
            still_busy = []
            for db in busy:
                try:
                    if await lane.deliver_some(db, now=datetime.now(UTC)):
                        still_busy.append(db)
                except (psycopg.Error, Unavailable) as error:
                    logger.warning("%s, %s: delivery interrupted: %r", db.schema, lane.name, error)
                    well = False
                except Exception:
                    logger.exception("%s, %s: delivery failed", db.schema, lane.name)
                    well = False
            busy = still_busy
        return well

    async def _outboxes(self) -> list[Database]:
        """The database as each product sees it."""
        now = asyncio.get_running_loop().time()
        if now >= self._known_until:
            known = await products.list_products(self._db)
            self._known = [self._db.of(product.schema_name) for product in known]
            self._known_until = now + PRODUCTS_KNOWN_FOR_SECONDS
        return self._known

    async def _rest(self, seconds: float) -> None:
        """Pause, unless stopped."""
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return
