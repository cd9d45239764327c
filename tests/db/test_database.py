"""Transactions on connections that are shared: bound to a schema, whole or not at all."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg_pool.base import AttemptWithBackoff

from tests.line import line_to
from whipround.db import database
from whipround.db.database import Database, Tx, open_database
from whipround.errors import Unavailable

pytestmark = pytest.mark.anyio

_SETTINGS = """
    select current_setting('search_path'), current_setting('plan_cache_mode'),
        current_setting('transaction_isolation'), current_setting('transaction_read_only')
"""


@pytest.fixture
async def notes(db: Database) -> Database:
    """A product with a table to write in."""
    async with db.transaction() as tx:
        await tx.execute("create table note (text text primary key)")
    return db


async def _write(tx: Tx, *texts: str) -> None:
    for text in texts:
        await tx.execute("insert into note values (%s)", (text,))


async def _read(db: Database) -> list[str]:
    async with db.transaction() as tx:
        cursor = await tx.execute("select text from note order by text")
        return [text for (text,) in await cursor.fetchall()]


async def _settings(tx: Tx) -> tuple[object, ...]:
    [row] = await (await tx.execute(_SETTINGS)).fetchall()
    return row


async def test_a_transaction_is_committed_at_its_end(notes: Database) -> None:
    async with notes.transaction() as tx:
        await _write(tx, "one", "two")
        unseen = await _read(notes)

    assert unseen == []
    assert await _read(notes) == ["one", "two"]


@pytest.mark.parametrize("kind", ["transaction", "pipeline"])
async def test_an_exception_rolls_all_of_it_back(notes: Database, kind: str) -> None:
    async def write_and_fail() -> None:
        async with getattr(notes, kind)() as tx:
            await _write(tx, "one")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await write_and_fail()

    assert await _read(notes) == []


@pytest.mark.parametrize("kind", ["transaction", "pipeline"])
async def test_a_cancelled_transaction_leaves_nothing(notes: Database, kind: str) -> None:
    written = asyncio.Event()

    async def write_and_wait() -> None:
        async with getattr(notes, kind)() as tx:
            await _write(tx, "one")
            written.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write_and_wait())
    await written.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await _read(notes) == []


async def test_what_a_pipeline_did_not_wait_for_still_fails_it(notes: Database) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        async with notes.pipeline() as tx:
            await _write(tx, "one", "two", "one")

    assert await _read(notes) == []


async def test_a_pipeline_is_committed_at_its_end(notes: Database) -> None:
    async with notes.pipeline() as tx:
        await _write(tx, "one", "two")
        found = await (await tx.execute("select count(*) from note")).fetchall()

    assert found == [(2,)]
    assert await _read(notes) == ["one", "two"]


async def test_each_kind_has_its_settings_and_leaves_none_behind(
    db: Database, postgres_url: str
) -> None:
    async with open_database(postgres_url, connections=2) as pool:
        here, seen = pool.of(db.schema), []
        for _ in range(3):  # over the same two connections
            async with here.pipeline() as tx:
                seen.append(await _settings(tx))
            async with here.reading() as tx:
                seen.append(await _settings(tx))
            async with here.snapshot() as tx:
                seen.append(await _settings(tx))
            async with here.transaction() as tx:
                seen.append(await _settings(tx))
            async with pool.transaction() as tx:
                seen.append(await _settings(tx))

    assert (
        seen
        == [
            (db.schema, "force_generic_plan", "read committed", "off"),
            (db.schema, "force_generic_plan", "read committed", "off"),
            (db.schema, "auto", "repeatable read", "on"),
            (db.schema, "auto", "read committed", "off"),
            (database.INSTALLATION, "auto", "read committed", "off"),
        ]
        * 3
    )


async def test_a_snapshot_sees_one_moment_and_writes_nothing(notes: Database) -> None:
    async with notes.snapshot() as tx:
        await tx.execute("select 1")
        async with notes.transaction() as other:
            await _write(other, "later")
        seen = await (await tx.execute("select text from note")).fetchall()
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            async with tx.transaction():
                await _write(tx, "never")

    assert seen == []
    assert await _read(notes) == ["later"]


async def test_a_transaction_sees_what_was_committed_meanwhile(notes: Database) -> None:
    async with notes.transaction() as tx:
        before = await (await tx.execute("select text from note")).fetchall()
        async with notes.transaction() as other:
            await _write(other, "later")
        after = await (await tx.execute("select text from note")).fetchall()

    assert (before, after) == ([], [("later",)])


async def test_a_lost_connection_is_replaced(notes: Database) -> None:
    async def write_and_lose() -> None:
        async with notes.transaction() as tx:
            await _write(tx, "lost")
            await tx.execute("select pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(psycopg.OperationalError):
        await write_and_lose()

    async with notes.transaction() as tx:
        await _write(tx, "kept")

    assert await _read(notes) == ["kept"]


async def test_no_connection_in_time_is_unavailable(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "CONNECT_TIMEOUT_SECONDS", 1)

    async with open_database(postgres_url, connections=2) as db:
        async with db.transaction(), db.transaction():
            with pytest.raises(Unavailable, match="database"):
                async with db.transaction():
                    pass
        async with db.transaction() as tx:  # there are connections again
            await tx.execute("select 1")


async def test_a_database_that_was_away_for_long_is_soon_found_again(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "CONNECT_TIMEOUT_SECONDS", 1)
    # As after an hour: who has tried for so long tries again only after as long a time.
    monkeypatch.setattr(AttemptWithBackoff, "INITIAL_DELAY", 0.1)
    monkeypatch.setattr(AttemptWithBackoff, "DELAY_BACKOFF", 1000)

    async with line_to(postgres_url) as line, open_database(line.url, connections=2) as db:
        async with db.transaction(), db.transaction():
            pass  # there are as many as there may be
        await line.refuse()
        for error in (psycopg.OperationalError, psycopg.OperationalError, Unavailable):
            with pytest.raises(error):
                async with db.transaction():
                    pass
        await line.accept()
        async with db.transaction() as tx:
            found = await (await tx.execute("select 1")).fetchall()

    assert found == [(1,)]


async def test_a_database_that_says_nothing_is_given_up(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "SILENT_SECONDS", 0.3)

    async with line_to(postgres_url) as line, open_database(line.url, connections=2) as db:

        async def ask_in_vain(kind: Callable[[], AbstractAsyncContextManager[Tx]]) -> None:
            async with asyncio.timeout(10), kind() as tx:
                await (await tx.execute("select 1")).fetchall()
                await line.fall_silent()
                await (await tx.execute("select 1")).fetchall()

        for kind in (db.transaction, db.pipeline, db.reading):
            with pytest.raises(psycopg.OperationalError):
                await ask_in_vain(kind)
            await line.speak()
        async with db.transaction(patient=True) as tx:
            await tx.execute("select pg_sleep(0.6)")


async def test_what_need_not_be_durable_does_not_wait_for_the_disk(postgres_url: str) -> None:
    waiting = make_conninfo(postgres_url, options="-c synchronous_commit=on")

    async def setting(db: Database, *, is_durable: bool) -> str:
        async with db.transaction(is_durable=is_durable) as tx:
            [[value]] = await (await tx.execute("show synchronous_commit")).fetchall()
        return str(value)

    async with open_database(waiting, connections=2) as db:
        light = await setting(db, is_durable=False)
        durable = await setting(db, is_durable=True)

    assert (light, durable) == ("off", "on")
