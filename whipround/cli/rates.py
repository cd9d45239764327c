"""`whipround rates …`: the exchange rates that payments convert by."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from whipround.cli.running import ProductName, console, plain, run
from whipround.domain import fx, products
from whipround.domain.installation import open_installation
from whipround.flows import rates
from whipround.gateways.rates.ecb import source_of
from whipround.settings import Settings

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

    async def command(settings: Settings) -> None:
        async with open_installation(settings, sandbox=None, exclusive=False) as installation:
            chosen = products.choose(installation.products, name=product)
            published = await rates.load(
                installation.db.of(chosen.schema_name), source_of(file), now=datetime.now(UTC)
            )
        console.print(
            f"The product {chosen.name} has {len(published.per_euro)} exchange rates"
            f" of {published.on} now."
        )

    run(command)


@app.command()
def show(product: ProductName = None) -> None:
    """Show the exchange rates, in units for one euro."""

    async def command(settings: Settings) -> None:
        async with open_installation(settings, sandbox=None, exclusive=False) as installation:
            chosen = products.choose(installation.products, name=product)
            async with installation.db.of(chosen.schema_name).transaction() as tx:
                found = await fx.read_rates(tx)
        today = datetime.now(UTC).date()
        table = Table("currency", "for one euro", "published", "")
        for rate in found.values():
            stale = "too old to be used" if fx.is_stale(rate, today=today) else ""
            table.add_row(rate.currency, plain(rate.per_euro), str(rate.published_on), stale)
        console.print(table)

    run(command)
