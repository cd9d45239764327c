"""A product that the tests of a module share: those that mind what others leave use `product`."""

from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest

from tests.conftest import lent_product
from whipround.db.database import Database
from whipround.domain.products import Product
from whipround.keyring import KEY_BYTES, Keyring


class Shared(NamedTuple):
    """A product, its database, and the database as the installation sees it."""

    product: Product
    db: Database
    installation_db: Database
    keyring: Keyring


@pytest.fixture(scope="module")
async def shared(installation_db: Database) -> AsyncIterator[Shared]:
    """One product for a whole module."""
    async with lent_product(installation_db) as product:
        db = installation_db.of(product.schema_name)
        yield Shared(product, db, installation_db, Keyring(bytes(range(KEY_BYTES))))
