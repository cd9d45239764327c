"""Whatever is sent, it is answered as the dialect's document says, and the books hold.

First each route is called as it should be, and has to succeed. Those calls are then mixed with what
is made up from the document, right or wrong, and sent by itself or along the document's links, over
HTTP.
"""

from collections.abc import Callable
from itertools import islice
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import pytest
from anyio import to_thread

from tests.money import problems, rows
from tests.torture.effort import Effort

if TYPE_CHECKING:
    from tests.torture.fuzz.watching import Watch
    from tests.torture.fuzz.world import World

pytestmark = pytest.mark.anyio


class Goal(NamedTuple):
    """How many calls are made up of a dialect, and which part of them has to succeed at least."""

    calls: int
    succeed: float


GOALS = {
    "memento": Goal(5_500, 0.25),
    "moneypool": Goal(2_000, 0.1),
    "mobbr": Goal(2_700, 0.25),
}
"""In all more than ten thousand."""

ALL_ROUTES = 40
"""Of so many calls for each route in all, each has had its turn, and twice as a rule."""

SCENES = 25
"""Are played in the quick form."""


_FROM_NOWHERE = """
    select currency, sum(amount) from (
        select currency, sum(balance) as amount from account
        where floor is not null or kind in ('position', 'grants') group by currency
        union all
        select currency, sum(case kind when 'charge' then -amount else amount end)
        from gateway_call where status = 'approved' and kind <> 'register' group by currency
        union all
        select currency, -sum(paid_amount) from cash_order where status = 'paid' group by currency
    ) as moved
    group by currency having sum(amount) <> 0
"""
"""What is here, less what was given or has come in, and what has gone out; there is no other."""


async def test_what_should_be_called_is_answered_as_documented(
    world: "World", effort: Effort, chance: Random
) -> None:
    """Of one document, by chance; before anything is made up, by which people are worn out."""
    dialect = chance.choice([*GOALS])

    watch = await world.watch(dialect)
    await world.walk(dialect, most=SCENES if effort.is_quick else None)

    assert len(watch.reached()) >= min(SCENES, len(watch.statuses)) / 2
    await _holds(world, watch)


@pytest.mark.long
@pytest.mark.parametrize("dialect", GOALS)
async def test_whatever_is_sent_is_answered_as_documented(
    world: "World", effort: Effort, tell: Callable[[str, object], None], dialect: str
) -> None:
    from tests.torture.fuzz.generating import Strategies, alone, linked

    watch, strategies, whole = await world.watch(dialect), Strategies(), GOALS[dialect]
    goal, turns = effort.of(whole.calls, quick=6), world.in_turn(watch.operations)
    before, broken = world.plays, len(world.failed)
    await world.walk(dialect)
    assert watch.reached() == watch.statuses.keys(), "each route has to succeed when called rightly"

    def fuzz() -> None:
        machine = watch.schema.as_state_machine()
        while watch.generated.total() < goal:
            alone(world, watch, strategies, [*islice(turns, min(20, len(watch.operations)))])
            linked(world, watch, machine, sequences=6)

    await to_thread.run_sync(fuzz)

    await _holds(world, watch)
    made, plays, broken = watch.generated.total(), world.plays - before, len(world.failed) - broken
    tell("calls made up", made)
    tell("statuses of all calls", watch.by_status())
    tell("links followed", f"{watch.links.total()}, of {len(watch.links)} kinds")
    tell("routes that succeeded", f"all {len(watch.statuses)}")
    tell("made-up calls that succeeded", watch.succeeded)
    tell("scenes broken off by a made-up call", f"{broken} of {plays}")
    # How far they come: nothing is shown by calls that are refused at the door.
    assert watch.succeeded > whole.succeed * made
    assert watch.links.total() > made / 30
    assert len(watch.links) >= min(watch.linked() // 2, effort.of(watch.linked() // 2, quick=1))
    assert broken <= plays / 2, world.failed[-10:]
    if goal > ALL_ROUTES * len(watch.operations):
        assert watch.generated.keys() == watch.statuses.keys(), "each route is made up for"


async def _holds(world: "World", watch: "Watch") -> None:
    """Nothing was answered wrongly, and the books hold."""
    assert not watch.wrong, watch.problems()
    assert world.line.failed == []
    db = world.stage.faces.db
    assert await problems(db) == []
    assert await rows(db, _FROM_NOWHERE) == []
