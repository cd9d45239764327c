"""Load, a kill in the midst of it, and what is proven after: one round after another."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from statistics import median
from time import monotonic
from uuid import UUID

import httpx

from tests.torture.crashes import proof
from tests.torture.crashes.acts import Actor, Memory
from tests.torture.crashes.kills import ENDING_THE_SERVER, Kill, Target, a_stop
from tests.torture.crashes.orders import Order, client
from tests.torture.crashes.town import Town
from tests.website import Site, website

CLIENTS = 24

RECOVERED_WITHIN = 60

_LEAST_LOAD_SECONDS, _MOST_LOAD_SECONDS, _HASTY_LOAD_SECONDS = 0.2, 1.5, 0.6
_AFTER_SECONDS = 0.2
_PAUSE_SECONDS = 0.05
_CALM = 3
"""How often it says that it is ready: what has just been killed may not be known to be dead."""


@dataclass(slots=True)
class Figures:
    """What all rounds came to."""

    sent: int = 0
    answered: int = 0
    unsettled: int = 0
    cut_off: int = 0
    had_happened: int = 0
    swept: set[UUID] = field(default_factory=set)
    by_kind: Counter[str] = field(default_factory=Counter)
    recoveries: list[float] = field(default_factory=list)

    def told(self) -> dict[str, object]:
        """The same, to be shown."""
        kinds = ", ".join(f"{name} {count}" for name, count in sorted(self.by_kind.items()))
        return {
            "requests sent": self.sent,
            "requests answered 2xx": self.answered,
            "requests without a final answer": self.unsettled,
            "connections that broke": self.cut_off,
            "of those without a final answer had happened": self.had_happened,
            "gateway calls resolved by the sweep": len(self.swept),
            "seconds to recover, median and worst": (
                f"{median(self.recoveries):.1f} {max(self.recoveries):.1f}"
            ),
            "requests by kind": kinds,
        }


class Storm:
    """An installation under load, with its people, and all orders nobody knows the outcome of.

    One that is to be had `hastily` does not wait for what takes time: it says that time has passed.
    """

    def __init__(
        self,
        target: Target,
        town: Town,
        site: Site,
        chance: Random,
        *,
        hastily: bool,
    ) -> None:
        self.figures = Figures()
        self._target = target
        self._town = town
        self._site = site
        self._chance = chance
        self._hastily = hastily
        self._most_load = _HASTY_LOAD_SECONDS if hastily else _MOST_LOAD_SECONDS
        self._memory = Memory()
        self._unsettled: list[Order] = []
        self._unsettled_since = datetime.now(UTC)

    async def round(self, kill: Kill) -> None:
        """Kill something under load, have it recover, and prove that nothing was lost."""
        since = datetime.now(UTC) - proof.LEEWAY
        orders = await self._under_load(kill)
        assert orders
        async with self._client() as http:
            self._count(orders)
            await self._prove(http, orders, since=since)
        async with self._database() as rows:
            self.figures.swept |= await proof.unresolved(rows)
            if self._hastily:
                await proof.time_passes(rows)
        self._memory.ripen()

    async def stop(self) -> None:
        """Stop the server under load: what it has not answered it has not made."""
        since = datetime.now(UTC) - proof.LEEWAY
        orders = await self._under_load(a_stop)
        async with self._client() as http:
            on = await proof.shown(http, orders, since=since)
        assert any(order.answer for order in orders)
        for order in orders:
            proof.assert_as_answered(order, on)
            assert order.answer or not proof.had_happened(order, on), f"not answered: {order}"
        self._count(orders)
        self._memory.ripen()

    async def resolved(self, *, within: float) -> None:
        """Wait for the sweep; then every order is settled, and the outside agrees."""
        async with self._database() as rows, self._client() as http:
            await proof.until_resolved(rows, hasten=self._hastily, within=within)
            await proof.repeat(http, self._unsettled)
            assert [order for order in self._unsettled if order.answer is None] == []
            on = await proof.shown(http, self._unsettled, since=self._unsettled_since)
            for order in self._unsettled:
                proof.assert_as_answered(order, on)
            self._unsettled.clear()
            await proof.assert_outside_agrees(rows, self._town)
            await proof.assert_wallets_show_the_books(http, rows, self._town)
            await proof.assert_only_what_waits_is_open(http, self._town)

    async def audited(self) -> None:
        """The command finds nothing wrong, beside the server."""
        status, said = await asyncio.to_thread(self._target.installation.run, "audit")
        assert (status, "The books hold." in said) == (0, True), said

    def _database(self) -> AbstractAsyncContextManager[proof.Rows]:
        return proof.database(self._target.installation.folder, self._town)

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[httpx.AsyncClient]:
        url = await asyncio.to_thread(self._target.server.start)
        product_id = str(self._town.product.id)
        async with client(url, product_id=product_id, connections=CLIENTS) as http:
            yield http

    async def _under_load(self, kill: Kill) -> list[Order]:
        """What was ordered until, and while, something is killed, and after it has recovered."""
        orders: list[Order] = []
        over = asyncio.Event()
        async with self._client() as http:
            actors = [self._actor(http, orders) for _ in range(CLIENTS)]
            may_end = kill in ENDING_THE_SERVER
            acting = [
                asyncio.create_task(self._keep_acting(actor, over, may_end=may_end))
                for actor in actors
            ]
            await asyncio.sleep(self._chance.uniform(_LEAST_LOAD_SECONDS, self._most_load))
            before = self._target.server.pid
            await kill(self._target, self._chance)
            killed_at = monotonic()
            await self._recovered()
            assert may_end or self._target.server.pid == before
            self.figures.recoveries.append(monotonic() - killed_at)
            await asyncio.sleep(_AFTER_SECONDS)
            over.set()
            await asyncio.gather(*acting)
        return orders

    def _actor(self, http: httpx.AsyncClient, orders: list[Order]) -> Actor:
        chance = Random(self._chance.getrandbits(64))
        return Actor(self._town, self._site, self._memory, orders, http, chance)

    async def _keep_acting(self, actor: Actor, over: asyncio.Event, *, may_end: bool) -> None:
        """Act until it is over; where the server may end, so do connections, but none hangs."""
        while not over.is_set():
            asked = actor.http.base_url
            try:
                await actor.act()
            except httpx.TransportError as error:
                if not may_end or isinstance(error, httpx.TimeoutException):
                    raise
                self.figures.cut_off += 1
                await self._elsewhere(actor.http, asked, over)

    async def _elsewhere(
        self, http: httpx.AsyncClient, asked: httpx.URL, over: asyncio.Event
    ) -> None:
        """Have a client, which everybody shares, ask the server where it is by now."""
        while http.base_url == asked and not over.is_set():
            await asyncio.sleep(_PAUSE_SECONDS)
            if address := self._target.server.address():
                http.base_url = httpx.URL(address)

    async def _recovered(self) -> None:
        """Start the server if it was killed; else it recovers by itself. Then it is ready."""
        calm = 0
        async with self._client() as http, asyncio.timeout(RECOVERED_WITHIN):
            while calm < _CALM:
                is_ready = (await http.get("/readyz")).status_code == 200
                calm = calm + 1 if is_ready else 0
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _prove(
        self, http: httpx.AsyncClient, orders: Sequence[Order], *, since: datetime
    ) -> None:
        """Every order was carried out once, or never if nobody was told so; and then is."""
        before = await proof.shown(http, orders, since=since)
        for order in orders:
            proof.assert_as_answered(order, before)
        unsettled = [order for order in orders if order.answer is None]
        self.figures.had_happened += sum(proof.had_happened(it, before) for it in unsettled)
        await proof.repeat(http, orders)
        after = await proof.shown(http, orders, since=since)
        for order in orders:
            proof.assert_as_answered(order, after)
        if not self._unsettled:
            self._unsettled_since = since
        self._unsettled += [order for order in orders if order.answer is None]

    def _count(self, orders: Sequence[Order]) -> None:
        figures = self.figures
        figures.sent += len(orders)
        figures.answered += sum(bool(order.answer and order.answer.is_done) for order in orders)
        figures.unsettled += sum(order.answer is None for order in orders)
        figures.by_kind.update(order.kind for order in orders)


@asynccontextmanager
async def storm(
    target: Target, town: Town, chance: Random, *, hastily: bool
) -> AsyncIterator[Storm]:
    """A storm over a town; the server is started if need be."""
    async with website() as site:
        site.serve("/participation.txt", status=404)
        yield Storm(target, town, site, chance, hastily=hastily)


async def stopped(target: Target, town: Town, chance: Random, *, hastily: bool) -> None:
    """Stop the server once in a storm."""
    async with storm(target, town, chance, hastily=hastily) as here:
        await here.stop()
