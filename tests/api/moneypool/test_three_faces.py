"""One person, and every face of theirs: what one dialect does the others see, to the cent."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from tests.api.conftest import Shared
from tests.api.faces import Faces, faces
from tests.api.memento import pooling, requesting
from tests.api.memento.paying import PAYMENTS, Customer
from tests.api.memento.requesting import asking
from tests.api.moneypool.client import Client, Json, said
from tests.api.moneypool.printed.money import history, pay, pay_in_cash, waiting, withdraw
from tests.mails import last_link
from tests.money import EUR, MXN, problems
from tests.people import PIN, new_email

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def town(shared: Shared) -> AsyncIterator[Faces]:
    async with faces(shared) as town:
        yield town


async def test_one_person_is_the_same_in_every_face(town: Faces) -> None:
    zoe = await town.person(MXN("1000.00"), first_name="Zoe", last_name="Hale")
    email = new_email()
    await waits_for(town, zoe, email)

    ann = await signs_up(town, email)
    assert await wallet(ann) == "25.0"
    await is_paid(zoe, ann)
    pool = await collects(zoe, ann)
    await contributes(ann, pool)
    await is_asked_and_pays(zoe, ann)
    await withdraw(ann, "30.00")
    await is_paid_out(zoe, pool)

    await sees_it_all(ann)
    await sees_the_same(town, ann, zoe)
    assert await problems(town.db) == []


async def waits_for(town: Faces, zoe: Customer, email: str) -> None:
    """Zoe, who is Memento's, pays an address that is nobody's yet, in Moneypool."""
    payment = await pay(
        await town.in_moneypool(zoe), "25.00", by="wallet", new_email=email, description="Bus"
    )
    assert (payment["status"], payment["party"]) == ("waiting", email)


async def signs_up(town: Faces, email: str) -> Client:
    """Ann signs up in Moneypool, and follows the link in her mail."""
    user = {
        "name": "Ann Lee",
        "email": email,
        "password": "foobar123",
        "password_confirmation": "foobar123",
    }
    nobody = town.moneypool
    ann = await town.signed_up(await nobody.post("/api/users", {"user": user}))
    assert await wallet(ann) == "0.0"
    url = (await last_link(town.db, email))["url"]
    said(await nobody.get(f"/api/{url.partition('/api/')[2]}"))
    return ann


async def wallet(who: Client) -> str:
    """What somebody's wallet has, as Moneypool shows it."""
    amount: str = said(await who.get(who.own("")))["user"]["wallet"]
    return amount


async def is_paid(zoe: Customer, ann: Client) -> None:
    """Zoe pays Ann in Memento, with her PIN."""
    whom = {"user_id": str(ann.person.id), "amount": "100.00"}
    order = zoe.order(zoe, recipient=whom, currency="MXN", description="Lunch")
    assert said(await zoe.post(PAYMENTS, order), 201)["fulfillment_status"] == "fulfilled"
    assert await wallet(ann) == "125.0"


async def collects(zoe: Customer, ann: Client) -> Json:
    """Zoe opens a pool in Memento, and invites Ann; in Moneypool it is a liability."""
    pool = said(
        await zoe.post(
            pooling.POOLS,
            pooling.collecting(
                zoe,
                description="Zoe's Birthday",
                currency="MXN",
                minimum_user_amount="10.00",
                allows_optional_amount=True,
                invites=[str(ann.person.id)],
            ),
        ),
        201,
    )
    [invitation] = await waiting(ann)
    assert (invitation["type"], invitation["party"]) == ("pool", "Zoe's Birthday")
    assert invitation["amount"] == "10.0"
    return {**pool, "number": invitation["id"]}


async def contributes(ann: Client, pool: Json) -> None:
    """Ann pays into it from wallet and card together, and once more in cash."""
    paid = await pay(ann, "20.00", by="mixed", pool_id=pool["number"], description="")
    assert (paid["amount"], paid["wallet_amount"], paid["card_amount"]) == ("40.0", "20.0", "20.0")
    assert await waiting(ann) == []
    await pay_in_cash(ann, "10.00", pool["number"])
    assert await wallet(ann) == "105.0"


