"""Killed while it makes its database and its schemas: the next start makes what is missing."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

import httpx
import pytest

from tests.nursery import Nursery
from tests.servers import Installation, Server
from tests.torture.crashes.kills import Target
from tests.torture.effort import Effort
from whipround.domain.samples import DEMO_PASSWORD

pytestmark = [pytest.mark.processes, pytest.mark.timeout(3600)]  # each wait is bounded

FIRST_STARTS = 12
MOST_KILLS = 3
LONGEST_START_SECONDS = 4.0

DEMO_USER = "jondough"


def test_a_first_start_that_is_killed_is_made_up_for_by_the_next(
    nursery: Nursery,
    short_dir: Path,
    effort: Effort,
    chance: Random,
    tell: Callable[[str, object], None],
) -> None:
    kills = 0
    for number in range(effort.of(FIRST_STARTS, quick=1)):
        with closing(Installation(nursery, short_dir / f"first{number}")) as installation:
            target = Target(installation, installation.server())
            for _ in range(1 if effort.is_quick else chance.randint(1, MOST_KILLS)):
                asyncio.run(start_and_kill(target, chance))
                kills += 1

            assert money(target.server) == {
                "EUR": "1000.00000000",
                "MXN": "10000.00000000",
            }
    tell("kills", kills)


async def start_and_kill(target: Target, chance: Random) -> None:
    """Start it, and kill it before or after it is ready; perhaps all that it has started, too."""
    target.server.launch()
    await asyncio.sleep(chance.uniform(0, LONGEST_START_SECONDS))
    target.kill_server()
    if chance.random() < 0.5:
        target.kill_postgres(chance)


def money(server: Server) -> dict[str, str]:
    """What a demo user has, on a server that is started."""
    login = (DEMO_USER, DEMO_PASSWORD)
    answer = httpx.get(f"{server.start()}/api_v1/balances", auth=login)
    assert answer.status_code == 200, answer.text
    shown = answer.json()["result"]["balances"]
    return {it["currency_iso"]: it["amount"] for it in shown if float(it["amount"])}
