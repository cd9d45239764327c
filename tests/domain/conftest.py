"""Fixtures of people who pay each other."""

from datetime import datetime

import pytest

from tests.money import EUR, Person, Scene
from whipround.db.database import Database
from whipround.domain.products import Product
from whipround.keyring import Keyring


@pytest.fixture
async def scene(
    db: Database, product: Product, postgres_url: str, keyring: Keyring, now: datetime
) -> Scene:
    """A product in which people pay each other."""
    return Scene(db=db, product=product, conninfo=postgres_url, keyring=keyring, now=now)


@pytest.fixture
async def ann(scene: Scene) -> Person:
    """Somebody with 20 euros."""
    return await scene.person(EUR("20.00"), first_name="Ann")


@pytest.fixture
async def ben(scene: Scene) -> Person:
    """Somebody with no money."""
    return await scene.person(first_name="Ben")
