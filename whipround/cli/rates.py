"""`whipround rates …`: the exchange rates that payments convert by."""

from typing import Annotated

import typer
from rich.console import RenderableType
from rich.table import Table

from whipround.cli.product_commands import Place, run_in_product
from whipround.cli.running import ProductName, plain
from whipround.domain import fx
from whipround.flows import rates
from whipround.gateways.rates.ecb import source_of

app = typer.Typer(help="Rates: what currencies are exchanged at.")


@app.command()
def load(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE|URL", help="The European Central Bank's daily XML: a file or an address."
        ),
    ],
    product: ProductName = None,
) -> None:
    """Replace all exchange rates by those of a file or an address."""

    async def act(place: Place) -> RenderableType:
        published = await rates.load(place.db, source_of(file), now=place.now)
        return (
            f"The product {place.product.name} has {len(published.per_euro)} exchange rates"
            f" of {published.on} now."
        )

    run_in_product(product, act)


@app.command()
def show(product: ProductName = None) -> None:
    """Show the exchange rates, in units for one euro."""

    async def act(place: Place) -> RenderableType:
        async with place.db.transaction() as tx:
            found = await fx.read_rates(tx)
        today = place.now.date()
        table = Table("currency", "for one euro", "published", "")
        for rate in found.values():
            stale = "too old to be used" if fx.is_stale(rate, today=today) else ""
            table.add_row(rate.currency, plain(rate.per_euro), str(rate.published_on), stale)
        return table

    run_in_product(product, act)
