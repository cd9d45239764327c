"""Two servers with the limits of a real installation, and a clock that can be set forward."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, NamedTuple

import httpx
import time_machine

from tests.api.conftest import Shared
from tests.api.faces import Faces, root_of, seen_by
from tests.api.serving import new_directory
from tests.money import problems
from whipround.api.types import App

_addresses = count(1)


class Servers(NamedTuple):
    """Two servers of one product, each with what it keeps to itself."""

    shared: Shared
    apps: tuple[App, App]
    stack: AsyncExitStack
    forward: Callable[[timedelta], None]

    async def caller(self, server: int = 0) -> Faces:
        """Somebody who calls from an address from which nobody has called yet."""
        number = next(_addresses)
        address = f"198.51.{100 + number // 250}.{number % 250 + 1}"
        return await self.stack.enter_async_context(
            seen_by(self.apps[server], self.shared, address=address)
        )


@asynccontextmanager
async def servers(shared: Shared) -> AsyncIterator[Servers]:
    """The books are proven in the end."""
    directories = [
        new_directory(shared.installation_db, shared.keyring, sandbox=False) for _ in range(2)
    ]
    for directory in directories:
        directory.set([shared.product])
    first, second = [root_of(directory) for directory in directories]
    with _clock() as forward:
        async with AsyncExitStack() as stack:
            yield Servers(shared, (first, second), stack, forward)
        for directory in directories:
            await directory.drain()
    assert await problems(shared.db) == []


@contextmanager
def _clock() -> Iterator[Callable[[timedelta], None]]:
    """A clock that begins with all windows, so that none ends within a few seconds of it."""
    midnight = (datetime.now(UTC) + timedelta(days=1)).replace(hour=0, minute=0, second=5)
    with time_machine.travel(midnight, tick=True) as traveller:
        yield traveller.shift


async def at_once(calls: Sequence[Awaitable[httpx.Response]]) -> list[httpx.Response]:
    """The answers to calls that are all sent before any is answered."""
    return list(await asyncio.gather(*calls))


def statuses(answers: list[httpx.Response]) -> dict[int, int]:
    """How many were answered how."""
    found: dict[int, int] = {}
    for answer in answers:
        found[answer.status_code] = found.get(answer.status_code, 0) + 1
    return found


def chance_of(tries: int, *, of: int) -> str:
    """How probable it is that one of so many tries is the right one, in percent."""
    return f"{100 * tries / of:.2g} %"


Tell = Callable[[str, Any], None]
