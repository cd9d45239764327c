"""The people who send all those orders, and what they own before anything crashes."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from bench.people import CURRENCIES, MONEY, Payer, gather
from tests.api.memento.paying import new_account
from tests.torture.crashes.orders import Dialect, client, headers_of
from whipround.domain.installation import open_installation
from whipround.domain.products import Product
from whipround.gateways.processors import sandbox
from whipround.settings import Settings

CLABE = "002010077777777771"

CARDS = {
    "approved": sandbox.APPROVED_TOKEN,
    "late": sandbox.TIMEOUT_TOKEN,
    "pending": sandbox.PENDING_TOKEN,
    "declined": "tok_test_card_declined",
}
"""Tokens of cards, by what becomes of what they are charged."""

_HEARD_OF_WITHIN = 5
_PAUSE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Citizen:
    """Somebody with money, a bank account, and a card of every sort: ids of funding sources."""

    payer: Payer
    cards: Mapping[str, str]
    account_id: str


@dataclass(frozen=True, slots=True)
class Town:
    """A product of its own, and the people in it."""

    product: Product
    citizens: Sequence[Citizen]

    @property
    def granted(self) -> Mapping[str, Any]:
        """What everybody together was given to begin with, by currency."""
        return {currency: MONEY * len(self.citizens) for currency in CURRENCIES}


async def settle(folder: Path, url: str, *, size: int) -> Town:
    """Make a product with so many people on the installation in a folder, which is served."""
    settings = Settings(data_dir=folder / "data", database_url=None, secret_key=None)
    async with open_installation(settings, sandbox=True, exclusive=False) as installation:
        now = datetime.now(UTC)
        crowd = await gather(installation, name="town", size=size + 1, now=now)
    async with client(url, product_id=str(crowd.product.id), connections=size) as http:
        await _introduce(http, crowd.hot)
        citizens = await asyncio.gather(*(_citizen(http, payer) for payer in crowd.payers))
    return Town(crowd.product, citizens)


async def _introduce(http: httpx.AsyncClient, somebody: Payer) -> None:
    """Have the server hear of the product: it looks for new ones once a second."""
    headers = headers_of(somebody, "memento")
    async with asyncio.timeout(_HEARD_OF_WITHIN):
        while (await http.get("/v1/users/current", headers=headers)).status_code != 200:  # noqa: ASYNC110 (another process)
            await asyncio.sleep(_PAUSE_SECONDS)


async def _citizen(http: httpx.AsyncClient, payer: Payer) -> Citizen:
    async def post(path: str, body: Any, *, dialect: Dialect = "memento", how: str = "POST") -> Any:
        answer = await http.request(how, path, json=body, headers=headers_of(payer, dialect))
        assert answer.is_success, answer.text
        return answer.json()

    async def add_card(token: str) -> str:
        card = {"token": token, "expiration_month": 12, "expiration_year": 2099}
        body = {"type": "card", "description": "Card", "card": card}
        return str((await post("/v1/funding_sources", body))["id"])

    cards = {name: await add_card(token) for name, token in CARDS.items() if name != "approved"}
    cards["approved"] = str(payer.card_id)
    account_id = str((await post("/v1/funding_sources", new_account()))["id"])
    shown = await http.get("/sandbox/messages", params={"recipient": account_id})
    code = shown.json()[0]["data"]["code"]
    await post(f"/v1/funding_sources/{account_id}/verify", {"code": code})
    change = {"user": {"clabe": CLABE}}
    await post(f"/api/users/{payer.number}", change, dialect="moneypool", how="PATCH")
    return Citizen(payer, cards, account_id)
