"""`whipround init`, `serve` and `work`: the installation and the processes that run on it."""

import asyncio
from contextlib import suppress
from ipaddress import ip_address
from typing import Annotated

import typer

from whipround.api import logs
from whipround.app import serve as serve_app
from whipround.cli.running import console, fail, run
from whipround.domain.installation import KEY_FILE, WrongKind, open_installation, place_of
from whipround.jobs import worker
from whipround.settings import Settings

Sandbox = Annotated[
    bool, typer.Option("--sandbox", help="Needs no outside party and keeps nothing back.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (init, serve, work):
        app.command()(command)


def init(sandbox: Sandbox = False) -> None:  # noqa: FBT002
    """Make an installation: its database, its key file, its first product."""

    async def command(settings: Settings) -> None:
        try:
            async with open_installation(settings, sandbox=sandbox, exclusive=False) as found:
                is_new = found.is_new
        except WrongKind:
            fail(_already(settings, sandbox=not sandbox))
        if not is_new:
            fail(_already(settings, sandbox=sandbox))
        console.print(f"Made {'a sandbox' if sandbox else 'an installation'}.")
        if settings.secret_key is None:
            key = settings.data_dir / KEY_FILE
            console.print(f"Its key file {key} belongs in the backup: nothing can replace it.")

    run(command)


def serve(
    sandbox: Sandbox = False,  # noqa: FBT002
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="The TCP port; 0 picks one.")
    ] = None,
    public: Annotated[  # noqa: FBT002
        bool, typer.Option("--public", help="Let a sandbox listen where others can reach it.")
    ] = False,
) -> None:
    """Run the server, on an installation that is made if there is none."""

    async def command(settings: Settings) -> None:
        if sandbox and not public and not _is_loopback(settings.host):
            fail(
                "a sandbox keeps nothing back: it listens on this machine only,"
                f" or with --public on {settings.host} too"
            )
        # Told to stop before it serves, it has answered all that it accepted: nothing.
        with suppress(asyncio.CancelledError):
            await serve_app(settings, sandbox=sandbox, ready=_announce)

    run(command, host=host, port=port)


def work() -> None:
    """Deliver messages and run the scheduled jobs, apart from the server."""

    async def command(settings: Settings) -> None:
        logs.configure(settings)
        async with open_installation(settings, sandbox=None, exclusive=False) as installation:
            await worker.work(installation, settings)

    run(command)


def _already(settings: Settings, *, sandbox: bool) -> str:
    kind = "a sandbox" if sandbox else "a real installation"
    return f"there is {kind} in {place_of(settings)} already"


def _announce(url: str) -> None:
    console.print(f"Whipround is ready on {url}")
    console.file.flush()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
