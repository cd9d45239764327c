"""What people do in all three dialects while something fails, and how clearly they are told."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import ClassVar, NamedTuple, TypeAlias
from uuid import UUID

import httpx

from tests.api.memento import requesting
from tests.api.memento.client import Client as MementoClient
from tests.api.memento.paying import Customer
from tests.api.mobbr.client import Client as MobbrClient
from tests.api.moneypool.client import Client as MoneypoolClient
from tests.money import EUR, MXN, make_person
from tests.people import new_email
from whipround.db.database import Database
from whipround.domain.users.proofs import Proven
from whipround.keyring import Keyring

AMOUNT = "0.01"


class Townsperson(NamedTuple):
    """Somebody with money, who is logged in in each dialect."""

    memento: Customer
    moneypool: MoneypoolClient
    mobbr: MobbrClient


async def townspeople(
    http: httpx.AsyncClient, db: Database, *, product_id: UUID, keyring: Keyring, many: int
) -> Sequence[Townsperson]:
    """So many people of a product, each with a thousand euros and as many pesos."""
    money = EUR("1000.00"), MXN("1000.00")
    people = []
    for _ in range(many):
        proven = Proven(email=new_email())  # numbers may be those of the demo
        someone = await make_person(
            db, *money, keyring=keyring, now=datetime.now(UTC), proven=proven
        )
        nobody = MementoClient(http, db, keyring, str(product_id))
        people.append(
            Townsperson(
                Customer(await nobody.of(someone.user), someone.user, someone.wallet_id),
                await MoneypoolClient(http, db, keyring).of(someone),
                await MobbrClient(http, db, keyring).of(someone),
            )
        )
    return people


@dataclass(slots=True, eq=False)
class Act(ABC):
    """Something that one person does with another, under a key, its `name`, that shows in it.

    It may be sent as often as one likes. `answer` is the first that said that it was done. Where it
    moves money, `pays` is the currency.
    """

    pays: ClassVar[str] = ""

    name: str
    who: Townsperson
    whom: Townsperson
    answer: httpx.Response | None = field(default=None, init=False)

    @abstractmethod
    async def send(self) -> httpx.Response:
        """Send it, for the first time or again."""


class Pays(Act):
    """Pays somebody in Memento."""

    pays = "EUR"

    async def send(self) -> httpx.Response:
        key = UUID(self.name)
        return await self.who.memento.pay(self.whom.memento, AMOUNT, key=key, description=self.name)


class Asks(Act):
    """Asks somebody for money in Memento."""

    async def send(self) -> httpx.Response:
        asker = self.who.memento
        share = requesting.share(self.whom.memento, AMOUNT)
        body = requesting.asking(asker, share, amount=AMOUNT, description=self.name)
        return await asker.post(requesting.REQUESTS, body, key=UUID(self.name))


class PaysPesos(Act):
    """Pays somebody in Moneypool."""

    pays = "MXN"

    async def send(self) -> httpx.Response:
        payer = self.who.moneypool
        payment = {
            "payment_method": "wallet",
            "wallet_amount": AMOUNT,
            "new_email": self.whom.moneypool.email,
            "description": self.name,
        }
        path = payer.own("/mixed_payments")
        return await payer.post(path, {"payment": payment}, key=self.name)


class AsksForPesos(Act):
    """Asks somebody for money in Moneypool."""

    async def send(self) -> httpx.Response:
        asker = self.who.moneypool
        body = {
            "amount": AMOUNT,
            "description": self.name,
            "user_requested_id": self.whom.moneypool.id,
        }
        return await asker.post(asker.own("/payment_requests"), body, key=self.name)


@dataclass(slots=True, eq=False)
class PaysByScript(Act):
    """Pays somebody in Mobbr: sees what it would be, and confirms that."""

    pays = "EUR"

    hash_: str | None = field(default=None, init=False)

    async def send(self) -> httpx.Response:
        payer = self.who.mobbr
        if self.hash_ is None:
            script = {"title": self.name, "participants": [{"id": self.whom.mobbr.username}]}
            wanted = {"data": script, "amount": AMOUNT, "currency": "EUR"}
            previewed = await payer.post("/payments/preview", wanted)
            if previewed.status_code != 201:
                return previewed
            self.hash_ = previewed.json()["result"]["hash"]
        confirmed = await payer.put("/payments/confirm", {"hash": self.hash_})
        if _HAS_EXPIRED in confirmed.text:  # as when the clock has jumped meanwhile
            self.hash_ = None
            return await self.send()
        return confirmed


_HAS_EXPIRED = "expired: preview the payment again"

# Most of what people do is to pay, which is grouped; the rest is not.
_ACTS: Sequence[type[Act]] = (Pays, Pays, PaysPesos, PaysPesos, PaysByScript, Asks, AsksForPesos)

NAMED = """
    select description from payment where id not in (select payment_id from crowd_share)
    union all select title from crowd_payment
    union all select description from payment_request
"""
"""The names of all acts that were done, and some words."""


def act(people: Sequence[Townsperson], chance: Random) -> Act:
    """What somebody may do next."""
    who, whom = chance.sample(people, 2)
    return chance.choice(_ACTS)(str(UUID(int=chance.getrandbits(128), version=4)), who, whom)


async def look(who: Townsperson, chance: Random) -> httpx.Response:
    """See something of one's own, in any dialect."""
    match chance.randrange(3):
        case 0:
            return await who.memento.get(who.memento.wallet)
        case 1:
            return await who.moneypool.get(who.moneypool.own("/history"))
        case _:
            return await who.mobbr.get("/balances")


# What a refusal looks like.


def _memento(body: dict[str, list[dict[str, str]]]) -> bool:
    [error] = body["errors"]
    return error["code"] == "unavailable" and bool(error["message"])


def _moneypool(body: dict[str, dict[str, list[str]]]) -> bool:
    return [*body["errors"]] == ["base"] and all(body["errors"]["base"])


def _mobbr(body: dict[str, dict[str, str]]) -> bool:
    return body["result"] is None and body["message"]["type"] == "error"


_Form: TypeAlias = Callable[..., bool]

_FORMS: dict[str, _Form] = {"/v1/": _memento, "/api/": _moneypool, "/api_v1/": _mobbr}


def dialect_of(answer: httpx.Response) -> str:
    """What all paths of the dialect begin with."""
    return "/" + answer.request.url.path.split("/")[1] + "/"


def is_clear(answer: httpx.Response) -> bool:
    """Whether an answer says that it was done; or else, as its dialect does, to come again."""
    if answer.is_success:
        return True
    if answer.status_code != 503 or not answer.headers.get("retry-after", "").isdecimal():
        return False
    return _FORMS[dialect_of(answer)](json.loads(answer.text))
