"""A world to be fuzzed, over the product of a module."""

from collections.abc import AsyncIterator
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.api.conftest import Shared, shared

if TYPE_CHECKING:
    from tests.torture.fuzz.world import World

__all__ = ["shared"]


@pytest.fixture(scope="module")
async def found(shared: Shared) -> "AsyncIterator[World]":
    """A world for a whole module."""
    # Every run would have to import schemathesis, of however few tests.
    from tests.torture.fuzz.world import world_of

    async with world_of(shared, Random()) as world:
        yield world


@pytest.fixture
def world(found: "World", seed: str) -> "World":
    """The world, whose chance can be replayed."""
    found.chance.seed(seed)
    return found
