"""Where there is load: a town in this process, and one that a server process serves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import httpx

from tests.api.conftest import Shared
from tests.api.faces import faces
from tests.databases import Originals
from tests.line import Line, line_to
from tests.nursery import Nursery
from tests.servers import Installation, Server
from tests.torture.faults.acts import townspeople
from tests.torture.faults.load import CLIENTS, MOST_CONNECTIONS, PATIENCE_SECONDS, Load
from whipround.db.database import Database, open_database
from whipround.db.embedded.cluster import open_cluster
from whipround.domain import products
from whipround.domain.installation import KEY_FILE
from whipround.keyring import Keyring

PEOPLE = 6


@asynccontextmanager
async def town_here(
    url: str, shared: Shared, *, connections: int = MOST_CONNECTIONS
) -> AsyncIterator[tuple[Load, Database]]:
    """Load in this process, and the database that all of it is served from, which is at `url`."""
    async with (
        open_database(url, connections=connections) as pool,
        faces(shared._replace(installation_db=pool)) as town,
    ):
        people = await townspeople(
            town.town.client.http,
            shared.db,
            product_id=shared.product.id,
            keyring=shared.keyring,
            many=PEOPLE,
        )
        yield Load(shared.db, people), pool


@dataclass(frozen=True, slots=True)
class Place:
    """A server process under load. It reaches its database by the `line`, where there is one."""

    load: Load
    server: Server
    http: httpx.AsyncClient
    db: Database


@asynccontextmanager
async def place_of(
    installation: Installation, *, url: str | None = None, chance: Random
) -> AsyncIterator[Place]:
    """A server, whose database is the installation's own, or at `url`. Its books are proven."""
    server = installation.server()
    limits = httpx.Limits(max_connections=CLIENTS * 2)
    try:
        address = await asyncio.to_thread(server.start)
        url = url or open_cluster(installation.folder / "data").conninfo
        async with (
            open_database(url, connections=4) as pool,
            httpx.AsyncClient(base_url=address, limits=limits, timeout=PATIENCE_SECONDS) as http,
        ):
            [product] = await products.list_products(pool)
            db = pool.of(product.schema_name)
            keyring = Keyring.read(installation.folder / "data" / KEY_FILE)
            people = await townspeople(
                http, db, product_id=product.id, keyring=keyring, many=PEOPLE
            )
            load = Load(db, people)
            load.forget(chance)
            yield Place(load, server, http, db)
    finally:
        await asyncio.to_thread(installation.close)


@asynccontextmanager
async def place_over_a_line(
    nursery: Nursery, folder: Path, originals: Originals, chance: Random, **settings: str
) -> AsyncIterator[tuple[Place, Line]]:
    """A server on a sandbox of its own, and the line by which it reaches PostgreSQL."""
    folder.mkdir(mode=0o711, exist_ok=True)  # noqa: ASYNC240
    async with (
        originals.copied(sandbox=True, data_dir=folder / "data") as url,
        line_to(url) as line,
    ):
        installation = Installation(nursery, folder, database_url=line.url, **settings)
        async with place_of(installation, url=url, chance=chance) as place:
            yield place, line
