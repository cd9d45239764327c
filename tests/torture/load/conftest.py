"""One world for all of these tests: its server is a real process, which takes long to start."""

import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest

from bench.server import temporary_folder
from tests.torture.effort import Effort
from tests.torture.load.world import World, opened
from whipround.api.protocol import allow_many_files


@pytest.fixture(scope="session")
async def world(effort: Effort, anyio_backend: object) -> AsyncIterator[World]:
    """One that all these tests share, begun under the limit that most systems begin with."""
    with temporary_folder() as folder:
        with _begun_with_few_files():
            opening = opened(folder, people=effort.of(1000, quick=30))
            made = await opening.__aenter__()
        try:
            yield made
        finally:
            await opening.__aexit__(None, None, None)


@contextmanager
def _begun_with_few_files() -> Iterator[None]:
    """What is started meanwhile may open 1,024 files, unless it helps itself to more."""
    allow_many_files()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
