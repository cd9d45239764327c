"""`whipround fees …`: what a product charges."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from whipround.cli.running import ProductName, console, plain, run
from whipround.domain import fees, fx, products
from whipround.domain.installation import open_installation
from whipround.settings import Settings

app = typer.Typer(help="Fees: what a product charges, and for what.")


@app.command()
def load(
    file: Annotated[
        Path, typer.Argument(help=r"A TOML file of \[\[fee]] tables and an \[exchange] table.")
    ],
    product: ProductName = None,
) -> None:
    """Replace all rules, and the spread of exchange rates, by those of a file."""

    async def command(settings: Settings) -> None:
        tariff = fees.read_file(file)
        async with open_installation(settings, sandbox=None, exclusive=False) as installation:
            chosen = products.choose(installation.products, name=product)
            async with installation.db.of(chosen.schema_name).transaction() as tx:
                await fees.replace(tx, tariff)
        console.print(
            f"The product {chosen.name} has {len(tariff.rules)} fee rules now,"
            f" and a spread of {plain(tariff.spread_percent)} %."
        )

    run(command)


@app.command()
def show(product: ProductName = None) -> None:
    """Show the rules and the spread in force."""

    async def command(settings: Settings) -> None:
        async with open_installation(settings, sandbox=None, exclusive=False) as installation:
            chosen = products.choose(installation.products, name=product)
            async with installation.db.of(chosen.schema_name).transaction() as tx:
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
        console.print(table)
        console.print(f"The spread of exchange rates is {plain(spread)} %.")

    run(command)
