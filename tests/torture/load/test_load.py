"""A server under load for a long time: no error, nothing left behind, and as quick as ever."""

import asyncio
from collections.abc import Callable
from random import Random

import pytest

from tests.torture.effort import Effort
from tests.torture.load.clients import Heard, connected
from tests.torture.load.watching import Watch, watching
from tests.torture.load.world import World

pytestmark = [pytest.mark.anyio, pytest.mark.processes]

BUSY_CLIENTS = 64
OPEN_CLIENTS = 256
"""So many that no request has to wait for a connection when an answer takes half a second."""

SHARE_OF_PEAK = 0.7

MOST_GROWTH = 16 * 1024 * 1024
"""By how much the server's memory may grow after the warm-up, as a line through it would have it.

There are caches to be filled (the largest has 10,000 names of group photos), and an allocator takes
and gives back whole arenas. In ten minutes there are more than 100,000 requests: it is enough for a
hundred and sixty bytes each, which is less than what any request is made of.
"""

MOST_POSTGRES_GROWTH = 64 * 1024 * 1024
"""Each of its processes learns of more tables and plans as it meets them, up to an end."""

STEADY = 3
"""By what the 99th percentile of the last third may be more than that of the first."""

Tell = Callable[[str, object], None]


async def test_a_load_that_lasts_leaves_nothing_behind(
    world: World, effort: Effort, chance: Random, tell: Tell
) -> None:
    mix, server = world.mix(chance), world.server
    async with connected(server.address, BUSY_CLIENTS) as clients:
        for seconds in (effort.of(10, quick=1), effort.of(20, quick=1)):
            async with clients.asking(mix.next) as busy:
                await asyncio.sleep(seconds)
                peak = busy.count / seconds
            assert busy.wrong == []

    async with (
        connected(server.address, OPEN_CLIENTS) as clients,
        watching(server, world.crowd.db, lambda: clients.heard.count) as watch,
    ):
        heard = await clients.ask_on_time(
            mix.next,
            per_second=SHARE_OF_PEAK * peak,
            seconds=effort.of(600, quick=3),
            chance=chance,
        )

    assert heard.wrong == []
    assert await world.wrong_wallets() == []
    assert world.audit() == ""
    assert not watch.more_files()
    if not effort.is_quick:
        tell("requests per second at the peak", round(peak))
        _tell_and_judge(heard, watch, tell)


def _tell_and_judge(heard: Heard, watch: Watch, tell: Tell) -> None:
    """What only means something after a while."""
    first, last = (heard.p_ms(99, part=part, of=3) for part in (0, 2))
    tell("requests", heard.count)
    tell("requests per second", round(heard.count / (heard.due[-1] - heard.due[0])))
    for third, name in ((0, "first"), (2, "last")):
        told = ", ".join(f"{heard.p_ms(percent, part=third, of=3):.0f}" for percent in (50, 99))
        tell(f"p50 and p99 of the {name} third, ms", told)
    tell("server's memory at the start, after a third, at the end, MB", watch.resident_mb())
    tell("server's growth after the warm-up, MB", round(watch.growth_bytes() / 1e6, 1))
    tell("the same, MB per million requests", round(watch.bytes_per_answer(), 1))
    tell("PostgreSQL's growth, MB", round(watch.postgres_growth_bytes() / 1e6, 1))
    tell("PostgreSQL's connections at most", max(it.connections for it in watch.of_postgres))
    assert watch.growth_bytes() < MOST_GROWTH
    assert watch.postgres_growth_bytes() < MOST_POSTGRES_GROWTH
    assert last < STEADY * first
