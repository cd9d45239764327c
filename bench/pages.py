"""What a page of a long list costs in the database, as PostgreSQL itself explains it."""

from collections.abc import Sequence
from statistics import median
from typing import Any, Self, TypeAlias

import msgspec
from psycopg import AsyncCursor
from psycopg.abc import Params
from psycopg.rows import TupleRow

from bench.lists import Read
from whipround.db.database import Tx, open_database

RUNS = 9

MANY_ROWS = 10_000
"""A table with fewer may be read from end to end: there is no quicker way."""

# By the fifth time psycopg has the server keep a statement, which may then choose, by the tenth, a
# plan for any parameters.
_UNTIL_KEPT = 12

# What this transaction alone has read.
_SCANNED = """
    select stat.relname::text
    from pg_stat_xact_user_tables as stat join pg_class on pg_class.oid = relid
    where stat.schemaname = current_schema and seq_scan > 0 and reltuples >= %s
"""

Sent: TypeAlias = tuple[bytes, Params | None]
"""A statement as it was sent, and its parameters."""


class Statement(msgspec.Struct, frozen=True):
    """One statement: PostgreSQL's times for planning and carrying it out, and what it touched."""

    sql: str
    planning_ms: float
    execution_ms: float
    blocks: int
    plan: dict[str, Any]


class Page(msgspec.Struct, frozen=True):
    """All statements that one page takes, and the tables that were read from end to end."""

    statements: list[Statement]
    sequential_scans: list[str]

    @property
    def database_ms(self) -> float:
        """The time they take together, planning included."""
        return sum(each.planning_ms + each.execution_ms for each in self.statements)

    @property
    def blocks(self) -> int:
        """How many blocks of 8 KiB they looked into."""
        return sum(each.blocks for each in self.statements)


async def explained(conninfo: str, schema: str, read: Read) -> Page:
    """Have the statements of `read` explained, each as it was sent; the median of several runs.

    Sequential scans are those that there are when it is read over and over, as a server does.
    """
    async with open_database(conninfo, connections=2) as pool:
        db = pool.of(schema)
        async with db.transaction() as tx:
            heard = await _listen(tx, read)
            runs = [[await _statement(tx, *sent) for sent in heard] for _ in range(RUNS)]
            scanned = await _scanned(tx)
        async with db.transaction() as tx:
            for _ in range(_UNTIL_KEPT):
                await read(tx)
            scanned |= await _scanned(tx)
    times = [sum(it.planning_ms + it.execution_ms for it in run) for run in runs]
    return Page(runs[times.index(median(times))], sorted(scanned))


async def _scanned(tx: Tx) -> set[str]:
    return {table for (table,) in await (await tx.execute(_SCANNED, (MANY_ROWS,))).fetchall()}


async def _listen(tx: Tx, read: Read) -> Sequence[Sent]:
    """What `read` executes."""
    heard: list[Sent] = []

    class Listening(AsyncCursor[TupleRow]):
        """A cursor that remembers what it is told."""

        async def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
            heard.append((query if isinstance(query, bytes) else query.encode(), params))
            return await super().execute(query, params, **options)

    usual, tx.cursor_factory = tx.cursor_factory, Listening
    try:
        await read(tx)
    finally:
        tx.cursor_factory = usual
    return heard


async def _statement(tx: Tx, sent: bytes, params: Params | None) -> Statement:
    cursor = await tx.execute(
        b"explain (analyze, buffers, format json) " + sent, params, prepare=False
    )
    [[[explained]]] = await cursor.fetchall()
    top = explained["Plan"]
    return Statement(
        sql=" ".join(sent.decode().split()),
        planning_ms=explained["Planning Time"],
        execution_ms=explained["Execution Time"],
        blocks=top["Shared Hit Blocks"] + top["Shared Read Blocks"],
        plan=top,
    )
