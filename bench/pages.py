"""What a page of a long list costs in the database, as PostgreSQL itself explains it."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from statistics import median
from typing import Any, Self, TypeAlias
from uuid import UUID

import msgspec
from psycopg import AsyncConnection, AsyncCursor
from psycopg.abc import Params
from psycopg.rows import TupleRow

from whipround.db.database import Database, Tx
from whipround.db.listing import ListQuery
from whipround.domain import transactions
from whipround.domain.payments import reading

RUNS = 9

_SEQUENTIAL = "Seq Scan"

Sent: TypeAlias = tuple[bytes, Params | None]
"""A statement as it was sent, and its parameters."""


class Statement(msgspec.Struct, frozen=True):
    """One statement: PostgreSQL's times for planning and carrying it out, and what it touched."""

    sql: str
    planning_ms: float
    execution_ms: float
    blocks: int
    sequential_scans: list[str]
    plan: dict[str, Any]


class Page(msgspec.Struct, frozen=True):
    """All statements that one page takes."""

    statements: list[Statement]

    @property
    def database_ms(self) -> float:
        """The time they take together, planning included."""
        return sum(each.planning_ms + each.execution_ms for each in self.statements)

    @property
    def sequential_scans(self) -> list[str]:
        """The tables that were read from end to end."""
        return [table for each in self.statements for table in each.sequential_scans]


async def first_pages(conninfo: str, db: Database, *, user_id: UUID) -> dict[str, Page]:
    """The person's first pages of payments and of transactions, explained."""
    asked: dict[str, Callable[[Tx], Awaitable[object]]] = {
        "payments": lambda tx: reading.page(tx, user_id=user_id, query=ListQuery()),
        "transactions": lambda tx: transactions.page(tx, user_id=user_id, query=ListQuery()),
    }
    return {name: await _explain(conninfo, db.schema, read) for name, read in asked.items()}


async def _explain(conninfo: str, schema: str, read: Callable[[Tx], Awaitable[object]]) -> Page:
    """Have the statements of `read` explained, each as it was sent; the median of several runs."""
    async with await AsyncConnection.connect(conninfo) as connection:
        await connection.execute("select set_config('search_path', %s, true)", (schema,))
        heard = await _listen(connection, read)
        runs = [[await _statement(connection, *sent) for sent in heard] for _ in range(RUNS)]
    times = [Page(run).database_ms for run in runs]
    return Page(runs[times.index(median(times))])


async def _listen(tx: Tx, read: Callable[[Tx], Awaitable[object]]) -> Sequence[Sent]:
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
    nodes = list(_nodes(explained["Plan"]))
    top = explained["Plan"]
    return Statement(
        sql=" ".join(sent.decode().split()),
        planning_ms=explained["Planning Time"],
        execution_ms=explained["Execution Time"],
        blocks=top["Shared Hit Blocks"] + top["Shared Read Blocks"],
        sequential_scans=[n["Relation Name"] for n in nodes if n["Node Type"] == _SEQUENTIAL],
        plan=top,
    )


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)
