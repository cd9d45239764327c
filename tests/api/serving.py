"""Serving the apps in this process, as the composition root does."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache

import httpx
from litestar import Litestar
from litestar.types import ControllerRouterHandler

from tests.api.conftest import Shared
from tests.studio import new_studio
from whipround.api.context import Front
from whipround.api.logs import RequestLog
from whipround.api.memento.app import DIALECT, HANDLERS, create_app
from whipround.api.memento.errors import refuse
from whipround.api.services import Directory
from whipround.api.types import App
from whipround.db.database import Database
from whipround.gateways.processors.live import OpenProcessors, processors_of
from whipround.keyring import Keyring
from whipround.settings import Settings

PROCESSORS = processors_of(Settings(), sandbox=True)
"""The processor of a sandbox, for cards and for banks."""


def new_directory(
    db: Database,
    keyring: Keyring,
    *,
    processors: OpenProcessors = PROCESSORS,
    sandbox: bool = True,
) -> Directory:
    """A directory that knows no product yet."""
    return Directory(
        db,
        keyring=keyring,
        processors=processors,
        studio=new_studio(keyring),
        sandbox=sandbox,
    )


@cache
def app_of(handlers: tuple[ControllerRouterHandler, ...] = tuple(HANDLERS)) -> Litestar:
    """The Memento dialect of these handlers, which keeps nothing: made once for all tests."""
    return create_app(handlers)


@asynccontextmanager
async def client_of(app: App) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an ASGI app."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://whipround.test") as client:
        yield client


@asynccontextmanager
async def memento(
    shared: Shared,
    *,
    handlers: Sequence[ControllerRouterHandler] = HANDLERS,
    log: RequestLog | None = None,
    nudge: Callable[[], None] = lambda: None,
    processors: OpenProcessors = PROCESSORS,
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the Memento dialect, who asks for this product."""
    directory = new_directory(shared.installation_db, shared.keyring, processors=processors)
    directory.set([shared.product])
    front = Front(
        app_of(tuple(handlers)),
        dialect=DIALECT,
        directory=directory,
        refuse=refuse,
        log=log,
        nudge=nudge,
    )
    async with client_of(front) as client:
        client.headers["Product-ID"] = str(shared.product.id)
        yield client
    await directory.drain()
