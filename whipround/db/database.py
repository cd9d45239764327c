"""The connection pool, and transactions bound to one product's schema."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from whipround.errors import Unavailable

Tx: TypeAlias = AsyncConnection[TupleRow]
"""A connection inside an open transaction, its search_path on one product's schema."""

INSTALLATION = "whipround"
"""The schema of what is known once per database."""

CONNECT_TIMEOUT_SECONDS = 5

_SEARCH_PATH = "select set_config('search_path', %s, true)"


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
        try:
            connection = await self._pool.getconn()
        except PoolTimeout as error:
            raise Unavailable("The database cannot be reached right now.") from error
        try:
            async with connection.transaction():
                await connection.execute(_SEARCH_PATH, (self.schema,))
                yield connection
        finally:
            await self._pool.putconn(connection)

    @asynccontextmanager
    async def pipeline(self) -> AsyncIterator[Tx]:
        """A transaction whose statements go out without waiting for each other.

        For a handful of statements that do not depend on each other's results; results are read
        after all are sent. Raises as `transaction` does, an error only where results are awaited.
        """
        try:
            connection = await self._pool.getconn()
        except PoolTimeout as error:
            raise Unavailable("The database cannot be reached right now.") from error
        try:
            async with connection.pipeline(), connection.transaction():
                await connection.execute(_SEARCH_PATH, (self.schema,))
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
        check=None,
        open=False,
    )
    async with pool:
        yield Database(pool, INSTALLATION)
