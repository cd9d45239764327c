"""Migrations: applied once, in order, by one process at a time; never to what does not fit."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from shutil import copytree
from uuid import UUID

import psycopg
import pytest
from procrastinate.schema import SchemaManager

from whipround.db import schema
from whipround.db.database import Database, open_database
from whipround.db.schema import DatabaseTooNew, DatabaseTooOld, MigrationChanged
from whipround.domain import products

pytestmark = [pytest.mark.anyio, pytest.mark.processes]


@pytest.fixture
async def fresh(fresh_url: str) -> AsyncIterator[Database]:
    async with open_database(fresh_url, connections=6) as db:
        yield db


@pytest.fixture
def migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations, in use instead of them, to be changed by the test."""
    folder = tmp_path / "migrations"
    copytree(schema.MIGRATIONS, folder)
    monkeypatch.setattr(schema, "MIGRATIONS", folder)
    return folder


async def rows(db: Database, query: str) -> list[tuple[object, ...]]:
    async with db.transaction() as tx:
        return await (await tx.execute(query.encode())).fetchall()


async def test_a_new_database_gets_the_installation_and_the_jobs(fresh: Database) -> None:
    await schema.migrate(fresh)

    assert await rows(fresh, "select name from migration") == [("0001_installation.sql",)]
    assert await rows(fresh, "select count(*) from product") == [(0,)]
    assert await rows(fresh.of(schema.JOBS), "select count(*) from procrastinate_jobs") == [(0,)]


async def test_only_what_is_missing_is_applied(
    fresh: Database, migrations: Path, now: datetime
) -> None:
    await schema.migrate(fresh)
    product = await products.add(fresh, name="one", now=now)
    (migrations / "installation/0002_more.sql").write_text("create table more (here text);")
    (migrations / "product/0099_more.sql").write_text("create table more (there text);")

    await schema.migrate(fresh)
    await schema.migrate(fresh)

    assert await rows(fresh, "select here from more") == []
    assert await rows(fresh.of(product.schema_name), "select there from more") == []


async def test_a_new_product_is_as_good_as_a_migrated_one(fresh: Database, now: datetime) -> None:
    await schema.migrate(fresh)
    one = await products.add(fresh, name="one", now=now)

    before = await rows(fresh.of(one.schema_name), "select name, checksum from migration")
    await schema.migrate(fresh)

    assert await rows(fresh.of(one.schema_name), "select name, checksum from migration") == before
    assert len(before) == len(list(schema.MIGRATIONS.glob("product/*.sql")))


async def test_pictures_that_were_addresses_are_fetched_now(
    fresh: Database, migrations: Path, now: datetime
) -> None:
    later = [path for path in sorted((migrations / "product").iterdir()) if path.name >= "0009"]
    texts = {path: path.read_text() for path in later}
    for path in later:
        path.unlink()
    await schema.migrate(fresh)
    product = await products.add(fresh, name="one", now=now)
    db = fresh.of(product.schema_name)
    async with db.transaction() as tx:
        for id_, url in ((1, "https://example.com/me.png"), (2, None)):
            await tx.execute(
                """
                insert into users (id, status, first_name, last_name, username, country, timezone,
                    locale, pin_digest, image_url, created_at, updated_at)
                values (%(user)s, 'active', '', '', %(user)s::uuid::text, '', '', '', '', %(url)s,
                    %(now)s, %(now)s)
                """,
                {"user": UUID(int=id_), "url": url, "now": now},
            )
            await tx.execute(
                """
                insert into payment (id, owner_id, funding_source_id, amount, fee, currency,
                    description, meta, image_url, status, fulfillment_status, recipient_id,
                    recipient_name, recipient_meta, recipient_status, transaction_id, created_at,
                    updated_at)
                values (%(id)s, %(user)s, %(id)s, 1, 0, 'EUR', '', '', %(url)s, 'closed',
                    'fulfilled', %(id)s, '', '', 'paid', %(id)s, %(now)s, %(now)s)
                """,
                {"id": UUID(int=10 + id_), "user": UUID(int=1), "url": url, "now": now},
            )

    for path, text in texts.items():
        path.write_text(text)
    await schema.migrate(fresh)

    wanted = await rows(
        db,
        "select owner_id, object_type, object_id, position, status, source_url, due_at <= now()"
        " from image order by object_id",
    )
    url = "https://example.com/me.png"
    assert wanted == [
        (UUID(int=1), "user", UUID(int=1), 0, "wanted", url, True),
        (UUID(int=1), "payment", UUID(int=11), 0, "wanted", url, True),
    ]


async def test_many_may_migrate_at_once(fresh_url: str) -> None:
    async with AsyncExitStack() as stack:
        databases = [
            await stack.enter_async_context(open_database(fresh_url, connections=4))
            for _ in range(3)
        ]

        await asyncio.gather(*(schema.migrate(db) for db in databases))

        assert await rows(databases[0], "select count(*) from migration") == [(1,)]


async def test_a_file_is_applied_whole_or_not_at_all(fresh: Database, migrations: Path) -> None:
    broken = migrations / "installation/0002_broken.sql"
    broken.write_text("create table begun (); select 1 / 0;")
    with pytest.raises(psycopg.errors.DivisionByZero):
        await schema.migrate(fresh)
    assert await rows(fresh, "select to_regclass('begun')") == [(None,)]

    broken.write_text("create table begun ();")
    await schema.migrate(fresh)

    assert await rows(fresh, "select count(*) from begun") == [(0,)]


async def test_a_changed_migration_is_refused(fresh: Database, migrations: Path) -> None:
    await schema.migrate(fresh)
    with (migrations / "installation/0001_installation.sql").open("a") as file:
        file.write("-- an afterthought")

    with pytest.raises(MigrationChanged, match=r"0001_installation\.sql has changed"):
        await schema.migrate(fresh)


async def test_a_newer_database_is_refused(fresh: Database, migrations: Path) -> None:
    newer = migrations / "installation/0002_newer.sql"
    newer.write_text("create table newer ();")
    await schema.migrate(fresh)
    newer.unlink()

    with pytest.raises(DatabaseTooNew, match=r"newer than this Whipround.*0002_newer\.sql"):
        await schema.migrate(fresh)


async def test_the_job_queue_is_upgraded_by_its_own_steps(
    fresh: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await schema.migrate(fresh)
    steps = tmp_path / "steps"
    copytree(SchemaManager.get_migrations_path(), steps)
    (steps / "99.00.00_01_more.sql").write_text("create table more ();")
    first = min(steps.glob("*.sql"))
    first.write_text(first.read_text() + "-- retouched by a later release")
    monkeypatch.setattr(SchemaManager, "get_migrations_path", lambda: str(steps))

    await schema.migrate(fresh)

    jobs = fresh.of(schema.JOBS)
    assert await rows(jobs, "select to_regclass('more') is not null") == [(True,)]


@pytest.mark.parametrize("version", [160000, 180004])
def test_a_newer_postgresql_will_do(version: int) -> None:
    schema.check_version(version)


def test_an_older_postgresql_will_not_do() -> None:
    with pytest.raises(DatabaseTooOld, match=r"PostgreSQL 15\.7, and Whipround needs 16 or newer"):
        schema.check_version(150007)
