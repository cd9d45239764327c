"""`whipround limits …`: how much may go through a funding source."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.table import Table

from whipround.cli.product_commands import Place, run_in_product
from whipround.cli.running import ProductName, plain
from whipround.domain import limit_files

app = typer.Typer(help="Limits: how much may go out of a funding source, and into it.")


@app.command()
def load(
    file: Annotated[Path, typer.Argument(help=r"A TOML file of \[\[limit]] tables.")],
    product: ProductName = None,
) -> None:
    """Replace all limits by those of a file."""

    async def act(place: Place) -> RenderableType:
        rules = limit_files.read_file(file)
        async with place.db.transaction() as tx:
            await limit_files.replace_rules(tx, rules)
        return f"The product {place.product.name} has {len(rules)} limits now."

    run_in_product(product, act)


@app.command()
def show(product: ProductName = None) -> None:
    """Show the limits in force."""

    async def act(place: Place) -> RenderableType:
        async with place.db.transaction() as tx:
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
        return table

    run_in_product(product, act)
