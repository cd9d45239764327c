"""Fixtures on a real PostgreSQL: one server for the run, a product of its own for each test."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql
from psycopg.conninfo import make_conninfo

from whipround.db import schema
from whipround.db.database import Database, Tx, open_database
from whipround.db.embedded import EmbeddedPostgres
from whipround.domain import products
from whipround.domain.products import Product
from whipround.keyring import KEY_BYTES, Keyring

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)

_numbers = count(1)

# How long an example takes says nothing on a busy machine.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio, which is what the server runs on."""
    return "asyncio"


@pytest.fixture(scope="session")
def short_dir() -> Iterator[Path]:
    """A temporary folder with a short path that any account can reach into."""
    # Not pytest's own: that one is closed to others, and PostgreSQL never runs as root.
    folder = Path(tempfile.mkdtemp(prefix="whipround-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_url(short_dir: Path) -> Iterator[str]:
    """How to connect to a PostgreSQL with a migrated, otherwise empty installation."""
    with asyncio.Runner() as runner:
        # Nobody watches it, as nothing runs between these steps; no test kills this one.
        server = EmbeddedPostgres(short_dir / "data")
        conninfo = runner.run(server.start())
        runner.run(_migrate(conninfo))
        yield conninfo
        runner.run(server.stop())


async def _migrate(conninfo: str) -> None:
    # A schema per test is a thousand files: waiting for the disk would take most of the time.
    # What must survive a crash is tested on servers of their own, which do wait.
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        await connection.execute("alter system set fsync = off")
        await connection.execute("select pg_reload_conf()")
    async with open_database(conninfo, connections=4) as db:
        await schema.migrate(db)


@pytest.fixture
def now() -> datetime:
    """A fixed moment, to be passed on as the time."""
    return NOW


@pytest.fixture
def keyring() -> Keyring:
    """A keyring that is the same in every run."""
    return Keyring(bytes(range(KEY_BYTES)))


@pytest.fixture
async def fresh_url(postgres_url: str) -> AsyncIterator[str]:
    """How to connect to a database of the test's own, empty."""
    name = f"fresh_{next(_numbers)}"
    async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as connection:
        identifier = sql.Identifier(name)
        await connection.execute(sql.SQL("create database {}").format(identifier))
        yield make_conninfo(postgres_url, dbname=name)
        await connection.execute(sql.SQL("drop database {} with (force)").format(identifier))


@pytest.fixture
async def installation_db(postgres_url: str, anyio_backend: str) -> AsyncIterator[Database]:
    """The database, seen from the installation's schema."""
    async with open_database(postgres_url, connections=10) as db:
        yield db


@pytest.fixture
async def product(installation_db: Database, now: datetime) -> AsyncIterator[Product]:
    """A product that is as good as new."""
    product = _spare.pop() if _spare else await _new_product(installation_db, now)
    yield product
    if await _is_clean_again(installation_db.of(product.schema_name), product):
        _spare.append(product)


# A schema takes longer to make than a test takes to run, and a thousand of them slow PostgreSQL
# down: what a test leaves behind is deleted, and the next test gets the same schema.
_spare: list[Product] = []
_made: dict[str, list[str]] = {}

_DESCRIBE = """
    select relname::text from pg_class where relnamespace = current_schema::regnamespace
    union all
    select format('%%s %%s', tgname, tgenabled)
    from pg_trigger join pg_class on pg_class.oid = tgrelid
    where relnamespace = current_schema::regnamespace
    union all
    select format('%%s %%s', host_names, currencies) from whipround.product
    where schema_name = current_schema
    union all
    select format('%%s %%s', name, base) from funding_source_type
    order by 1
"""

_TABLES = """
    select relname::text from pg_class
    where relnamespace = current_schema::regnamespace and relkind = 'r'
        and relname not in ('migration', 'funding_source_type')
"""


async def _new_product(installation_db: Database, now: datetime) -> Product:
    product = await products.add(installation_db, name=f"test_{next(_numbers)}", now=now)
    async with installation_db.of(product.schema_name).transaction() as tx:
        _made[product.schema_name] = await _described(tx)
    return product


async def _is_clean_again(db: Database, product: Product) -> bool:
    """Delete all rows; whether the schema is still what it was when it was made."""
    async with db.transaction() as tx:
        if await _described(tx) != _made[product.schema_name]:
            return False
        # The ledger lets nobody delete from it, but for a replica.
        await tx.execute("set local session_replication_role = replica")
        tables = await (await tx.execute(_TABLES)).fetchall()
        for (table,) in tables:
            await tx.execute(sql.SQL("delete from {}").format(sql.Identifier(table)))
    return True


async def _described(tx: Tx) -> list[str]:
    return [line for (line,) in await (await tx.execute(_DESCRIBE, ())).fetchall()]


@pytest.fixture
async def db(installation_db: Database, product: Product) -> Database:
    """The database, seen from the product's schema."""
    return installation_db.of(product.schema_name)
