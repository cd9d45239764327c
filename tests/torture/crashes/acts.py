"""Everything that people do with money, in every dialect: each act is an order or more."""

import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import count
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

import httpx

from bench.people import PIN, Payer
from tests.torture.crashes.orders import Answer, Order, Shelf, headers_of, send
from tests.torture.crashes.town import CARDS, Citizen, Town
from tests.website import Site

_MOST_OPEN = 6
"""Pools that take money at a time."""

DECLINED = ("gateway_declined", "limit_exceeded")
TOO_MANY_WAIT = ("limit_exceeded",)
# What was only shown is not waited for to be on the disk: a crash may undo it.
NOT_SHOWN = ("The hash is unknown",)
CLOSED = ("pool_closed", "recipient_unavailable")


class Pledge(NamedTuple):
    """A pledge that was confirmed, and the path of the page it was made to."""

    id: str
    by: Citizen
    path: str


@dataclass(slots=True)
class Memory:
    """What was done and can be gone on with: refunded, contributed to, claimed, taken back.

    What is `fresh` was done since the last proof, and is left alone until the next.
    """

    received: deque[tuple[Citizen, str]] = field(default_factory=deque)
    pools: deque[tuple[Citizen, str]] = field(default_factory=deque)
    pledges: deque[Pledge] = field(default_factory=deque)
    fresh: list[Pledge] = field(default_factory=list)
    revoked: set[str] = field(default_factory=set)
    cents: Any = field(default_factory=lambda: count(100))

    def ripen(self) -> None:
        """What was done has been proven."""
        self.pledges.extend(self.fresh)
        self.fresh.clear()


@dataclass(slots=True)
class Actor:
    """One client, who acts for anybody, and remembers every order in `orders`."""

    town: Town
    site: Site
    memory: Memory
    orders: list[Order]
    http: httpx.AsyncClient
    chance: Random

    async def act(self) -> None:
        """Do something, whatever it is. Raises httpx.TransportError."""
        await self.chance.choice(ACTS)(self, self.chance.choice(self.town.citizens))

    def key(self) -> str:
        """A key that no other order has."""
        return str(UUID(int=self.chance.getrandbits(128), version=4))

    def other(self, than: Citizen) -> Citizen:
        """Somebody else."""
        return self.chance.choice([it for it in self.town.citizens if it is not than])

    def amount(self) -> str:
        """A small amount."""
        return f"{self.chance.randint(1, 9)}.{self.chance.randint(0, 99):02}"

    def nobody(self) -> str:
        """An email that is nobody's."""
        return f"nobody{self.chance.getrandbits(64)}@example.com"

    async def do(self, order: Order) -> Any:
        """Send an order; what the answer says, None unless it is done."""
        self.orders.append(order)
        answer = await send(self.http, order)
        order.was_told(answer)
        return _said(answer)

    async def pay(
        self, kind: str, by: Citizen, source: str, recipient: dict[str, str], **given: Any
    ) -> Any:
        """Pay through Memento, from a source."""
        key = self.key()
        body = {
            "currency": "EUR",
            "meta": key,
            "recipient": {"amount": self.amount(), **recipient},
            "funding_source_id": source,
            "pin": PIN,
        }
        return await self.do(_memento(kind, by.payer, "/v1/payments", body, key, **given))

    async def pay_by_moneypool(self, kind: str, by: Citizen, payment: Any, **given: Any) -> Any:
        """Pay through Moneypool; `given` may have the card's `transaction`."""
        key = self.key()
        body = {"payment": {**payment, "description": key}, **given}
        path = f"/api/users/{by.payer.number}/mixed_payments"
        shelf, late = Shelf("payments", by.payer), DECLINED[1:] if given else ()
        order = Order(
            kind, by.payer, "moneypool", "POST", path, body, key, shelf, key, refusals=late
        )
        return await self.do(order)

    async def preview(self, by: Citizen, data: Any) -> str | None:
        """See what a script would pay; its hash, None where the server cannot tell right now."""
        body = {"data": data, "amount": self.amount(), "currency": "EUR"}
        headers = headers_of(by.payer, "mobbr")
        answer = await self.http.post("/api_v1/payments/preview", json=body, headers=headers)
        if answer.status_code == 503 or "cannot be read right now" in answer.text:
            return None
        assert answer.status_code == 201, answer.text
        return str(answer.json()["result"]["hash"])

    async def confirm(self, kind: str, by: Citizen, data: Any, title: str) -> str | None:
        """Preview and confirm; the payment."""
        hash_ = await self.preview(by, data)
        if hash_ is None:
            return None
        path, shelf = "/api_v1/payments/confirm", Shelf("crowds", by.payer)
        order = Order(
            kind, by.payer, "mobbr", "PUT", path, {"hash": hash_}, self.key(), shelf, title
        )
        order.refusals = NOT_SHOWN
        made = await self.do(order)
        return None if made is None else str(made["result"]["payment_id"])

    async def take_away(
        self, kind: str, by: Citizen, how: str, body: Any, *, shelf: Shelf, mark: str
    ) -> None:
        """Have Mobbr end what waits; `how` is a method and what of payments is called."""
        method, name = how.split()
        path = f"/api_v1/payments/{name}"
        order = Order(kind, by.payer, "mobbr", method, path, body, self.key(), shelf, mark)
        order.takes_away = True
        await self.do(order)


