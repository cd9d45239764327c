"""`whipround product …`: the white-label instances."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Column, Table

from whipround.cli.running import console, run
from whipround.domain import products
from whipround.domain.installation import open_installation
from whipround.domain.products import DEFAULT_CURRENCIES
from whipround.settings import Settings

app = typer.Typer(help="Products: instances with users, currencies and a ledger of their own.")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Small letters, digits and underscores.")],
    host_name: Annotated[
        list[str] | None, typer.Option(help="A host whose requests mean this product; repeatable.")
    ] = None,
    currency: Annotated[
        list[str] | None,
        typer.Option(help=f"An ISO 4217 code; repeatable. Else {', '.join(DEFAULT_CURRENCIES)}."),
    ] = None,
) -> None:
    """Add a product."""

    async def command(settings: Settings) -> None:
        async with open_installation(settings, sandbox=None, exclusive=False) as installation:
            product = await products.add(
                installation.db,
                name=name,
                host_names=host_name or (),
                currencies=currency or DEFAULT_CURRENCIES,
                now=datetime.now(UTC),
            )
        console.print(f"Added the product {product.name}, {product.id}.")

    run(command)


@app.command(name="list")
def list_() -> None:
    """List the products."""

    async def command(settings: Settings) -> None:
        async with open_installation(settings, sandbox=None, exclusive=False) as installation:
            table = Table("name", Column("id", no_wrap=True), "default", "currencies", "hosts")
            for product in installation.products:
                table.add_row(
                    product.name,
                    str(product.id),
                    "yes" if product.is_default else "",
                    " ".join(product.currencies),
                    " ".join(product.host_names),
                )
        console.print(table)

    run(command)
