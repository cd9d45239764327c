"""The judges of a load find out who falls behind, keeps what it need not, or starves others."""

from collections.abc import Callable, Sequence
from random import Random

import pytest

from tests.torture.load import judging
from tests.torture.load.clients import Heard
from tests.torture.load.watching import PostgresSample, Sample, Watch

PER_SECOND = 20
MINUTES = 600.0


def _heard(
    it: Random, wait: Callable[[float], float], *, seconds: float = MINUTES, share: float = 1
) -> Heard:
    """Answers that took some 50 ms, and what they had to wait for besides, by the time."""
    heard = Heard(begun=1000.0, ended=1000.0 + seconds)
    for number in range(int(PER_SECOND * seconds * share)):
        since = number / PER_SECOND / share
        heard.due.append(heard.begun + since)
        heard.took.append(it.expovariate(1 / 0.05) + wait(since))
    return heard


def _watch(bytes_each: float, *, of_postgres: int = 0) -> Watch:
    """A server that grows with each answer, beside what comes and goes."""
    it, watch = Random(1), Watch()
    for second in range(int(MINUTES)):
        resident = 150_000_000 + bytes_each * 200 * second + it.randrange(2_000_000)
        watch.samples.append(Sample(200 * second, int(resident), files=300))
    for tenth in range(60):
        watch.of_postgres.append(PostgresSample(50_000_000 + of_postgres * tenth, connections=18))
    return watch


NOISE: Sequence[tuple[str, Callable[[float], float]]] = [
    ("as ever", lambda _: 0),
    ("others at work in the middle", lambda since: 8 if 250 < since < 300 else 0),
    ("a stall at the end", lambda since: 4 if since > 598.5 else 0),
    ("a little slower in the end", lambda since: 0.5 * since / MINUTES),
    ("a stall at the start", lambda since: max(0, 12 - since)),
]


@pytest.mark.parametrize("wait", [it for _, it in NOISE], ids=[name for name, _ in NOISE])
def test_who_keeps_up_on_a_machine_that_others_use_is_not_found_fault_with(
    wait: Callable[[float], float],
) -> None:
    assert judging.unsteady(_heard(Random(1), wait)) == []


FALLING_BEHIND: Sequence[tuple[str, Callable[[float], float]]] = [
    ("evenly", lambda since: 30 * since / MINUTES),
    ("evenly, from some time on", lambda since: max(0, since - 300) / 30),
    ("evenly, from much", lambda since: 5 + 30 * since / MINUTES),
    ("ever less", lambda since: 29 * (since / MINUTES) ** 0.5),
    ("for moments", lambda since: 3 if since > 400 and since % 10 < 1 else 0),
    ("once, for long", lambda since: 31 if 300 < since < 301 else 0),
]


@pytest.mark.parametrize(
    "wait", [it for _, it in FALLING_BEHIND], ids=[name for name, _ in FALLING_BEHIND]
)
def test_who_falls_behind_is_found_out(wait: Callable[[float], float]) -> None:
    assert judging.unsteady(_heard(Random(1), wait)) != []


def test_what_is_not_answered_by_the_end_is_seen() -> None:
    found = judging.unsteady(_heard(Random(1), lambda since: 4 * since / 60, seconds=60))

    assert any(" a second" in it for it in found)


@pytest.mark.parametrize(("bytes_each", "is_right"), [(0, True), (30, True), (100, False)])
def test_what_is_kept_of_each_request_is_seen(bytes_each: int, *, is_right: bool) -> None:
    assert (judging.grown(_watch(bytes_each)) == []) == is_right


def test_what_postgres_keeps_is_seen() -> None:
    assert judging.grown(_watch(0, of_postgres=5_000_000)) != []


def test_who_is_starved_is_found_out() -> None:
    alone = _heard(Random(1), lambda _: 0, seconds=8)

    assert judging.starved(_heard(Random(2), lambda _: 0.5, seconds=8), alone) == []
    assert judging.starved(_heard(Random(2), lambda _: 4, seconds=8), alone) != []
    assert judging.starved(_heard(Random(2), lambda _: 0, seconds=8, share=0.3), alone) != []


def test_a_look_or_two_say_nothing_of_a_growth() -> None:
    watch = Watch([Sample(0, 1, files=9)], [PostgresSample(1, connections=1)])

    assert watch.more_files() == watch.postgres_growth_bytes() == 0