def _said(answer: Answer) -> Any:
    return json.loads(answer.body) if answer.is_done else None


def _memento(
    kind: str, payer: Payer, path: str, body: Mapping[str, Any], key: str, **given: Any
) -> Order:
    """An order to Memento, which shows among the payments under its key unless it is `given`."""
    shown = {"shelf": Shelf("payments", payer), "mark": key} | given
    return Order(kind, payer, "memento", "POST", path, body, key, **shown)


async def pay_somebody(actor: Actor, me: Citizen) -> None:
    other = actor.other(me)
    to = {"user_id": str(other.payer.user_id)}
    made = await actor.pay("payment", me, str(me.payer.wallet_id), to)
    if made is not None:
        actor.memory.received.append((other, made["id"]))


async def pay_a_number(actor: Actor, me: Citizen) -> None:
    to = {"phone": f"+447911{actor.chance.randrange(10**6):06}"}
    await actor.pay("payment to a number", me, str(me.payer.wallet_id), to, refusals=TOO_MANY_WAIT)


async def pay_by_card(actor: Actor, me: Citizen) -> None:
    other, card = actor.other(me), _card(actor)
    to = {"user_id": str(other.payer.user_id)}
    made = await actor.pay(f"payment, {card} card", me, me.cards[card], to, **_of_card(card))
    if made is not None and made["fulfillment_status"] == "fulfilled":
        actor.memory.received.append((other, made["id"]))


async def top_up(actor: Actor, me: Citizen) -> None:
    card = _card(actor)
    to = {"funding_source_id": str(me.payer.wallet_id)}
    await actor.pay(f"top-up, {card} card", me, me.cards[card], to, **_of_card(card))


def _card(actor: Actor) -> str:
    """Now and then one that is declined: a card is not asked any more after twenty times."""
    [card] = actor.chance.choices(list(CARDS), [1 if it == "declined" else 9 for it in CARDS])
    return card


def _of_card(card: str) -> dict[str, Any]:
    return {"refusals": DECLINED, "leaves_a_trace": True} if card == "declined" else {}


async def withdraw(actor: Actor, me: Citizen) -> None:
    to = {"funding_source_id": me.account_id}
    await actor.pay("withdrawal", me, str(me.payer.wallet_id), to)


async def refund(actor: Actor, me: Citizen) -> None:
    if not actor.memory.received:
        return
    me, payment_id = actor.memory.received.popleft()
    key = actor.key()
    body = {"amount": "0.50", "meta": key, "pin": PIN}
    shelf = Shelf("refunds", me.payer, payment_id)
    await actor.do(
        _memento("refund", me.payer, f"/v1/payments/{payment_id}/refund", body, key, shelf=shelf)
    )


