"""Killed in the midst of everything: nothing answered is lost, and nothing is done twice.

With a real `whipround serve --sandbox`, its own PostgreSQL and real connections. What SIGKILL takes
away is the processes and their memory. What they had given to the kernel stays, as it would not if
the power failed: that an answer waits for the disk, and not only for the kernel, is proven first.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from tests.nursery import Nursery
from tests.servers import Installation
from tests.torture.crashes import durability
from tests.torture.crashes.kills import BESIDE_THE_SERVER, KILLS, QUICK, Target, chosen
from tests.torture.crashes.storm import Storm, stopped, storm
from tests.torture.crashes.town import Town, settle
from tests.torture.effort import Effort

pytestmark = [pytest.mark.processes, pytest.mark.timeout(3600)]  # each wait is bounded

Tell = Callable[[str, object], None]

KILLS_IN_ALL, LEAST_KILLS = 60, 50
"""Of those in all, so many are of the server, of PostgreSQL, or of both."""

ROUNDS_TO_AN_AUDIT = 10
QUICK_PEOPLE, PEOPLE = 4, 12

SWEPT_WITHIN, SWEPT_HASTILY_WITHIN = 150, 60
"""A lease is a minute, asking again may take two more, and the sweep comes every five seconds."""


@pytest.fixture(scope="module")
def installation(nursery: Nursery, short_dir: Path) -> Iterator[Installation]:
    """An installation that is served, and whose books are proven when all is over."""
    installation = Installation(nursery, short_dir / "crashes")
    yield installation
    installation.close()


@pytest.fixture(scope="module")
def everything(installation: Installation, effort: Effort) -> tuple[Target, Town]:
    """What is to be killed, and the people who go on meanwhile."""
    target = Target(installation, installation.server())
    people = QUICK_PEOPLE if effort.is_quick else PEOPLE
    return target, asyncio.run(settle(installation.folder, target.server.start(), size=people))


def test_what_was_answered_is_on_the_disk(everything: tuple[Target, Town]) -> None:
    target, town = everything

    settings, fsyncs = asyncio.run(durability.measured(target, town))

    assert settings == dict.fromkeys(durability.SETTINGS, "on")
    assert fsyncs >= durability.PAYMENTS


def test_killed_under_load_nothing_is_lost_and_nothing_happens_twice(
    everything: tuple[Target, Town], effort: Effort, chance: Random, tell: Tell
) -> None:
    how_many = effort.of(KILLS_IN_ALL, quick=2)
    kinds = chance.sample(QUICK, how_many) if effort.is_quick else chosen(chance, how_many)

    done = asyncio.run(weather(*everything, kinds, effort, chance))

    kills = sum(kind not in BESIDE_THE_SERVER for kind in kinds)
    assert effort.length < 1 or kills >= LEAST_KILLS
    tell("kills of the server, PostgreSQL, or both", kills)
    tell("kills by kind", dict(Counter(kinds)))
    for name, value in done.figures.told().items():
        tell(name, value)


async def weather(
    target: Target, town: Town, kinds: Sequence[str], effort: Effort, chance: Random
) -> Storm:
    """One kill of each kind after another; in the end nothing is open any more."""
    async with storm(target, town, chance, hastily=effort.is_quick) as here:
        for number, kind in enumerate(kinds, 1):
            print(f"{number}: {kind}")
            await here.round(KILLS[kind])
            if number % ROUNDS_TO_AN_AUDIT == 0:
                await here.audited()
        await here.resolved(within=SWEPT_HASTILY_WITHIN if effort.is_quick else SWEPT_WITHIN)
        return here


def test_stopped_under_load_all_that_was_done_was_answered(
    everything: tuple[Target, Town], effort: Effort, chance: Random
) -> None:
    asyncio.run(stopped(*everything, chance, hastily=effort.is_quick))
