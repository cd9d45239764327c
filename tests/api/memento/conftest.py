"""A client of the Memento API, in this process, over a product of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx
import pytest

from tests.api.conftest import Shared
from tests.api.memento.client import Client
from tests.api.memento.paying import Town, town
from tests.api.serving import MEMENTO, front_of, new_directory
from whipround.api.types import Receive, Scope, Send
from whipround.db.database import Database
from whipround.domain.products import Product
from whipround.keyring import Keyring


@pytest.fixture
def now() -> datetime:
    """The API goes by the real time."""
    return datetime.now(UTC)


@pytest.fixture(scope="module")
async def place(shared: Shared) -> AsyncIterator[Town]:
    """A town without fees, for a whole module."""
    async with town(shared) as place:
        yield place


@pytest.fixture
async def own_town(
    installation_db: Database, product: Product, keyring: Keyring
) -> AsyncIterator[Town]:
    """A town of a test's own."""
    db = installation_db.of(product.schema_name)
    async with town(Shared(product, db, installation_db, keyring)) as place:
        yield place


@asynccontextmanager
async def _serving(
    installation_db: Database, product: Product, keyring: Keyring, *, sandbox: bool
) -> AsyncIterator[Client]:
    directory = new_directory(installation_db, keyring, sandbox=sandbox)
    directory.set([product])
    front = front_of(MEMENTO, directory)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        # A server adds the state that its lifespan began with.
        await front({**scope, "state": {}}, receive, send)

    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://whipround.test") as http:
        db = installation_db.of(product.schema_name)
        yield Client(http, db, keyring, str(product.id))
    await directory.drain()


@pytest.fixture
async def client(
    installation_db: Database, product: Product, keyring: Keyring
) -> AsyncIterator[Client]:
    """Speaks to the chapters about people, in a sandbox, which limits nothing worth mentioning."""
    async with _serving(installation_db, product, keyring, sandbox=True) as client:
        yield client


@pytest.fixture
async def limited_client(
    installation_db: Database, product: Product, keyring: Keyring
) -> AsyncIterator[Client]:
    """Speaks to the chapters about people, with the limits of a real installation."""
    async with _serving(installation_db, product, keyring, sandbox=False) as client:
        yield client
