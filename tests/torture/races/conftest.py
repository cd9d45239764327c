"""Two servers for all races of a run; after each race the books hold, and no server complains."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from tests.databases import Originals
from tests.money import problems
from tests.nursery import Nursery
from tests.torture.effort import Effort
from tests.torture.races.storm import Figures, Storm
from tests.torture.races.world import World, two_servers


@pytest.fixture(scope="session")
async def both_servers(
    nursery: Nursery, originals: Originals, short_dir: Path, anyio_backend: object
) -> AsyncIterator[World]:
    """Two servers of one database."""
    folder = short_dir / "races"
    folder.mkdir()
    async with two_servers(nursery, originals, folder) as world:
        yield world


@pytest.fixture
async def world(both_servers: World, effort: Effort) -> AsyncIterator[World]:
    """The two servers, whose books hold in the end, and which have nothing to complain of."""
    yield both_servers
    assert both_servers.complaints() == []
    if not effort.is_quick:  # else once, when all is over
        assert await problems(both_servers.db) == []


@pytest.fixture
def storm(
    chance: Random, tell: Callable[[str, object], None], all_in_all: Figures
) -> Iterator[Storm]:
    """Has clients do things at once, and tells what came of them."""
    storm = Storm(chance)
    yield storm
    tell("figures", storm.figures)
    all_in_all.add(storm.figures)


@pytest.fixture(scope="session")
def all_in_all() -> Figures:
    """Those of all races."""
    return Figures()
