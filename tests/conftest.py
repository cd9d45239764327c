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
from whipround.db.database import Database, open_database
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
async def product(installation_db: Database, now: datetime) -> Product:
    """A brand-new product."""
    return await products.add(installation_db, name=f"test_{next(_numbers)}", now=now)


@pytest.fixture
async def db(installation_db: Database, product: Product) -> Database:
    """The database, seen from a brand-new product's schema."""
    return installation_db.of(product.schema_name)
