"""What a server and its PostgreSQL hold while they work: memory, files, connections."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression, mean

import psutil

from bench.server import Server
from whipround.db.database import Database

EVERY_SECONDS = 1.0
_EVERY_NTH_OF_POSTGRES = 10
_LOOK_SECONDS = 0.05

_BACKENDS = "select pid, backend_type from pg_stat_activity"


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the server, after so many answers."""

    answers: int
    resident_bytes: int
    files: int


@dataclass(frozen=True, slots=True)
class PostgresSample:
    """One look at PostgreSQL: what its processes hold of their own, and how many are connected."""

    private_bytes: int
    connections: int


@dataclass(frozen=True, slots=True)
class Watch:
    """All that was seen."""

    samples: list[Sample] = field(default_factory=list)
    of_postgres: list[PostgresSample] = field(default_factory=list)

    def late(self) -> Sequence[Sample]:
        """The last two thirds: after a warm-up."""
        return self.samples[len(self.samples) // 3 :]

    def bytes_per_answer(self) -> float:
        """How much the server's memory grew with each answer, after the warm-up."""
        late = self.late()
        xs, ys = [it.answers for it in late], [it.resident_bytes for it in late]
        return linear_regression(xs, ys).slope

    def growth_bytes(self) -> float:
        """How much the server's memory grew after the warm-up, without what only comes and goes."""
        late = self.late()
        return self.bytes_per_answer() * (late[-1].answers - late[0].answers)

    def resident_mb(self) -> tuple[float, float, float]:
        """The server's memory at the start, after the warm-up and at the end."""
        at = self.samples[0], self.late()[0], self.samples[-1]
        first, then, last = (round(it.resident_bytes / 1e6, 1) for it in at)
        return first, then, last

    def more_files(self) -> int:
        """How many more files were open in the last third than in the one before, at the least."""
        second, last = _last_thirds([it.files for it in self.samples])
        return min(last) - min(second)

    def postgres_growth_bytes(self) -> float:
        """How much PostgreSQL's memory grew from the second third to the last."""
        second, last = _last_thirds([it.private_bytes for it in self.of_postgres])
        return mean(last) - mean(second)


def _last_thirds(seen: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    """The second and the last; of fewer than three, all there are, so that nothing has changed."""
    third = len(seen) // 3
    return (seen[third : 2 * third], seen[2 * third :]) if third else (seen, seen)


def open_files(pid: int) -> int:
    """How many files and sockets a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 (nothing else is wanted of them)


def clients_of(pid: int) -> int:
    """How many connections a server has not closed, PostgreSQL being reached by other means."""
    found = psutil.Process(pid).net_connections("tcp4")
    return sum(it.status != psutil.CONN_LISTEN for it in found)


async def until_clients(pid: int, most: int, *, seconds: float) -> None:
    """Wait until a server has no more clients than that. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while clients_of(pid) > most:  # noqa: ASYNC110 (another process has them)
            await asyncio.sleep(_LOOK_SECONDS)


def private_bytes(pid: int) -> int:
    """What a process holds that no other does; 0 of one that has ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0


async def look_at_postgres(db: Database) -> PostgresSample:
    """What PostgreSQL holds right now."""
    async with db.transaction() as tx:
        processes = await (await tx.execute(_BACKENDS, ())).fetchall()
    return PostgresSample(
        private_bytes=sum(private_bytes(pid) for pid, _ in processes),
        connections=sum(kind == "client backend" for _, kind in processes),
    )


@asynccontextmanager
async def watching(
    server: Server, db: Database, answers: Callable[[], int]
) -> AsyncIterator[Watch]:
    """Look every second, until the end; `answers` says how many there were by then."""
    watch = Watch()

    async def look() -> None:
        while True:
            if len(watch.samples) % _EVERY_NTH_OF_POSTGRES == 0:
                watch.of_postgres.append(await look_at_postgres(db))
            watch.samples.append(Sample(answers(), server.resident_bytes(), open_files(server.pid)))
            await asyncio.sleep(EVERY_SECONDS)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(look())
        yield watch
        task.cancel()
