"""Connections are cut in the midst of commits, or all are taken: nothing is lost or made twice."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from random import Random
from typing import NamedTuple

import pytest
from psycopg.conninfo import make_conninfo

from tests.api.conftest import Shared
from tests.line import Cut, Line, line_to
from tests.torture.effort import Effort
from tests.torture.faults.load import CLIENTS, QUICK_CLIENTS, Load, Tell
from tests.torture.faults.places import town_here
from whipround.db.database import Database

pytestmark = pytest.mark.anyio

NAME = "under a storm"
FEW = 4

_TERMINATE = """
    select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = %s and pid <> pg_backend_pid()
"""


class Place(NamedTuple):
    """Load, on few connections by a line."""

    load: Load
    line: Line
    pool: Database


@pytest.fixture(scope="module")
async def of_all(shared: Shared, postgres_url: str) -> AsyncIterator[Place]:
    url = make_conninfo(postgres_url, application_name=NAME)
    async with line_to(url) as line, town_here(line.url, shared, connections=FEW) as (load, pool):
        yield Place(load, line, pool)


@pytest.fixture
def place(of_all: Place, chance: Random) -> Place:
    """The place, by this test's chance."""
    of_all.load.forget(chance)
    return of_all


def some(chance: Random, percent: int) -> Cut | None:
    """Whether to cut a commit off, and where."""
    cuts: tuple[Cut, Cut] = ("before", "after")
    return chance.choice(cuts) if chance.randrange(100) < percent else None


async def test_a_commit_that_was_cut_off_is_made_once(
    place: Place, chance: Random, effort: Effort, tell: Tell
) -> None:
    load, line = place.load, place.line
    line.commits.clear()

    async with load.running(effort.of(CLIENTS, quick=QUICK_CLIENTS)):
        await load.done()
        began = time.monotonic()
        line.choose = lambda: some(chance, 20)
        while min(line.commits["before"], line.commits["after"]) < effort.of(150, quick=3):
            await load.heard_of()
        line.choose = lambda: None
        ended = time.monotonic()
        await load.done()

    await load.settled()
    load.tell(tell, "commits cut off", began=began, ended=ended)
    tell("commits cut off: before, after", f"{line.commits['before']}, {line.commits['after']}")


async def test_who_is_cut_off_by_postgresql_again_and_again_goes_on(
    place: Place, shared: Shared, chance: Random, effort: Effort, tell: Tell
) -> None:
    load, cut = place.load, 0

    async with load.running(effort.of(CLIENTS, quick=QUICK_CLIENTS)):
        await load.done()
        began = time.monotonic()
        for _ in range(effort.of(100, quick=3)):
            cut += await _terminated(shared.installation_db)
            await load.heard_of()
        ended = time.monotonic()
        await load.done()

    await load.settled()
    load.tell(tell, "storm", began=began, ended=ended)
    tell("storm: connections terminated", cut)


async def _terminated(db: Database) -> int:
    async with db.transaction() as tx:
        return len(await (await tx.execute(_TERMINATE, (NAME,))).fetchall())


async def test_who_finds_all_connections_taken_waits_or_is_told_to_come_again(
    place: Place, effort: Effort, tell: Tell
) -> None:
    load = place.load

    async with load.running(effort.of(CLIENTS, quick=QUICK_CLIENTS)):
        await load.done()
        async with AsyncExitStack() as taken:
            for _ in range(FEW):
                await taken.enter_async_context(place.pool.transaction(patient=True))
            began = time.monotonic()
            if effort.is_quick:
                await asyncio.sleep(0.2)
            else:
                await load.refused(20)
        ended = time.monotonic()
        await load.done()

    await load.settled()
    load.tell(tell, "full pool", began=began, ended=ended)
