"""`whipround limits …`: how much may go through a funding source."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from whipround.cli.running import ProductName, console, plain, run
from whipround.domain import limit_files, products
from whipround.domain.installation import open_installation
from whipround.settings import Settings

app = typer.Typer(help="Limits: how much may go out of a funding source, and into it.")


@app.command()
def load(
    file: Annotated[Path, typer.Argument(help=r"A TOML file of \[\[limit]] tables.")],
    product: ProductName = None,
) -> None:
    """Replace all limits by those of a file."""

    async def command(settings: Settings) -> None:
        rules = limit_files.read_file(file)
        async with open_installation(settings, sandbox=None, exclusive=False) as installation:
            chosen = products.choose(installation.products, name=product)
            async with installation.db.of(chosen.schema_name).transaction() as tx:
                await limit_files.replace_rules(tx, rules)
        console.print(f"The product {chosen.name} has {len(rules)} limits now.")

    run(command)


@app.command()
def show(product: ProductName = None) -> None:
    """Show the limits in force."""

    async def command(settings: Settings) -> None:
        async with open_installation(settings, sandbox=None, exclusive=False) as installation:
            chosen = products.choose(installation.products, name=product)
            async with installation.db.of(chosen.schema_name).transaction() as tx:
                rules = await limit_files.rules(tx)
        table = Table("source", "currency", "direction", "period", "title", "amount", "if verified")
        for rule in rules:
            table.add_row(
                rule.funding_source_type,
                rule.currency,
                rule.direction,
                f"rolling {rule.period}" if rule.is_rolling else rule.period,
                rule.title,
                plain(rule.amount),
                plain(rule.verified_amount) or "unlimited",
            )
        console.print(table)

    run(command)
