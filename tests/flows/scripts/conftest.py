"""The web, and who reads it."""

from collections.abc import AsyncIterator

import pytest

from tests.outside import Outside, outside_here


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    """A website and GitHub, on this machine."""
    async with outside_here() as outside:
        yield outside
