"""pgbench's TPC-B on the server that everything else runs on: what a transaction costs there."""

import asyncio
import re
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from whipround.db.embedded import tool

CLIENTS = 8
THREADS = 2

_DATABASE = "tpcb"
_TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)


class ProgramFailed(Exception):
    """A program that measures did not do so; the message has its last words."""


async def prepare(conninfo: str, *, scale: int) -> str:
    """Fill a database of its own in the same cluster; how to connect to it."""
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        await connection.execute(sql.SQL("create database {}").format(sql.Identifier(_DATABASE)))
    own = make_conninfo(conninfo, dbname=_DATABASE)
    await run_program([str(tool("pgbench")), "--initialize", "--quiet", f"--scale={scale}", own])
    return own


async def measure(conninfo: str, *, seconds: int) -> float:
    """Transactions per second: 8 clients, prepared statements, over the socket."""
    said = await run_program(
        [
            str(tool("pgbench")),
            "--protocol=prepared",
            f"--client={CLIENTS}",
            f"--jobs={THREADS}",
            f"--time={seconds}",
            conninfo,
        ]
    )
    found = _TPS.search(said)
    if found is None:
        raise ProgramFailed(f"pgbench said no figure: {said}")
    return float(found[1])


async def run_program(command: Sequence[str]) -> str:
    """Run a program to its end; what it wrote. When we are cancelled, it ends too.

    Raises ProgramFailed.
    """
    process = await asyncio.create_subprocess_exec(
        *command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
    )
    try:
        out, err = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        raise ProgramFailed(f"{command[0]} failed: {(out + err).decode(errors='replace').strip()}")
    return out.decode()
