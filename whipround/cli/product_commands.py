"""Commands about one product: which one it is, its database, and what is said in the end."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias

from rich.console import RenderableType

from whipround.cli.running import console, run
from whipround.db.database import Database
from whipround.domain import products
from whipround.domain.installation import open_installation
from whipround.domain.products import Product
from whipround.keyring import Keyring
from whipround.settings import Settings


class Place(NamedTuple):
    """Where a command works: `db` is seen from the product's schema, `now` is UTC."""

    product: Product
    db: Database
    keyring: Keyring
    now: datetime


Act: TypeAlias = Callable[[Place], Awaitable[RenderableType]]


def run_in_product(name: str | None, act: Act) -> None:
    """Run a command in the product of this name, or the default one; what `act` gives is shown."""

    async def command(settings: Settings) -> None:
        async with open_installation(settings, sandbox=None, exclusive=False) as installation:
            product = products.choose(installation.products, name=name)
            db = installation.db.of(product.schema_name)
            said = await act(Place(product, db, installation.keyring, datetime.now(UTC)))
        console.print(said)

    run(command)
