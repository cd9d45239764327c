"""The connection pool, and transactions bound to one product's schema."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias, TypeVar

import psycopg
from psycopg import AsyncConnection, IsolationLevel
from psycopg.abc import PQGen
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from whipround.errors import Unavailable

Tx: TypeAlias = AsyncConnection[TupleRow]
"""A connection inside an open transaction, its search_path on one product's schema."""

Value = TypeVar("Value")

INSTALLATION = "whipround"
"""The schema of what is known once per database."""

CONNECT_TIMEOUT_SECONDS = 5

LOCK_SECONDS = 5
STATEMENT_SECONDS = 10
SILENT_SECONDS = STATEMENT_SECONDS + 2.0
"""After how long a database that should have answered, or given up, is taken to be gone."""

# Sent with the first statement of a transaction, which has to be sent anyway: nobody waits without
# limit for a lock or an answer. Nor is a statement shared out among processes, which would take
# longer to start than it takes.
_BOUNDS = f"""
    set_config('lock_timeout', '{LOCK_SECONDS}s', true),
    set_config('statement_timeout', '{STATEMENT_SECONDS}s', true),
    set_config('max_parallel_workers_per_gather', '0', true)
"""

_BEGIN = f"select set_config('search_path', %s, true), {_BOUNDS}"

# Nobody waits for the disk: what a crash of the machine may undo is for a moment only.
_BEGIN_LIGHTLY = f"{_BEGIN}, set_config('synchronous_commit', 'off', true)"

_BEGIN_PATIENTLY = "select set_config('search_path', %s, true)"

# A plan made for any list, once, that looks rows up by index: one made for a single long list, or
# while a table was still small, may read the whole table instead.
_BEGIN_BATCH = f"""
    select set_config('search_path', %s, true), {_BOUNDS},
        set_config('plan_cache_mode', 'force_generic_plan', true),
        set_config('enable_seqscan', 'off', true)
"""

# A database that went away without a word is noticed, instead of waited for.
_CONNECTION = {
    "autocommit": True,
    "connect_timeout": CONNECT_TIMEOUT_SECONDS,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}


class _Connection(AsyncConnection[TupleRow]):
    """A connection that breaks where the database has been silent for too long.

    PostgreSQL ends a statement that takes too long, but only as long as it, and the line, work.
    """

    is_patient = False

    async def wait(self, gen: PQGen[Value], *given: Any, **named: Any) -> Value:
        """What the database answers. Raises OperationalError where it says nothing for too long."""
        if self.is_patient:
            return await super().wait(gen, *given, **named)
        breaking = asyncio.get_running_loop().call_later(SILENT_SECONDS, self._break)
        try:
            return await super().wait(gen, *given, **named)
        finally:
            breaking.cancel()

    def _break(self) -> None:
        """Have whoever waits read the end of it, at once."""
        with (
            suppress(OSError, psycopg.Error),
            socket.fromfd(self.fileno(), socket.AF_UNIX, 0) as line,
        ):
            line.shutdown(socket.SHUT_RDWR)


class Database:
    """A pool of connections, seen from one schema.

    A function that takes a `Database` owns its transactions; one that takes a `Tx` never commits.
    """

    def __init__(self, pool: "AsyncConnectionPool[_Connection]", schema: str) -> None:
        self._pool = pool
        self.schema = schema

    def of(self, schema: str) -> "Database":
        """The same pool, seen from another schema."""
        return Database(self._pool, schema)

    @asynccontextmanager
    async def transaction(
        self, *, patient: bool = False, is_durable: bool = True
    ) -> AsyncIterator[Tx]:
        """A READ COMMITTED transaction: committed at the end, rolled back by an exception.

        A statement may take 10 seconds, 5 of them waiting for a lock, and without limit where
        `patient`: for migrations. What is not `is_durable`, and was committed within the last
        second, may be undone by a crash. Raises Unavailable when no connection can be had in time,
        OperationalError when the database is lost, or says nothing for 12 seconds.
        """
        begin = _BEGIN_PATIENTLY if patient else _BEGIN if is_durable else _BEGIN_LIGHTLY
        async with (
            self._connection(patient=patient) as connection,
            connection.transaction(),
        ):
            await connection.execute(begin, (self.schema,))
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Tx]:
        """A read-only transaction in which every statement sees the same moment.

        Raises Unavailable as `transaction` does.
        """
        async with self._connection(patient=True) as connection:
            await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
            await connection.set_read_only(True)
            try:
                async with connection.transaction():
                    await connection.execute(_BEGIN_PATIENTLY, (self.schema,))
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
                    await connection.execute(_BEGIN_BATCH, (self.schema,))
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
            await connection.execute(_BEGIN_BATCH, (self.schema,))
            yield connection

    @asynccontextmanager
    async def _connection(self, *, patient: bool = False) -> AsyncIterator[Tx]:
        try:
            connection = await self._pool.getconn()
        except PoolTimeout as error:
            raise Unavailable("The database cannot be reached right now.") from error
        connection.is_patient = patient
        try:
            yield connection
        finally:
            connection.is_patient = False
            await self._pool.putconn(connection)


@asynccontextmanager
async def open_database(conninfo: str, *, connections: int) -> AsyncIterator[Database]:
    """The database at a libpq URL or connection string, seen from the installation's schema.

    Connections are opened as needed, up to `connections`, and closed at the end.
    """
    pool = AsyncConnectionPool(
        conninfo,
        connection_class=_Connection,
        min_size=2,
        max_size=connections,
        timeout=CONNECT_TIMEOUT_SECONDS,
        # The pauses between attempts double until it gives up, and then whoever wants one has it
        # begin anew: a database that was away for long is not looked for just as long after.
        reconnect_timeout=CONNECT_TIMEOUT_SECONDS,
        kwargs=_CONNECTION,
        open=False,
    )
    async with pool:
        yield Database(pool, INSTALLATION)
