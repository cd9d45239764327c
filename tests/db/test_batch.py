"""Group commit: what waits goes together, and whatever fails, each command has its one answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import psycopg
import pytest

from whipround.db.batch import Batcher, Overloaded
from whipround.db.database import Database, Tx, open_database
from whipround.errors import Declined, Unavailable

pytestmark = pytest.mark.anyio

Work: TypeAlias = Callable[[Tx, Sequence[str]], Awaitable[Sequence[str | Exception]]]


@pytest.fixture
async def tally(db: Database) -> Database:
    """A product with a table that counts how often each command was carried out."""
    async with db.transaction() as tx:
        await tx.execute("create table tally (command text primary key, times int not null)")
    return db


async def _count(tx: Tx, commands: Sequence[str]) -> list[str | Exception]:
    """Carry commands out: each leaves a count. Not safe to run twice, so that it shows."""
    for command in commands:
        await tx.execute(
            "insert into tally values (%s, 1)"
            " on conflict (command) do update set times = tally.times + 1",
            (command,),
        )
    return [f"did {command}" for command in commands]


async def _counted(db: Database) -> dict[str, int]:
    async with db.transaction() as tx:
        return dict(await (await tx.execute("select command, times from tally")).fetchall())


class Gate:
    """Work that notes its batches, and holds each back until the gate is opened."""

    def __init__(self, work: Work = _count) -> None:
        self.batches: list[list[str]] = []
        self.entered = asyncio.Event()
        self.opened = asyncio.Event()
        self._work = work

    async def __call__(self, tx: Tx, commands: Sequence[str]) -> Sequence[str | Exception]:
        self.batches.append(list(commands))
        self.entered.set()
        await self.opened.wait()
        return await self._work(tx, commands)


async def _submit_behind(
    gate: Gate, batcher: Batcher[str, str], *commands: str
) -> list[asyncio.Task[str]]:
    """One command that is being carried out, and then all the others, which wait in this order."""
    tasks = [asyncio.create_task(batcher.submit("first"))]
    await gate.entered.wait()
    tasks += [asyncio.create_task(batcher.submit(command)) for command in commands]
    await asyncio.sleep(0)  # each has been put into the line
    return tasks


# What goes together.


async def test_what_waits_goes_together_in_order(tally: Database) -> None:
    gate = Gate()
    batcher = Batcher(tally, gate)

    tasks = await _submit_behind(gate, batcher, "a", "b", "c", "d")
    gate.opened.set()
    answers = await asyncio.gather(*tasks)

    assert gate.batches == [["first"], ["a", "b", "c", "d"]]
    assert answers == ["did first", "did a", "did b", "did c", "did d"]
    assert await _counted(tally) == dict.fromkeys(("first", "a", "b", "c", "d"), 1)


async def test_a_batch_has_only_so_many_commands(tally: Database) -> None:
    gate = Gate()
    batcher = Batcher(tally, gate, max_commands=3)

    tasks = await _submit_behind(gate, batcher, *"abcdefg")
    gate.opened.set()
    await asyncio.gather(*tasks)

    assert gate.batches == [["first"], ["a", "b", "c"], ["d", "e", "f"], ["g"]]


async def test_a_batch_has_only_so_much_weight_but_at_least_one_command(tally: Database) -> None:
    weights = {"first": 1, "a": 3, "b": 3, "c": 3, "heavy": 10, "d": 1, "e": 5, "f": 1}
    gate = Gate()
    batcher = Batcher(tally, gate, weigh=weights.__getitem__, max_weight=6)

    tasks = await _submit_behind(gate, batcher, "a", "b", "c", "heavy", "d", "e", "f")
    gate.opened.set()
    await asyncio.gather(*tasks)

    assert gate.batches == [["first"], ["a", "b"], ["c"], ["heavy"], ["d", "e"], ["f"]]


async def test_an_idle_batcher_goes_at_once_and_goes_on_for_ever(tally: Database) -> None:
    batcher = Batcher(tally, _count)

    answers = [await batcher.submit(command) for command in ("a", "b", "a")]

    assert answers == ["did a", "did b", "did a"]
    assert await _counted(tally) == {"a": 2, "b": 1}


async def test_reads_that_wait_are_one_query(tally: Database) -> None:
    asked: list[list[str]] = []

    async def find(tx: Tx, commands: Sequence[str]) -> list[int | Exception]:
        asked.append(list(commands))
        cursor = await tx.execute(
            "select command, times from tally where command = any(%s)", (list(commands),)
        )
        found: dict[str, int] = dict(await cursor.fetchall())
        return [found.get(command, 0) for command in commands]

    async with tally.transaction() as tx:
        await _count(tx, "aab")
    batcher = Batcher(tally, find, reads_only=True)

    answers = await asyncio.gather(*map(batcher.submit, "bacb"))

    assert asked == [["b", "a", "c", "b"]]
    assert answers == [1, 2, 0, 1]


# What fails.


async def test_a_declined_command_disturbs_no_other(tally: Database) -> None:
    async def work(tx: Tx, commands: Sequence[str]) -> list[str | Exception]:
        done = await _count(tx, [command for command in commands if command != "declined"])
        done.insert(commands.index("declined"), Declined("no"))
        return done

    batcher = Batcher(tally, work)

    results = await asyncio.gather(
        *map(batcher.submit, ("a", "declined", "b")), return_exceptions=True
    )

    assert [results[0], results[2]] == ["did a", "did b"]
    assert isinstance(results[1], Declined)
    assert await _counted(tally) == {"a": 1, "b": 1}


async def _refuse_awaited(tx: Tx) -> None:
    await (await tx.execute("select 'poison'::integer")).fetchall()


async def _refuse_unawaited(tx: Tx) -> None:
    await tx.execute("insert into tally values ('poison', null)")


async def _stumble(tx: Tx) -> None:
    raise KeyError("poison")


@pytest.mark.parametrize(
    ("bite", "error"),
    [
        (_refuse_awaited, psycopg.DataError),
        (_refuse_unawaited, psycopg.IntegrityError),
        (_stumble, KeyError),
    ],
)
async def test_a_poisonous_command_fails_alone(
    tally: Database, bite: Callable[[Tx], Awaitable[None]], error: type[Exception]
) -> None:
    async def work(tx: Tx, commands: Sequence[str]) -> list[str | Exception]:
        done = await _count(tx, commands)
        if "poison" in commands:
            await bite(tx)
        return done

    batcher = Batcher(tally, work)

    results = await asyncio.gather(
        *map(batcher.submit, ("a", "poison", "b")), return_exceptions=True
    )

    assert [results[0], results[2]] == ["did a", "did b"]
    assert isinstance(results[1], error)
    assert await _counted(tally) == {"a": 1, "b": 1}
    assert await batcher.submit("c") == "did c"


async def test_too_few_results_fail_the_commands_and_not_the_batcher(tally: Database) -> None:
    async def work(tx: Tx, commands: Sequence[str]) -> list[str | Exception]:
        done = await _count(tx, commands)
        return done[:-1] if "lost" in commands else done

    batcher = Batcher(tally, work)

    results = await asyncio.gather(*map(batcher.submit, ("a", "lost")), return_exceptions=True)

    assert results[0] == "did a"
    assert isinstance(results[1], ValueError)
    assert await _counted(tally) == {"a": 1}
    assert await batcher.submit("b") == "did b"


async def test_a_lost_connection_repeats_the_whole_batch(tally: Database) -> None:
    seen: list[list[str]] = []

    async def work(tx: Tx, commands: Sequence[str]) -> list[str | Exception]:
        seen.append(list(commands))
        done = await _count(tx, commands)
        if len(seen) == 1:
            [(pid,)] = await (await tx.execute("select pg_backend_pid()")).fetchall()
            async with tally.transaction() as other:
                await other.execute("select pg_terminate_backend(%s, 10000)", (pid,))
        return done

    batcher = Batcher(tally, work)

    answers = await asyncio.gather(*map(batcher.submit, "abc"))

    assert seen == [["a", "b", "c"], ["a", "b", "c"]]
    assert answers == ["did a", "did b", "did c"]
    assert await _counted(tally) == {"a": 1, "b": 1, "c": 1}


async def test_a_deadlock_between_two_servers_is_resolved(
    tally: Database, postgres_url: str
) -> None:
    both_hold = asyncio.Barrier(2)
    attempts: list[str] = []

    def work_in(order: Sequence[str]) -> Work:
        async def work(tx: Tx, commands: Sequence[str]) -> Sequence[str | Exception]:
            attempts.append(order[0])
            await tx.execute("select set_config('deadlock_timeout', '20ms', true)")
            await _count(tx, order[:1])
            await (await tx.execute("select 1")).fetchall()  # it has arrived
            if attempts.count(order[0]) == 1:
                await both_hold.wait()
            await _count(tx, order[1:])
            return [f"did {command}" for command in commands]

        return work

    async with open_database(postgres_url, connections=2) as pool:
        one = Batcher(tally, work_in("xy"))
        other = Batcher(pool.of(tally.schema), work_in("yx"))
        answers = await asyncio.gather(one.submit("one"), other.submit("other"))

    assert [*answers] == ["did one", "did other"]
    assert len(attempts) == 3
    assert await _counted(tally) == {"x": 2, "y": 2}


async def test_a_database_that_stays_away_is_unavailable_and_the_next_is_served(
    tally: Database,
) -> None:
    is_down = True

    async def work(tx: Tx, commands: Sequence[str]) -> list[str | Exception]:
        if is_down:
            await (await tx.execute("select pg_terminate_backend(pg_backend_pid())")).fetchall()
        return await _count(tx, commands)

    batcher = Batcher(tally, work, deadline_seconds=1.0)

    down = await asyncio.gather(*map(batcher.submit, "abc"), return_exceptions=True)
    is_down = False
    up = await batcher.submit("d")

    assert [type(error) for error in down] == [Unavailable] * 3
    assert up == "did d"
    assert await _counted(tally) == {"d": 1}


async def test_nothing_is_begun_after_the_deadline(tally: Database) -> None:
    tried: list[str] = []
    goes_on = asyncio.Event()

    async def work(tx: Tx, commands: Sequence[str]) -> list[str | Exception]:
        if "poison" in commands:
            raise KeyError("poison")
        tried.extend(commands)
        await goes_on.wait()
        return await _count(tx, commands)

    batcher = Batcher(tally, work, deadline_seconds=1.0)

    results = await asyncio.gather(
        *map(batcher.submit, ("poison", "slow", "late")), return_exceptions=True
    )
    goes_on.set()
    await asyncio.wait({*batcher._abandoned})

    assert [type(it) for it in results] == [KeyError, Unavailable, Unavailable]
    assert tried == ["slow"]
    assert await _counted(tally) == {"slow": 1}  # as a repeat would find out by its key


async def test_what_has_waited_in_the_line_has_waited(tally: Database) -> None:
    goes_on = asyncio.Event()

    async def work(tx: Tx, commands: Sequence[str]) -> list[str | Exception]:
        await goes_on.wait()
        return await _count(tx, commands)

    batcher = Batcher(tally, work, max_commands=1, deadline_seconds=1.0)

    async with asyncio.timeout(1.9):
        results = await asyncio.gather(*map(batcher.submit, "abcd"), return_exceptions=True)
    goes_on.set()
    await asyncio.wait({*batcher._abandoned})

    assert [type(it) for it in results] == [Unavailable] * 4
    assert await _counted(tally) == {"a": 1}


async def test_who_comes_late_has_a_deadline_of_their_own(
    tally: Database,
) -> None:
    is_begun, goes_on = asyncio.Event(), asyncio.Event()

    async def work(tx: Tx, commands: Sequence[str]) -> list[str | Exception]:
        is_begun.set()
        await goes_on.wait()
        return await _count(tx, commands)

    batcher = Batcher(tally, work, deadline_seconds=1.0)
    stuck = asyncio.create_task(batcher.submit("stuck"))
    await is_begun.wait()
    early = asyncio.create_task(batcher.submit("early"))
    await asyncio.sleep(0.5)
    late = asyncio.create_task(batcher.submit("late"))

    refused = await asyncio.gather(stuck, early, return_exceptions=True)
    goes_on.set()

    assert [type(it) for it in refused] == [Unavailable] * 2
    assert await late == "did late"


# Who waits, and who goes.


async def test_the_line_is_bounded(tally: Database) -> None:
    gate = Gate()
    batcher = Batcher(tally, gate, max_waiting=2)

    tasks = await _submit_behind(gate, batcher, "a", "b")
    with pytest.raises(Overloaded):
        await batcher.submit("c")
    gate.opened.set()
    await asyncio.gather(*tasks)
    again = await batcher.submit("d")

    assert again == "did d"
    assert await _counted(tally) == dict.fromkeys(("first", "a", "b", "d"), 1)


async def test_a_submitter_that_goes_cancels_nothing(tally: Database) -> None:
    gate = Gate()
    batcher = Batcher(tally, gate)

    under_way, waiting, other = await _submit_behind(gate, batcher, "waiting", "other")
    for gone in (under_way, waiting):
        gone.cancel()
    await asyncio.sleep(0)
    gate.opened.set()

    assert await other == "did other"
    assert under_way.cancelled()
    assert waiting.cancelled()
    assert gate.batches == [["first"], ["waiting", "other"]]
    assert await _counted(tally) == {"first": 1, "waiting": 1, "other": 1}


async def test_drain_waits_for_all_that_was_and_is_submitted(tally: Database) -> None:
    gate = Gate()
    batcher = Batcher(tally, gate)
    tasks = await _submit_behind(gate, batcher, "a")

    draining = asyncio.create_task(batcher.drain())
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(batcher.submit("late")))
    await asyncio.sleep(0)
    too_early = draining.done()
    gate.opened.set()
    await draining

    assert not too_early
    assert all(task.done() for task in tasks)
    assert await _counted(tally) == {"first": 1, "a": 1, "late": 1}


async def test_drain_of_an_idle_batcher_returns(tally: Database) -> None:
    batcher = Batcher(tally, _count)

    await batcher.drain()
    await batcher.submit("a")
    await batcher.drain()

    assert await _counted(tally) == {"a": 1}


async def test_a_database_that_says_nothing_is_unavailable_at_the_deadline(
    tally: Database,
) -> None:
    async def work(tx: Tx, commands: Sequence[str]) -> list[str | Exception]:
        await tx.execute("lock table tally")
        return await _count(tx, commands)

    batcher = Batcher(tally, work, deadline_seconds=1.0)
    async with tally.transaction() as holder:
        await holder.execute("lock table tally")
        with pytest.raises(Unavailable):
            await batcher.submit("waits")

    assert await batcher.submit("next") == "did next"
    await batcher.drain()