async def ask_and_pay(actor: Actor, me: Citizen) -> None:
    other, key = actor.other(me), actor.key()
    asked = [{"user_id": str(other.payer.user_id), "amount": "2.00"}]
    body = {
        "amount": "2.00",
        "currency": "EUR",
        "description": "Dinner",
        "funding_source_id": str(me.payer.wallet_id),
        "participants": asked,
        "meta": key,
    }
    on = Shelf("requests", me.payer)
    made = await actor.do(_memento("request", me.payer, "/v1/requests", body, key, shelf=on))
    if made is None:
        return
    key = actor.key()
    source = actor.chance.choice([str(other.payer.wallet_id), other.cards["approved"]])
    body = {"funding_source_id": source, "pin": PIN, "meta": key}
    path = f"/v1/requests/{made['id']}/pay"
    order = _memento("payment of a request", other.payer, path, body, key)
    await actor.do(order)


async def collect(actor: Actor, me: Citizen) -> None:
    """Make a pool; where there are enough, close one."""
    key = actor.key()
    if len(actor.memory.pools) >= _MOST_OPEN:
        owner, pool_id = actor.memory.pools.popleft()
        on, path = Shelf("open pools", owner.payer), f"/v1/pools/{pool_id}/close"
        order = _memento("closed pool", owner.payer, path, {}, key, shelf=on, mark=pool_id)
        order.takes_away = True
        await actor.do(order)
        return
    body = {"description": "Gift", "currency": "EUR", "meta": key, "is_public": True}
    body["funding_source_id"] = str(me.payer.wallet_id)
    on = Shelf("pools", me.payer)
    made = await actor.do(_memento("pool", me.payer, "/v1/pools", body, key, shelf=on))
    if made is not None:
        actor.memory.pools.append((me, made["id"]))


async def contribute(actor: Actor, me: Citizen) -> None:
    if not actor.memory.pools:
        return
    _, pool_id = actor.chance.choice(actor.memory.pools)
    key, sources = actor.key(), [str(me.payer.wallet_id), me.cards["approved"], me.cards["late"]]
    body = {"amount": actor.amount(), "funding_source_id": actor.chance.choice(sources)}
    body |= {"pin": PIN, "meta": key}
    path, on = f"/v1/pools/{pool_id}/participants", Shelf("contributions", me.payer, pool_id)
    await actor.do(_memento("contribution", me.payer, path, body, key, shelf=on, refusals=CLOSED))


async def pay_an_email(actor: Actor, me: Citizen) -> None:
    to = actor.chance.choice([actor.other(me).payer.email, actor.nobody()])
    payment = {"payment_method": "wallet", "wallet_amount": actor.amount(), "new_email": to}
    kind = "Moneypool payment" if "person" in to else "Moneypool payment to an email"
    await actor.pay_by_moneypool(kind, me, payment)


async def pay_an_email_by_card(actor: Actor, me: Citizen) -> None:
    payment = {"payment_method": "card", "new_email": actor.other(me).payer.email}
    if actor.chance.random() < 0.5:
        payment["wallet_amount"] = actor.amount()
    token = CARDS[actor.chance.choice(["approved", "late"])]
    card = {"amount": actor.amount(), "card": token, "name": "Cecelia Schuster"}
    kind = "Moneypool mixed payment" if "wallet_amount" in payment else "Moneypool card payment"
    await actor.pay_by_moneypool(kind, me, payment, transaction=card)


async def withdraw_by_moneypool(actor: Actor, me: Citizen) -> None:
    """A withdrawal says nothing about itself: it is known by its amount."""
    cents = next(actor.memory.cents)
    amount = f"{cents // 100}.{cents % 100:02}"
    path, on = f"/api/users/{me.payer.number}/withdrawals", Shelf("withdrawals", me.payer)
    body = {"withdrawal": {"amount": amount}}
    order = Order(
        "Moneypool withdrawal", me.payer, "moneypool", "POST", path, body, actor.key(), on, amount
    )
    await actor.do(order)


