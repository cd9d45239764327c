"""Who is asked outside is slow, dead, or answers twice: no money is taken, or moved, twice."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import pytest

from tests.api.conftest import Shared
from tests.api.faces import Faces, faces
from tests.api.memento.client import Json
from tests.api.memento.paying import PAYMENTS, Customer, new_account
from tests.money import EUR, problems, rows
from tests.people import PIN
from tests.torture.effort import Effort
from tests.torture.faults.load import Tell
from tests.torture.processors import CLEARING, DISAGREEMENTS
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

_CALLS = "select id from gateway_call where kind <> 'register'"

_OPEN = "select count(*) from gateway_call where status in ('open', 'pending')"

_APPROVED = """
    select kind, count(*) from gateway_call
    where kind <> 'register' and status = 'approved' group by kind
"""


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
class Try:
    """What somebody tries to have a processor do, and what they were told first."""

    kind: str
    who: Customer
    path: str
    body: Json
    key: UUID
    told: httpx.Response | None = None

    async def send(self) -> httpx.Response:
        """Send it, for the first time or again."""
        answer = await self.who.post(self.path, self.body, key=self.key)
        self.told = self.told or answer
        return answer


async def tries(
    payers: Sequence[Customer], whom: Customer, *, many: int, chance: Random
) -> AsyncIterator[Try]:
    """Payments from cards, withdrawals, and refunds to cards of what was paid before."""
    cards = [await each.add_card() for each in payers]
    accounts = [await each.add_verified(new_account()) for each in payers]
    for n in range(many):
        who, card = payers[n % 4], cards[n % 4]
        key = UUID(int=chance.getrandbits(128), version=4)
        if n % 3 == 0:
            to = {"amount": "3.00", "funding_source_id": accounts[n % 4].rpartition("/")[2]}
            yield Try("payout", who, PAYMENTS, who.order(whom, recipient=to), key)
        elif n % 7 == 1:
            paid = await who.paid(whom, funding_source_id=card)
            yield Try("refund", whom, f"{PAYMENTS}/{paid['id']}/refund", {"pin": PIN}, key)
        else:
            yield Try("charge", who, PAYMENTS, who.order(whom, funding_source_id=card), key)


async def test_money_moves_once_whatever_its_processor_does(
    town: Town, chance: Random, effort: Effort, tell: Tell
) -> None:
    whom = await town.faces.person()
    payers = [await town.faces.person(EUR("1000.00")) for _ in range(4)]
    many = effort.of(400, quick=21)
    trying = [it async for it in tries(payers, whom, many=many, chance=chance)]
    before = Counter(dict(await rows(town.faces.db, _APPROVED)))

    began = time.monotonic()
    async with news_of_all(town, chance) as news:
        for n in range(0, len(trying), 7):
            await asyncio.gather(*(it.send() for it in trying[n : n + 7]))
            assert (await payers[n % 4].pay(whom, "0.01")).status_code == 201  # from the wallet
    took = time.monotonic() - began
    await _all_is_known(town)

    told = Counter((it.kind, it.told.status_code) for it in trying if it.told)
    assert {status for _, status in told} <= {201, 400}
    for it in trying:
        assert it.told is not None
        again = await it.send()
        assert (again.status_code, again.content) == (it.told.status_code, it.told.content)
    done = {kind: told[kind, 201] for kind in ("charge", "payout", "refund")}
    assert Counter(dict(await rows(town.faces.db, _APPROVED))) - before == Counter(done)
    assert await rows(town.faces.db, DISAGREEMENTS) == []
    assert await rows(town.faces.db, CLEARING) == []
    by_wallet = len(range(0, len(trying), 7))
    refundable = sum(it.kind == "refund" for it in trying)
    received = 600 * (done["charge"] + refundable - done["refund"]) + by_wallet
    assert await whom.has() * 100 == received
    assert sum([await it.has() * 100 for it in payers]) == 400000 - 300 * done["payout"] - by_wallet
    assert await problems(town.faces.db) == []
    assert min(news.values()) > 0
    tell("moods of a processor", dict(town.processor.seen))
    tell("news of calls, come twice, and sweeps", f"{news['heard']}, {news['swept']}")
    refused = sum(it for (_, status), it in told.items() if status == 400)
    tell("asked of a processor: seconds, done, refused", f"{took:.0f}, {done}, {refused}")


@asynccontextmanager
async def news_of_all(town: Town, chance: Random) -> AsyncIterator[Counter[str]]:
    """The processor has its moods, and there is news of all that it does; how often."""
    news = Counter(heard=0, swept=0)
    town.processor.chance = chance
    hearing = asyncio.create_task(_hear_of_them(town, chance, news))
    try:
        yield news
    finally:
        hearing.cancel()
        await asyncio.wait({hearing})
        town.processor.chance = None
    if not hearing.cancelled():  # then it has failed
        hearing.result()


async def _hear_of_them(town: Town, chance: Random, news: Counter[str]) -> None:
    """Webhooks come twice, out of order and late, as do sweeps."""
    while True:
        known = [id_ for (id_,) in await rows(town.faces.db, _CALLS)]
        heard = chance.choices(known, k=3) if known else []
        later = datetime.now(UTC) + timedelta(minutes=chance.randrange(3))
        asking = [calls.resolve(town.desk, it, now=datetime.now(UTC)) for it in [*heard, *heard]]
        told = await asyncio.gather(*asking, return_exceptions=True)
        assert all(it is None or isinstance(it, ProcessorError) for it in told), told
        news["heard"] += len(heard)
        await asyncio.gather(*(calls.sweep(town.desk, now=later) for _ in range(2)))
        news["swept"] += 1
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
        assert all(int(it.headers["Retry-After"]) > 0 for it in answers[:2])
        assert answers[0].json()["result"] is None
        assert [*answers[1].json()["errors"]] == ["base"]
    await facebook.close()
