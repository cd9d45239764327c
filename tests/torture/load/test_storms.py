"""Two thousand sockets at once, some of them slow: all others are served, and nothing is left."""

import asyncio
import resource
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from random import Random

import pytest

from tests.torture.effort import Effort
from tests.torture.load import sockets
from tests.torture.load.asking import Mix
from tests.torture.load.clients import Heard, connected
from tests.torture.load.judging import LONGEST_SECONDS, starved
from tests.torture.load.sockets import Socket
from tests.torture.load.watching import clients_of, open_files, until_clients
from tests.torture.load.world import World
from whipround.api.protocol import (
    KEEP_ALIVE_SECONDS,
    MOST_OPEN_FILES,
    REQUEST_SECONDS,
    RESERVED_FILES,
    UNREAD_SECONDS,
)

pytestmark = [pytest.mark.anyio, pytest.mark.processes]

OTHERS = 32

LEAST_SECONDS = 4
"""How long others have to be looked at for their figures to be compared."""

IDLE_BYTES = 64 * 1024
"""What a connection may take, of those that are there at once: as much as a small answer."""

LEFT_BYTES = 2 * 1024
"""What a connection may leave behind, on average over thousands: a little untidiness."""

MOST_PUT_OFF = 0.9
"""How many may be told to ask again, after ten seconds, by a server on a machine that is busy."""

FILES_OF_OURS = 300
"""Of the files that these tests may open, as many are not for the sockets of a storm."""

_SLOW_STEP_SECONDS = 1.0
_GRACE_SECONDS = 10
"""How long a busy server may take to do what is due."""

_SLOW_HEAD = b"POST /v1/payments HTTP/1.1\r\nHost: x\r\nX-Slow: "
_SLOW_BODY = b"POST /v1/payments HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"
_PUT_OFF = b"it is safe to repeat it"
_LARGE = b"GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
_MORE_THAN_A_KERNEL_HOLDS = 12

Tell = Callable[[str, object], None]


@dataclass(frozen=True, slots=True)
class Storm:
    """How many sockets there are at once, on what, and for how many seconds it is looked at."""

    world: World
    many: int
    seconds: int
    chance: Random

    def mix(self) -> Mix:
        """What people do."""
        return self.world.mix(self.chance)

    async def others(self, storm: Awaitable[object]) -> Heard:
        """What others, who go on as always, are answered meanwhile; nobody waits for ever."""
        async with connected(self.world.server.address, OTHERS) as clients:
            async with clients.asking(self.mix().next) as heard:
                await storm
            assert heard.wrong == []
            assert max(heard.took) < LONGEST_SECONDS
        return heard


@pytest.fixture
def storm(world: World, effort: Effort, chance: Random) -> Storm:
    """One of two thousand."""
    many = 150 if effort.is_quick else 2000
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY != allowed < many + FILES_OF_OURS:
        pytest.skip(f"needs to open {many + FILES_OF_OURS} files, and may open {allowed}")
    return Storm(world, many, effort.of(8, quick=1), chance)


@pytest.fixture(autouse=True)
async def _as_before(world: World) -> AsyncIterator[None]:
    """All connections are gone in the end, and all that was accepted was paid, once.

    Of those that came and went while the kernel had too many waiting, it may accept some much
    later, and never tell that nobody is there: what ends them is that nothing is asked.
    """
    yield
    await until_clients(
        world.server.pid, 0, seconds=KEEP_ALIVE_SECONDS + REQUEST_SECONDS + _GRACE_SECONDS
    )
    assert await world.wrong_wallets() == []


@pytest.fixture(scope="module")
async def alone(world: World, effort: Effort) -> Heard | None:
    """How the others fare without any storm; only a while tells, which there is in a torture."""
    if effort.is_quick:
        return None
    calm = Storm(world, 0, effort.of(8, quick=1), Random(0))
    return await calm.others(asyncio.sleep(calm.seconds))


def _compare(who: str, beside: Heard, alone: Heard | None, tell: Tell) -> None:
    """What others had to bear from whom, which is not to starve."""
    if alone is None:
        return
    p99, before = beside.p_ms(99), alone.p_ms(99)
    tell(f"p99 of others beside {who}, ms", f"{p99:.0f}, without them {before:.0f}")
    told = f"{beside.per_second:.0f}, without them {alone.per_second:.0f}"
    tell(f"answers to others beside {who}, per second", told)
    if alone.seconds >= LEAST_SECONDS:
        assert starved(beside, alone) == []


async def test_all_who_come_at_once_are_answered(storm: Storm, effort: Effort, tell: Tell) -> None:
    server, loop = storm.world.server, asyncio.get_running_loop()
    before, started = server.resident_bytes(), loop.time()
    async with sockets.opened(server.address, storm.many) as all_sockets:
        put_off = await _all_ask(storm, all_sockets)
        seconds = loop.time() - started
        bytes_each = (server.resident_bytes() - before) / storm.many

    assert put_off <= MOST_PUT_OFF * storm.many
    if effort.is_quick:
        return  # what the first requests cost, they cost once, and there are few others
    assert bytes_each < IDLE_BYTES
    tell(f"seconds until all of {storm.many} were answered", round(seconds, 2))
    tell("of whom so many were put off once", put_off)
    tell("bytes for each of them, who idle then", round(bytes_each))


