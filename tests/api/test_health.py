"""What whoever watches the process is told."""

import pytest
from psycopg.conninfo import make_conninfo

from tests.api.serving import client_of
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
