"""A server under load for a long time: no error, nothing left behind, and as quick as ever."""

import asyncio
from collections.abc import Callable
from random import Random

import pytest

from tests.torture.effort import Effort
from tests.torture.load import judging
from tests.torture.load.clients import Heard, connected
from tests.torture.load.watching import Watch, open_files, until_clients, watching
from tests.torture.load.world import World

pytestmark = [pytest.mark.anyio, pytest.mark.processes]

BUSY_CLIENTS = 64
OPEN_CLIENTS = 256
"""So many that no request has to wait for a connection when an answer takes half a second."""

SHARE_OF_PEAK = 0.7

POOLED = 10
"""How many files a server may open more, at its leisure: connections to its database."""

Tell = Callable[[str, object], None]


async def test_a_load_that_lasts_leaves_nothing_behind(
    world: World, effort: Effort, chance: Random, tell: Tell
) -> None:
    mix, server = world.mix(chance), world.server
    files = open_files(server.pid)
    async with connected(server.address, BUSY_CLIENTS) as clients:
        for seconds in (effort.of(10, quick=0), effort.of(20, quick=1)):
            async with clients.asking(mix.next) as busy:
                await asyncio.sleep(seconds)
            assert busy.wrong == []

    # What follows from an answer is asked as well, and comes on top.
    firsts_per_second = SHARE_OF_PEAK * busy.per_second * busy.first_share
    async with (
        connected(server.address, OPEN_CLIENTS) as clients,
        watching(server, world.crowd.db, lambda: clients.heard.count) as watch,
    ):
        heard = await clients.ask_on_time(
            mix.next,
            per_second=max(firsts_per_second, 1),
            seconds=effort.of(600, quick=2),
            chance=chance,
        )

    assert heard.wrong == []
    assert await world.wrong_wallets() == []
    assert world.audit() == ""
    assert watch.more_files() <= POOLED
    await until_clients(server.pid, 0, seconds=judging.LONGEST_SECONDS)
    assert open_files(server.pid) - files <= POOLED
    if not effort.is_quick:
        _tell(busy, heard, tell)
    if heard.seconds >= judging.LEAST_SECONDS:
        _tell_of_memory(watch, tell)
        assert judging.unsteady(heard) == []
        assert judging.grown(watch) == []


def _tell(busy: Heard, heard: Heard, tell: Tell) -> None:
    """How many were answered, and how soon."""
    tell("requests per second at the peak", round(busy.per_second))
    tell("requests", heard.count)
    tell("requests per second", round(heard.per_second))
    tell("of the peak, per cent", round(100 * heard.per_second / busy.per_second))
    for third, name in enumerate(("first", "second", "last")):
        told = ", ".join(f"{heard.p_ms(percent, part=third, of=3):.0f}" for percent in (50, 99))
        tell(f"p50 and p99 of the {name} third, ms", told)
    tell("longest, s", round(max(heard.took), 2))
    tell("seconds until nothing was left to answer", round(heard.backlog_seconds, 2))


def _tell_of_memory(watch: Watch, tell: Tell) -> None:
    """What was kept meanwhile."""
    tell("server's memory at the start, after a third, at the end, MB", watch.resident_mb())
    tell("server's growth after the warm-up, MB", round(watch.growth_bytes() / 1e6, 1))
    tell("the same, MB per million requests", round(watch.bytes_per_answer(), 1))
    tell("PostgreSQL's growth, MB", round(watch.postgres_growth_bytes() / 1e6, 1))
    tell("PostgreSQL's connections at most", max(it.connections for it in watch.of_postgres))
