"""Requests that meet each other, over HTTP against one app. Every test ends with an audit."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from tests.api.memento.client import error_code
from tests.api.memento.paying import PAYMENTS, Customer, Town, ids, said
from tests.money import EUR, MXN, charge, fees_held
from tests.people import new_phone
from whipround.domain import claims
from whipround.domain.payments.commands import UNCLAIMED_FOR

pytestmark = pytest.mark.anyio

MANY = 20


@pytest.fixture
def place(own_town: Town) -> Town:
    return own_town


async def again(place: Town, customer: Customer) -> Customer:
    """The same person on another device."""
    return Customer(await place.client.of(customer.user), customer.user, customer.wallet_id)


async def test_the_same_request_at_once_is_one_payment(place: Town) -> None:
    ann, bob = await place.person(EUR("100.00")), await place.person()
    devices = [await again(place, ann) for _ in range(4)]
    key = uuid4()

    answers = await asyncio.gather(*(devices[n % 4].pay(bob, "6.00", key=key) for n in range(MANY)))

    assert {(it.status_code, it.content) for it in answers} == {(201, answers[0].content)}
    assert ids(said(await ann.get(PAYMENTS))) == [said(answers[0], 201)["id"]]
    assert (await ann.has(), await bob.has()) == (94, 6)


async def test_different_requests_with_one_key_at_once(place: Town) -> None:
    ann, bob = await place.person(EUR("100.00")), await place.person()
    key = uuid4()

    answers = await asyncio.gather(*(ann.pay(bob, f"{1 + n % 2}.00", key=key) for n in range(MANY)))

    made = [it for it in answers if it.status_code == 201]
    refused = [it for it in answers if it.status_code != 201]
    assert (len(made), len(refused)) == (MANY // 2, MANY // 2)
    assert len({it.content for it in made}) == 1
    assert {it.json()["errors"][0]["code"] for it in refused} <= {
        "correlation_id_reused",
        "in_progress",
    }
    paid = said(made[0], 201)["amount"]
    assert await bob.has() == paid
    assert error_code(await ann.pay(bob, f"{3 - paid}", key=key)) == "correlation_id_reused"


async def test_the_last_euros_are_spent_once(place: Town) -> None:
    await charge(place.db, EUR("0.25"))
    ann = await place.person(EUR("7.00"))
    devices = [await again(place, ann) for _ in range(MANY)]
    others = [await place.person() for _ in range(4)]

    answers = await asyncio.gather(
        *(each.pay(others[n % 4], "1.00") for n, each in enumerate(devices))
    )

    # Five of 1.25 each; 0.75 is left, and no sixth fits.
    assert Counter(it.status_code for it in answers) == {201: 5, 400: MANY - 5}
    refused = {error_code(it) for it in answers if it.status_code == 400}
    assert refused == {"insufficient_funds"}
    assert await ann.has() == Decimal("0.75")
    assert sum([await it.has() for it in others]) == 5
    assert await fees_held(place.db) == Decimal("1.25")


async def test_everybody_pays_everybody(place: Town) -> None:
    """Wallets, numbers and currencies in every order: nobody waits for each other for ever."""
    people = [await place.person(EUR("10.00"), MXN("10.00")) for _ in range(6)]

    answers = await asyncio.gather(
        *(
            payer.pay(to.phone if n % 2 else to, "1.00", currency=currency)
            for n, payer in enumerate(people)
            for to in people
            for currency in ("EUR", "MXN")
            if to is not payer
        )
    )

    assert {it.status_code for it in answers} == {201}
    for currency in ("EUR", "MXN"):
        assert [await it.has(currency) for it in people] == [10] * 6


async def test_a_number_is_paid_while_it_signs_up(place: Town) -> None:
    ann = await place.person(EUR("100.00"), MXN("100.00"))
    phones = [new_phone() for _ in range(3)]
    bodies = [await place.client.sign_up_body(phone) for phone in phones]
    client = place.client

    for phone, body in zip(phones, bodies, strict=True):
        before = await ann.paid(phone, "2.00")
        signed_up, *answers = await asyncio.gather(
            client.post("/v1/users", body),
            *(ann.pay(phone, "1.00", currency=("EUR", "MXN")[n % 2]) for n in range(10)),
        )

        user = said(signed_up, 201)
        theirs = await place.enter(user)
        [wallet] = said(await theirs.get("/v1/funding_sources"))
        held = {it["currency"]: it["amount"] for it in wallet["balances"]}
        assert (held["EUR"], held["MXN"]) == (7, 5)
        shown = said(await theirs.get(PAYMENTS))
        assert sorted(ids(shown)) == sorted(
            [before["id"], *(said(it, 201)["id"] for it in answers)]
        )
        assert {it["fulfillment_status"] for it in shown} == {"fulfilled"}
        assert {it["recipient"]["user_id"] for it in shown} == {user["id"]}


async def test_two_sign_up_with_one_number(place: Town) -> None:
    ann = await place.person(EUR("100.00"))
    phone = new_phone()
    await ann.paid(phone, "5.00")
    bodies = [await place.client.sign_up_body(phone) for _ in range(3)]

    answers = await asyncio.gather(*(place.client.post("/v1/users", it) for it in bodies))

    assert sorted(it.status_code for it in answers) == [201, 422, 422]
    [made] = [it for it in answers if it.status_code == 201]
    theirs = await place.enter(said(made, 201))
    assert [it["amount"] for it in said(await theirs.get(PAYMENTS))] == [5]


async def test_money_is_claimed_or_returned_and_never_both(place: Town) -> None:
    ann = await place.person(EUR("100.00"))
    later = datetime.now(UTC) + UNCLAIMED_FOR + timedelta(minutes=1)

    for _ in range(3):
        phone = new_phone()
        made = [await ann.paid(phone, "5.00") for _ in range(3)]
        before = await ann.has()
        body = await place.client.sign_up_body(phone)
        signed_up, returned = await asyncio.gather(
            place.client.post("/v1/users", body), claims.return_expired(place.db, now=later)
        )

        theirs = await place.enter(said(signed_up, 201))
        claimed = said(await theirs.get(PAYMENTS))
        assert (len(claimed), returned) in {(3, 0), (0, 3)}
        assert await ann.has() - before == 5 * returned
        seen = [said(await ann.get(f"{PAYMENTS}/{it['id']}")) for it in made]
        assert {it["status"] for it in seen} == {"closed"}


async def test_wrong_pins_at_once_are_all_counted(place: Town) -> None:
    ann, bob = await place.person(EUR("100.00")), await place.person()

    answers = await asyncio.gather(*(ann.pay(bob, pin=f"90{n:02}") for n in range(MANY)))

    told = Counter(it.text and error_code(it) for it in answers if it.status_code == 400)
    assert told["invalid_pin"] == 5
    assert {it.status_code for it in answers} <= {400, 401}
    assert set(told) <= {"invalid_pin", "user_locked"}
    assert (await ann.pay(bob)).status_code == 401
    assert await bob.has() == 0


async def test_a_block_and_a_payment(place: Town) -> None:
    """Either comes first; after the block nothing arrives."""
    ann, bob = await place.person(EUR("100.00")), await place.person()

    blocked, *answers = await asyncio.gather(
        bob.post(f"/v1/users/{ann.id}/block"), *(ann.pay(bob, "1.00") for _ in range(MANY))
    )

    said(blocked)
    made = [it for it in answers if it.status_code == 201]
    assert {error_code(it) for it in answers if it not in made} <= {"blocked"}
    assert await bob.has() == len(made)
    assert error_code(await ann.pay(bob)) == "blocked"


async def test_pages_stay_whole_while_payments_arrive(place: Town) -> None:
    """Oldest first, what comes later only adds to the end: no gap, nothing twice."""
    ann, bob = await place.person(EUR("100.00")), await place.person()
    old = ids([await ann.paid(bob, "1.00") for _ in range(8)])

    pages, *_ = await asyncio.gather(
        bob.walk(f"{PAYMENTS}?limit=2&sort=created_at:asc"),
        *(ann.paid(bob, "0.01") for _ in range(MANY)),
    )

    seen = [it for page in pages for it in ids(page)]
    assert seen[:8] == old
    assert len(set(seen)) == len(seen)
