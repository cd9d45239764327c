"""Serving the apps in this process, as the composition root does."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import httpx
from litestar.types import ControllerRouterHandler

from tests.api.conftest import Shared
from whipround.api.context import Front
from whipround.api.logs import RequestLog
from whipround.api.memento.app import DIALECT, HANDLERS, create_app
from whipround.api.memento.errors import refuse
from whipround.api.services import Directory
from whipround.api.types import App
from whipround.gateways.processors.live import OpenProcessors, processors_of
from whipround.settings import Settings

PROCESSORS = processors_of(Settings(), sandbox=True)
"""The processor of a sandbox, for cards and for banks."""


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
    directory = Directory(
        shared.installation_db, keyring=shared.keyring, processors=processors, sandbox=True
    )
    directory.set([shared.product])
    front = Front(
        create_app(handlers),
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
