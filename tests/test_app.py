"""The composition root: a whole server in this process, on a database of its own."""

import asyncio
import errno
import gc
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from tests.databases import Originals
from tests.people import log_in
from tests.pictures import new_picture
from tests.website import website
from whipround.api.health import healthz
from whipround.api.types import Receive, Scope, Send
from whipround.app import Server, bound, serve
from whipround.db.database import open_database
from whipround.domain import products
from whipround.domain.users import person
from whipround.settings import Settings

pytestmark = [pytest.mark.anyio, pytest.mark.processes]

_numbers = count(1)


@pytest.fixture(autouse=True)
def _process() -> Iterator[None]:
    """Puts back what a server changes of its whole process."""
    root = logging.getLogger()
    handlers, level, threshold = root.handlers[:], root.level, gc.get_threshold()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    gc.set_threshold(*threshold)
    gc.unfreeze()


@pytest.fixture
def settings(fresh_url: str, tmp_path: Path) -> Settings:
    """Those of a server on a new, empty database."""
    return _settings(fresh_url, tmp_path)


@pytest.fixture
async def made(originals: Originals, tmp_path: Path) -> AsyncIterator[Settings]:
    """Those of a server on a sandbox that is there already, which is quicker."""
    async with originals.copied(sandbox=True, data_dir=tmp_path) as url:
        yield _settings(url, tmp_path)


def _settings(url: str, data_dir: Path) -> Settings:
    return Settings(
        database_url=url, data_dir=data_dir, port=0, log_level="warning", shutdown_seconds=10
    )


@asynccontextmanager
async def _serving(
    settings: Settings, *, sandbox: bool = True
) -> AsyncIterator[tuple[httpx.AsyncClient, "asyncio.Task[None]"]]:
    """A client of a running server, and the server's task; stopped at the end if need be."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(settings, sandbox=sandbox, ready=ready.set_result))
    either: set[asyncio.Future[Any]] = {task, ready}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    async with httpx.AsyncClient(base_url=ready.result()) as client:
        yield client, task
    if not task.done():
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(task, 10)


async def test_a_sandbox_serves_what_it_should(settings: Settings) -> None:
    async with _serving(settings) as (client, _):
        statuses = {
            path: (await client.get(path)).status_code
            for path in (
                "/healthz",
                "/readyz",
                "/v1/docs",
                "/v1/users/current",
                "/api/docs",
                "/api/users/1",
                "/sandbox/messages",
                "/",
                "/nothing",
                "/v1",
                "/v1x",
                "/healthz/x",
                "/v1/nothing",
                "//v1/docs",
                "/api/nothing",
                "/api_v1/nothing",
            )
        }

    assert statuses == {
        "/healthz": 200,
        "/readyz": 200,
        "/v1/docs": 200,
        "/v1/users/current": 401,
        "/api/docs": 200,
        "/api/users/1": 406,
        "/sandbox/messages": 200,
        "/": 404,
        "/nothing": 404,
        "/v1": 404,
        "/v1x": 404,
        "/healthz/x": 404,
        "/v1/nothing": 404,
        "//v1/docs": 404,
        "/api/nothing": 404,
        "/api_v1/nothing": 404,
    }


async def test_a_picture_is_fetched_and_served(made: Settings) -> None:
    assert made.database_url is not None
    async with (
        _serving(made) as (client, _),
        open_database(made.database_url, connections=4) as installation_db,
        website() as site,
    ):
        [product] = await products.list_products(installation_db)
        db = installation_db.of(product.schema_name)
        async with db.transaction() as tx:
            user = await person.find_by_username(tx, username="jondough")
        logged_in = await log_in(db, user, now=datetime.now(UTC))
        client.headers["Authorization"] = f"Bearer {logged_in.opened.secret}"
        url = site.serve("/me", new_picture(), content_type="image/png")
        await client.put("/v1/users", json={"image": {"url": url}})

        async with asyncio.timeout(20):
            me = (await client.get("/v1/users/current")).json()
            while me["image"] is None:
                await asyncio.sleep(0.02)
                me = (await client.get("/v1/users/current")).json()
        served = await client.get(me["image"]["url"])

    assert me["image"]["url"].startswith(f"{client.base_url}")
    assert (served.status_code, served.headers["content-type"]) == (200, "image/jpeg")
    assert list((made.data_dir / "images").glob("*/thumbnail.jpg")) != []


async def test_outside_a_sandbox_its_routes_do_not_exist(settings: Settings) -> None:
    async with _serving(settings, sandbox=False) as (client, _):
        answer = await client.get("/sandbox/messages")

    assert (answer.status_code, answer.content) == (404, b"")


async def test_a_product_added_while_the_server_runs(made: Settings, now: datetime) -> None:
    assert made.database_url is not None
    async with (
        _serving(made) as (client, _),
        open_database(made.database_url, connections=4) as db,
    ):
        [default] = await products.list_products(db)
        without = await client.get("/v1/docs")
        unknown = await client.get("/v1/docs", headers={"Product-ID": str(uuid4())})
        await asyncio.sleep(1.1)
        added = await products.add(db, name="second", now=now)
        asked = await client.get("/v1/docs", headers={"Product-ID": str(added.id)})

    assert without.headers["Product-ID"] == str(default.id)
    assert unknown.status_code == 400
    assert asked.status_code == 200


async def test_on_sigterm_what_was_accepted_is_answered(made: Settings) -> None:
    assert made.database_url is not None
    async with (
        _serving(made) as (client, task),
        await psycopg.AsyncConnection.connect(made.database_url) as blocking,
    ):
        await blocking.execute("lock table product_main.verification in access exclusive mode")
        body = {"type": "sms", "recipient": "+447911123456", "event": "sign_up"}
        asked = asyncio.create_task(client.post("/v1/verifications", json=body, timeout=10))
        await asyncio.sleep(0.3)

        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.3)
        assert not asked.done()
        assert not task.done()
        with pytest.raises(httpx.ConnectError):
            await httpx.AsyncClient().get(client.base_url)
        await blocking.rollback()

        assert (await asked).status_code == 201
        await asyncio.wait_for(task, 10)


async def test_the_handlers_of_signals_are_put_back(made: Settings) -> None:
    before = signal.getsignal(signal.SIGTERM)
    async with _serving(made):
        assert signal.getsignal(signal.SIGTERM) is not before

    assert signal.getsignal(signal.SIGTERM) is before


async def test_a_port_in_use_is_found_before_anything_else(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        # There is no such database: to look for it would fail otherwise.
        settings = Settings(
            database_url="postgresql://127.0.0.1:1/nowhere",
            data_dir=tmp_path,
            port=taken.getsockname()[1],
        )

        with pytest.raises(OSError, match="in use") as caught:
            await serve(settings, sandbox=True)

    assert caught.value.errno == errno.EADDRINUSE


@pytest.mark.parametrize(("trusted", "seen"), [("", "127.0.0.1"), ("127.0.0.0/8", "1.2.3.4")])
async def test_only_a_trusted_proxy_says_whom_it_forwards(trusted: str, seen: str) -> None:
    callers: list[str] = []

    async def root(scope: Scope, receive: Receive, send: Send) -> None:
        callers.append(scope["client"][0])
        await healthz(scope, receive, send)

    settings = Settings(port=0, trusted_proxies=trusted)
    with bound("127.0.0.1", 0) as listener:
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        server = Server(root, settings, listener, ready.set_result)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        async with httpx.AsyncClient() as client:
            await client.get(await ready, headers={"X-Forwarded-For": "1.2.3.4"})
        server.should_exit = True
        await task

    assert callers == [seen]
