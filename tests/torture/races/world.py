"""One installation, served by two processes, and people who are at both of them."""

import asyncio
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import httpx

from tests.api.conftest import Shared
from tests.api.faces import Faces
from tests.api.memento.client import Client as MementoClient
from tests.api.memento.paying import Customer, Town
from tests.api.mobbr.client import Client as MobbrClient
from tests.api.moneypool.client import Client as MoneypoolClient
from tests.databases import Originals
from tests.money import rows
from tests.nursery import Nursery
from tests.outside import PARTICIPATION
from tests.people import new_email, new_phone
from tests.servers import Installation, Server
from tests.torture.races.storm import HANGS_AFTER_SECONDS, Wire
from tests.website import Site, website
from whipround.db.database import Database, open_database
from whipround.domain.installation import KEY_FILE
from whipround.domain.products import list_products
from whipround.domain.users.proofs import Proven
from whipround.keyring import Keyring
from whipround.money import Money

AnyClient = MementoClient | MoneypoolClient | MobbrClient
Who = TypeVar("Who", bound=Customer | AnyClient)

SERVERS = 2

_AT_DEMO_USERS = 2
"""So many of the numbers that tests make up are those of a sandbox's demo users."""

_DEVICES = 8

_turns = count()


@dataclass(frozen=True, slots=True)
class World:
    """Two servers of one database: `faces` are all dialects as each of them serves them.

    `site` is a website for pages that money is pledged to.
    """

    faces: Sequence[Faces]
    servers: Sequence[Server]
    conninfo: str
    site: Site

    @property
    def db(self) -> Database:
        """The database, seen from the product's schema."""
        return self.faces[0].db

    @property
    def here(self) -> Faces:
        """One of the servers, and then the other."""
        return self.faces[next(_turns) % SERVERS]

    def at(self, number: int, who: Who) -> Who:
        """The same person's client, of one server where the number is even, else of the other."""
        http = self.faces[number % SERVERS].town.client.http
        if isinstance(who, Customer):
            return replace(who, client=replace(who.client, http=http))
        return replace(who, http=http)

    async def person(self, *amounts: Money, **given: Any) -> Customer:
        """Somebody with a PIN, a phone and an email, and with `amounts` in the wallet."""
        given.setdefault("proven", Proven(phone=new_phone(), email=new_email()))
        return await self.here.person(*amounts, **given)

    async def people(self, number: int, *amounts: Money) -> list[Customer]:
        """So many people, each with `amounts` in the wallet."""
        return await asyncio.gather(*(self.person(*amounts) for _ in range(number)))

    async def devices(self, customer: Customer, number: int) -> list[Customer]:
        """So many clients of the same person: of eight devices at most, each at both servers."""
        client = self.here.town.client
        logged_in = await asyncio.gather(
            *(client.of(customer.user) for _ in range(min(number, _DEVICES)))
        )
        return [
            self.at(n // len(logged_in) + n, replace(customer, client=logged_in[n % _DEVICES]))
            for n in range(number)
        ]

    async def happen(self, number: int, what: str) -> httpx.Response:
        """Have something happen outside: `charges/ID/approve`; one of the servers is told."""
        http = self.faces[number % SERVERS].town.client.http
        return await http.post(f"/sandbox/{what}")

    async def deadlocks(self) -> int:
        """How often two transactions have waited for each other, since the beginning."""
        sql = "select deadlocks from pg_stat_database where datname = current_database()"
        [[number]] = await rows(self.db, sql)
        return int(number)

    def logged(self) -> Counter[str]:
        """What the servers have logged so far, by its level and its first words."""
        return Counter(
            _in_short(line)
            for server in self.servers
            for line in server.log.read_text().splitlines()[1:]
        )

    def complaints(self) -> list[str]:
        """What the servers have logged as an error."""
        return [line for line in self.logged() if not line.startswith(("warning", "info"))]


def _in_short(line: str) -> str:
    """The level of a line of a log, and its first words; a line that is none is a complaint."""
    try:
        said = json.loads(line)
    except ValueError:
        return f"not of the log: {line}"
    return f"{said['level']}: {said['event'].partition(':')[0]}"


@asynccontextmanager
async def two_servers(nursery: Nursery, originals: Originals, folder: Path) -> AsyncIterator[World]:
    """A sandbox of two servers; its books are proven in the end."""
    async with originals.copied(sandbox=True, data_dir=folder / "data") as url:
        installation = Installation(nursery, folder, database_url=url, WHIPROUND_LOG_FORMAT="json")
        servers = [installation.server(name) for name in ("north", "south")]
        for server in servers:
            server.launch()
        try:
            async with AsyncExitStack() as stack:
                db = await stack.enter_async_context(open_database(url, connections=8))
                [product] = await list_products(db)
                keyring = Keyring.read(folder / "data" / KEY_FILE)
                shared = Shared(product, db.of(product.schema_name), db, keyring)
                https = [
                    await stack.enter_async_context(_client(server.start())) for server in servers
                ]
                for _ in range(_AT_DEMO_USERS):
                    new_phone()
                site = await stack.enter_async_context(website())
                site.serve(PARTICIPATION, status=404)
                yield World([_faces(shared, each) for each in https], servers, url, site)
        finally:
            for server in servers:
                server.signal(signal.SIGTERM)
            installation.close()


def _client(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=Wire(), base_url=url, timeout=HANGS_AFTER_SECONDS)


def _faces(shared: Shared, http: httpx.AsyncClient) -> Faces:
    db, keyring = shared.db, shared.keyring
    memento = MementoClient(http, db, keyring, str(shared.product.id))
    return Faces(
        Town(shared, memento), MoneypoolClient(http, db, keyring), MobbrClient(http, db, keyring)
    )
