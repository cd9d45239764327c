"""Who is asked outside is slow, dead, or answers twice: no money is taken, or moved, twice."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import pytest

from tests.api.conftest import Shared
from tests.api.faces import Faces, faces
from tests.api.memento.paying import Customer
from tests.money import EUR, problems, rows
from tests.torture.effort import Effort
from tests.torture.faults.load import Tell
from whipround.db.database import Database
from whipround.flows import calls
from whipround.flows.desk import Desk, open_desk
from whipround.gateways.facebook.graph import GraphFacebook
from whipround.gateways.processors.protocol import (
    OutcomeUnknown,
    ProcessorError,
    Processors,
    ProcessorUnavailable,
)
from whipround.gateways.processors.sandbox import SandboxProcessor

pytestmark = pytest.mark.anyio

MOODS = ("well", "slow", "slow to answer", "dead", "cut off", "lost", "twice")
SLOW_SECONDS = 0.3
NOBODY = "http://127.0.0.1:9"

_CARDS = "select id from gateway_call where kind = 'charge'"

_OPEN = "select count(*) from gateway_call where status in ('open', 'pending')"

# What was taken outside, and what is said of it here.
_DISAGREE = """
    select call.id, call.status, operation.status
    from (select * from gateway_call where kind = 'charge') as call
        full join (select * from sandbox_operation where kind = 'charge') as operation
            on operation.key = call.id
    where (call.status = 'approved') is distinct from coalesce(operation.status = 'approved', false)
