"""`whipround fees …`: what a product charges."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.table import Table

from whipround.cli.product_commands import Place, run_in_product
from whipround.cli.running import ProductName, plain
from whipround.domain import fees, fx

app = typer.Typer(help="Fees: what a product charges, and for what.")


@app.command()
def load(
    file: Annotated[
        Path, typer.Argument(help=r"A TOML file of \[\[fee]] tables and an \[exchange] table.")
    ],
    product: ProductName = None,
) -> None:
    """Replace all rules, and the spread of exchange rates, by those of a file."""

    async def act(place: Place) -> RenderableType:
        tariff = fees.read_file(file)
        async with place.db.transaction() as tx:
            await fees.replace(tx, tariff)
        return (
            f"The product {place.product.name} has {len(tariff.rules)} fee rules now,"
            f" and a spread of {plain(tariff.spread_percent)} %."
        )

    run_in_product(product, act)


@app.command()
def show(product: ProductName = None) -> None:
    """Show the rules and the spread in force."""

    async def act(place: Place) -> RenderableType:
        async with place.db.transaction() as tx:
            rules = await fees.rules(tx)
            spread = await fx.read_spread(tx)
        table = Table("kind", "from", "currency", "title", "percent", "fixed", "least", "most")
        for rule in rules.values():
            table.add_row(
                rule.kind,
                rule.funding_source_type,
                rule.currency,
                rule.title,
                *(plain(part) for part in (rule.percent, rule.fixed, rule.minimum, rule.maximum)),
            )
        return Group(table, f"The spread of exchange rates is {plain(spread)} %.")

    run_in_product(product, act)
