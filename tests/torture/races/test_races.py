"""Many clients want the same at once, on two servers of one database: it happens once.

Of each race the winners are counted, every loser is told why in words that are documented, balances
are right to the cent, and the books hold. The races are in the modules beside this one.
"""

from collections.abc import Callable

import pytest

from tests.torture.effort import Effort
from tests.torture.races import (  # noqa: F401 (each adds its races)
    arriving,
    asking,
    giving_back,
    living_together,
    outside,
    pledging,
    pooling,
    repeating,
    spending,
)
from tests.torture.races.race import RACES, Race
from tests.torture.races.storm import Figures, Storm
from tests.torture.races.world import World

pytestmark = [pytest.mark.anyio, pytest.mark.processes, pytest.mark.timeout(600)]


@pytest.mark.parametrize(
    "race",
    [pytest.param(race, id=race.name, marks=[pytest.mark.long] * race.is_long) for race in RACES],
)
async def test_a_race(race: Race, world: World, storm: Storm, effort: Effort) -> None:
    for _ in range(effort.of(race.rounds, quick=1)):
        await race.round(world, storm)


async def test_nobody_has_waited_for_each_other(
    world: World, all_in_all: Figures, tell: Callable[[str, object], None]
) -> None:
    """After all races: locks are taken in one order, and nothing had to be tried again."""
    tell("all races", all_in_all)
    tell("slowest round", f"{all_in_all.slowest:.2f} s")
    tell("logged", dict(world.logged()) or "nothing")
    assert await world.deadlocks() == 0
