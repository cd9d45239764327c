"""Clients of the Moneypool API, in this process, over the product of a module."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from tests.api.conftest import Shared
from tests.api.moneypool.client import Client
from tests.api.serving import moneypool


@pytest.fixture
def now() -> datetime:
    """The API goes by the real time."""
    return datetime.now(UTC)


@pytest.fixture(scope="module")
async def client(shared: Shared) -> AsyncIterator[Client]:
    """A client in a sandbox, which limits nothing worth mentioning."""
    async with moneypool(shared) as http:
        yield Client(http, shared.db, shared.keyring)


@pytest.fixture(scope="module")
async def limited_client(shared: Shared) -> AsyncIterator[Client]:
    """A client with the limits of a real installation."""
    async with moneypool(shared, sandbox=False) as http:
        yield Client(http, shared.db, shared.keyring)
