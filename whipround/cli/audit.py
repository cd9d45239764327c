"""`whipround audit`: prove the books."""

import typer

from whipround.cli.running import ProductName, console, run
from whipround.domain import products
from whipround.domain.audit import DOMAIN_CHECKS
from whipround.domain.installation import open_installation
from whipround.domain.products import Product
from whipround.ledger.audit import Report
from whipround.ledger.audit import audit as audit_ledger
from whipround.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(audit)


def audit(product: ProductName = None) -> None:
    """Prove the books of every product, or of one; the exit status is 1 if they do not hold."""

    async def command(settings: Settings) -> bool:
        async with open_installation(settings, sandbox=None, exclusive=False) as installation:
            chosen = installation.products
            if product is not None:
                chosen = [products.choose(chosen, name=product)]
            sound = True
            for each in chosen:
                report = await audit_ledger(
                    installation.db.of(each.schema_name), checks=DOMAIN_CHECKS
                )
                _show(each, report)
                sound = sound and report.ok
        return sound

    if not run(command):
        raise typer.Exit(1)


def _show(product: Product, report: Report) -> None:
    console.print(
        f"{product.name}: {report.transfers:,} transfers, {report.entries:,} entries,"
        f" {report.accounts:,} accounts"
    )
    for finding in report.findings:
        console.print(f"  {'✗' if finding.problems else '✓'} {finding.claim}")
        for problem in finding.problems:
            console.print(f"      {problem}", style="red")
    console.print("  The books hold." if report.ok else "  THE BOOKS DO NOT HOLD.")
