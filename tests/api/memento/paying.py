"""People who pay each other over HTTP, and what must be true of their money afterwards."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx

from tests.api.conftest import Shared
from tests.api.memento.client import Client, Json
from tests.api.serving import PROCESSORS, memento
from tests.money import make_person, problems, rows
from tests.people import PIN, last_code
from whipround.db.database import Database
from whipround.domain.users.person import User
from whipround.gateways.processors.live import OpenProcessors
from whipround.money import Money

PAYMENTS = "/v1/payments"
SOURCES = "/v1/funding_sources"
CARD_TOKEN = "tok_test_visa_4242"


def said(answer: httpx.Response, status: int = 200) -> Any:
    """What an answer of this status says, with exact numbers."""
    assert answer.status_code == status, (answer.status_code, answer.text)
    return json.loads(answer.text, parse_float=Decimal)


def new_card(token: str = CARD_TOKEN, /, **given: Any) -> Json:
    """The body of a card's creation, as printed; `given` is about the card."""
    card: Json = {
        "brand": "MeCard",
        "last_digits": "1234",
        "expiration_month": 11,
        "expiration_year": datetime.now(UTC).year + 1,
        "token": token,
    }
    return {
        "description": "My Default Card",
        "type": "standard_credit_card",
        "card": {**card, **given},
    }


def new_account(**given: Any) -> Json:
    """The body of a bank account's creation, as printed; `given` is about the account."""
    account: Json = {
        "country": "UK",
        "swift": "MIDLGB22",
        "iban": "GB98MIDL07009312345678",
        "account_number": "",
        "nin": "",
    }
    return {
        "description": "My Bank Account",
        "type": "savings_account",
        "bank_account": {**account, **given},
    }


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody logged in, with a wallet."""

    client: Client
    user: User
    wallet_id: UUID

    @property
    def id(self) -> str:
        """The user's id."""
        return str(self.user.id)

    @property
    def phone(self) -> str:
        """The number they have proven."""
        assert self.user.phone is not None
        return self.user.phone

    @property
    def wallet(self) -> str:
        """The path of the wallet."""
        return f"/v1/funding_sources/{self.wallet_id}"

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(path)

    async def post(self, path: str, body: object = None, **given: Any) -> httpx.Response:
        return await self.client.post(path, body, **given)

    async def put(self, path: str, body: object = None, **given: Any) -> httpx.Response:
        return await self.client.put(path, body, **given)

    async def delete(self, path: str, **given: Any) -> httpx.Response:
        return await self.client.call("DELETE", path, **given)

    async def add(self, body: Json) -> str:
        """Add a funding source; its path."""
        return f"{SOURCES}/{said(await self.post(SOURCES, body), 201)['id']}"

    async def code_for(self, source: str) -> str:
        """The code on the statement of a funding source, by its path."""
        return await last_code(self.client.db, source.rpartition("/")[2])

    async def add_verified(self, body: Json) -> str:
        """Add a funding source, and bring its code; its path."""
        source = await self.add(body)
        said(await self.post(f"{source}/verify", {"code": await self.code_for(source)}))
        return source

    def order(self, to: "Customer | str", amount: object = "6.00", /, **given: Any) -> Json:
        """The body of a payment to a person or to a phone number."""
        whom = {"phone": to} if isinstance(to, str) else {"user_id": to.id}
        body: Json = {
            "currency": "EUR",
            "description": "Lunch",
            "recipient": {"amount": amount, **whom},
            "funding_source_id": str(self.wallet_id),
            "pin": PIN,
        }
        return {**body, **given}

    async def pay(
        self,
        to: "Customer | str",
        amount: object = "6.00",
        /,
        *,
        key: UUID | None = None,
        **given: Any,
    ) -> httpx.Response:
        """Pay a person or a phone number."""
        return await self.post(PAYMENTS, self.order(to, amount, **given), key=key)

    async def paid(self, to: "Customer | str", amount: object = "6.00", /, **given: Any) -> Any:
        """Pay, which succeeds; the payment."""
        return said(await self.pay(to, amount, **given), 201)

    async def add_card(self, token: str = "tok_test_visa_4242") -> str:
        """Add a card that the sandbox's processor accepts; the id of the funding source."""
        card = {"token": token, "expiration_month": 12, "expiration_year": 2099}
        body = {"type": "card", "description": "Credit Card", "card": card}
        return str(said(await self.post("/v1/funding_sources", body), 201)["id"])

    async def balance(self, currency: str = "EUR") -> Json:
        """What the wallet says of itself in one currency."""
        balances = said(await self.get(self.wallet))["balances"]
        [found] = [it for it in balances if it["currency"] == currency]
        return dict(found)

    async def has(self, currency: str = "EUR") -> Decimal | int:
        """What the wallet says it holds."""
        amount: Decimal | int = (await self.balance(currency))["amount"]
        return amount

    async def walk(self, path: str) -> list[list[Json]]:
        """The pages of a list, along their links."""
        pages = []
        while path:
            answer = await self.get(path)
            pages.append(said(answer))
            path = answer.links.get("next", {}).get("url", "")
        return pages


@dataclass(frozen=True, slots=True)
class Town:
    """A product in which people pay each other; `client` is logged in as nobody."""

    shared: Shared
    client: Client

    @property
    def db(self) -> Database:
        """The database, seen from the product's schema."""
        return self.shared.db

    async def person(self, *amounts: Money, **given: Any) -> Customer:
        """Somebody new and logged in, with `amounts` in the wallet."""
        made = await make_person(
            self.db, *amounts, keyring=self.shared.keyring, now=datetime.now(UTC), **given
        )
        return Customer(await self.client.of(made.user), made.user, made.wallet_id)

    async def enter(self, signed_up: Json) -> Client:
        """The client of somebody who has just signed up, by the answer to that."""
        token = signed_up["token"]["token"]
        opened = said(await self.client.bearing(token).post("/v1/sessions"), 201)
        return self.client.bearing(opened["token"])


@asynccontextmanager
async def town(shared: Shared, *, processors: OpenProcessors = PROCESSORS) -> AsyncIterator[Town]:
    """A town whose books are proven in the end."""
    async with memento(shared, processors=processors) as http:
        client = Client(http, shared.db, shared.keyring, str(shared.product.id))
        yield Town(shared, client)
    assert await problems(shared.db) == []


async def messages_to(db: Database, recipient: str) -> list[tuple[str, str, Json]]:
    """Channel, kind and data of what the outbox has for somebody, oldest first."""
    sql = "select channel, kind, data from outbox where recipient = %s order by id"
    return [(channel, kind, data) for channel, kind, data in await rows(db, sql, recipient)]


def ids(shown: list[Json]) -> list[str]:
    """The ids of what a list shows."""
    return [it["id"] for it in shown]