"""

_CLOSED = "select count(*) from gateway_call where kind = 'charge' and status = 'approved'"


@dataclass(slots=True)
class Moody:
    """The sandbox's processor, each time in another mood; well, unless it has a chance."""

    inner: SandboxProcessor
    chance: Random | None = None
    seen: Counter[str] = field(default_factory=Counter)
    name: str = SandboxProcessor.name

    async def register(self, registration: Any) -> Any:
        return await self._answer(lambda: self.inner.register(registration))

    async def charge(self, operation: Any) -> Any:
        return await self._answer(lambda: self.inner.charge(operation))

    async def refund(self, operation: Any) -> Any:
        return await self._answer(lambda: self.inner.refund(operation))

    async def pay_out(self, operation: Any) -> Any:
        return await self._answer(lambda: self.inner.pay_out(operation))

    async def find(self, operation: Any) -> Any:
        return await self._answer(lambda: self.inner.find(operation))

    def least_payout(self, currency: str) -> Any:
        return self.inner.least_payout(currency)

    async def close(self) -> None:
        await self.inner.close()

    async def _answer(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        mood = self.chance.choice(MOODS) if self.chance else "well"
        self.seen[mood] += 1
        match mood:
            case "slow":
                await asyncio.sleep(SLOW_SECONDS)
            case "dead":
                raise ProcessorUnavailable
            case "cut off":
                raise OutcomeUnknown
            case "twice":
                await asyncio.gather(ask(), ask())
        answer = await ask()
        if mood == "slow to answer":
            await asyncio.sleep(SLOW_SECONDS)
        elif mood == "lost":
            raise OutcomeUnknown
        return answer


class Town(NamedTuple):
    """People who pay by card, where the processor has its moods."""

    faces: Faces
    processor: Moody
    desk: Desk


@pytest.fixture
async def town(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    processor = Moody(SandboxProcessor(shared.db))

    def processors(_: Database) -> Processors:
        return Processors(cards=processor, banks=processor)

    monkeypatch.setattr(calls, "ASK_SECONDS", SLOW_SECONDS / 2)
    desk = open_desk(
        shared.db,
        product_id=shared.product.id,
        keyring=shared.keyring,
        processors=processors(shared.db),
    )
    async with faces(shared, processors=processors) as made:
        yield Town(made, processor, desk)


@dataclass(slots=True, eq=False)
class Paid:
    """A payment by card that somebody tries to make, and what they were told first."""

    who: Customer
    whom: Customer
    card: str
    key: UUID
    told: httpx.Response | None = None

    async def send(self) -> httpx.Response:
        """Send it, for the first time or again."""
        answer = await self.who.pay(self.whom, "6.00", key=self.key, funding_source_id=self.card)
        self.told = self.told or answer
        return answer


async def test_a_card_is_charged_once_whatever_its_processor_does(
    town: Town, chance: Random, effort: Effort, tell: Tell
) -> None:
    whom = await town.faces.person()
    payers = [await town.faces.person(EUR("100.00")) for _ in range(4)]
    cards = [await each.add_card() for each in payers]
    tries = [
        Paid(payers[n % 4], whom, cards[n % 4], UUID(int=chance.getrandbits(128), version=4))
        for n in range(effort.of(400, quick=21))
    ]
    town.processor.chance = chance

    began = time.monotonic()
    hearing = asyncio.create_task(_hear_of_them(town, chance))
    for n in range(0, len(tries), 7):
        await asyncio.gather(*(it.send() for it in tries[n : n + 7]))
        assert (await payers[n % 4].pay(whom, "0.01")).status_code == 201  # from the wallet
    took = time.monotonic() - began
    hearing.cancel()
    await asyncio.wait({hearing})
    town.processor.chance = None
    await _all_is_known(town)

    statuses = Counter(it.told.status_code for it in tries if it.told)
    assert statuses.keys() <= {201, 400}
    for it in tries:
        assert it.told is not None
        again = await it.send()
        assert (again.status_code, again.content) == (it.told.status_code, it.told.content)
    [[approved]] = await rows(town.faces.db, _CLOSED)
    by_wallet = len(range(0, len(tries), 7))
    assert approved == statuses[201]
    assert await rows(town.faces.db, _DISAGREE) == []
    assert await whom.has() * 100 == 600 * approved + by_wallet
    assert await problems(town.faces.db) == []
    tell("moods of a processor", dict(town.processor.seen))
    tell("payments by card: seconds, done, refused", f"{took:.0f}, {approved}, {statuses[400]}")


async def _hear_of_them(town: Town, chance: Random) -> None:
    """Webhooks come twice, out of order and late, as do sweeps."""
    while True:
        known = [id_ for (id_,) in await rows(town.faces.db, _CARDS)]
        heard = chance.choices(known, k=3) if known else []
        later = datetime.now(UTC) + timedelta(minutes=chance.randrange(3))
        asking = [calls.resolve(town.desk, it, now=datetime.now(UTC)) for it in [*heard, *heard]]
        told = await asyncio.gather(*asking, return_exceptions=True)
        assert all(it is None or isinstance(it, ProcessorError) for it in told), told
        await asyncio.gather(*(calls.sweep(town.desk, now=later) for _ in range(2)))
        await asyncio.sleep(0)


async def _all_is_known(town: Town) -> None:
    """Sweep until nothing is open any more."""
    later = datetime.now(UTC) + timedelta(minutes=10)
    while await rows(town.faces.db, _OPEN) != [(0,)]:
        later += timedelta(minutes=10)
        assert later < datetime.now(UTC) + timedelta(days=2)
        await calls.sweep(town.desk, now=later)


async def test_what_needs_nobody_outside_goes_on_while_they_are_dead(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    facebook = GraphFacebook(app_id="1", app_secret="secret", url=NOBODY)
    async with faces(shared, facebook=facebook) as town:
        ann, ben = await town.person(EUR("10.00")), await town.person()
        mobbr = await town.in_mobbr(ann)
        wanted = {"data": "https://github.com/a/b", "amount": "1.00", "currency": "EUR"}

        answers = await asyncio.gather(
            mobbr.post("/payments/preview", wanted),
            town.moneypool.post("/api/fb_sessions", {"user": {"oauth_token": "x"}}),
            *(ann.pay(ben, "0.01") for _ in range(10)),
        )

        assert [it.status_code for it in answers] == [503, 503, *([201] * 10)]
        assert "GitHub cannot be asked right now" in answers[0].json()["message"]["text"]
        assert answers[0].json()["result"] is None
        assert [*answers[1].json()["errors"]] == ["base"]
    await facebook.close()
