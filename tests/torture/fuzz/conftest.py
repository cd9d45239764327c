"""A world to be fuzzed, over the product of a module."""

from collections.abc import AsyncIterator
from random import Random

import pytest

from tests.api.conftest import Shared, shared
from tests.torture.fuzz.world import World, world_of

__all__ = ["shared"]


@pytest.fixture(scope="module")
async def found(shared: Shared) -> AsyncIterator[World]:
    """A world for a whole module, in which each of its documents' scenes has been played."""
    async with world_of(shared, Random()) as world:
        yield world


@pytest.fixture
def world(found: World, seed: str) -> World:
    """The world, whose chance can be replayed."""
    found.chance.seed(seed)
    return found
