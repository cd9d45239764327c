"""The database is gone for a while: who asks is told, and afterwards all goes on by itself."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import psutil
import psycopg
import pytest

from tests.databases import Originals
from tests.line import Line
from tests.nursery import Nursery
from tests.servers import Installation
from tests.torture.effort import Effort
from tests.torture.faults.load import TOLD_WITHIN_SECONDS, Load, Tell
from tests.torture.faults.places import Place, place_of, place_over_a_line
from whipround.db.embedded import EmbeddedPostgres

pytestmark = [pytest.mark.anyio, pytest.mark.processes]

GONE_SECONDS = 12
"""Longer than the deadline of what waits for the database, so that there are refusals."""

SILENT_SECONDS = TOLD_WITHIN_SECONDS + 5
"""So long that whoever waits for a word, and not until a deadline, is found out."""

_FSYNC_AND_PID = "select current_setting('fsync'), pg_backend_pid()"

_TERMINATE_ALL_BUT = """
    select pg_terminate_backend(pid) from pg_stat_activity
    where backend_type = 'client backend' and pid <> all(%s)
"""

_ROUNDS = 200
"""How often, at most, those who come again at once are cut off, for others to take their places."""

Step = Callable[[], Awaitable[None]]


class OwnPostgres:
    """A PostgreSQL that waits for the disk, and that a test may stop in any way."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self.url = ""
        self._others: list[psycopg.AsyncConnection] = []

    async def start(self) -> None:
        """Start it, and again once it was stopped."""
        self._server = EmbeddedPostgres(self._data_dir)
        self.url = await self._server.start()
        async with await psycopg.AsyncConnection.connect(self.url) as connection:
            [[fsync, pid]] = await (await connection.execute(_FSYNC_AND_PID)).fetchall()
            parent = psutil.Process(pid).parent()
        assert fsync == "on"
        assert parent is not None
        self._first = parent

    async def stop(self) -> None:
        """Shut it down: who is connected is cut off, and nobody is let in."""
        await self._server.stop()

    async def freeze(self) -> None:
        """Have all of its processes stand still."""
        self._signal(signal.SIGSTOP)

    async def thaw(self) -> None:
        """Have them go on."""
        self._signal(signal.SIGCONT)

    async def crowd(self) -> None:
        """Have others take all of its connections."""
        for _ in range(_ROUNDS):
            with suppress(psycopg.OperationalError):  # there is no room for one more
                while True:
                    self._others.append(await psycopg.AsyncConnection.connect(self.url))
            ours = [each.info.backend_pid for each in self._others]
            cut_off = await self._others[0].execute(_TERMINATE_ALL_BUT, (ours,))
            await self._others[0].commit()
            if cut_off.rowcount == 0:
                return
        raise AssertionError("there are still connections of the server's")

    async def leave(self) -> None:
        """Have the others go."""
        for each in self._others:
            await each.close()
        self._others.clear()

    def _signal(self, number: signal.Signals) -> None:
        for process in (self._first, *self._first.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)


async def goes_on_after(
    load: Load, tell: Tell, name: str, *, away: Step, back: Step, seconds: float
) -> None:
    """Have the database go away in the midst of the load, and come back after so many seconds."""
    async with load.running():
        await load.done()
        began = time.monotonic()
        try:
            await away()
            await asyncio.sleep(seconds)
        finally:  # whoever interrupts this leaves nothing standing still
            await back()
        ended = time.monotonic()
        await load.done(3)
    load.tell(tell, name, began=began, ended=ended)
    await load.settled()


@pytest.fixture
async def over_a_line(
    nursery: Nursery, short_dir: Path, originals: Originals, chance: Random
) -> AsyncIterator[tuple[Place, Line]]:
    async with place_over_a_line(nursery, short_dir / "gone", originals, chance) as found:
        yield found


async def test_a_line_that_is_silent_or_refuses(
    over_a_line: tuple[Place, Line], effort: Effort, tell: Tell
) -> None:
    place, line = over_a_line
    steps = {
        "partition": (line.fall_silent, line.speak, SILENT_SECONDS),
        "refused": (line.refuse, line.accept, GONE_SECONDS),
    }

    for name, (away, back, long) in steps.items():
        seconds = effort.of(long, quick=1)
        await goes_on_after(place.load, tell, name, away=away, back=back, seconds=seconds)

    assert "a request failed" not in place.server.log.read_text()


@pytest.fixture
async def postgres(short_dir: Path) -> AsyncIterator[OwnPostgres]:
    postgres = OwnPostgres(short_dir / "stopped-data")
    await postgres.start()
    yield postgres
    await postgres.stop()


@pytest.fixture
async def place(
    nursery: Nursery, short_dir: Path, postgres: OwnPostgres, chance: Random
) -> AsyncIterator[Place]:
    installation = Installation(nursery, short_dir / "stopped", database_url=postgres.url)
    async with place_of(installation, url=postgres.url, chance=chance) as place:
        yield place


@pytest.mark.long
async def test_a_postgresql_that_is_stopped_shut_down_or_crowded(
    place: Place, postgres: OwnPostgres, tell: Tell
) -> None:
    steps = {
        "stopped": (postgres.freeze, postgres.thaw, SILENT_SECONDS),
        "shut down": (postgres.stop, postgres.start, GONE_SECONDS),
        "crowded": (postgres.crowd, postgres.leave, GONE_SECONDS),
    }

    for name, (away, back, seconds) in steps.items():
        await goes_on_after(place.load, tell, name, away=away, back=back, seconds=seconds)

    assert "a request failed" not in place.server.log.read_text()
