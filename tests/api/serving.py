"""Serving the apps in this process, as the composition root does."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache, partial
from typing import Any, NamedTuple

import httpx
import uvicorn
from litestar import Litestar
from litestar.types import ControllerRouterHandler

from tests.api.conftest import Shared
from tests.studio import PUBLIC_URL, new_studio
from whipround.api.context import Front, Refuse
from whipround.api.logs import RequestLog
from whipround.api.memento import app as memento_app
from whipround.api.memento import errors as memento_errors
from whipround.api.mobbr import app as mobbr_app
from whipround.api.mobbr import errors as mobbr_errors
from whipround.api.moneypool import app as moneypool_app
from whipround.api.moneypool import errors as moneypool_errors
from whipround.api.protocol import config
from whipround.api.services import Directory
from whipround.api.types import App
from whipround.db.database import Database
from whipround.flows.scripts.web import Web
from whipround.gateways.facebook.protocol import Facebook
from whipround.gateways.facebook.sandbox import SandboxFacebook
from whipround.gateways.github.rest import GitHub
from whipround.gateways.oauth.live import providers_of
from whipround.gateways.oauth.protocol import Provider
from whipround.gateways.pages.fetcher import Fetcher
from whipround.gateways.processors.live import OpenProcessors, processors_of
from whipround.keyring import Keyring
from whipround.settings import Settings

PROCESSORS = processors_of(Settings(), sandbox=True)
"""The processor of a sandbox, for cards and for banks."""

PROVIDERS = providers_of(Settings(), sandbox=True)
"""Where profiles are proven in a sandbox."""

NO_WEB = Web(Fetcher(), GitHub(url="http://127.0.0.1:9"))
"""Where nothing is found: no page of this machine is asked for, and nobody answers as GitHub."""

VERSION = "application/vnd.moneypool.mx+json; version=1"
"""What a client of Moneypool accepts."""


def new_directory(
    db: Database,
    keyring: Keyring,
    *,
    processors: OpenProcessors = PROCESSORS,
    facebook: Facebook | None = None,
    web: Web = NO_WEB,
    providers: Mapping[str, Provider] = PROVIDERS,
    sandbox: bool = True,
) -> Directory:
    """A directory that knows no product yet."""
    return Directory(
        db,
        keyring=keyring,
        processors=processors,
        studio=new_studio(keyring),
        facebook=facebook or SandboxFacebook(),
        web=web,
        providers=providers,
        public_url=PUBLIC_URL,
        sandbox=sandbox,
    )


class Dialect(NamedTuple):
    """A dialect, as the composition root knows it."""

    mark: bytes
    handlers: tuple[ControllerRouterHandler, ...]
    create: Callable[[Sequence[ControllerRouterHandler]], Litestar]
    refuse: Refuse


MEMENTO = Dialect(
    memento_app.DIALECT,
    tuple(memento_app.HANDLERS),
    memento_app.create_app,
    memento_errors.refuse,
)
MONEYPOOL = Dialect(
    moneypool_app.DIALECT,
    tuple(moneypool_app.HANDLERS),
    moneypool_app.create_app,
    moneypool_errors.refuse,
)
MOBBR = Dialect(
    mobbr_app.DIALECT,
    tuple(mobbr_app.HANDLERS),
    mobbr_app.create_app,
    mobbr_errors.refuse,
)


@cache
def _app_of(dialect: Dialect, handlers: tuple[ControllerRouterHandler, ...]) -> Litestar:
    """An app keeps nothing: it is made once for all tests."""
    return dialect.create(handlers)


def front_of(
    dialect: Dialect,
    directory: Directory,
    *,
    handlers: Sequence[ControllerRouterHandler] | None = None,
    log: RequestLog | None = None,
    nudge: Callable[[], None] = lambda: None,
) -> Front:
    """A dialect, of these handlers or else of all it has, over the products of the directory."""
    return Front(
        _app_of(dialect, dialect.handlers if handlers is None else tuple(handlers)),
        dialect=dialect.mark,
        directory=directory,
        refuse=dialect.refuse,
        log=log,
        nudge=nudge,
    )


@asynccontextmanager
async def client_of(app: App, *, address: str = "127.0.0.1") -> AsyncIterator[httpx.AsyncClient]:
    """A client of an ASGI app, which calls from this address."""
    transport = httpx.ASGITransport(app=app, client=(address, 123))
    async with httpx.AsyncClient(transport=transport, base_url="http://whipround.test") as client:
        yield client


@asynccontextmanager
async def served(app: App) -> AsyncIterator[int]:
    """The port of a server with the limits of ours, in this process."""
    server = uvicorn.Server(config(app, port=0))
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup()
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        await server.shutdown()


@asynccontextmanager
async def serving(
    dialect: Dialect,
    shared: Shared,
    *,
    handlers: Sequence[ControllerRouterHandler] | None = None,
    log: RequestLog | None = None,
    nudge: Callable[[], None] = lambda: None,
    processors: OpenProcessors = PROCESSORS,
    facebook: Facebook | None = None,
    web: Web = NO_WEB,
    providers: Mapping[str, Provider] = PROVIDERS,
    sandbox: bool = True,
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a dialect, who asks for this product."""
    directory = new_directory(
        shared.installation_db,
        shared.keyring,
        processors=processors,
        facebook=facebook,
        web=web,
        providers=providers,
        sandbox=sandbox,
    )
    directory.set([shared.product])
    front = front_of(dialect, directory, handlers=handlers, log=log, nudge=nudge)
    async with client_of(front) as client:
        client.headers["Product-ID"] = str(shared.product.id)
        yield client
    await directory.drain()


memento = partial(serving, MEMENTO)
"""A client of the Memento dialect."""

mobbr = partial(serving, MOBBR)
"""A client of the Mobbr dialect."""


@asynccontextmanager
async def moneypool(shared: Shared, **given: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the Moneypool dialect, who asks for its version too."""
    async with serving(MONEYPOOL, shared, **given) as client:
        client.headers["Accept"] = VERSION
        yield client
