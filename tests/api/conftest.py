"""A product that the tests of a module share: those that mind what others leave use `product`."""

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import count
from typing import NamedTuple

import pytest

from whipround.db.database import Database, open_database
from whipround.domain import products
from whipround.domain.products import Product
from whipround.keyring import KEY_BYTES, Keyring

_numbers = count(1)


class Shared(NamedTuple):
    """A product, its database, and the database as the installation sees it."""

    product: Product
    db: Database
    installation_db: Database
    keyring: Keyring


@pytest.fixture(scope="module")
async def shared(postgres_url: str, anyio_backend: str) -> AsyncIterator[Shared]:
    """One product for a whole module."""
    async with open_database(postgres_url, connections=10) as installation_db:
        name = f"api_{os.getpid()}_{next(_numbers)}"
        product = await products.add(installation_db, name=name, now=datetime.now(UTC))
        db = installation_db.of(product.schema_name)
        yield Shared(product, db, installation_db, Keyring(bytes(range(KEY_BYTES))))
