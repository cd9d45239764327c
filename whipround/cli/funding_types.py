"""`whipround funding-type …`: what a product calls its types of funding source."""

from typing import Annotated

import typer
from rich.console import RenderableType
from rich.table import Table

from whipround.cli.product_commands import Place, run_in_product
from whipround.cli.running import ProductName
from whipround.domain.funding import types

app = typer.Typer(help="Funding types: names for cards, bank accounts and crypto addresses.")


@app.command(name="list")
def list_(product: ProductName = None) -> None:
    """List the names, and what each is at bottom."""

    async def act(place: Place) -> RenderableType:
        async with place.db.transaction() as tx:
            bases = await types.bases(tx)
        table = Table("name", "base")
        for name, base in bases.items():
            table.add_row(name, base)
        return table

    run_in_product(product, act)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Small letters, digits and underscores.")],
    base: Annotated[str, typer.Argument(help=f"One of {', '.join(types.CREATABLE)}.")],
    product: ProductName = None,
) -> None:
    """Add a name for a base type."""

    async def act(place: Place) -> RenderableType:
        async with place.db.transaction() as tx:
            await types.add(tx, name=name, base=base, now=place.now)
        return f"The product {place.product.name} has the type {name} now, a {base}."

    run_in_product(product, act)


@app.command()
def remove(
    name: Annotated[str, typer.Argument(help="The name of the type.")],
    product: ProductName = None,
) -> None:
    """Remove a name that no funding source goes by."""

    async def act(place: Place) -> RenderableType:
        async with place.db.transaction() as tx:
            await types.remove(tx, name=name)
        return f"The product {place.product.name} has no type {name} any more."

    run_in_product(product, act)
