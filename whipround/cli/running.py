"""Running a command: settings, signals, and one clear line for whatever is in the way."""

import asyncio
import errno
import logging
import signal
import socket
import sys
import tomllib
from collections.abc import Awaitable, Callable
from decimal import Decimal
from types import FrameType
from typing import Annotated, Any, NoReturn, TypeVar

import psycopg
import typer
import uvloop
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError
from rich.console import Console

from whipround.db.embedded import EmbeddedError
from whipround.db.schema import SchemaError
from whipround.domain.installation import InstallationError
from whipround.errors import DomainError
from whipround.gateways.messages.protocol import GatewayMisconfigured
from whipround.gateways.rates.protocol import RatesError
from whipround.keyring import KeyFileError
from whipround.settings import Settings

Result = TypeVar("Result")

_WIDEST = 500

ProductName = Annotated[
    str | None, typer.Option("--product", metavar="NAME", help="The product; else the default one.")
]
"""The option by which a command chooses its product."""

console = Console(
    highlight=False,
    markup=False,
    soft_wrap=True,
    # What goes into a file or a pipe is not cut to the size of a terminal.
    width=None if sys.stdout.isatty() else _WIDEST,
)

_TROUBLES = (
    DomainError,
    EmbeddedError,
    GatewayMisconfigured,
    InstallationError,
    KeyFileError,
    RatesError,
    SchemaError,
)
"""What is not a mistake of ours; each message is for the operator to read."""


def run(command: Callable[[Settings], Awaitable[Result]], **overrides: str | int | None) -> Result:
    """Run a command to its end under the settings, of which `overrides` that are not None win.

    What is in the way becomes one line on stderr and exit status 1. SIGINT, SIGTERM and SIGHUP
    cancel the command, which then cleans up after itself.
    """
    logging.basicConfig(level=logging.WARNING, format="whipround: %(message)s")
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)  # we tell it ourselves
    settings = _settings({name: value for name, value in overrides.items() if value is not None})
    heard: list[int] = []
    try:
        return uvloop.run(_until_terminated(command(settings), heard))
    except _TROUBLES as error:
        fail(str(error))
    except psycopg.Error as error:
        fail(f"the database refused: {error}")
    except OSError as error:
        fail(_explained(error, settings))
    except asyncio.CancelledError:
        raise typer.Exit(128 + (heard or [signal.SIGTERM])[0]) from None
    except KeyboardInterrupt:
        raise typer.Exit(128 + signal.SIGINT) from None


def fail(message: str) -> NoReturn:
    """End the command with one line about what is in the way."""
    print(f"whipround: {' '.join(message.split())}", file=sys.stderr)
    raise typer.Exit(1)


def plain(number: Decimal | None) -> str:
    """A number as people write it in a table: without zeros that say nothing; None is empty."""
    return "" if number is None else f"{number.normalize():f}"


async def _until_terminated(work: Awaitable[Result], heard: list[int]) -> Result:
    """What the work comes to, which signals cancel; those that did are added to `heard`."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()

    def terminate(number: int, _frame: FrameType | None) -> None:
        heard.append(number)
        if task is not None:
            loop.call_soon_threadsafe(task.cancel)

    # Not by the loop's own means: a server that runs in it has handlers of its own meanwhile. Nor
    # by asyncio's for SIGINT, which cancels in the midst of whatever is being done.
    before = {
        number: signal.signal(number, terminate)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is not signal.SIG_IGN  # as under nohup
    }
    try:
        return await work
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _settings(overrides: dict[str, Any]) -> Settings:
    file = Settings.model_config.get("toml_file")
    try:
        return Settings(**overrides)
    except ValidationError as error:
        fail("; ".join(_wrong_setting(each) for each in error.errors()))
    except SettingsError as error:
        fail(str(error))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        fail(f"{file} is not a TOML file: {error}")
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}")


def _wrong_setting(error: ErrorDetails) -> str:
    name = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{Settings.model_config.get('toml_file')}: there is no setting {name}"
    return f"WHIPROUND_{name.upper()} (or {name} in the settings file): {error['msg']}"


def _explained(error: OSError, settings: Settings) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {settings.port} of {settings.host} is in use: choose another with --port"
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return f"{settings.host} is no address of this machine: choose another with --host"
    if error.errno == errno.EACCES and not error.filename:
        return f"port {settings.port} is not for this account: choose one from 1024 on with --port"
    where = f": {error.filename}" if error.filename else ""
    return f"{error.strerror or error}{where}"
