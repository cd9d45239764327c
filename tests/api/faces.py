"""One product, seen through every dialect at once, as people see it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx

from tests.api.conftest import Shared
from tests.api.memento.client import Client as MementoClient
from tests.api.memento.paying import Customer, Town
from tests.api.mobbr.client import Client as MobbrClient
from tests.api.moneypool.client import Client, said
from tests.api.serving import MEMENTO, MOBBR, MONEYPOOL, client_of, front_of, new_directory
from tests.money import Person, problems
from whipround.api.context import Front
from whipround.api.logs import RequestLog
from whipround.api.sandbox import refuse, sandbox
from whipround.api.services import Directory
from whipround.api.types import App
from whipround.app import Root
from whipround.db.database import Database
from whipround.domain.funding.wallet import wallet_of
from whipround.domain.users import person
from whipround.money import Money


@dataclass(frozen=True, slots=True)
class Faces:
    """A town of Memento's, and clients of the other two who are logged in as nobody."""

    town: Town
    moneypool: Client
    mobbr: MobbrClient

    @property
    def db(self) -> Database:
        """The database, seen from the product's schema."""
        return self.town.db

    async def join(self, *amounts: Money, **given: Any) -> Client:
        """Somebody who has signed up in Moneypool, with `amounts` in the wallet."""
        return await self.moneypool.join(*amounts, **given)

    async def person(self, *amounts: Money, **given: Any) -> Customer:
        """Somebody who has signed up in Memento, with `amounts` in the wallet."""
        return await self.town.person(*amounts, **given)

    async def in_moneypool(self, customer: Customer) -> Client:
        """The same person's client of Moneypool."""
        return await self.moneypool.of(Person(customer.user, customer.wallet_id))

    async def in_memento(self, client: Client) -> Customer:
        """The same person, logged in in Memento too."""
        user = client.person.user
        return Customer(await self.town.client.of(user), user, client.person.wallet_id)

    async def in_mobbr(self, someone: Customer | Client) -> MobbrClient:
        """The same person's client of Mobbr."""
        return await self.mobbr.of(
            someone.user if isinstance(someone, Customer) else someone.person
        )

    async def signed_up(self, answer: httpx.Response) -> Client:
        """The client of Moneypool's that has just had this answer to its sign-up, or to a login."""
        user = said(answer, 201)["user"]
        async with self.db.transaction() as tx:
            found = await person.find_by_number(tx, number=user["id"])
            someone = Person(found, await wallet_of(tx, user_id=found.id))
        return replace(self.moneypool, token=user["auth_token"], someone=someone)


@asynccontextmanager
async def faces(shared: Shared, **given: Any) -> AsyncIterator[Faces]:
    """All dialects, and the sandbox, over one product, whose books are proven in the end.

    `given` is what a directory takes.
    """
    directory = new_directory(shared.installation_db, shared.keyring, **given)
    directory.set([shared.product])
    async with seen_by(root_of(directory), shared) as seen:
        yield seen
    await directory.drain()
    assert await problems(shared.db) == []


def root_of(directory: Directory, *, log: RequestLog | None = None) -> Root:
    """All dialects, and the sandbox, over the products of the directory."""
    return Root(
        {
            "/v1/": front_of(MEMENTO, directory, log=log),
            "/api/": front_of(MONEYPOOL, directory, log=log),
            "/api_v1/": front_of(MOBBR, directory, log=log),
            "/sandbox/": Front(
                sandbox, dialect=b"sandbox", directory=directory, refuse=refuse, log=log
            ),
        }
    )


@asynccontextmanager
async def seen_by(app: App, shared: Shared, *, address: str = "127.0.0.1") -> AsyncIterator[Faces]:
    """The faces that the app shows to who asks for this product, from this address."""
    async with client_of(app, address=address) as http:
        yield seen_through(http, shared)


def seen_through(http: httpx.AsyncClient, shared: Shared) -> Faces:
    """The faces that a client sees, which asks for this product from now on."""
    product_id = str(shared.product.id)
    http.headers["Product-ID"] = product_id
    town = Town(shared, MementoClient(http, shared.db, shared.keyring, product_id))
    keyring = shared.keyring
    return Faces(town, Client(http, shared.db, keyring), MobbrClient(http, shared.db, keyring))
