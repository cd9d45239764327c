"""Whatever bytes are sent to a real server, it neither fails nor hangs, and goes on."""

from collections.abc import Callable

import hypothesis
import pytest
from anyio import from_thread, to_thread
from hypothesis import given, settings

from tests.api.serving import VERSION
from tests.torture.effort import Effort
from tests.torture.fuzz.generating import ONCE
from tests.torture.fuzz.wire import (
    BODIES,
    FRAMES,
    HEADERS,
    LINES,
    RESTS,
    Answer,
    calls,
    request,
    sent,
)
from tests.torture.fuzz.world import World

pytestmark = pytest.mark.anyio

Tell = Callable[[str, object], None]


async def test_whatever_is_in_a_request_it_is_answered(
    world: World, effort: Effort, tell: Tell
) -> None:
    """Headers, targets and bodies of all sorts, in requests that are whole."""
    routes = {
        (it.method, it.described.path)
        for watch in world.line.watches.values()
        for it in watch.operations
    }
    statuses: dict[int, int] = {}
    callers = world.callers()

    @hypothesis.seed(world.chance.getrandbits(64))
    @settings(ONCE, max_examples=effort.of(3_000, quick=40))
    @given(calls(sorted(routes)), HEADERS, BODIES)
    def call(line: tuple[bytes, bytes], headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        usual = {
            b"Product-ID": world.product_id,
            b"Authorization": world.chance.choice(callers),
            b"User-Agent": "x",
            b"Accept": VERSION if b"/api/" in line[1] else "*/*",
            b"Content-Type": "application/json",
        }
        said = {name for name, _ in headers}
        headers = [
            *headers,
            *((name, it.encode()) for name, it in usual.items() if name not in said),
        ]
        whole = request(*line, headers, body)
        answer = from_thread.run(sent, world.port, whole)
        _check(answer, whole)
        # Who has seen enough of a head hangs up while it is still being sent.
        assert answer.statuses or len(whole) > 32_000, whole
        for status in answer.statuses:
            statuses[status] = statuses.get(status, 0) + 1

    await to_thread.run_sync(call)
    tell("raw requests", sum(statuses.values()))
    tell("statuses", dict(sorted(statuses.items())))
    await _still_answers(world)


async def test_whatever_is_no_request_is_refused(world: World, effort: Effort, tell: Tell) -> None:
    """Heads that say wrongly, doubly or not at all how long a request is, and what follows them."""
    refused = 0

    @hypothesis.seed(world.chance.getrandbits(64))
    @settings(ONCE, max_examples=effort.of(3_000, quick=40))
    @given(LINES, FRAMES, RESTS)
    def call(line: bytes, frames: list[bytes], rest: bytes) -> None:
        nonlocal refused
        whole = b"\r\n".join([line, b"Host: x", *frames, b"", rest])
        answer = from_thread.run(sent, world.port, whole)
        _check(answer, whole)
        refused += 400 in answer.statuses or 431 in answer.statuses

    await to_thread.run_sync(call)
    tell("refused as no requests", refused)
    await _still_answers(world)


def _check(answer: Answer, whole: bytes) -> None:
    assert all(status < 500 for status in answer.statuses), (whole, answer)
    assert answer.is_framed or whole.startswith(b"HEAD "), (whole, answer)


async def _still_answers(world: World) -> None:
    [status] = (await sent(world.port, request(b"GET", b"/v1/users/current", []))).statuses
    assert status == 401
