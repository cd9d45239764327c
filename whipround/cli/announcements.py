"""`whipround announce` and `whipround announcement …`: what everybody is told."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer
from rich.console import RenderableType
from rich.table import Column, Table
from rich.text import Text

from whipround.cli.product_commands import Place, run_in_product
from whipround.cli.running import ProductName
from whipround.domain import announcements
from whipround.domain.announcements import NewAnnouncement

app = typer.Typer(help="Announcements: look at them, take them back.")

MOST_LISTED = 100
_TIMES = ["%Y-%m-%d %H:%M", "%Y-%m-%d"]


def register(app: typer.Typer) -> None:
    """Add the command that makes one."""
    app.command()(announce)


def announce(
    title: Annotated[str, typer.Argument(help="What it is about.")],
    message: Annotated[str, typer.Argument(help="What is to be told.")],
    *,
    button_label: Annotated[
        str, typer.Option(metavar="TEXT", help="The label of a button to go with it.")
    ] = "",
    button_url: Annotated[str, typer.Option(metavar="URL", help="What the button opens.")] = "",
    webview_url: Annotated[
        str, typer.Option(metavar="URL", help="A page to be shown within the message.")
    ] = "",
    image: Annotated[str, typer.Option(metavar="URL", help="A picture, to be fetched.")] = "",
    fullscreen: Annotated[
        bool, typer.Option("--fullscreen", help="Have it fill the screen.")
    ] = False,
    no_dismiss: Annotated[
        bool, typer.Option("--no-dismiss", help="Have it stay until it is acknowledged.")
    ] = False,
    start_at: Annotated[
        datetime | None,
        typer.Option(formats=_TIMES, metavar="TIME", help="From when on, in UTC; else from now."),
    ] = None,
    product: ProductName = None,
) -> None:
    """Tell everybody something, until they acknowledge it."""

    async def act(place: Place) -> RenderableType:
        new = NewAnnouncement(
            title=title,
            message=message,
            button_label=button_label,
            button_url=button_url,
            webview_url=webview_url,
            image_url=image,
            is_fullscreen=fullscreen,
            is_dismissible=not no_dismiss,
            start_at=place.now if start_at is None else start_at.replace(tzinfo=UTC),
        )
        async with place.db.transaction() as tx:
            id_ = await announcements.announce(tx, new=new, now=place.now)
        return f"Announced: {id_}"

    run_in_product(product, act)


@app.command(name="list")
def list_(product: ProductName = None) -> None:
    """List the announcements, the last to begin first, and how many have acknowledged each."""

    async def act(place: Place) -> RenderableType:
        async with place.db.transaction() as tx:
            found = await announcements.newest(tx, limit=MOST_LISTED)
        table = Table(Column("id", no_wrap=True), "from", "title", "acknowledged")
        for each, acknowledged in found:
            table.add_row(
                str(each.id),
                f"{each.start_at:%Y-%m-%d %H:%M} UTC",
                Text(each.title),
                str(acknowledged),
            )
        return table

    run_in_product(product, act)


@app.command()
def remove(
    id: Annotated[  # noqa: A002
        UUID, typer.Argument(metavar="ID", help="The id of the announcement.")
    ],
    product: ProductName = None,
) -> None:
    """Take an announcement back."""

    async def act(place: Place) -> RenderableType:
        async with place.db.transaction() as tx:
            await announcements.remove(tx, announcement_id=id, now=place.now)
        return f"The announcement {id} is gone."

    run_in_product(product, act)
