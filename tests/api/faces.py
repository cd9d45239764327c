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
from whipround.api.sandbox import refuse, sandbox
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
    root = Root(
        {
            "/v1/": front_of(MEMENTO, directory),
            "/api/": front_of(MONEYPOOL, directory),
            "/api_v1/": front_of(MOBBR, directory),
            "/sandbox/": Front(
                sandbox, dialect=b"sandbox", directory=directory, refuse=refuse, log=None
            ),
        }
    )
    async with client_of(root) as http:
        product_id = str(shared.product.id)
        http.headers["Product-ID"] = product_id
        town = Town(shared, MementoClient(http, shared.db, shared.keyring, product_id))
        keyring = shared.keyring
        yield Faces(town, Client(http, shared.db, keyring), MobbrClient(http, shared.db, keyring))
    await directory.drain()
    assert await problems(shared.db) == []
