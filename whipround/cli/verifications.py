"""`whipround verification …`: what people send to prove who they are, and deciding about it."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer
from rich.console import RenderableType
from rich.table import Column, Table
from rich.text import Text

from whipround.cli.product_commands import Place, run_in_product
from whipround.cli.running import ProductName
from whipround.db.database import Tx
from whipround.domain import identity
from whipround.domain.identity import Submission
from whipround.keyring import Keyring

app = typer.Typer(help="Verifications: look at the documents people send, and decide about them.")

Id = Annotated[UUID, typer.Argument(metavar="ID", help="The id of the verification.")]


@app.command(name="list")
def list_(product: ProductName = None) -> None:
    """List what waits to be decided about, the oldest first."""

    async def act(tx: Tx, _keyring: Keyring, now: datetime) -> Table:
        table = Table(Column("id", no_wrap=True), "user", "type", "event", "since")
        for each in await identity.undecided(tx, now=now):
            table.add_row(
                str(each.id), each.username, each.type, Text(each.event), _time(each.created_at)
            )
        return table

    _within(product, act)


@app.command()
def show(id: Id, product: ProductName = None) -> None:  # noqa: A002
    """Show what somebody has sent, and whose it is said to be."""

    async def act(tx: Tx, keyring: Keyring, now: datetime) -> Table:
        found = await identity.get(tx, verification_id=id, now=now)
        data = found.data(keyring)
        table = Table(show_header=False)
        for label, value in (
            ("id", found.id),
            ("user", found.username),
            ("name", found.full_name),
            ("country", found.country),
            ("born", found.date_of_birth or ""),
            ("type", found.type),
            ("event", found.event),
            # A line that returns to its beginning could hide what it says.
            ("data", "erased" if data is None else "\n".join(data.splitlines())),
            ("status", found.status),
            ("reason", found.error_message or found.error_code),
            ("since", _time(found.created_at)),
            ("until", _time(found.expires_at)),
            ("decided", "" if found.decided_at is None else _time(found.decided_at)),
        ):
            table.add_row(label, Text(str(value)))
        return table

    _within(product, act)


@app.command()
def approve(id: Id, product: ProductName = None) -> None:  # noqa: A002
    """Confirm a document: its user is verified from now on, and is told so."""

    async def act(tx: Tx, _keyring: Keyring, now: datetime) -> str:
        decided = await identity.approve(tx, verification_id=id, now=now)
        return f"{_what(decided)} is approved: {decided.username} is verified."

    _within(product, act)


@app.command()
def reject(
    id: Id,  # noqa: A002
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why; the user reads it.")
    ] = identity.NO_REASON,
    product: ProductName = None,
) -> None:
    """Refuse a document; its user is told why."""

    async def act(tx: Tx, _keyring: Keyring, now: datetime) -> str:
        decided = await identity.reject(tx, verification_id=id, reason=reason, now=now)
        return f"{_what(decided)} is rejected."

    _within(product, act)


def _what(decided: Submission) -> str:
    return f"The {decided.type} of {decided.username}"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _within(
    product: str | None, act: Callable[[Tx, Keyring, datetime], Awaitable[RenderableType]]
) -> None:
    async def in_product(place: Place) -> RenderableType:
        async with place.db.transaction() as tx:
            return await act(tx, place.keyring, place.now)

    run_in_product(product, in_product)
