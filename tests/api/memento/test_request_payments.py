"""Memento, Requests: paying one's share, its receipts, and all that can come between, over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.checks import differs, nothing
from tests.api.conftest import Shared
from tests.api.memento.client import Client, Json, error_code, wrong_fields
from tests.api.memento.documented import RECEIPT
from tests.api.memento.paying import (
    PAYMENTS,
    Customer,
    Town,
    ids,
    messages_to,
    new_card,
    said,
    town,
)
from tests.api.memento.requesting import ask, counts, path, paying, seen, share
from tests.api.serving import memento
from tests.money import EUR, MXN, charge, fees_held, nothing_moving
from tests.people import new_phone

pytestmark = pytest.mark.anyio

FEE = Decimal("0.50")


@pytest.fixture
async def place(shared: Shared) -> AsyncIterator[Town]:
    async with town(shared) as place:
        await charge(place.db, EUR("0.50"))
        yield place


@pytest.fixture
async def ann(place: Town) -> Customer:
    """Who asks."""
    return await place.person(first_name="Ann", last_name="Lee", username=f"ann{uuid4().hex[:9]}")


@pytest.fixture
async def bob(place: Town) -> Customer:
    """Somebody with a hundred euros."""
    return await place.person(EUR("100.00"), first_name="Bob", last_name="Ray")


@pytest.fixture
async def eve(place: Town) -> Customer:
    """Somebody else with a hundred euros."""
    return await place.person(EUR("100.00"), first_name="Eve")


@pytest.mark.parametrize("older", [False, True])
async def test_paying_as_in_the_sample(
    place: Town, ann: Customer, bob: Customer, eve: Customer, older: bool
) -> None:
    made = await ask(ann, bob, eve, description="Dinner")
    [asked, _] = made["participants"]
    before = await fees_held(place.db)

    paid = said(await bob.post(path(made, None if older else asked, "pay"), paying(bob)))

    assert paid == {
        **asked,
        "status": "paid",
        "transaction_id": paid["transaction_id"],
        "updated_at": paid["updated_at"],
    }
    assert (await ann.has(), await bob.has()) == (10, 90 - FEE)
    assert await fees_held(place.db) - before == FEE
    of_ann, of_bob, of_eve = [await seen(each, made) for each in (ann, bob, eve)]
    assert of_bob["participant"] == paid
    assert of_ann["participants"][0] == paid
    # A transaction is known to its two sides.
    assert of_eve["participants"][0] == {**paid, "transaction_id": None}
    for each in (ann, bob):
        assert said(await each.get(f"/v1/transactions/{paid['transaction_id']}"))
    assert (of_ann["status"], of_ann["fulfillment_status"]) == ("open", "partial")
    assert (of_ann["amount_paid"], counts(of_ann)) == (10, {"paid": 1, "pending": 1, "total": 2})
    [payment] = said(await bob.get(PAYMENTS))
    assert (payment["kind"], payment["request_id"]) == ("request", made["id"])
    assert (payment["description"], payment["recipient"]["user_id"]) == ("Dinner", ann.id)
    [(_, kind, words)] = await messages_to(place.db, ann.phone)
    assert (kind, words["payer"], words["amount"]) == ("request_paid", "Bob Ray", "10.00")


async def test_receipts(ann: Customer, bob: Customer, eve: Customer) -> None:
    made = await ask(ann, bob, share(eve, "2.00"))
    [of_bob, of_eve] = made["participants"]
    own, theirs = path(made, None, "receipt"), path(made, of_bob, "receipt")
    for each in (ann, bob):
        for where in (own, theirs):
            assert (await each.get(where)).status_code == 404
    said(await bob.post(path(made, of_bob, "pay"), paying(bob)))
    said(await ann.post(path(made, of_eve, "settle")))

    receipt = said(await bob.get(own))

    assert differs(receipt, RECEIPT) == ""
    assert receipt["amounts"]["total"] == "€10.50"
    assert (receipt["payer"]["id"], receipt["recipient"]["id"]) == (bob.id, ann.id)
    assert receipt["payment_method"]["id"] == str(bob.wallet_id)
    assert said(await bob.get(theirs)) == receipt
    of_owner = said(await ann.get(theirs))
    assert differs(of_owner, {**RECEIPT, "payment_method": nothing}) == ""
    # Neither who was settled, nor who did not pay, has one, nor does anybody see another's.
    for each, where in (
        (ann, own),
        (eve, own),
        (eve, theirs),
        (eve, path(made, of_eve, "receipt")),
        (ann, path(made, of_eve, "receipt")),
    ):
        assert (await each.get(where)).status_code == 404


async def test_what_is_not_paid(place: Town, ann: Customer, bob: Customer, eve: Customer) -> None:
    made = await ask(ann, bob, share(eve, "100.00"), amount="110.00")
    other = await ask(ann, eve)
    of_bob, of_eve = made["participants"]
    pay = path(made, of_bob, "pay")

    async with nothing_moving(place.db):
        assert wrong_fields(await bob.post(pay, {})) == {
            "funding_source_id": "required",
            "pin": "required",
        }
        assert wrong_fields(await bob.post(pay, paying(ann))) == {"funding_source_id": "not_found"}
        assert error_code(await bob.post(pay, paying(bob, pin="4321"))) == "invalid_pin"
        answer = await eve.post(path(made, of_eve, "pay"), paying(eve))
        assert error_code(answer) == "insufficient_funds"
        for who, where in (
            (eve, pay),
            (ann, pay),
            (ann, path(made, None, "pay")),
            (bob, path({"id": str(uuid4())}, of_bob, "pay")),
            (bob, path(other, of_bob, "pay")),
        ):
            answer = await who.post(where, paying(who))
            assert (answer.status_code, answer.content) == (404, b"")
        said(await ann.post(f"/v1/users/{bob.id}/block"))
        assert error_code(await bob.post(pay, paying(bob))) == "blocked"

    assert counts(await seen(ann, made)) == {"pending": 2, "total": 2}


async def test_a_share_is_paid_once(place: Town, ann: Customer, bob: Customer) -> None:
    made = await ask(ann, bob)
    [asked] = made["participants"]
    pay, key = path(made, asked, "pay"), uuid4()

    first = await bob.post(pay, paying(bob), key=key)
    again = await bob.post(pay, paying(bob), key=key)
    async with nothing_moving(place.db):
        assert error_code(await bob.post(pay, paying(bob))) == "already_paid"
        for action in ("settle", "cancel", "remind"):
            assert error_code(await ann.post(path(made, asked, action))) == "already_paid"
        assert error_code(await bob.post(path(made, None, "reject"))) == "already_paid"
        assert error_code(await ann.delete(path(made))) == "participant_responded"

    assert first.content == again.content
    assert (await seen(ann, made))["status"] == "closed"
    assert await ann.has() == 10


async def test_paying_in_another_currency(place: Town, ann: Customer) -> None:
    payer = await place.person(MXN("1000.00"))
    made = await ask(ann, payer)
    body = paying(payer, source_currency="MXN")

    answer = await payer.post(path(made, None, "pay"), body)

    # There are no rates here.
    assert error_code(answer) == "rates_unavailable"


async def test_paying_by_card(ann: Customer, bob: Customer) -> None:
    made = await ask(ann, bob)
    [asked] = made["participants"]
    pay = path(made, asked, "pay")
    cards = {
        token: (await bob.add(new_card(f"tok_test_{token}"))).rpartition("/")[2]
        for token in ("insufficient_funds", "pending", "visa_4242")
    }

    def by(token: str) -> Json:
        return paying(bob, funding_source_id=cards[token])

    answer = await bob.post(pay, by("insufficient_funds"))
    assert error_code(answer) == "gateway_declined"
    assert (await seen(bob, made))["participant"] == {
        **asked,
        "updated_at": (await seen(bob, made))["participant"]["updated_at"],
    }
    waiting = said(await bob.post(pay, by("pending")))
    assert (waiting["status"], waiting["id"]) == ("pending", asked["id"])
    # It is the owner's too once the money is there.
    [own], [others] = [(await seen(it, made))["participants"] for it in (bob, ann)]
    assert own["transaction_id"] == waiting["transaction_id"] is not None
    assert others["transaction_id"] is None
    for answer in (
        await bob.post(pay, by("visa_4242")),
        await bob.post(path(made, None, "reject")),
        await ann.post(path(made, asked, "cancel")),
        await ann.post(path(made, asked, "settle")),
        await ann.post(path(made, asked, "remind")),
        await ann.delete(path(made)),
    ):
        assert error_code(answer) == "payment_under_way"
    assert counts(await seen(ann, made)) == {"pending": 1, "total": 1}

    other = await ask(ann, bob)
    paid = said(await bob.post(path(other, None, "pay"), by("visa_4242")))
    assert (paid["status"], await ann.has()) == ("paid", 10)
    receipt = said(await bob.get(path(other, None, "receipt")))
    assert receipt["payment_method"]["details"]


async def test_who_proves_the_number_pays(place: Town, ann: Customer, eve: Customer) -> None:
    phone = new_phone()
    made = await ask(ann, phone)
    user = said(await place.client.post("/v1/users", await place.client.sign_up_body(phone)), 201)
    theirs = await place.enter(user)
    [wallet] = said(await theirs.get("/v1/funding_sources"))
    assert (await eve.pay(phone, "20.00")).status_code == 201

    body = {"funding_source_id": wallet["id"], "pin": "1234"}
    paid = said(await theirs.post(path(made, None, "pay"), body))

    assert (paid["user_id"], paid["status"], await ann.has()) == (user["id"], "paid", 10)


# Races, against two servers.


@pytest.fixture
async def elsewhere(place: Town) -> AsyncIterator[Client]:
    """Another server of the same product."""
    async with memento(place.shared) as http:
        there = place.client
        yield Client(http, there.db, there.keyring, there.product_id)


def moved(customer: Customer, elsewhere: Client) -> Customer:
    """Somebody who asks the other server."""
    client = elsewhere.bearing(customer.client.session)
    return Customer(client, customer.user, customer.wallet_id)


ROUNDS = 4


async def test_paying_twice_at_once(
    place: Town, elsewhere: Client, ann: Customer, bob: Customer
) -> None:
    for turn in range(ROUNDS):
        made = await ask(ann, bob, share(new_phone()))
        asked = made["participants"][0]
        there = moved(bob, elsewhere)

        answers = await asyncio.gather(
            *(
                each.post(path(made, asked if turn % 2 else None, "pay"), paying(each))
                for each in (bob, there, bob, there)
            )
        )

        assert sorted(it.status_code for it in answers) == [200, 400, 400, 400]
        assert {error_code(it) for it in answers if it.status_code == 400} == {"already_paid"}
    assert await ann.has() == 10 * ROUNDS
    assert len(ids(said(await bob.get(PAYMENTS)))) == ROUNDS


def respond(
    what: str, made: Json, owner: Customer, participant: Customer
) -> Coroutine[Any, Any, httpx.Response]:
    """Have something else become of the first participant than that they pay."""
    [asked, *_] = made["participants"]
    if what == "delete":
        return owner.delete(path(made))
    if what == "reject":
        return participant.post(path(made, None, "reject"))
    return owner.post(path(made, asked, what))


@pytest.mark.parametrize("against", ["cancel", "settle", "reject", "delete"])
async def test_paying_against_whatever_else_becomes_of_it(
    place: Town, elsewhere: Client, ann: Customer, bob: Customer, against: str
) -> None:
    """Exactly one of the two happens, and the other says so."""
    paid = 0
    for turn in range(ROUNDS):
        made = await ask(ann, bob, new_phone())
        here, there = bob, moved(bob, elsewhere)
        if turn % 2:
            here, there = there, here
        pay = here.post(path(made, made["participants"][0], "pay"), paying(here))
        other = respond(against, made, moved(ann, there.client), there)

        if turn < ROUNDS / 2:
            payment, response = await asyncio.gather(pay, other)
        else:
            response, payment = await asyncio.gather(other, pay)

        assert (payment.status_code == 200) != (response.status_code == 200)
        if payment.status_code == 200:
            paid += 1
            code = "participant_responded" if against == "delete" else "already_paid"
            assert error_code(response) == code
        elif against == "delete":
            assert payment.status_code == 404
        else:
            code = "already_paid" if against == "settle" else "participant_responded"
            assert error_code(payment) == code
    assert await ann.has() == 10 * paid
