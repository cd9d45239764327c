"""The composition root: opens an installation, and serves it over HTTP until told to stop."""

import gc
import signal
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

import uvicorn

from whipround.api import logs
from whipround.api.context import Front, Refuse, Rendered
from whipround.api.health import healthz, readyz
from whipround.api.images import pictures
from whipround.api.memento import app as memento
from whipround.api.memento import errors as memento_errors
from whipround.api.mobbr import app as mobbr
from whipround.api.mobbr import errors as mobbr_errors
from whipround.api.moneypool import app as moneypool
from whipround.api.moneypool import errors as moneypool_errors
from whipround.api.protocol import allow_many_files, config
from whipround.api.sandbox import refuse as refuse_in_sandbox
from whipround.api.sandbox import sandbox as sandbox_app
from whipround.api.services import Directory, open_directory
from whipround.api.types import App, Receive, Scope, Send
from whipround.api.webhooks import webhooks
from whipround.domain.installation import Installation, open_installation
from whipround.flows.scripts.web import open_web
from whipround.gateways.facebook.live import open_facebook
from whipround.gateways.oauth.live import open_providers
from whipround.gateways.processors.live import hints_of
from whipround.jobs.worker import Worker, run_worker
from whipround.settings import Settings

YOUNG_OBJECTS = 20_000
"""After how many new objects the collector looks for cycles: requests leave none."""


async def serve(
    settings: Settings, *, sandbox: bool, ready: Callable[[str], None] | None = None
) -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP, and then until what was accepted is answered.

    `ready` gets the address once requests are served. Raises OSError where the address cannot be
    listened on, before anything else is begun, and what `open_installation` and `run_worker` raise.
    """
    logs.configure(settings)
    allow_many_files()
    with bound(settings.host, settings.port) as listener:
        settings = _named(settings, listener)
        async with (
            open_installation(settings, sandbox=sandbox, exclusive=True) as installation,
            run_worker(installation, settings) as worker,
            open_facebook(settings, sandbox=installation.sandbox) as facebook,
            open_web(settings, worker.studio.fetcher) as web,
            open_providers(settings, sandbox=installation.sandbox) as providers,
            open_directory(
                installation.db,
                installation.products,
                keyring=installation.keyring,
                processors=worker.processors,
                studio=worker.studio,
                facebook=facebook,
                web=web,
                providers=providers,
                public_url=settings.public_url or "",
                sandbox=installation.sandbox,
            ) as directory,
            _apps(installation, directory, worker, settings) as root,
        ):
            await Server(root, settings, listener, ready).serve(sockets=[listener])


class Root:
    """Sends each request to its app, with the path left whole.

    An app has one path (`/healthz`), or all that begin with a part (`/v1/`).
    """

    def __init__(self, apps: Mapping[str, App]) -> None:
        self._apps = apps

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one HTTP request."""
        path: str = scope["path"]
        beginning = path[: path.find("/", 1) + 1] or path
        return self._apps.get(beginning, _nothing_here)(scope, receive, send)


async def _nothing_here(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
    await Rendered(404).send(send)


@asynccontextmanager
async def _apps(
    installation: Installation, directory: Directory, worker: Worker, settings: Settings
) -> AsyncIterator[Root]:
    """All apps, begun and, at the end, ended."""
    log = logs.request_log(settings)

    def front(app: App, dialect: bytes, refuse: Refuse) -> Front:
        return Front(
            app, dialect=dialect, directory=directory, refuse=refuse, log=log, nudge=worker.nudge
        )

    dialects = {
        "/v1/": (memento.create_app(), memento.DIALECT, memento_errors.refuse),
        "/api/": (moneypool.create_app(), moneypool.DIALECT, moneypool_errors.refuse),
        "/api_v1/": (mobbr.create_app(), mobbr.DIALECT, mobbr_errors.refuse),
    }
    apps: dict[str, App] = {
        "/healthz": healthz,
        "/readyz": readyz(installation.db),
        "/images/": pictures(worker.studio),
        **{root: front(*dialect) for root, dialect in dialects.items()},
    }
    hints = hints_of(settings, sandbox=installation.sandbox)
    apps["/webhooks/"] = webhooks(directory, stripe=hints)
    if installation.sandbox:
        apps["/sandbox/"] = front(sandbox_app, b"sandbox", refuse_in_sandbox)
    async with AsyncExitStack() as lifespans:
        for litestar, _, _ in dialects.values():
            # A mounted app's lifespan would never run: it is run here.
            await lifespans.enter_async_context(litestar.lifespan())
        yield Root(apps)
    if log is not None:
        log.flush()


class Server(uvicorn.Server):
    """uvicorn, on a socket of ours and with signals that only stop it."""

    def __init__(
        self,
        root: App,
        settings: Settings,
        listener: socket.socket,
        ready: Callable[[str], None] | None,
    ) -> None:
        self._ready = ready
        self._address = _address(listener)
        super().__init__(
            config(
                root,
                proxy_headers=bool(settings.trusted_proxies),
                forwarded_allow_ips=settings.trusted_proxies,
                timeout_graceful_shutdown=settings.shutdown_seconds,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept, and say so."""
        # What exists now stays: the collector need not look at it ever again, nor wait until what
        # is new is a quarter of it, as it would if it had not looked at how little is left.
        gc.collect()
        gc.freeze()
        gc.collect()
        gc.set_threshold(YOUNG_OBJECTS)
        await super().startup(sockets)
        if self.started and self._ready is not None:
            self._ready(self._address)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Have signals stop the server, while it runs.

        uvicorn would raise them anew at the end; but then the rest has yet to be closed in order.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {
            number: signal.signal(number, self.handle_exit)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
            if signal.getsignal(number) is not signal.SIG_IGN  # as under nohup
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def bound(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that has the address, and does not listen yet: nobody is kept waiting meanwhile."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, kind, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.settimeout(0)
        yield listener


def _named(settings: Settings, listener: socket.socket) -> Settings:
    """The settings, with the address that the server listens on where no public one is set."""
    address = _address(listener)
    for anywhere in ("//0.0.0.0:", "//[::]:"):
        address = address.replace(anywhere, "//127.0.0.1:")
    return settings.model_copy(update={"public_url": settings.public_url or address})


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
