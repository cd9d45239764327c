"""Whatever people do, in whatever order, by whichever dialect: their money is where it belongs."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from typing import cast
from unittest import SkipTest

import pytest
import uvloop
from hypothesis import HealthCheck, Phase, settings
from hypothesis.database import InMemoryExampleDatabase
from hypothesis.stateful import run_state_machine_as_test

from tests.databases import Originals
from tests.servers import Installation
from tests.torture.effort import Effort
from tests.torture.model.machine import Machine
from tests.torture.model.place import Place, open_place
from tests.torture.model.setting import Setting, Tally

Tell = Callable[[str, object], None]


LONG_ENOUGH_FOR_ALL = 0.1

ACTS = {
    *("sign up in memento", "sign up in moneypool", "sign up in mobbr", "time passes", "repeat"),
    *("top up", "pay", "request", "pay request", "reject", "settle", "cancel", "refund"),
    *("open pool", "contribute", "close pool", "withdraw", "order cash", "pay cash", "prove"),
    *("confirm", "confirm again", "pledge", "claim", "revoke pledge", "revoke share"),
}
"""What has to have been done, and accepted, in any long run."""


def play(effort: Effort, setting: Setting) -> None:
    """Play as many sequences as asked for, and prove what they leave behind.

    All of them are as long as they may be. Of one that fails the shortest is then looked for that
    fails as well.
    """
    steps = 20 if effort.is_quick else 100
    found = InMemoryExampleDatabase()

    def run(*phases: Phase, least: int) -> None:
        run_state_machine_as_test(
            cast(type[Machine], partial(Machine, setting)),
            settings=settings(
                max_examples=effort.of(500, quick=1),
                stateful_step_count=steps,
                phases=phases,
                database=found,
                suppress_health_check=list(HealthCheck),
            ),
            _min_steps=least,
        )

    try:
        run(Phase.generate, least=steps)
    except Exception:
        with suppress(SkipTest):  # it was none of the steps
            run(Phase.reuse, Phase.shrink, least=0)
        raise
    setting.finish()
    lengths = setting.tally.lengths
    assert sum(it >= steps for it in lengths) >= effort.of(500, quick=1)
    if effort.length >= LONG_ENOUGH_FOR_ALL:
        accepted = {what for (what, is_accepted) in setting.tally.steps if is_accepted}
        assert accepted >= ACTS, ACTS - accepted


def tell_all(tell: Tell, tally: Tally) -> None:
    """What was done, and how much of it was refused."""
    tell("sequences", len(tally.lengths))
    tell("steps", sum(tally.lengths))
    shortest, longest = min(tally.lengths), max(tally.lengths)
    tell("steps in one", f"{shortest} to {longest}, in the median {median(tally.lengths):.0f}")
    tell("wallets read", tally.looks)
    for currency, amount in sorted(tally.moved.items()):
        tell(f"{currency} moved", f"{amount:.2f}")
    for what in sorted({what for what, _ in tally.steps}):
        accepted, refused = (tally.steps[what, it] for it in (True, False))
        tell(what, f"{accepted} accepted, {refused} refused")


def test_money_is_where_a_plain_model_has_it(
    originals: Originals,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    effort: Effort,
    tell: Tell,
) -> None:
    """After each step; and at the end the audit finds nothing, nor does the command."""
    numbers = count(1)

    def new_place() -> AbstractAsyncContextManager[Place]:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        return open_place(originals, folder)

    def prove(place: Place) -> None:
        if not effort.is_quick:
            nursery = request.getfixturevalue("nursery")
            whipround = Installation(nursery, place.folder, database_url=place.url)
            status, said = whipround.run("audit")
            assert (status, "The books hold." in said) == (0, True), said

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        setting = Setting(runner, new_place, prove)
        try:
            play(effort, setting)
        finally:
            setting.leave()
    tell_all(tell, setting.tally)
