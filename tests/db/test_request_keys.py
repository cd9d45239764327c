"""A request that is repeated gets its first answer, and is carried out once."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import psycopg
import pytest

from tests.money import until_waiting
from whipround.db import request_keys
from whipround.db.database import Database, Tx, open_database
from whipround.db.request_keys import (
    KEPT_FOR,
    Answer,
    Claims,
    InProgress,
    KeyReused,
    RequestKey,
    begin,
    once,
)
from whipround.errors import Declined, DomainError

pytestmark = pytest.mark.anyio

KEY = RequestKey(b"key", b"said")
SAID_OTHERWISE = RequestKey(KEY.id, b"said otherwise")
DONE = Answer(201, b'{"done": "\xc3\xa9\x00"}')


class Refused(Declined):
    """No."""


def _render(error: DomainError) -> Answer:
    return Answer(400, error.message.encode())


def _forget(error: DomainError) -> None:
    return None


@pytest.fixture
async def notes(db: Database) -> Database:
    """A product with a table to write in."""
    async with db.transaction() as tx:
        await tx.execute("create table note (text text)")
    return db


async def _note(tx: Tx) -> Answer:
    await tx.execute("insert into note values ('written')")
    return DONE


async def _note_and_refuse(tx: Tx) -> Answer:
    await _note(tx)
    raise Refused


async def _written(db: Database) -> int:
    async with db.transaction() as tx:
        [(count,)] = await (await tx.execute("select count(*) from note")).fetchall()
    return int(count)


async def _take(tx: Tx, keys: Sequence[RequestKey], now: datetime) -> Claims:
    return await (await request_keys.take(tx, keys, now=now)).taken(tx)


# Once.


async def test_a_repeat_gets_the_first_answer_to_the_byte(notes: Database, now: datetime) -> None:
    first = await once(notes, KEY, _note, refuse=_render, now=now)
    again = await once(notes, KEY, _note_and_refuse, refuse=_render, now=now)

    assert first == again == DONE
    assert await _written(notes) == 1


async def test_another_request_with_the_same_key_is_refused(notes: Database, now: datetime) -> None:
    await once(notes, KEY, _note, refuse=_render, now=now)

    with pytest.raises(KeyReused):
        await once(notes, SAID_OTHERWISE, _note, refuse=_render, now=now)

    assert await _written(notes) == 1


async def test_other_keys_are_other_requests(notes: Database, now: datetime) -> None:
    for id_ in (b"one", b"other"):
        await once(notes, RequestKey(id_, KEY.fingerprint), _note, refuse=_render, now=now)

    assert await _written(notes) == 2


async def test_a_refusal_is_remembered_and_its_writes_are_undone(
    notes: Database, now: datetime
) -> None:
    first = await once(notes, KEY, _note_and_refuse, refuse=_render, now=now)
    again = await once(notes, KEY, _note, refuse=_render, now=now)

    assert first == again == Answer(400, b"No.")
    assert await _written(notes) == 0


async def test_a_refusal_that_is_not_remembered_may_be_mended(
    notes: Database, now: datetime
) -> None:
    with pytest.raises(Refused):
        await once(notes, KEY, _note_and_refuse, refuse=_forget, now=now)

    mended = await once(notes, SAID_OTHERWISE, _note, refuse=_forget, now=now)

    assert mended == DONE
    assert await _written(notes) == 1


async def test_a_failure_is_not_remembered(notes: Database, now: datetime) -> None:
    async def fail(tx: Tx) -> Answer:
        await _note(tx)
        await tx.execute("select 1 / 0")
        return DONE

    with pytest.raises(psycopg.DataError):
        await once(notes, KEY, fail, refuse=_render, now=now)
    again = await once(notes, KEY, _note, refuse=_render, now=now)

    assert again == DONE
    assert await _written(notes) == 1


async def test_the_same_key_on_two_servers_at_once_is_carried_out_once(
    notes: Database, postgres_url: str, now: datetime
) -> None:
    async with open_database(postgres_url, connections=4) as pool:
        servers = [notes, pool.of(notes.schema)]
        answers = await asyncio.gather(
            *(once(at, KEY, _note, refuse=_render, now=now) for at in servers * 4)
        )

    assert set(answers) == {DONE}
    assert await _written(notes) == 1


async def test_who_waits_for_one_that_fails_carries_it_out(notes: Database, now: datetime) -> None:
    under_way = asyncio.Event()

    async def note_wait_and_fail(tx: Tx) -> Answer:
        await _note(tx)
        under_way.set()
        await until_waiting(notes)
        raise Refused

    first = asyncio.create_task(once(notes, KEY, note_wait_and_fail, refuse=_forget, now=now))
    await under_way.wait()
    second = await once(notes, KEY, _note, refuse=_forget, now=now)

    with pytest.raises(Refused):
        await first
    assert second == DONE
    assert await _written(notes) == 1


# Over lists.


async def test_of_equal_keys_the_first_counts(db: Database, now: datetime) -> None:
    other = RequestKey(b"other", b"")

    async with db.transaction() as tx:
        claims = await _take(tx, [KEY, other, SAID_OTHERWISE], now)
        await request_keys.keep(tx, [(claims.number(KEY), DONE), (claims.number(other), DONE)])
    async with db.transaction() as tx:
        later = await _take(tx, [SAID_OTHERWISE, other, KEY, RequestKey(b"new", b"")], now)

    assert claims.earlier(KEY) is None
    assert claims.earlier(other) is None
    assert later.earlier(other) == DONE
    assert later.earlier(RequestKey(b"new", b"")) is None


async def test_a_key_without_an_answer_yet_is_in_progress(db: Database, now: datetime) -> None:
    async with db.transaction() as tx:
        await _take(tx, [KEY], now)

    async with db.transaction() as tx:
        claims = await _take(tx, [KEY], now)

    assert isinstance(claims.earlier(KEY), InProgress)
    assert isinstance(claims.earlier(SAID_OTHERWISE), KeyReused)


async def test_what_has_only_begun_is_in_progress_until_its_answer_is_kept(
    notes: Database, now: datetime
) -> None:
    async def note(tx: Tx, number: int) -> Answer | int:
        await _note(tx)
        return number

    number = await begin(notes, KEY, note, refuse=_render, now=now)

    assert isinstance(number, int)
    with pytest.raises(InProgress):
        await begin(notes, KEY, note, refuse=_render, now=now)
    async with notes.transaction() as tx:
        await request_keys.keep(tx, [(number, DONE)])
    assert await begin(notes, KEY, note, refuse=_render, now=now) == DONE
    assert await _written(notes) == 1


async def test_a_key_that_was_pruned_while_it_was_looked_up_is_in_progress() -> None:
    assert isinstance(Claims({}, {}).earlier(KEY), InProgress)


async def test_who_answers_late_gives_the_answer_that_was_kept_first(
    db: Database, now: datetime
) -> None:
    late, other = Answer(409, b"late"), RequestKey(b"other", b"")
    async with db.transaction() as tx:
        claims = await _take(tx, [KEY, other], now)
        mine, yours = claims.number(KEY), claims.number(other)
        await request_keys.keep(tx, [(mine, DONE)])

    async with db.transaction() as tx:
        counts = await request_keys.keep_late(tx, [(mine, late), (yours, late), (yours, DONE)])

    assert counts == {mine: DONE, yours: late}


async def test_a_key_given_back_may_be_taken_again(db: Database, now: datetime) -> None:
    async with db.transaction() as tx:
        await _take(tx, [KEY], now)
        await request_keys.forget(tx, [KEY])

    async with db.transaction() as tx:
        claims = await _take(tx, [SAID_OTHERWISE], now)

    assert claims.earlier(SAID_OTHERWISE) is None


async def test_keys_are_taken_in_one_order(db: Database, now: datetime) -> None:
    keys = [RequestKey(bytes([number]), b"") for number in range(3)]

    async def take_all(keys: Sequence[RequestKey]) -> int:
        async with db.transaction() as tx:
            claims = await _take(tx, keys, now)
            return sum(claims.earlier(key) is None for key in keys)

    # Two that would meet at the middle key, were they to come from both ends.
    async with db.transaction() as tx:
        await _take(tx, keys[1:2], now)
        taking = [asyncio.create_task(take_all(it)) for it in (keys, keys[::-1])]
        await until_waiting(db, 2)

    assert sorted([await it for it in taking]) == [0, 2]


async def test_two_servers_that_take_the_same_keys_wait_and_never_deadlock(
    db: Database, now: datetime
) -> None:
    keys = [RequestKey(bytes([number]), b"") for number in range(40)]

    async def take_all(order: int) -> int:
        async with db.transaction() as tx:
            claims = await _take(tx, keys[::order], now)
            taken = [key for key in keys if claims.earlier(key) is None]
            await request_keys.keep(tx, [(claims.number(key), DONE) for key in taken])
            return len(taken)

    counts = await asyncio.gather(*(take_all(order) for order in (1, -1, 1, -1, 1, -1)))

    assert sorted(counts) == [0, 0, 0, 0, 0, len(keys)]


# Forgetting.


async def test_keys_are_kept_for_thirty_days(db: Database, now: datetime) -> None:
    ages = [KEPT_FOR + timedelta(seconds=1), KEPT_FOR, timedelta(0)]
    keys = [RequestKey(bytes([number]), b"") for number in range(len(ages))]
    for key, age in zip(keys, ages, strict=True):
        await once(db, key, _answer, refuse=_render, now=now - age)

    async with db.transaction() as tx:
        gone = await request_keys.prune(tx, now=now, limit=100)
    async with db.transaction() as tx:
        left = await (await tx.execute("select id from request_key order by id")).fetchall()
        answers = await (await tx.execute("select count(*) from request_answer")).fetchall()

    assert timedelta(days=30) == KEPT_FOR
    assert gone == 1
    assert left == [(key.id,) for key in keys[1:]]
    assert answers == [(2,)]


async def test_pruning_goes_in_steps(db: Database, now: datetime) -> None:
    for number in range(5):
        key = RequestKey(bytes([number]), b"")
        await once(db, key, _answer, refuse=_render, now=now - KEPT_FOR * 2)

    async with db.transaction() as tx:
        steps = [await request_keys.prune(tx, now=now, limit=2) for _ in range(4)]

    assert steps == [2, 2, 1, 0]


async def _answer(tx: Tx) -> Answer:
    return DONE
