"""Whatever is sent, it is answered as the dialect's document says, and the books hold.

First each route is called as it should be, and has to succeed. Those calls are then mixed with what
is made up from the document, right or wrong, and sent by itself or along the document's links, over
HTTP.
"""

from collections.abc import Callable

import pytest
from anyio import to_thread

from tests.money import problems, rows
from tests.torture.effort import Effort
from tests.torture.fuzz.generating import Strategies, alone, linked
from tests.torture.fuzz.world import DOCUMENTS, World

pytestmark = pytest.mark.anyio

CALLS = {"memento": 5_500, "moneypool": 2_000, "mobbr": 2_700}
"""How many are made up of each dialect, in all more than ten thousand."""


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


@pytest.mark.parametrize("dialect", DOCUMENTS)
async def test_whatever_is_sent_is_answered_as_documented(
    world: World, effort: Effort, tell: Callable[[str, object], None], dialect: str
) -> None:
    watch, strategies = world.line.watches[dialect], Strategies()
    goal = effort.of(CALLS[dialect], quick=6)

    await world.walk(dialect)
    assert watch.reached() == watch.statuses.keys(), "each route has to succeed when called rightly"

    def fuzz() -> None:
        machine = None if effort.is_quick else watch.schema.as_state_machine()
        while watch.generated < goal:
            alone(world, watch, strategies, routes=1 if effort.is_quick else 20)
            if machine is not None:
                linked(world, watch, machine, sequences=6)

    await to_thread.run_sync(fuzz)

    assert not watch.wrong, watch.problems()
    db = world.stage.faces.db
    assert await problems(db) == []
    assert await rows(db, _FROM_NOWHERE) == []
    tell("calls made up", watch.generated)
    tell("statuses of all calls", watch.by_status())
    tell("links followed", f"{watch.links.total()}, of {len(watch.links)} kinds")
    tell("routes that succeeded", f"all {len(watch.statuses)}")
    tell("made-up calls that succeeded", watch.succeeded)
