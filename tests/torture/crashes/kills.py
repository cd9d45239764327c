"""Every way in which a server, its PostgreSQL, or both of them end: by SIGKILL, or as told."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from signal import SIGKILL, SIGTERM

import psutil

from tests.servers import Installation, Server

_AT_MOST_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Target:
    """A server, and the PostgreSQL of its own, to be killed.

    A server that was launched again in the midst of it is to be waited for by whoever kills.
    """

    installation: Installation
    server: Server

    def kill_server(self) -> None:
        """Kill the server alone: PostgreSQL outlives it."""
        self.server.signal(SIGKILL)
        self.server.ended()

    def kill_postgres(self, chance: Random, role: str = "") -> int:
        """Kill PostgreSQL, or one process of it that plays a role; how many that was."""
        processes = postgres_processes(self.installation.postgres_home())
        chosen = [it for it in processes if role in _role(it)]
        chance.shuffle(chosen)
        if role:
            del chosen[1:]
        for process in chosen:
            with suppress(psutil.Error):
                process.kill()
        return len(chosen)


async def _moment(chance: Random) -> None:
    """Let a while pass, no longer than starting and recovering may take."""
    await asyncio.sleep(chance.uniform(0, _AT_MOST_SECONDS))


def postgres_processes(home: Path) -> list[psutil.Process]:
    """All processes of the PostgreSQL, and of what makes a new one, with this home."""
    found, home = [], home.resolve()  # as a process tells its folder
    for process in psutil.process_iter(["name"]):
        if process.info["name"] in {"postgres", "initdb"}:
            with suppress(psutil.Error):
                if Path(process.cwd()).is_relative_to(home):
                    found.append(process)
    return found


def _role(process: psutil.Process) -> str:
    """What a process of PostgreSQL says it is."""
    with suppress(psutil.Error):
        said = " ".join(process.cmdline())
        if not said.startswith("postgres: "):
            return "postmaster"
        return "client backend" if "[local]" in said else said
    return "gone"


async def the_server(target: Target, chance: Random) -> None:
    target.kill_server()


async def postgresql(target: Target, chance: Random) -> None:
    assert target.kill_postgres(chance)


async def both(target: Target, chance: Random) -> None:
    server_first = chance.random() < 0.5
    if server_first:
        target.kill_server()
    assert target.kill_postgres(chance)
    if not server_first:
        target.kill_server()


async def the_postmaster(target: Target, chance: Random) -> None:
    """Its children end by themselves once they notice."""
    assert target.kill_postgres(chance, "postmaster")


async def a_backend(target: Target, chance: Random) -> None:
    """The postmaster ends all others, and recovers."""
    assert target.kill_postgres(chance, "client backend")


async def the_checkpointer(target: Target, chance: Random) -> None:
    assert target.kill_postgres(chance, "checkpointer")


async def the_wal_writer(target: Target, chance: Random) -> None:
    assert target.kill_postgres(chance, "walwriter")


async def postgresql_in_recovery(target: Target, chance: Random) -> None:
    """While the server that uses it starts it again, it is killed again."""
    assert target.kill_postgres(chance)
    for _ in range(chance.randint(1, 2)):
        await _moment(chance)
        target.kill_postgres(chance)


async def both_in_recovery(target: Target, chance: Random) -> None:
    """Both, and again while they are starting."""
    await both(target, chance)
    for _ in range(chance.randint(1, 2)):
        target.server.launch()
        await _moment(chance)
        target.kill_server()
        if chance.random() < 0.5:
            target.kill_postgres(chance)


async def commands(target: Target, chance: Random) -> None:
    """Commands beside the server, which does not notice."""
    for arguments in chance.sample((("audit",), ("product", "list")), 2):
        command = await asyncio.to_thread(target.installation.begin, *arguments)
        with command:
            await _moment(chance)
            command.kill()


async def a_stop(target: Target, chance: Random) -> None:
    """It is told to end, and does."""
    target.server.signal(SIGTERM)
    assert await asyncio.to_thread(target.server.ended) == 0


Kill = Callable[[Target, Random], Awaitable[None]]

KILLS: Mapping[str, Kill] = {
    "the server": the_server,
    "PostgreSQL": postgresql,
    "both": both,
    "PostgreSQL, again in its recovery": postgresql_in_recovery,
    "both, again while they start": both_in_recovery,
    "only the postmaster": the_postmaster,
    "one backend": a_backend,
    "the checkpointer": the_checkpointer,
    "the WAL writer": the_wal_writer,
    "commands beside the server": commands,
}

BESIDE_THE_SERVER: Sequence[str] = ("commands beside the server",)
"""What is killed there is neither a server nor its PostgreSQL."""

ENDING_THE_SERVER: Sequence[Kill] = (the_server, both, both_in_recovery, a_stop)
"""After all others the server goes on, and recovers by itself."""

QUICK: Sequence[str] = ("the server", "PostgreSQL", "both")


def chosen(chance: Random, how_many: int) -> list[str]:
    """So many kills, in any order, of each kind as many as of any other."""
    kinds: list[str] = []
    while len(kinds) < how_many:
        once = list(KILLS)
        chance.shuffle(once)
        kinds += once[: how_many - len(kinds)]
    return kinds
