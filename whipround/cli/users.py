"""`whipround user …`: what an operator can see of people, and do for them."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.table import Table

from whipround.cli.product_commands import Place, run_in_product
from whipround.cli.running import ProductName
from whipround.db.database import Tx
from whipround.domain.users import operator, person
from whipround.domain.users.person import User

app = typer.Typer(help="People: look at them, unlock them, mark them.")

Username = Annotated[str, typer.Argument(metavar="USERNAME", help="In capitals or not.")]
OnOff = Annotated[bool, typer.Option("--on/--off", help="Whether they are so from now on.")]


@app.command()
def show(username: Username, product: ProductName = None) -> None:
    """Show who a user is."""

    async def act(_tx: Tx, user: User, now: datetime) -> Table:
        table = Table(show_header=False)
        for label, value in (
            ("id", user.id),
            ("username", user.username),
            ("name", user.full_name),
            ("status", user.status_at(now)),
            ("locked until", user.locked_until if user.is_locked(now) else ""),
            ("phone", user.phone or ""),
            ("email", user.email or ""),
            ("verified", "yes" if user.verified else "no"),
            ("official", "yes" if user.official else "no"),
            ("guardian", user.parent_user_id or ""),
            ("since", f"{user.created_at:%Y-%m-%d %H:%M} UTC"),
        ):
            table.add_row(label, str(value))
        return table

    _for_user(username, product, act)


@app.command()
def unlock(username: Username, product: ProductName = None) -> None:
    """Let a user in again whom wrong PINs have locked out."""

    async def act(tx: Tx, user: User, now: datetime) -> str:
        await operator.unlock(tx, user_id=user.id, now=now)
        return f"{user.username} is unlocked."

    _for_user(username, product, act)


@app.command()
def official(username: Username, on: OnOff, product: ProductName = None) -> None:
    """Mark an account as an official one, or not."""

    async def act(tx: Tx, user: User, now: datetime) -> str:
        await operator.set_official(tx, user_id=user.id, official=on, now=now)
        return f"{user.username} is {'' if on else 'not '}official."

    _for_user(username, product, act)


@app.command()
def verified(username: Username, on: OnOff, product: ProductName = None) -> None:
    """Mark an account as verified, or not."""

    async def act(tx: Tx, user: User, now: datetime) -> str:
        await operator.set_verified(tx, user_id=user.id, verified=on, now=now)
        return f"{user.username} is {'' if on else 'not '}verified."

    _for_user(username, product, act)


@app.command()
def guardian(
    username: Username,
    guardian: Annotated[
        str | None, typer.Argument(metavar="[GUARDIAN]", help="The guardian's username.")
    ] = None,
    nobody: Annotated[  # noqa: FBT002
        bool, typer.Option("--nobody", help="From now on they need no guardian.")
    ] = False,
    product: ProductName = None,
) -> None:
    """Give a user a guardian, in place of any before."""
    if (guardian is None) is not nobody:
        raise typer.BadParameter("name a guardian, or say --nobody")

    async def act(tx: Tx, user: User, now: datetime) -> str:
        found = await person.find_by_username(tx, username=guardian) if guardian else None
        await operator.set_guardian(
            tx, ward_id=user.id, guardian_id=found.id if found else None, now=now
        )
        return f"The guardian of {user.username} is {found.username if found else 'nobody'}."

    _for_user(username, product, act)


def _for_user(
    username: str,
    product: str | None,
    act: Callable[[Tx, User, datetime], Awaitable[RenderableType]],
) -> None:
    async def in_product(place: Place) -> RenderableType:
        async with place.db.transaction() as tx:
            user = await person.find_by_username(tx, username=username)
            return await act(tx, user, place.now)

    run_in_product(product, in_product)
