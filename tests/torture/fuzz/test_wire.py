"""Whatever bytes are sent to a real server, it neither fails nor hangs, and goes on."""

from collections.abc import Callable
from itertools import product
from random import Random
from typing import TYPE_CHECKING

import hypothesis
import pytest
from anyio import from_thread, to_thread
from hypothesis import given, settings

from tests.api.routes import routes_of
from tests.api.serving import VERSION
from tests.torture.effort import Effort
from tests.torture.fuzz.odd import (
    AFTER,
    BODIES,
    FRAMES,
    HEADERS,
    LINES,
    NO_FRAMES,
    NO_LINES,
    RESTS,
    WHOLE,
    calls,
)
from tests.torture.fuzz.wire import Answer, request, sent
from whipround.api.bodies import Malformed
from whipround.api.memento.app import create_app as memento
from whipround.api.mobbr.app import create_app as mobbr
from whipround.api.moneypool.app import create_app as moneypool

if TYPE_CHECKING:
    from tests.torture.fuzz.world import World

pytestmark = pytest.mark.anyio

Tell = Callable[[str, object], None]

CONTINUE = 100
"""Goes before an answer."""

MALFORMED = Malformed.code.encode()
"""Is said to what is no request."""


async def test_whatever_is_in_a_request_it_is_answered(
    world: "World", effort: Effort, tell: Tell
) -> None:
    """Headers, targets and bodies of all sorts, in requests that are whole."""
    from tests.torture.fuzz.generating import ONCE

    apps = [create() for create in (memento, moneypool, mobbr)]
    routes = {(it.method, it.path) for app in apps for it in routes_of(app)}
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


async def test_whatever_a_head_says_it_is_refused(
    world: "World", effort: Effort, tell: Tell
) -> None:
    """Heads that say wrongly, doubly or not at all how long a request is, and what follows them.

    As none has a credential, what is a request nevertheless is refused, too.
    """
    from tests.torture.fuzz.generating import ONCE

    sent_in_all = refused = 0

    @hypothesis.seed(world.chance.getrandbits(64))
    @settings(ONCE, max_examples=effort.of(3_000, quick=40))
    @given(LINES, FRAMES, RESTS)
    def call(line: bytes, frames: list[bytes], rest: bytes) -> None:
        nonlocal sent_in_all, refused
        sent_in_all += 1
        whole = b"\r\n".join([line, b"Host: x", *frames, b"", rest])
        answer = from_thread.run(sent, world.port, whole)
        _check(answer, whole)
        last = [status for status in answer.statuses if status != CONTINUE]
        # There may be a request in what follows, but not more than one.
        assert len(last) <= 2, (whole, answer)
        assert all(400 <= status < 500 for status in last), (whole, answer)
        assert b"HTTP/1.1" not in answer.said.partition(MALFORMED)[2], (whole, answer)
        refused += MALFORMED in answer.said or 431 in answer.statuses

    await to_thread.run_sync(call)
    tell("heads", f"{sent_in_all}, of which refused as no requests: {refused}")
    assert refused
    await _still_answers(world)


async def test_what_is_no_request_is_refused_and_nothing_after_it_answered(
    world: "World", effort: Effort, chance: Random
) -> None:
    """Else what one server takes for the body of a request, the next would take for a request."""
    wholes = [
        *(b"\r\n".join([line, b"Host: x", b"", rest]) for line in NO_LINES for rest in AFTER),
        *(
            b"\r\n".join([line, b"Host: x", frame, b"", rest])
            for line, frame, rest in product(WHOLE, NO_FRAMES, AFTER)
        ),
    ]
    for whole in chance.sample(wholes, 40) if effort.is_quick else wholes:
        answer = await sent(world.port, whole)

        assert answer.statuses == [400], (whole, answer)
        assert MALFORMED in answer.said, (whole, answer)
    await _still_answers(world)


def _check(answer: Answer, whole: bytes) -> None:
    assert all(status < 500 for status in answer.statuses), (whole, answer)
    assert answer.is_framed or whole.startswith(b"HEAD "), (whole, answer)


async def _still_answers(world: "World") -> None:
    [status] = (await sent(world.port, request(b"GET", b"/v1/users/current", []))).statuses
    assert status == 401
