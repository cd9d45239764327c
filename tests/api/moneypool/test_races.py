"""Requests through both faces that meet each other, on one database. All end with an audit."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from decimal import Decimal

import httpx
import pytest

from tests.api.conftest import Shared
from tests.api.faces import Faces, faces
from tests.api.memento import pooling, requesting
from tests.api.memento.client import error_code
from tests.api.memento.paying import PAYMENTS
from tests.api.moneypool.client import Client, Json, said, wrong
from tests.api.moneypool.printed.money import history, invited, waiting
from tests.api.moneypool.printed.stage import CARD, Stage
from tests.mails import last_link
from tests.money import MXN, rows
from tests.people import new_email

pytestmark = pytest.mark.anyio

MANY = 20


@pytest.fixture(scope="module")
async def town(shared: Shared) -> AsyncIterator[Faces]:
    async with faces(shared) as town:
        yield town


async def total(town: Faces) -> Decimal:
    """What all wallets and pools hold, and what waits: all but what is outside."""
    [[held]] = await rows(
        town.db, "select sum(balance) from account where currency = 'MXN' and floor is not null"
    )
    return Decimal(held)


def order(amount: str, by_card: str = "", /, **to: object) -> Json:
    """A payment from the wallet, and perhaps from a card too."""
    payment = {"payment_method": "mixed" if by_card else "wallet", "wallet_amount": amount, **to}
    card = {"amount": by_card, "card": CARD, "name": "Ann Lee"}
    return {"payment": payment, **({"transaction": card} if by_card else {})}


async def pay(who: Client, body: Json, *, key: str | None = None) -> httpx.Response:
    return await who.post(who.own("/mixed_payments"), body, key=key)


async def test_one_request_is_paid_from_both_faces(town: Faces) -> None:
    ben, zoe = await town.person(MXN("100.00")), await town.join()
    here = await town.in_moneypool(ben)
    asked = {"amount": "10.00", "description": "Taxi", "user_requested_id": here.id}
    said(await zoe.post(zoe.own("/payment_requests"), asked), 201)
    [request] = await waiting(here)
    [there] = said(await ben.get(requesting.REQUESTS))
    before = await total(town)

    answers = await asyncio.gather(
        *(
            pay(here, order("10.00", payment_request_id=request["id"]))
            if n % 2
            else ben.post(requesting.path(there, action="pay"), requesting.paying(ben))
            for n in range(MANY)
        )
    )

    assert Counter(it.is_success for it in answers) == {True: 1, False: MANY - 1}
    for n, answer in enumerate(answers):
        if not answer.is_success and n % 2:
            assert wrong(answer).keys() == {"payment_request_id"}
        elif not answer.is_success:
            assert error_code(answer) == "already_paid"
    assert await ben.has("MXN") == 90
    assert await waiting(here) == []
    assert await total(town) == before
    [income] = await history(zoe)
    assert income["income"]["amount"] == "10.0"


async def test_the_last_pesos_are_spent_once(town: Faces) -> None:
    ben, bob = await town.person(MXN("5.50")), await town.join()
    here, before = await town.in_moneypool(ben), await total(town)
    to_bob = {"user_id": str(bob.person.id), "amount": "1.00"}

    answers = await asyncio.gather(
        *(
            pay(here, order("1.00", new_email=bob.email))
            if n % 2
            else ben.post(PAYMENTS, ben.order(ben, recipient=to_bob, currency="MXN"))
            for n in range(MANY)
        )
    )

    assert Counter(it.status_code == 201 for it in answers) == {True: 5, False: MANY - 5}
    for n, answer in enumerate(answers):
        if answer.status_code != 201 and n % 2:
            assert wrong(answer).keys() == {"wallet_amount"}
        elif answer.status_code != 201:
            assert error_code(answer) == "insufficient_funds"
    assert await ben.has("MXN") == Decimal("0.50")
    assert len(await history(bob)) == 5
    assert await total(town) == before


async def test_a_mixed_payment_sent_again_and_again_is_one(town: Faces) -> None:
    ann, bob = await town.join(MXN("100.00")), await town.join()
    body = order("10.00", "20.00", new_email=bob.email)
    before = await total(town)

    answers = await asyncio.gather(*(pay(ann, body, key="once") for _ in range(MANY)))
    last = said(await pay(ann, body, key="once"), 201)

    assert {it.status_code for it in answers} <= {201, 409}
    assert all(said(it, 201) == last for it in answers if it.status_code == 201)
    outcomes = {it["outcome"]["type"] for it in await history(ann)}
    assert outcomes == {"wallet_to_user", "card_to_user"}
    assert sorted(it["income"]["amount"] for it in await history(bob)) == ["10.0", "20.0"]
    assert await total(town) == before + 20
    assert wrong(await pay(ann, order("11.00", new_email=bob.email), key="once")).keys() == {"base"}


async def test_no_card_is_charged_where_the_wallet_is_short(town: Faces) -> None:
    ann, bob = await town.join(MXN("5.00")), await town.join()
    body, before = order("1.00", "2.00", new_email=bob.email), await total(town)

    answers = await asyncio.gather(*(pay(ann, body) for _ in range(MANY)))

    assert Counter(it.status_code for it in answers) == {201: 5, 422: MANY - 5}
    short = [it for it in answers if it.status_code == 422]
    assert all(wrong(it).keys() == {"wallet_amount"} for it in short)
    assert len(await history(bob)) == 10
    assert await total(town) == before + 10


async def test_a_pool_is_closed_while_it_is_paid_into_from_both_faces(town: Faces) -> None:
    owner, ben = await town.person(), await town.person(MXN("100.00"))
    here, before = await town.in_moneypool(ben), await total(town)
    pool = await invited(Stage(town, here, here), here, by=owner, least="1.00")

    closed, *answers = await asyncio.gather(
        owner.post(f"{pool.path}/close"),
        *(
            pay(here, order("1.00", "1.00" if n % 4 else "", pool_id=pool.pool_id))
            if n % 2
            else ben.post(f"{pool.path}/participants", pooling.giving(ben, "1.00"))
            for n in range(MANY)
        ),
    )

    said(closed)
    for n, answer in enumerate(answers):
        if not answer.is_success and n % 2:
            assert wrong(answer).keys() == {"pool_id"}
        elif not answer.is_success:
            assert error_code(answer) == "pool_closed"
    arrived = sum(Decimal(2 if n % 2 else 1) for n, it in enumerate(answers) if it.is_success)
    assert await owner.has("MXN") == arrived
    # What a card was charged too late for is in the payer's wallet.
    charged = await total(town) - before
    assert await ben.has("MXN") == 100 - arrived + charged


async def test_an_address_is_proven_while_it_is_paid(town: Faces) -> None:
    payer, email = await town.join(MXN("100.00")), new_email()
    user = {"name": "Eve", "email": email, "password": "f00bar", "password_confirmation": "f00bar"}
    eve = await town.signed_up(await town.moneypool.post("/api/users", {"user": user}))
    link = (await last_link(town.db, email))["url"].partition("/api/")[2]
    said(await pay(payer, order("2.00", new_email=email)), 201)

    followed, *answers = await asyncio.gather(
        town.moneypool.get(f"/api/{link}"),
        *(pay(payer, order("1.00", new_email=email)) for _ in range(MANY)),
    )

    said(followed)
    assert {it.status_code for it in answers} == {201}
    assert said(await eve.get(eve.own("")))["user"]["wallet"] == "22.0"
    assert len(await history(eve)) == MANY + 1
    assert {it["outcome"]["status"] for it in await history(payer)} == {"paid"}
