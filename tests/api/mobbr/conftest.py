"""Clients of the Mobbr API, in this process, over the product of a module."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from tests.api.conftest import Shared
from tests.api.mobbr.client import Client
from tests.api.serving import mobbr
from tests.money import Scene
from tests.outside import Outside, outside_here


@pytest.fixture
def now() -> datetime:
    """The API goes by the real time."""
    return datetime.now(UTC)


@pytest.fixture(scope="module")
async def client(shared: Shared) -> AsyncIterator[Client]:
    """A client in a sandbox, which limits nothing worth mentioning."""
    async with mobbr(shared) as http:
        yield Client(http, shared.db, shared.keyring)


@pytest.fixture(scope="module")
async def limited_client(shared: Shared) -> AsyncIterator[Client]:
    """A client with the limits of a real installation."""
    async with mobbr(shared, sandbox=False) as http:
        yield Client(http, shared.db, shared.keyring)


@pytest.fixture(scope="module")
async def outside(anyio_backend: object) -> AsyncIterator[Outside]:
    """A website and GitHub, on this machine."""
    async with outside_here() as outside:
        yield outside


@pytest.fixture(scope="module")
async def web_client(shared: Shared, outside: Outside) -> AsyncIterator[Client]:
    """A client in a sandbox that finds these."""
    async with mobbr(shared, web=outside.web) as http:
        yield Client(http, shared.db, shared.keyring)


@pytest.fixture
def scene(shared: Shared, postgres_url: str, now: datetime) -> Scene:
    """The product in which people pay each other by other means than this API."""
    return Scene(
        db=shared.db,
        product=shared.product,
        conninfo=postgres_url,
        keyring=shared.keyring,
        now=now,
    )