async def is_asked_and_pays(zoe: Customer, ann: Client) -> None:
    """Zoe asks Ann for money in Memento; Ann finds it in Moneypool, and pays."""
    whom = {"user_id": str(ann.person.id), "amount": "15.50"}
    body = asking(zoe, whom, amount="15.50", currency="MXN", description="Taxi")
    request = said(await zoe.post(requesting.REQUESTS, body), 201)
    [asked] = await waiting(ann)
    assert (asked["type"], asked["party"], asked["amount"]) == ("from_user", "Zoe Hale", "15.5")

    method = {"payment_method": "wallet", "wallet_amount": asked["amount"]}
    order = {"payment": {**method, "payment_request_id": asked["id"]}}
    said(await ann.post(ann.own("/mixed_payments"), order), 201)

    assert await waiting(ann) == []
    seen = await requesting.seen(zoe, request)
    assert (seen["status"], seen["fulfillment_status"]) == ("closed", "fulfilled")
    assert await wallet(ann) == "89.5"


async def is_paid_out(zoe: Customer, pool: Json) -> None:
    """Zoe closes the pool, and has all of it."""
    closed = said(await zoe.post(pooling.path(pool, "close")))
    assert closed["amount"] == 50
    # 1000, less 25 and 100, and with 50 and 15.50.
    assert await zoe.has("MXN") == Decimal("940.50")


async def sees_it_all(ann: Client) -> None:
    """Ann's history has every step, newest first."""
    seen = [
        (direction, it["type"], it["amount"], it["party"])
        for each in await history(ann)
        for direction, it in each.items()
    ]
    assert seen[0][:3] == ("outcome", "wallet_to_account", "30.0")
    assert seen[1:3] == [
        ("outcome", "wallet_to_user", "15.5", "Zoe Hale"),
        ("outcome", "cash_to_pool", "10.0", "Zoe's Birthday"),
    ]
    assert set(seen[3:5]) == {
        ("outcome", "card_to_pool", "20.0", "Zoe's Birthday"),
        ("outcome", "wallet_to_pool", "20.0", "Zoe's Birthday"),
    }
    assert seen[5:] == [
        ("income", "user_to_wallet", "100.0", "Zoe Hale"),
        ("income", "user_to_wallet", "25.0", "Zoe Hale"),
    ]
    assert await wallet(ann) == "59.5"


async def sees_the_same(town: Faces, ann: Client, zoe: Customer) -> None:
    """Memento shows both of them the same payments, and Moneypool shows Zoe hers."""
    in_memento = await town.in_memento(ann)
    assert await in_memento.has("MXN") == Decimal("59.50")
    anns, zoes = [said(await it.get(PAYMENTS)) for it in (in_memento, zoe)]
    kinds = [(it["kind"], it["amount"]) for it in anns]
    assert kinds == [
        ("withdrawal", 30),
        ("request", Decimal("15.50")),
        ("contribution", 10),
        ("contribution", 40),
        ("payment", 100),
        ("payment", 25),
    ]
    shared_by_both = {it["id"] for it in anns} & {it["id"] for it in zoes}
    assert len(shared_by_both) == 3
    zoes_history = await history(await town.in_moneypool(zoe))
    assert [it["type"] for each in zoes_history for it in each.values()] == [
        "pool_to_wallet",
        "user_to_wallet",
        "wallet_to_user",
        "wallet_to_user",
    ]


async def test_a_pin_is_asked_for_where_there_is_one(town: Faces) -> None:
    """The wallet is one: without a PIN in the one face, with it in the other."""
    zoe = await town.person(MXN("10.00"))
    bob = await town.join()
    here = await town.in_moneypool(zoe)

    whom = {"user_id": str(bob.person.id), "amount": "1.00"}
    order = zoe.order(zoe, recipient=whom, currency="MXN", pin="9999")
    refused = await zoe.post(PAYMENTS, order)
    assert refused.json()["errors"][0]["code"] == "invalid_pin"
    said(await zoe.post(PAYMENTS, {**order, "pin": PIN}), 201)
    await pay(here, "1.00", by="wallet", new_email=bob.email)

    assert await wallet(bob) == "2.0"
    assert await wallet(here) == "8.0"


async def test_what_is_in_euros_is_not_there(town: Faces) -> None:
    """Moneypool is of pesos: other balances, requests, pools and payments do not exist in it."""
    zoe = await town.person(EUR("10.00"))
    ann = await town.join(MXN("1.00"))
    in_euros = {"user_id": str(ann.person.id), "amount": "1.00"}
    paid = zoe.order(zoe, recipient=in_euros)
    payment = said(await zoe.post(PAYMENTS, paid), 201)
    said(await zoe.post(requesting.REQUESTS, asking(zoe, in_euros)), 201)
    invites = [str(ann.person.id)]
    said(await zoe.post(pooling.POOLS, pooling.collecting(zoe, invites=invites)), 201)

    assert payment["amount"] == 1
    assert await wallet(ann) == "1.0"
    assert (await history(ann), await waiting(ann)) == ([], [])
    assert said(await (await town.in_moneypool(zoe)).get(ann.own("")), 404)