async def _all_ask(storm: Storm, all_sockets: Sequence[Socket]) -> int:
    """Have each ask for something at once. Who is put off asks again; how many that were."""
    mix = storm.mix()
    asks = [mix.next() for _ in all_sockets]
    wrong = await asyncio.gather(*map(Socket.ask, all_sockets, asks))
    again = [ask for ask, it in zip(asks, wrong, strict=True) if _PUT_OFF in it]
    assert {it for it in wrong if _PUT_OFF not in it} <= {b""}
    async with connected(storm.world.server.address, OTHERS) as clients:
        for ask in again:
            clients.send(ask, asyncio.get_running_loop().time())
        await clients.answered()
        assert clients.heard.wrong == []
    return len(again)


async def test_idle_connections_disturb_nobody(
    storm: Storm, alone: Heard | None, tell: Tell
) -> None:
    async with sockets.opened(storm.world.server.address, storm.many) as idle:
        await _all_ask(storm, idle)
        meanwhile = await storm.others(asyncio.sleep(storm.seconds))
        still_there = not any(each.closed.done() for each in idle)

    assert still_there
    _compare(f"{storm.many} idle ones", meanwhile, alone, tell)


async def test_who_comes_and_goes_without_a_word_leaves_nothing_behind(
    storm: Storm, effort: Effort, alone: Heard | None, tell: Tell
) -> None:
    rounds, held = effort.of(20, quick=3), []

    async def come_and_go() -> None:
        for _ in range(rounds):
            async with sockets.opened(storm.world.server.address, storm.many) as all_sockets:
                for each, is_rude in zip(all_sockets, cycle((False, True)), strict=False):
                    each.hang_up(rudely=is_rude)
            held.append(storm.world.server.resident_bytes())

    heard = await storm.others(come_and_go())

    if not effort.is_quick:
        left = (held[-1] - held[0]) / ((rounds - 1) * storm.many)
        tell("bytes left by each that came and went", round(left))
        assert left < LEFT_BYTES
    _compare("those who come and go", heard, alone, tell)


async def test_slow_clients_starve_nobody(storm: Storm, alone: Heard | None, tell: Tell) -> None:
    async with (
        sockets.opened(storm.world.server.address, storm.many) as slow,
        _readers_of_nothing(storm),
    ):

        async def send_slowly() -> None:
            for step in range(storm.seconds):
                _say_little(slow, step)
                await asyncio.sleep(_SLOW_STEP_SECONDS)

        heard = await storm.others(send_slowly())
    _compare(f"{storm.many} slow ones", heard, alone, tell)


@pytest.mark.long
async def test_slow_clients_are_hung_up_on_in_time(storm: Storm, tell: Tell) -> None:
    world, loop = storm.world, asyncio.get_running_loop()
    async with (
        _readers_of_nothing(storm) as readers,
        sockets.opened(world.server.address, storm.many) as slow,
    ):
        started = loop.time()
        async with asyncio.timeout(REQUEST_SECONDS + _GRACE_SECONDS):
            step = 0
            while not all(each.closed.done() for each in slow):
                _say_little(slow, step)
                step += 1
                await asyncio.sleep(_SLOW_STEP_SECONDS)
        tell("seconds that requests are waited for", round(loop.time() - started))
        await until_clients(world.server.pid, len(readers), seconds=_GRACE_SECONDS)
        assert clients_of(world.server.pid) == len(readers)

        # Looked at so often as a request may take; twice, to see that nothing was taken.
        at_most = UNREAD_SECONDS + 2 * REQUEST_SECONDS + _GRACE_SECONDS
        await until_clients(world.server.pid, 0, seconds=at_most)
        tell("seconds that readers are waited for", round(loop.time() - started))


def _say_little(slow: Sequence[Socket], step: int) -> None:
    """Half of them another byte of a header without end, half of a body."""
    for each, begin in zip(slow, cycle((_SLOW_HEAD, _SLOW_BODY)), strict=False):
        each.send(b"a" if step else begin)


@asynccontextmanager
async def _readers_of_nothing(storm: Storm) -> AsyncIterator[Sequence[Socket]]:
    """Clients that ask for more than is taken from them, and do not take it."""
    count, address = max(2, storm.many // 40), storm.world.server.address
    async with sockets.opened(address, 1) as [first]:
        first.send(_LARGE)
        await first.answered  # the first time it has to be made
    async with sockets.opened_narrow(address, count) as readers:
        for each in readers:
            each.read_nothing()
            each.send(_LARGE * _MORE_THAN_A_KERNEL_HOLDS)
        yield readers


async def test_files_that_clients_take_are_not_those_that_the_server_needs(
    storm: Storm,
) -> None:
    address, pid, mix = storm.world.server.address, storm.world.server.pid, storm.mix()
    allowed = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    limit = 2 * RESERVED_FILES + storm.many // 4
    excess = OTHERS + storm.many - (limit - RESERVED_FILES)
    async with sockets.opened(address, OTHERS) as before:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, allowed[1]))
        try:
            async with sockets.opened(address, storm.many) as too_many:
                async with asyncio.timeout(LONGEST_SECONDS):
                    await sockets.answered(too_many, excess)
                most = open_files(pid)
                wrong = await asyncio.gather(*(each.ask(mix.next()) for each in before))
                refused = [each for each in too_many if each.answered.done()]
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, allowed)
    async with sockets.opened(address, OTHERS) as after:
        wrong += await asyncio.gather(*(each.ask(mix.next()) for each in after))

    assert allowed[0] == min(allowed[1], MOST_OPEN_FILES)
    assert len(refused) == excess
    assert all(each.answered.result().startswith(b"HTTP/1.1 503 ") for each in refused)
    assert most <= limit
    assert set(wrong) == {b""}
