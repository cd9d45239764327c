"""One script that pays people of every dialect: what one does the others see, to the cent."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import NamedTuple

import pytest
from uuid_utils.compat import uuid7

from tests.api.conftest import Shared
from tests.api.faces import Faces, faces
from tests.api.memento.paying import PAYMENTS, Customer
from tests.api.memento.paying import said as said_in_memento
from tests.api.mobbr import client as mobbr
from tests.api.mobbr.client import Json
from tests.api.moneypool.client import Client, said
from tests.api.moneypool.printed.money import history
from tests.mails import last_link
from tests.money import MXN, charge, problems
from tests.people import PIN, new_email

pytestmark = pytest.mark.anyio

TITLE = "The roof"


class Cast(NamedTuple):
    """Zoe, who pays Cee, of Memento, and Bob, of Moneypool, and two who are nobody yet."""

    town: Faces
    zoe: Customer
    cee: Customer
    bob: Client
    email: str
    profile: str


@pytest.fixture(scope="module")
async def town(shared: Shared) -> AsyncIterator[Faces]:
    """Every payment costs 3 pesos, of which each share of five bears as much as it is."""
    await charge(shared.db, MXN("3.00"))
    async with faces(shared) as town:
        yield town


async def test_a_script_pays_people_of_every_face_and_all_see_it(town: Faces) -> None:
    cast = Cast(
        town,
        zoe=await town.person(MXN("1000.00"), first_name="Zoe", last_name="Hale"),
        cee=await town.person(first_name="Cee", last_name="Day"),
        bob=await town.join(name="Bob Roe"),
        email=new_email(),
        profile=f"https://github.com/{uuid7().hex}",
    )
    payment = await pays_a_script(cast)

    await sees_it_waiting(cast, payment)
    await have_received(cast)
    ann = await proves_it(cast)
    await all_see_the_claim(cast, ann, payment)
    await is_given_back(cast)
    await takes_back_what_waits(cast, payment)
    await adds_up(cast, ann)
    assert await problems(town.db) == []


async def pays_a_script(cast: Cast) -> Json:
    """Zoe divides 100 pesos in Mobbr among four; the payment."""
    here = await cast.town.in_mobbr(cast.zoe)
    script = {
        "title": TITLE,
        "participants": [
            {"id": cast.cee.user.username, "role": "Mason", "share": 1},
            {"id": f"mailto:{cast.bob.email}", "role": "Roofer", "share": 1},
            {"id": f"mailto:{cast.email}", "role": "Roofer", "share": 1},
            {"id": cast.profile, "role": "Architect", "share": "20%"},
        ],
    }
    wanted = {"data": script, "amount": "100.00", "currency": "MXN"}
    shown = mobbr.said(await here.post("/payments/preview", wanted))
    answer = await here.put("/payments/confirm", {"hash": shown["hash"]})
    assert mobbr.told(answer) == "MXN 100 was divided among 4 recipient(s)"
    confirmed: Json = mobbr.said(answer)
    return confirmed


async def sees_it_waiting(cast: Cast, payment: Json) -> None:
    """Zoe, who has paid it, through each of her faces."""
    in_memento = said_in_memento(await cast.zoe.get(PAYMENTS))
    assert sorted((it["status"], it["amount"]) for it in in_memento) == [
        ("closed", Decimal("26.66666667")),
        ("closed", Decimal("26.66666667")),
        ("open", 20),
        ("open", Decimal("26.66666666")),
    ]
    assert {it["description"] for it in in_memento} == {TITLE}
    [only] = await history(await cast.town.in_moneypool(cast.zoe))
    outcome = only["outcome"]
    assert (outcome["type"], outcome["party"], outcome["status"]) == (
        "wallet_to_user",
        TITLE,
        "waiting",
    )
    assert (outcome["amount"], outcome["fee"]) == ("100.0", "3.0")
    here = await cast.town.in_mobbr(cast.zoe)
    [listed] = mobbr.said(await here.get("/payments"))
    assert (listed["id"], listed["amount"]) == (payment["payment_id"], "-100.00000000")
    waiting = mobbr.said(await here.get("/payments/unclaimed_shares"))
    assert {it["recipient_id"] for it in waiting} == {f"mailto:{cast.email}", cast.profile}
    assert await cast.zoe.has("MXN") == 897


async def have_received(cast: Cast) -> None:
    """Cee, of Memento, and Bob, of Moneypool, through theirs and the third."""
    [in_memento] = said_in_memento(await cast.cee.get(PAYMENTS))
    assert in_memento["amount"] == Decimal("26.66666667")
    for who in (await cast.town.in_moneypool(cast.cee), cast.bob):
        [only] = await history(who)
        income = only["income"]
        assert (income["type"], income["party"]) == ("user_to_wallet", "Zoe Hale")
        assert (income["amount"], income["description"]) == ("26.66666667", TITLE)
    for someone in (cast.cee, cast.bob):
        [listed] = mobbr.said(await (await cast.town.in_mobbr(someone)).get("/payments"))
        assert listed["amount"] == "26.66666667"


async def proves_it(cast: Cast) -> Client:
    """Ann signs up in Moneypool, and follows the link in her mail."""
    user = {
        "name": "Ann Lee",
        "email": cast.email,
        "password": "foobar123",
        "password_confirmation": "foobar123",
    }
    nobody = cast.town.moneypool
    ann = await cast.town.signed_up(await nobody.post("/api/users", {"user": user}))
    assert said(await ann.get(ann.own("")))["user"]["wallet"] == "0.0"
    url = (await last_link(cast.town.db, cast.email))["url"]
    said(await nobody.get(f"/api/{url.partition('/api/')[2]}"))
    return ann


async def all_see_the_claim(cast: Cast, ann: Client, payment: Json) -> None:
    assert said(await ann.get(ann.own("")))["user"]["wallet"] == "26.66666666"
    [only] = await history(ann)
    assert (only["income"]["party"], only["income"]["description"]) == ("Zoe Hale", TITLE)
    open_ones = said_in_memento(await cast.zoe.get(f"{PAYMENTS}?filter=status:eq:open"))
    assert [it["amount"] for it in open_ones] == [20]
    here = await cast.town.in_mobbr(cast.zoe)
    info = mobbr.said(await here.get("/payments/info", id=payment["payment_id"]))
    waiting = [it["role"] for it in info["receivers"] if it["unclaim_id"] is not None]
    assert (len(info["receivers"]), waiting) == (4, ["Architect"])
    [left] = mobbr.said(await here.get("/payments/unclaimed_shares"))
    assert left["amount"] == "20.00000000"


async def is_given_back(cast: Cast) -> None:
    """Cee gives her share back in Memento: exactly, and with its part of the fee."""
    [received] = said_in_memento(await cast.cee.get(PAYMENTS))
    refund = await cast.cee.post(f"{PAYMENTS}/{received['id']}/refund", {"pin": PIN})
    assert said_in_memento(refund, 201)["amount"] == Decimal("26.66666667")

    here = await cast.town.in_mobbr(cast.zoe)
    balances = mobbr.said(await here.get("/balances"))["balances"]
    amounts = {it["currency_iso"]: it["amount"] for it in balances}
    assert amounts["MXN"] == "924.46666667"  # 897, 26.66666667 and 0.8 of the fee
    income, outcome = [
        it for each in await history(await cast.town.in_moneypool(cast.zoe)) for it in each.items()
    ]
    assert (income[0], income[1]["amount"]) == ("income", "27.46666667")
    assert (income[1]["party"], income[1]["description"]) == ("Cee Day", f"Returned: {TITLE}")
    assert (outcome[0], outcome[1]["refunded"]) == ("outcome", "26.66666667")
    assert income[1]["payment_id"] == outcome[1]["payment_id"]


async def takes_back_what_waits(cast: Cast, payment: Json) -> None:
    """Zoe revokes the share of the profile in Mobbr."""
    here = await cast.town.in_mobbr(cast.zoe)
    [left] = mobbr.said(await here.get("/payments/unclaimed_shares"))
    answer = await here.delete("/payments/unclaimed_shares", share_ids=left["share_id"])
    assert mobbr.told(answer) == "1 share(s) revoked"

    [newest, *_] = await history(await cast.town.in_moneypool(cast.zoe))
    assert (newest["income"]["party"], newest["income"]["amount"]) == (cast.profile, "20.6")
    statuses = [it["recipient"]["status"] for it in said_in_memento(await cast.zoe.get(PAYMENTS))]
    assert sorted(statuses) == ["cancelled", "paid", "paid", "paid"]
    info = mobbr.said(await here.get("/payments/info", id=payment["payment_id"]))
    assert len(info["receivers"]) == 3


async def adds_up(cast: Cast, ann: Client) -> None:
    """Nothing has been lost on the way: the fees have what is not with one of the four."""
    everybody = [cast.zoe, cast.cee, *[await cast.town.in_memento(it) for it in (cast.bob, ann)]]
    total = sum([Decimal(await each.has("MXN")) for each in everybody])
    # What was given back took its part of the fee with it, and so did what was taken back.
    assert total == 1000 - 3 + Decimal("0.8") + Decimal("0.6")


async def test_a_payment_of_another_face_is_there_in_mobbr(town: Faces) -> None:
    zoe, ann = await town.person(MXN("50.00")), await town.join()
    whom = {"user_id": str(ann.person.id), "amount": "12.50"}
    order = zoe.order(zoe, recipient=whom, currency="MXN", description="Taxi")
    said_in_memento(await zoe.post(PAYMENTS, order), 201)

    for someone, amount in ((zoe, "-12.50000000"), (ann, "12.50000000")):
        [listed] = mobbr.said(await (await town.in_mobbr(someone)).get("/payments"))
        assert (listed["amount"], listed["title"], listed["url"]) == (amount, "Taxi", None)
