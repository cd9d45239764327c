"""What whoever watches the process is told."""

import asyncio
from time import perf_counter

import pytest
from psycopg.conninfo import make_conninfo

from tests.api.serving import client_of
from tests.line import line_to
from whipround.api import health
from whipround.api.health import healthz, readyz
from whipround.db.database import Database, open_database

pytestmark = pytest.mark.anyio


async def test_alive() -> None:
    async with client_of(healthz) as client:
        answer = await client.get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_ready(installation_db: Database) -> None:
    async with client_of(readyz(installation_db)) as client:
        answer = await client.get("/readyz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("elsewhere", [{"dbname": "template1"}, {"host": "127.0.0.1", "port": 1}])
async def test_not_ready_without_migrations_or_without_a_database(
    postgres_url: str, elsewhere: dict[str, str]
) -> None:
    conninfo = make_conninfo(postgres_url, **elsewhere)
    async with (
        open_database(conninfo, connections=4) as db,
        client_of(readyz(db)) as client,
    ):
        answer = await client.get("/readyz")

    assert (answer.status_code, answer.json()) == (503, {"status": "unavailable"})
    assert answer.headers["Retry-After"] == "1"


async def test_not_ready_in_time_while_the_database_is_silent(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 0.3)
    async with (
        line_to(postgres_url) as line,
        open_database(line.url, connections=4) as db,
        client_of(readyz(db)) as client,
    ):
        before = await client.get("/readyz")
        await line.fall_silent()
        began = perf_counter()
        silent = [await client.get("/readyz") for _ in range(3)]
        took = perf_counter() - began
        await line.speak()
        await asyncio.sleep(0.5)
        after = await client.get("/readyz")

    assert [before.status_code, *(it.status_code for it in silent)] == [200, 503, 503, 503]
    assert took < 3
    assert after.status_code == 200
