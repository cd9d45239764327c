"""The clock jumps, forwards and backwards: nothing is lost, and nothing expires twice."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest
import time_machine
from uuid_utils import compat

from tests.api.conftest import Shared
from tests.api.memento.paying import PAYMENTS, Customer, ids, said
from tests.money import held_by, problems, rows
from tests.people import new_phone
from tests.torture.effort import Effort
from tests.torture.faults.load import CLIENTS, QUICK_CLIENTS, Load, Tell
from tests.torture.faults.places import town_here
from whipround.jobs import housekeeping

pytestmark = pytest.mark.anyio

_RETURNED = "select count(*) from payment where recipient_status = 'cancelled'"


class Clock:
    """The time of this process, which goes on by itself from wherever it is set."""

    def __init__(self, traveller: time_machine.Traveller) -> None:
        self._traveller = traveller
        self._began_at, self._began = time.monotonic(), datetime.now(UTC)

    def set(self, **ahead: float) -> None:
        """Set it so far (`hours=…`) ahead of the true time, or behind."""
        passed = timedelta(seconds=time.monotonic() - self._began_at)
        self._traveller.move_to(self._began + passed + timedelta(**ahead))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """A clock to be set; ids that are made of the time are made of its."""

    def uuid7() -> UUID:
        return compat.uuid7(nanoseconds=time.time_ns())

    for name, module in [*sys.modules.items()]:
        if name.startswith("whipround.") and getattr(module, "uuid7", None) is compat.uuid7:
            monkeypatch.setattr(module, "uuid7", uuid7)
    with time_machine.travel(datetime.now(UTC), tick=True) as traveller:
        yield Clock(traveller)


@pytest.fixture(scope="module")
async def of_all(shared: Shared, postgres_url: str) -> AsyncIterator[Load]:
    async with town_here(postgres_url, shared) as (load, _):
        yield load


@pytest.fixture
def town(of_all: Load, chance: Random) -> Load:
    of_all.forget(chance)
    return of_all


async def work(shared: Shared) -> None:
    """What two workers do from time to time."""
    jobs = (housekeeping.settle_unclaimed, housekeeping.close_ended_pools, housekeeping.prune)
    for job in jobs:
        await asyncio.gather(*(job(shared.installation_db) for _ in range(2)))


async def anew(who: Customer) -> Customer:
    """The same person, who has just logged in."""
    return replace(who, client=await who.client.of(who.user))


async def test_money_moves_whatever_the_clock_says(
    town: Load, shared: Shared, clock: Clock, effort: Effort, tell: Tell
) -> None:
    chance = town.chance
    jumps = effort.of(40, quick=2)

    async with town.running(effort.of(CLIENTS, quick=QUICK_CLIENTS)):
        for _ in range(jumps):
            clock.set(hours=chance.uniform(-12, 12))  # within the life of a session
            await work(shared)
            await town.done()
        clock.set()
        await town.done()

    assert all(it.status in {200, 201} for it in town.heard)
    await town.settled()
    for each in town.people:
        await _is_listed_without_gaps(each.memento, f"{PAYMENTS}?limit=7")
        await _is_listed_without_gaps(each.memento, "/v1/transactions?limit=7")
    tell("jumps of the clock under load", jumps)
    tell("acts during jumps of the clock", len(town.acts))


async def _is_listed_without_gaps(who: Customer, path: str) -> None:
    """Page by page a list has what it has as a whole, and is ordered."""
    pages = await who.walk(path)
    whole = said(await who.get(path.replace("limit=7", "limit=100")))
    listed = [each for page in pages for each in page]
    assert len({*ids(listed)}) == len(listed)
    assert ids(listed)[: len(whole)] == ids(whole)
    times = [each["created_at"] for each in listed]
    assert times == sorted(times, reverse=True)


async def test_nothing_expires_twice(
    town: Load, shared: Shared, clock: Clock, effort: Effort
) -> None:
    chance = town.chance
    payers = [await anew(each.memento) for each in town.people]
    before = [await held_by(town.db, each.wallet_id) for each in payers]
    paid = [await each.paid(new_phone()) for each in payers for _ in range(2)]
    set_aside = [await held_by(town.db, each.wallet_id) for each in payers]
    [[returned]] = await rows(town.db, _RETURNED)

    for days in (9.9, *(chance.uniform(-30, 9.9) for _ in range(effort.of(20, quick=2)))):
        clock.set(days=days)
        await work(shared)
        assert [await rows(town.db, _RETURNED)] == [[(returned,)]]
    for _ in range(effort.of(20, quick=2)):
        clock.set(days=chance.uniform(10.1, 20))
        await work(shared)
        clock.set(days=chance.uniform(-20, 9))
        await work(shared)
    clock.set()

    assert [a - b for a, b in zip(before, set_aside, strict=True)] == [12] * len(payers)
    assert await rows(town.db, _RETURNED) == [(returned + len(paid),)]
    assert [await held_by(town.db, each.wallet_id) for each in payers] == before
    assert await problems(town.db) == []


async def test_who_was_logged_in_is_so_again_once_the_clock_is_right(
    town: Load, shared: Shared, clock: Clock
) -> None:
    now = await anew(town.people[0].memento)
    clock.set(hours=12)
    ahead = await anew(town.people[0].memento)

    clock.set(days=2)
    late = [await each.get(each.wallet) for each in (now, ahead)]
    clock.set(hours=-1)
    again = [await each.get(each.wallet) for each in (now, ahead)]

    assert [it.status_code for it in late] == [401, 401]
    assert [it.status_code for it in again] == [200, 200]
