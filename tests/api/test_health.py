"""What whoever watches the process is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from time import perf_counter

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.api.serving import client_of
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


class Line:
    """A line to the database that can fall silent, and come back."""

    def __init__(self, postgres_url: str) -> None:
        self._there = conninfo_to_dict(postgres_url)
        self._carries = asyncio.Event()
        self._carries.set()
        self._carrying: list[asyncio.Task[None]] = []

    def fall_silent(self) -> None:
        self._carries.clear()

    def come_back(self) -> None:
        self._carries.set()

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[dict[str, str | int]]:
        """Where to connect to."""
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        try:
            yield {"host": "127.0.0.1", "port": server.sockets[0].getsockname()[1]}
        finally:
            server.close()
            for task in self._carrying:
                task.cancel()
            await asyncio.gather(*self._carrying, return_exceptions=True)

    async def _connect(self, here: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        host, port = self._there["host"], self._there.get("port", 5432)
        there, forth = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        for reader, writer in ((here, forth), (there, back)):
            self._carrying.append(asyncio.create_task(self._carry(reader, writer)))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                await self._carries.wait()
                writer.write(data)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def test_not_ready_in_time_while_the_database_is_silent(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 0.3)
    line = Line(postgres_url)
    async with (
        line.connected() as there,
        open_database(make_conninfo(postgres_url, **there), connections=4) as db,
        client_of(readyz(db)) as client,
    ):
        before = await client.get("/readyz")
        line.fall_silent()
        began = perf_counter()
        silent = [await client.get("/readyz") for _ in range(3)]
        took = perf_counter() - began
        line.come_back()
        await asyncio.sleep(0.5)
        after = await client.get("/readyz")

    assert [before.status_code, *(it.status_code for it in silent)] == [200, 503, 503, 503]
    assert took < 3
    assert after.status_code == 200
