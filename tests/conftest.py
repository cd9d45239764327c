"""Fixtures on a real PostgreSQL: one server for the run, a product of its own for each test."""

import asyncio
import gc
import shutil
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql

from tests.databases import Originals, new_database
from tests.nursery import Nursery
from whipround.db import schema
from whipround.db.database import Database, Tx, open_database
from whipround.db.embedded import EmbeddedPostgres
from whipround.domain import products
from whipround.domain.products import Product
from whipround.keyring import KEY_BYTES, Keyring

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)

_numbers = count(1)

QUICK_EXAMPLES, EXAMPLES = 25, 2000
"""Of each property: in the tests, and in a torture of length 1."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The length of a torture; without it, its suites are only looked at."""
    parser.addoption(
        "--torture", type=float, default=0.0, metavar="LENGTH", help="how long, 1 being the whole"
    )


def pytest_configure(config: pytest.Config) -> None:
    """How long an example takes says nothing on a busy machine."""
    settings.register_profile(
        "ours",
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow],
        max_examples=max(QUICK_EXAMPLES, round(EXAMPLES * config.getoption("torture"))),
    )
    settings.load_profile("ours")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what can only be long."""
    if not config.getoption("torture"):
        long = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


def pytest_collection_finish() -> None:
    """What has been imported stays: nobody need look again and again whether it is garbage."""
    gc.freeze()
    gc.set_threshold(10_000)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """What a torture has measured."""
    if config.getoption("torture"):
        terminalreporter.section("figures")
        for report in terminalreporter.getreports(""):
            for name, value in report.user_properties if report.when == "teardown" else ():
                terminalreporter.write_line(f"{report.nodeid}  {name}: {value}")


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Async tests run on the event loop that the server runs on."""
    return "asyncio", {"use_uvloop": True}


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
    # A schema per test is a thousand files: waiting for the disk would take most of the time, and
    # what helps after a crash some of the rest. What must survive one is tested on servers of their
    # own, which do wait.
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        for durable in ("fsync", "synchronous_commit", "full_page_writes", "wal_compression"):
            await connection.execute(
                sql.SQL("alter system set {} = off").format(sql.Identifier(durable))
            )
        await connection.execute("select pg_reload_conf()")
    async with open_database(conninfo, connections=4) as db:
        await schema.migrate(db)


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """What starts `whipround` quickly, in processes of its own."""
    nursery = Nursery()
    yield nursery
    nursery.close()


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
    async with new_database(postgres_url) as url:
        yield url


@pytest.fixture(scope="session")
def originals(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Originals:
    """Installations of which tests have copies."""
    return Originals(postgres_url, tmp_path_factory.mktemp("originals"))


class _Stack(deque[Any]):
    """Connections, of which the one that came last is taken first: it has its plans already."""

    def popleft(self) -> Any:
        return self.pop()


@pytest.fixture(scope="session")
async def installation_db(postgres_url: str, anyio_backend: object) -> AsyncIterator[Database]:
    """The database, seen from the installation's schema."""
    async with open_database(postgres_url, connections=10) as db:
        db._pool._pool = _Stack(db._pool._pool)
        yield db


@pytest.fixture
async def product(installation_db: Database) -> AsyncIterator[Product]:
    """A product that is as good as new."""
    async with lent_product(installation_db) as product:
        yield product


@asynccontextmanager
async def lent_product(installation_db: Database) -> AsyncIterator[Product]:
    """A product that is as good as new, and is made so again."""
    product = _spare.pop() if _spare else await _new_product(installation_db)
    yield product
    if await _is_clean_again(installation_db.of(product.schema_name)):
        _spare.append(product)


# A schema takes longer to make than a test takes to run, and a thousand of them slow PostgreSQL
# down: what a test leaves behind is removed, and the next test gets the same schema.
_spare: list[Product] = []
_made: dict[str, frozenset[str]] = {}

_TABLE = "table "

_DESCRIBE = f"""
    select format('{_TABLE}%%s', relname) from pg_class
    where relnamespace = current_schema::regnamespace and relkind = 'r'
    union all
    select format('%%s %%s', relname, relkind) from pg_class
    where relnamespace = current_schema::regnamespace and relkind <> 'r'
    union all
    select format('%%s %%s', tgname, tgenabled)
    from pg_trigger join pg_class on pg_class.oid = tgrelid
    where relnamespace = current_schema::regnamespace
    union all
    select conname::text from pg_constraint
    where connamespace = current_schema::regnamespace and contype <> 'n'
    union all
    select format('%%s %%s', host_names, currencies) from whipround.product
    where schema_name = current_schema
    union all
    select format('%%s %%s', name, base) from funding_source_type
"""

# The ledger lets nobody delete from it, but for a replica.
_BEGIN_CLEANING = "set local session_replication_role = replica"

_KEPT = {"migration", "funding_source_type"}


async def _new_product(installation_db: Database) -> Product:
    product = await products.add(installation_db, name=f"test_{next(_numbers)}", now=NOW)
    async with installation_db.of(product.schema_name).transaction() as tx:
        _made[product.schema_name] = await _described(tx)
    return product


async def _is_clean_again(db: Database) -> bool:
    """Remove all rows, and the tables of a test's own; whether all else is as it was made."""
    made = _made[db.schema]
    async with db.transaction() as tx:
        described = await _described(tx)
        for table in _tables(described - made):
            await tx.execute(sql.SQL("drop table {}").format(sql.Identifier(table)))
        if described != made and await _described(tx) != made:
            return False
        await tx.execute(_BEGIN_CLEANING)
        await tx.execute(_cleaning(made), (), prepare=True)
    return True


def _tables(described: Iterable[str]) -> list[str]:
    return sorted(line.removeprefix(_TABLE) for line in described if line.startswith(_TABLE))


@cache
def _cleaning(made: frozenset[str]) -> sql.Composed:
    """One statement that empties all tables: it is planned once, and then takes no time."""
    deletions = (
        sql.SQL("{} as (delete from {})").format(
            sql.Identifier(f"no {table}"), sql.Identifier(table)
        )
        for table in _tables(made)
        if table not in _KEPT
    )
    return sql.SQL("with {} select").format(sql.SQL(", ").join(deletions))


async def _described(tx: Tx) -> frozenset[str]:
    return frozenset(line for (line,) in await (await tx.execute(_DESCRIBE, ())).fetchall())


@pytest.fixture
async def db(installation_db: Database, product: Product) -> Database:
    """The database, seen from the product's schema."""
    return installation_db.of(product.schema_name)
