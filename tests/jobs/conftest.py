"""An installation of its own: workers serve all products of one, and it may be killed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from whipround.db.database import Database
from whipround.db.embedded import EmbeddedPostgres
from whipround.domain import products
from whipround.domain.installation import Installation, open_installation
from whipround.errors import Unavailable
from whipround.settings import Settings

PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="package")
def jobs_dir(short_dir: Path) -> Iterator[Path]:
    """A data folder whose PostgreSQL stays up between the tests."""
    folder = short_dir / "jobs"
    with asyncio.Runner() as runner:
        server = EmbeddedPostgres(folder)
        runner.run(server.start())
        yield folder
        runner.run(server.stop())


@pytest.fixture
def settings(jobs_dir: Path) -> Settings:
    return Settings(data_dir=jobs_dir)


@pytest.fixture
async def installation(settings: Settings, anyio_backend: object) -> AsyncIterator[Installation]:
    """A sandbox installation with its default product."""
    async with open_installation(settings, sandbox=True, exclusive=False) as opened:
        yield opened


@pytest.fixture
async def db(installation: Installation) -> Database:
    """The database, seen from the default product's schema."""
    known = await products.list_products(installation.db)
    (product,) = (product for product in known if product.is_default)
    return installation.db.of(product.schema_name)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until the condition holds, which it does not while the database is out of reach.

    A timeout fails the test.
    """

    async def holds() -> bool:
        try:
            return await condition()
        except (psycopg.OperationalError, Unavailable):
            return False

    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await holds():  # noqa: ASYNC110 - another process brings it about
            await asyncio.sleep(0.02)
