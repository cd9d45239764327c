"""`whipround fees …`: what a product charges."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from whipround.cli.running import ProductName, console, run
from whipround.domain import fees, products
from whipround.domain.installation import open_installation
from whipround.settings import Settings

app = typer.Typer(help="Fees: what a product charges, and for what.")


@app.command()
def load(
    file: Annotated[Path, typer.Argument(help=r"A TOML file of \[\[fee]] tables.")],
    product: ProductName = None,
) -> None:
    """Replace all rules by those of a file."""

    async def command(settings: Settings) -> None:
        rules = fees.read_file(file)
        async with open_installation(settings, sandbox=None, exclusive=False) as installation:
            chosen = products.choose(installation.products, name=product)
            async with installation.db.of(chosen.schema_name).transaction() as tx:
                await fees.replace_rules(tx, rules)
        console.print(f"The product {chosen.name} has {len(rules)} fee rules now.")

    run(command)


@app.command()
def show(product: ProductName = None) -> None:
    """Show the rules in force."""

    async def command(settings: Settings) -> None:
        async with open_installation(settings, sandbox=None, exclusive=False) as installation:
            chosen = products.choose(installation.products, name=product)
            async with installation.db.of(chosen.schema_name).transaction() as tx:
                rules = await fees.rules(tx)
        table = Table("kind", "from", "currency", "title", "percent", "fixed", "least", "most")
        for rule in rules.values():
            table.add_row(
                rule.kind,
                rule.funding_source_type,
                rule.currency,
                rule.title,
                *(_plain(part) for part in (rule.percent, rule.fixed, rule.minimum, rule.maximum)),
            )
        console.print(table)

    run(command)


def _plain(amount: Decimal | None) -> str:
    return "" if amount is None else f"{amount.normalize():f}"