async def ask_and_pay_by_moneypool(actor: Actor, me: Citizen) -> None:
    other, key = actor.other(me), actor.key()
    body = {"user_requested_id": other.payer.number, "amount": "30.00", "description": key}
    path, on = f"/api/users/{me.payer.number}/payment_requests", Shelf("requests", me.payer)
    made = await actor.do(
        Order("Moneypool request", me.payer, "moneypool", "POST", path, body, key, on, key)
    )
    if made is not None:
        payment = {
            "payment_method": "wallet",
            "wallet_amount": "30.00",
            "payment_request_id": next(iter(made.values()))["id"],
        }
        await actor.pay_by_moneypool("Moneypool payment of a request", other, payment)


async def divide(actor: Actor, me: Citizen) -> None:
    """A script for somebody who is here, and for two who are nobody yet."""
    title, unknown = actor.key(), [f"mailto:{actor.nobody()}" for _ in range(2)]
    people = [actor.other(me).payer.username, *unknown]
    script = {"title": title, "participants": [{"id": it} for it in people]}
    await actor.confirm("Mobbr payment", me, script, title)


async def pledge(actor: Actor, me: Citizen) -> None:
    title, path = actor.key(), f"/task/{actor.key()}"
    url = _serve(actor, path, "pledge", title, actor.other(me))
    pledge_id = await actor.confirm("Mobbr pledge", me, url, title)
    if pledge_id is not None:
        actor.memory.fresh.append(Pledge(pledge_id, me, path))


def _serve(actor: Actor, path: str, script_type: str, title: str, to: Citizen) -> str:
    script = {
        "type": script_type,
        "title": title,
        "participants": [{"id": to.payer.username}, {"id": f"mailto:{actor.nobody()}"}],
    }
    page = f'<meta name="participation" content="{escape(json.dumps(script))}">'
    return actor.site.serve(path, f"<html><head>{page}</head></html>".encode())


async def claim(actor: Actor, me: Citizen) -> None:
    """What was pledged is claimed for whom the page names now."""
    if not actor.memory.pledges:
        return
    pledged = actor.memory.pledges.popleft()
    other = actor.other(pledged.by)
    body = {"url": _serve(actor, pledged.path, "payment", "Done", other)}
    shelf = Shelf("pledges", pledged.by.payer)
    await actor.take_away("claim", other, "PUT claim", body, shelf=shelf, mark=pledged.id)


async def revoke_a_pledge(actor: Actor, me: Citizen) -> None:
    if not actor.memory.pledges:
        return
    pledged = actor.memory.pledges.popleft()
    me, body = pledged.by, {"ids": [pledged.id]}
    shelf = Shelf("pledges", me.payer)
    await actor.take_away(
        "revoked pledge", me, "DELETE pledged", body, shelf=shelf, mark=pledged.id
    )


async def revoke_a_share(actor: Actor, me: Citizen) -> None:
    """What waits for nobody, through whatever dialect it was paid, is taken back."""
    headers = headers_of(me.payer, "mobbr")
    answer = await actor.http.get("/api_v1/payments/unclaimed_shares", headers=headers)
    if answer.status_code == 503:
        return
    assert answer.status_code == 200, answer.text
    shares = [it["share_id"] for it in answer.json()["result"]]
    left = [share for share in shares if share not in actor.memory.revoked]
    if not left:
        return
    share = actor.chance.choice(left)
    actor.memory.revoked.add(share)
    shelf, body = Shelf("shares", me.payer), {"share_ids": [share]}
    await actor.take_away(
        "revoked share", me, "DELETE unclaimed_shares", body, shelf=shelf, mark=share
    )


ACTS: Sequence[Callable[[Actor, Citizen], Awaitable[None]]] = (
    pay_somebody,
    pay_a_number,
    pay_by_card,
    top_up,
    withdraw,
    refund,
    ask_and_pay,
    collect,
    contribute,
    pay_an_email,
    pay_an_email_by_card,
    withdraw_by_moneypool,
    ask_and_pay_by_moneypool,
    divide,
    pledge,
    claim,
    revoke_a_pledge,
    revoke_a_share,
)
