"""`whipround funding-type …`: what a product calls its types of funding source."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from whipround.cli.running import ProductName, console, run
from whipround.domain import products
from whipround.domain.funding import types
from whipround.domain.installation import open_installation
from whipround.settings import Settings

app = typer.Typer(help="Funding types: names for cards, bank accounts and crypto addresses.")


@app.command(name="list")
def list_(product: ProductName = None) -> None:
    """List the names, and what each is at bottom."""

    async def command(settings: Settings) -> None:
        async with open_installation(settings, sandbox=None, exclusive=False) as installation:
            chosen = products.choose(installation.products, name=product)
            async with installation.db.of(chosen.schema_name).transaction() as tx:
                bases = await types.bases(tx)
        table = Table("name", "base")
        for name, base in bases.items():
            table.add_row(name, base)
        console.print(table)

    run(command)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Small letters, digits and underscores.")],
    base: Annotated[str, typer.Argument(help=f"One of {', '.join(types.CREATABLE)}.")],
    product: ProductName = None,
) -> None:
    """Add a name for a base type."""

    async def command(settings: Settings) -> None:
        async with open_installation(settings, sandbox=None, exclusive=False) as installation:
            chosen = products.choose(installation.products, name=product)
            async with installation.db.of(chosen.schema_name).transaction() as tx:
                await types.add(tx, name=name, base=base, now=datetime.now(UTC))
        console.print(f"The product {chosen.name} has the type {name} now, a {base}.")

    run(command)


@app.command()
def remove(
    name: Annotated[str, typer.Argument(help="The name of the type.")],
    product: ProductName = None,
) -> None:
    """Remove a name that no funding source goes by."""

    async def command(settings: Settings) -> None:
        async with open_installation(settings, sandbox=None, exclusive=False) as installation:
            chosen = products.choose(installation.products, name=product)
            async with installation.db.of(chosen.schema_name).transaction() as tx:
                await types.remove(tx, name=name)
        console.print(f"The product {chosen.name} has no type {name} any more.")

    run(command)
