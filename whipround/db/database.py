"""The connection pool, and transactions bound to one product's schema."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

from psycopg import AsyncConnection, IsolationLevel
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from whipround.errors import Unavailable

Tx: TypeAlias = AsyncConnection[TupleRow]
"""A connection inside an open transaction, its search_path on one product's schema."""

INSTALLATION = "whipround"
"""The schema of what is known once per database."""

CONNECT_TIMEOUT_SECONDS = 5

_SEARCH_PATH = "select set_config('search_path', %s, true)"

# A plan made for any list, once: it looks rows up by index however many are asked for, where a plan
# made for one long list may read the whole table instead.
_BATCH = """
    select set_config('search_path', %s, true),
        set_config('plan_cache_mode', 'force_generic_plan', true)
"""


class Database:
    """A pool of connections, seen from one schema.

    A function that takes a `Database` owns its transactions; one that takes a `Tx` never commits.
    """

    def __init__(self, pool: "AsyncConnectionPool[Tx]", schema: str) -> None:
        self._pool = pool
        self.schema = schema

    def of(self, schema: str) -> "Database":
        """The same pool, seen from another schema."""
        return Database(self._pool, schema)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """A READ COMMITTED transaction: committed at the end, rolled back by an exception.

        Raises Unavailable when no connection can be had within the pool's time limit.
        """
        async with self._connection() as connection, connection.transaction():
            await connection.execute(_SEARCH_PATH, (self.schema,))
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Tx]:
        """A read-only transaction in which every statement sees the same moment.

        Raises Unavailable as `transaction` does.
        """
        async with self._connection() as connection:
            await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
            await connection.set_read_only(True)
            try:
                async with connection.transaction():
                    await connection.execute(_SEARCH_PATH, (self.schema,))
                    yield connection
            finally:
                await connection.set_isolation_level(None)
                await connection.set_read_only(None)

    @asynccontextmanager
    async def pipeline(self) -> AsyncIterator[Tx]:
        """A transaction for work over lists; its statements do not wait for each other.

        They go out as written, up to where a result is awaited, and the last of them together with
        the commit. Raises as `transaction` does, an error only where results are awaited.
        """
        async with self._connection() as connection:
            try:
                async with connection.pipeline():
                    await connection.execute("begin")
                    await connection.execute(_BATCH, (self.schema,))
                    yield connection
                    await connection.execute("commit")
            except BaseException:
                if not connection.closed:
                    await connection.rollback()
                raise

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Tx]:
        """Statements that read over lists, sent and answered in one round trip.

        They are one transaction up to the first result that is awaited: send all before.
        """
        async with self._connection() as connection, connection.pipeline():
            await connection.execute(_BATCH, (self.schema,))
            yield connection

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Tx]:
        try:
            connection = await self._pool.getconn()
        except PoolTimeout as error:
            raise Unavailable("The database cannot be reached right now.") from error
        try:
            yield connection
        finally:
            await self._pool.putconn(connection)


@asynccontextmanager
async def open_database(conninfo: str, *, connections: int) -> AsyncIterator[Database]:
    """The database at a libpq URL or connection string, seen from the installation's schema.

    Connections are opened as needed, up to `connections`, and closed at the end.
    """
    pool: AsyncConnectionPool[Tx] = AsyncConnectionPool(
        conninfo,
        min_size=2,
        max_size=connections,
        timeout=CONNECT_TIMEOUT_SECONDS,
        kwargs={"autocommit": True, "connect_timeout": CONNECT_TIMEOUT_SECONDS},
        open=False,
    )
    async with pool:
        yield Database(pool, INSTALLATION)
