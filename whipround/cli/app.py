"""All commands, put together."""

from typing import Annotated

import typer

from whipround import __version__
from whipround.cli import (
    announcements,
    audit,
    fees,
    funding_types,
    limits,
    products,
    rates,
    server,
    users,
    verifications,
)
from whipround.cli.running import console

app = typer.Typer(
    name="whipround",
    help="Self-hosted social payments: three published HTTP APIs over one double-entry ledger.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
server.register(app)
audit.register(app)
announcements.register(app)
app.add_typer(announcements.app, name="announcement")
app.add_typer(products.app, name="product")
app.add_typer(users.app, name="user")
app.add_typer(verifications.app, name="verification")
app.add_typer(funding_types.app, name="funding-type")
app.add_typer(fees.app, name="fees")
app.add_typer(limits.app, name="limits")
app.add_typer(rates.app, name="rates")


def _show_version(value: bool) -> None:  # noqa: FBT001 (called by typer)
    if value:
        console.print(f"whipround {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[  # noqa: FBT002
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="And exit.")
    ] = False,
) -> None:
    """Settings come from WHIPROUND_… environment variables and whipround.toml."""


def main() -> None:
    """Run the command that the arguments name."""
    app()
