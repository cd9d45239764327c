"""Memento, Payments and Receipt, over HTTP."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import httpx
import pytest

from tests.api.checks import differs, nothing
from tests.api.memento.client import Json, error_code, wrong_fields
from tests.api.memento.documented import PAYMENT, RECEIPT, UNCLAIMED_PAYMENT, WAITING_PAYMENT, time
from tests.api.memento.paying import PAYMENTS, Customer, Town, ids, messages_to, said
from tests.money import EUR, ISK, charge, fees_held, nothing_moving, rows
from tests.people import PIN, new_phone
from whipround.domain import claims
from whipround.domain.crowd import unclaimed
from whipround.domain.payments.commands import UNCLAIMED_FOR

pytestmark = pytest.mark.anyio


@pytest.fixture
def place(own_town: Town) -> Town:
    return own_town


@pytest.fixture
async def ann(place: Town) -> Customer:
    """Somebody with a hundred euros."""
    return await place.person(EUR("100.00"), first_name="Ann", last_name="Lee", username="annlee")


@pytest.fixture
async def bob(place: Town) -> Customer:
    """Somebody without money."""
    return await place.person(first_name="Bob", last_name="Ray", username="bobray")


async def receipt(of: Customer, payment: Json) -> httpx.Response:
    return await of.get(f"{PAYMENTS}/{payment['id']}/receipt")


# Paying a user.

HIDDEN = {"source_amount": None, "source_currency": None}
"""What the recipient does not see: what the payer paid."""


async def test_paying_a_user_as_in_the_sample(place: Town, ann: Customer, bob: Customer) -> None:
    body = {
        "currency": "EUR",
        "description": "This is a payment description",
        "recipient": {"amount": 20.0, "user_id": bob.id},
        "image": {"url": "https://upload.wikimedia.org/wikipedia/en/a/a9/Example.jpg"},
        "funding_source_id": str(ann.wallet_id),
        "pin": "1234",
    }

    made = said(await ann.post(PAYMENTS, body), 201)

    assert differs(made, PAYMENT) == ""
    assert (made["status"], made["fulfillment_status"]) == ("closed", "fulfilled")
    assert (made["amount"], made["currency"]) == (Decimal("20.00"), "EUR")
    assert made["description"] == "This is a payment description"
    assert (made["owner"]["id"], made["owner"]["username"]) == (ann.id, "annlee")
    to = made["recipient"]
    assert (to["user_id"], to["username"], to["full_name"]) == (bob.id, "bobray", "Bob Ray")
    assert (to["status"], to["amount"], to["currency"]) == ("paid", Decimal("20.00"), "EUR")
    assert (await ann.has(), await bob.has()) == (Decimal("80.00"), Decimal("20.00"))
    for each, seen in ((ann, made), (bob, {**made, **HIDDEN})):
        assert said(await each.get(f"{PAYMENTS}/{made['id']}")) == seen
        assert said(await each.get(PAYMENTS)) == [seen]
    [(channel, kind, data)] = await messages_to(place.db, bob.phone)
    assert (channel, kind) == ("sms", "payment_received")
    assert (data["amount"], data["currency"], data["payer"]) == ("20.00", "EUR", "Ann Lee")


async def test_what_the_client_owns_is_kept(ann: Customer, bob: Customer) -> None:
    body = ann.order(bob, "1.00", meta='{"a": 1}', description="Two\nlines 🎂")
    body["recipient"]["meta"] = "theirs"

    made = said(await ann.post(PAYMENTS, body), 201)

    assert (made["meta"], made["recipient"]["meta"]) == ('{"a": 1}', "theirs")
    assert made["description"] == "Two\nlines 🎂"
    assert said(await bob.get(f"{PAYMENTS}/{made['id']}")) == {**made, **HIDDEN}


async def test_little_need_be_said(ann: Customer, bob: Customer) -> None:
    body = ann.order(bob)
    del body["description"]

    made = said(await ann.post(PAYMENTS, {**body, "screen_width": 320}), 201)

    assert (made["description"], made["meta"], made["recipient"]["meta"]) == ("", "", "")


async def test_a_proven_number_is_its_owner(ann: Customer, bob: Customer) -> None:
    made = await ann.paid(f"{bob.phone[:3]} {bob.phone[3:]}", "5.00")

    assert differs(made, PAYMENT) == ""
    assert made["recipient"]["user_id"] == bob.id
    assert await bob.has() == 5


async def test_amounts_are_the_same_however_written(ann: Customer, bob: Customer) -> None:
    for amount in ("20.00", "20", 20, 20.0, "20.00000000"):
        answer = await ann.pay(bob, amount)
        assert answer.status_code == 201
        assert b'"amount":20.00,' in answer.content

    assert await bob.has() == 100


async def test_an_amount_on_top_may_agree(ann: Customer, bob: Customer) -> None:
    for top in (20, "20.00", 20.0):
        made = await ann.paid(bob, "20", amount=top)
        assert made["amount"] == Decimal("20.00")

    assert await bob.has() == 60


async def test_an_amount_on_top_that_disagrees(place: Town, ann: Customer, bob: Customer) -> None:
    async with nothing_moving(place.db):
        answer = await ann.post(PAYMENTS, ann.order(bob, "20.00", amount="20.01"))

    assert wrong_fields(answer) == {"amount": "invalid"}


async def test_the_fee_comes_on_top(place: Town, ann: Customer, bob: Customer) -> None:
    await charge(place.db, EUR("0.25"), percent="1")

    made = await ann.paid(bob, "10.00")

    assert made["amount"] == 10
    mine, theirs = await ann.balance(), await bob.balance()
    assert (mine["amount"], mine["amount_in"], mine["amount_out"]) == (
        Decimal("89.65"),
        100,
        Decimal("10.35"),
    )
    assert (theirs["amount"], theirs["amount_in"], theirs["amount_out"]) == (10, 10, 0)
    assert await fees_held(place.db) == Decimal("0.35")


async def test_all_of_it_can_be_paid_and_no_more(place: Town, ann: Customer, bob: Customer) -> None:
    await charge(place.db, EUR("0.50"))

    async with nothing_moving(place.db):
        refused = await ann.pay(bob, "99.51")
    assert error_code(refused) == "insufficient_funds"
    await ann.paid(bob, "99.50")

    assert (await ann.has(), await bob.has()) == (0, Decimal("99.50"))
    async with nothing_moving(place.db):
        assert error_code(await ann.pay(bob, "0.01")) == "insufficient_funds"


async def test_a_currency_without_decimals(place: Town, bob: Customer) -> None:
    ann = await place.person(ISK("1000"))

    answer = await ann.pay(bob, "250", currency="ISK")

    assert answer.status_code == 201
    assert b'"amount":250,' in answer.content
    assert (await ann.has("ISK"), await bob.has("ISK")) == (750, 250)
    assert await bob.has("EUR") == 0


async def test_a_wallet_without_that_currency(place: Town, ann: Customer, bob: Customer) -> None:
    for currency in ("ISK", "MXN"):
        async with nothing_moving(place.db):
            assert error_code(await ann.pay(bob, "1", currency=currency)) == "insufficient_funds"


# Paying a number that nobody has proven.


async def test_paying_a_phone_number_as_in_the_sample(place: Town, ann: Customer) -> None:
    await charge(place.db, EUR("0.25"))
    body = {
        "currency": "EUR",
        "description": "This is a payment description",
        "recipient": {"amount": 20.0, "phone": "+44 111 2222 3333", "name": "John Dough"},
        "funding_source_id": str(ann.wallet_id),
        "pin": "1234",
    }

    made = said(await ann.post(PAYMENTS, body), 201)

    assert differs(made, WAITING_PAYMENT) == ""
    assert (made["status"], made["fulfillment_status"]) == ("open", "unfulfilled")
    to, waiting = made["recipient"], made["unclaimed_payment"]
    assert (to["status"], to["full_name"], to["username"]) == ("pending", "John Dough", "")
    assert waiting["funding_source_id"] == str(ann.wallet_id)
    assert waiting["transaction_id"] == to["transaction_id"]
    assert (waiting["processed"], waiting["error"], waiting["error_message"]) == (False, False, "")
    begun, until = (datetime.fromisoformat(made[it]) for it in ("created_at", "expires_at"))
    assert until - begun == UNCLAIMED_FOR
    assert waiting["expires_at"] == made["expires_at"]
    assert await ann.has() == Decimal("79.75")
    assert await fees_held(place.db) == 0
    assert said(await ann.get(f"{PAYMENTS}/{made['id']}")) == made
    [(channel, kind, data)] = await messages_to(place.db, "+4411122223333")
    assert (channel, kind) == ("sms", "payment_waiting")
    assert (data["amount"], data["currency"], data["payer"]) == ("20.00", "EUR", "Ann Lee")


async def test_no_receipt_for_what_is_unclaimed(ann: Customer) -> None:
    made = await ann.paid(new_phone())

    answer = await receipt(ann, made)

    assert (answer.status_code, answer.content) == (404, b"")


async def test_claimed_at_sign_up(place: Town, ann: Customer) -> None:
    await charge(place.db, EUR("0.25"))
    phone = new_phone()
    first = await ann.paid(phone, "6.00")
    second = await ann.paid(phone, "4.00", meta="m")

    body = await place.client.sign_up_body(phone, first_name="Cleo", last_name="Marsh")
    cleo = said(await place.client.post("/v1/users", body), 201)
    theirs = await place.enter(cleo)

    [wallet] = said(await theirs.get("/v1/funding_sources"))
    assert {it["currency"]: it["amount"] for it in wallet["balances"]}["EUR"] == 10
    assert await ann.has() == Decimal("89.50")
    assert await fees_held(place.db) == Decimal("0.50")
    shown = said(await ann.get(f"{PAYMENTS}/{first['id']}"))
    assert (shown["status"], shown["fulfillment_status"]) == ("closed", "fulfilled")
    assert shown["unclaimed_payment"]["processed"] is True
    assert shown["unclaimed_payment"]["id"] == first["unclaimed_payment"]["id"]
    to = shown["recipient"]
    assert (to["status"], to["user_id"], to["full_name"]) == ("paid", cleo["id"], "Cleo Marsh")
    assert ids(said(await theirs.get(PAYMENTS))) == [second["id"], first["id"]]
    claimed = said(await theirs.get(f"{PAYMENTS}/{first['id']}"))
    documented = {
        **PAYMENT,
        "source_amount": nothing,
        "source_currency": nothing,
        "expires_at": time,
        "unclaimed_payment": {**UNCLAIMED_PAYMENT, "funding_source_id": nothing},
    }
    assert differs(claimed, documented) == "", claimed
    assert said(await receipt(ann, first))["amounts"]["total"] == "€6.25"
    told = [kind for _, kind, _ in await messages_to(place.db, ann.phone)]
    assert told == ["payment_claimed", "payment_claimed"]


async def test_an_unproven_number_in_a_profile_receives_nothing(
    ann: Customer, bob: Customer
) -> None:
    phone = new_phone()
    before = await ann.paid(phone)

    said(await bob.client.put("/v1/users", {"phone": phone, "pin": PIN}))
    after = await ann.paid(phone)

    assert await bob.has() == 0
    assert said(await bob.get(PAYMENTS)) == []
    assert (before["status"], after["status"]) == ("open", "open")


async def test_expired_and_returned(place: Town, ann: Customer) -> None:
    await charge(place.db, EUR("0.25"))
    phone = new_phone()
    made = await ann.paid(phone, "6.00")
    later = datetime.now(UTC) + UNCLAIMED_FOR + timedelta(minutes=1)

    assert await claims.return_expired(place.db, now=later) == 1

    assert await ann.has() == 100
    assert await fees_held(place.db) == 0
    shown = said(await ann.get(f"{PAYMENTS}/{made['id']}"))
    assert (shown["status"], shown["fulfillment_status"]) == ("closed", "unfulfilled")
    assert (shown["recipient"]["status"], shown["recipient"]["user_id"]) == ("cancelled", None)
    returned = shown["unclaimed_payment"]
    assert (returned["processed"], returned["error"]) == (False, True)
    assert returned["error_message"]
    assert (await receipt(ann, made)).status_code == 404
    [(_, kind, data)] = await messages_to(place.db, ann.phone)
    assert (kind, data["amount"]) == ("payment_returned", "6.25")
    body = await place.client.sign_up_body(phone)
    theirs = await place.enter(said(await place.client.post("/v1/users", body), 201))
    assert said(await theirs.get(PAYMENTS)) == []


async def test_taken_back_through_another_api(place: Town, ann: Customer) -> None:
    made = await ann.paid(new_phone(), "6.00")
    [[number]] = await rows(place.db, "select number from payment where id = %s", made["id"])

    async with place.db.transaction() as tx:
        revoked = await unclaimed.revoke(
            tx,
            payer_id=ann.user.id,
            wallet_id=ann.wallet_id,
            numbers=[number],
            keyring=place.shared.keyring,
            now=datetime.now(UTC),
        )

    assert (revoked, await ann.has()) == (1, 100)
    shown = said(await ann.get(f"{PAYMENTS}/{made['id']}"))
    assert (shown["status"], shown["error_code"]) == ("closed", "revoked")
    returned = shown["unclaimed_payment"]
    assert (returned["processed"], returned["error"]) == (False, True)
    assert "took it back" in returned["error_message"]


# Who pays whom.


@pytest.mark.parametrize("blocker", ["payer", "recipient"])
async def test_blocked_either_way(place: Town, ann: Customer, bob: Customer, blocker: str) -> None:
    who, whom = (ann, bob) if blocker == "payer" else (bob, ann)
    said(await who.post(f"/v1/users/{whom.id}/block"))

    async with nothing_moving(place.db):
        for to in (bob, bob.phone):
            assert error_code(await ann.pay(to)) == "blocked"
    said(await who.post(f"/v1/users/{whom.id}/unblock"))

    await ann.paid(bob)


async def test_nobody_pays_themselves(place: Town, ann: Customer) -> None:
    async with nothing_moving(place.db):
        assert wrong_fields(await ann.pay(ann)) == {"recipient.user_id": "invalid"}
        assert wrong_fields(await ann.pay(ann.phone)) == {"recipient.phone": "invalid"}


async def test_an_unknown_recipient(place: Town, ann: Customer) -> None:
    body = ann.order(ann)
    body["recipient"]["user_id"] = str(uuid4())

    async with nothing_moving(place.db):
        answer = await ann.post(PAYMENTS, body)

    assert wrong_fields(answer) == {"recipient.user_id": "not_found"}


async def test_an_unknown_funding_source_or_another_ones(
    place: Town, ann: Customer, bob: Customer
) -> None:
    async with nothing_moving(place.db):
        for source in (uuid4(), ann.wallet_id):
            answer = await bob.pay(ann, funding_source_id=str(source))
            assert wrong_fields(answer) == {"funding_source_id": "not_found"}


async def test_a_disabled_funding_source(place: Town, ann: Customer, bob: Customer) -> None:
    carl = await place.person(EUR("10.00"))
    async with place.db.transaction() as tx:
        disable = "update funding_source set status = 'disabled' where id = %s"
        await tx.execute(disable, (ann.wallet_id,))

    async with nothing_moving(place.db):
        assert error_code(await ann.pay(bob)) == "funding_source_disabled"
        assert wrong_fields(await carl.pay(ann)) == {"recipient.user_id": "not_found"}


async def test_nobody_pays_without_a_session(place: Town, ann: Customer, bob: Customer) -> None:
    async with nothing_moving(place.db):
        answer = await place.client.post(PAYMENTS, ann.order(bob))

    assert (answer.status_code, answer.content) == (401, b"")


# The PIN.


async def test_five_wrong_pins_lock(place: Town, ann: Customer, bob: Customer) -> None:
    async with nothing_moving(place.db):
        for _ in range(5):
            assert error_code(await ann.pay(bob, pin="4321")) == "invalid_pin"
        for answer in (await ann.pay(bob), await ann.get(PAYMENTS)):
            assert (answer.status_code, answer.content) == (401, b"")

    async with place.db.transaction() as tx:
        await tx.execute("update users set locked_until = now()")
    await ann.paid(bob)


async def test_a_right_pin_forgives_the_wrong_ones(ann: Customer, bob: Customer) -> None:
    for _ in range(2):
        for _ in range(4):
            assert error_code(await ann.pay(bob, pin="4321")) == "invalid_pin"
        await ann.paid(bob, "1.00")

    assert await bob.has() == 2


async def test_a_repeated_wrong_pin_counts_once(ann: Customer, bob: Customer) -> None:
    key = uuid4()

    tries = [await ann.pay(bob, key=key, pin="4321") for _ in range(6)]

    assert {error_code(it) for it in tries} == {"invalid_pin"}
    await ann.paid(bob)


async def test_a_wrong_form_tries_no_pin(ann: Customer, bob: Customer) -> None:
    for _ in range(6):
        assert wrong_fields(await ann.pay(bob, "-1", pin="4321"))

    await ann.paid(bob)


# Exactly once.


async def test_a_repeat_gets_the_first_answer(place: Town, ann: Customer, bob: Customer) -> None:
    key = uuid4()

    first = await ann.pay(bob, key=key)
    async with nothing_moving(place.db):
        again = [await ann.pay(bob, key=key) for _ in range(3)]

    assert first.status_code == 201
    for answer in again:
        assert (answer.status_code, answer.content) == (201, first.content)
        assert answer.headers["Correlation-ID"] == str(key)
    assert (await ann.has(), len(said(await ann.get(PAYMENTS)))) == (94, 1)


async def test_a_repeat_after_logging_in_again(place: Town, ann: Customer, bob: Customer) -> None:
    key = uuid4()
    first = await ann.pay(bob, key=key)
    again = await place.client.of(ann.user)

    async with nothing_moving(place.db):
        answer = await again.post(PAYMENTS, ann.order(bob), key=key)

    assert (answer.status_code, answer.content) == (201, first.content)


async def test_a_key_for_another_request(place: Town, ann: Customer, bob: Customer) -> None:
    key = uuid4()
    await ann.paid(bob, key=key)

    async with nothing_moving(place.db):
        for changed in ({"description": "Dinner"}, {"pin": "4321"}, {"meta": "x"}):
            answer = await ann.pay(bob, key=key, **changed)
            assert error_code(answer) == "correlation_id_reused"
        assert error_code(await ann.pay(bob, "7.00", key=key)) == "correlation_id_reused"


async def test_a_key_is_its_persons(ann: Customer, bob: Customer) -> None:
    key = uuid4()
    await ann.paid(bob, "6.00", key=key)

    await bob.paid(ann, "2.00", key=key)

    assert (await ann.has(), await bob.has()) == (96, 4)


async def test_a_refusal_is_repeated_too(place: Town, ann: Customer, bob: Customer) -> None:
    key = uuid4()
    first = await bob.pay(ann, key=key)
    await ann.paid(bob, "50.00")

    async with nothing_moving(place.db):
        again = await bob.pay(ann, key=key)

    assert error_code(first) == "insufficient_funds"
    assert (again.status_code, again.content) == (400, first.content)
    await bob.paid(ann)


async def test_a_wrong_form_is_not_remembered(ann: Customer, bob: Customer) -> None:
    key = uuid4()
    for wrong in (ann.order(bob, "0"), ann.order(bob, funding_source_id=str(uuid4()))):
        assert (await ann.post(PAYMENTS, wrong, key=key)).status_code == 422

    await ann.paid(bob, key=key)


async def test_an_idempotency_key_goes_before_the_correlation_id(
    ann: Customer, bob: Customer
) -> None:
    async def send(key: str, amount: str = "6.00") -> httpx.Response:
        return await ann.client.http.post(
            PAYMENTS,
            json=ann.order(bob, amount),
            headers={
                "Authorization": f"Bearer {ann.client.session}",
                "Correlation-ID": str(uuid4()),
                "Idempotency-Key": key,
            },
        )

    first, again, another = [await send(key) for key in ("lunch", "lunch", "dinner")]

    assert (again.status_code, again.content) == (201, first.content)
    assert said(another, 201)["id"] != said(first, 201)["id"]
    assert error_code(await send("lunch", "7.00")) == "correlation_id_reused"
    for malformed in ("", "x" * 256, "a b"):
        assert error_code(await send(malformed)) == "malformed_idempotency_key"
    assert await bob.has() == 12


async def test_without_a_key_every_request_is_one(ann: Customer, bob: Customer) -> None:
    headers = {"Authorization": f"Bearer {ann.client.session}"}

    for _ in range(2):
        answer = await ann.client.http.post(PAYMENTS, json=ann.order(bob), headers=headers)
        assert answer.status_code == 201

    assert await bob.has() == 12


# Wrong forms.

_WRONG_AMOUNTS: list[tuple[object, str]] = [
    (0, "too_small"),
    (-1, "too_small"),
    ("-0.01", "too_small"),
    ("0.00", "too_small"),
    (-0.0, "too_small"),
    (1e-400, "too_small"),
    (0.001, "too_precise"),
    ("6.001", "too_precise"),
    ("6.123456789", "too_precise"),
    (10**12 + 1, "too_large"),
    ("1000000000000.01", "too_large"),
    (1e300, "too_large"),
    (10**100, "too_large"),
    ("1e3", "invalid"),
    ("1_000", "invalid"),
    ("1,50", "invalid"),
    (" 6", "invalid"),
    ("+6", "invalid"),
    ("NaN", "invalid"),
    ("Infinity", "invalid"),
    ("٦", "invalid"),
    ("", "invalid"),
    ("6" * 50, "invalid"),
    (True, "invalid"),
    ([6], "invalid"),
    ({}, "invalid"),
    (None, "required"),
]


async def test_wrong_amounts(place: Town, ann: Customer, bob: Customer) -> None:
    async with nothing_moving(place.db):
        for amount, code in _WRONG_AMOUNTS:
            answer = await ann.pay(bob, amount)
            assert wrong_fields(answer) == {"recipient.amount": code}, amount


async def test_amounts_beyond_measure(place: Town, ann: Customer, bob: Customer) -> None:
    template = json.dumps(ann.order(bob, "AMOUNT"))

    async def pay(literal: str) -> httpx.Response:
        return await ann.post(PAYMENTS, template.replace('"AMOUNT"', literal).encode())

    async with nothing_moving(place.db):
        for literal in ("NaN", "Infinity", "-Infinity", "01", "1e99999999999999999999"):
            assert error_code(await pay(literal)) == "malformed_body"
        for literal in ("1e999", "9" * 400):
            assert wrong_fields(await pay(literal)) == {"recipient.amount": "too_large"}


async def test_too_precise_for_its_currency(place: Town, bob: Customer) -> None:
    ann = await place.person(ISK("1000"), EUR("10.00"))

    async with nothing_moving(place.db):
        for currency, amount in [("ISK", "250.5"), ("ISK", 0.1), ("EUR", "2.505")]:
            answer = await ann.pay(bob, amount, currency=currency)
            assert wrong_fields(answer) == {"recipient.amount": "too_precise"}


async def test_wrong_currencies(place: Town, ann: Customer, bob: Customer) -> None:
    wrong: list[tuple[object, str]] = [
        ("JPY", "unsupported"),
        ("CHF", "unsupported"),
        ("eur", "invalid"),
        ("EURO", "invalid"),
        ("XXY", "invalid"),
        ("", "invalid"),
        (978, "invalid"),
        (None, "required"),
    ]

    async with nothing_moving(place.db):
        for currency, code in wrong:
            answer = await ann.pay(bob, "6", currency=currency)
            assert wrong_fields(answer) == {"currency": code}, currency


async def test_either_a_user_or_a_number(place: Town, ann: Customer, bob: Customer) -> None:
    neither, both = ann.order(bob), ann.order(bob)
    del neither["recipient"]["user_id"]
    both["recipient"]["phone"] = new_phone()

    async with nothing_moving(place.db):
        assert wrong_fields(await ann.post(PAYMENTS, neither)) == {"recipient.user_id": "required"}
        assert wrong_fields(await ann.post(PAYMENTS, both)) == {"recipient.user_id": "invalid"}


async def test_every_wrong_field_is_named(place: Town, ann: Customer) -> None:
    async with nothing_moving(place.db):
        assert wrong_fields(await ann.post(PAYMENTS, {})) == {
            "currency": "required",
            "recipient": "required",
            "funding_source_id": "required",
            "pin": "required",
        }
        body = {
            "amount": "a",
            "currency": 5,
            "description": "x" * 1001,
            "meta": {"a": 1},
            "recipient": {
                "amount": "a",
                "name": "a\nb",
                "meta": "x" * 10_001,
                "phone": "07911 123456",
            },
            "image": {"url": "ftp://example.com"},
            "funding_source_id": "nonsense",
            "pin": 1234,
        }
        assert wrong_fields(await ann.post(PAYMENTS, body)) == {
            "amount": "invalid",
            "currency": "invalid",
            "description": "too_long",
            "meta": "invalid",
            "recipient.amount": "invalid",
            "recipient.name": "invalid",
            "recipient.meta": "too_long",
            "recipient.phone": "invalid",
            "image.url": "invalid",
            "funding_source_id": "invalid",
            "pin": "invalid",
        }
        body = ann.order(new_phone(), "6.001", currency="JPY", amount=7, pin="12")
        assert wrong_fields(await ann.post(PAYMENTS, body)) == {
            "currency": "unsupported",
            "recipient.amount": "too_precise",
            "amount": "invalid",
            "pin": "invalid",
        }


async def test_wrong_values(place: Town, ann: Customer, bob: Customer) -> None:
    wrong: list[tuple[str, object, str]] = [
        ("description", "a\u0000b", "invalid"),
        ("description", "a\u202eb", "invalid"),
        ("description", 5, "invalid"),
        ("recipient", [], "invalid"),
        ("recipient", None, "required"),
        ("pin", "", "invalid"),
        ("pin", "123456789", "invalid"),
        ("pin", "１２３４", "invalid"),
        ("funding_source_id", 1, "invalid"),
    ]

    async with nothing_moving(place.db):
        for field, value, code in wrong:
            answer = await ann.post(PAYMENTS, {**ann.order(bob), field: value})
            assert wrong_fields(answer) == {field: code}, value


async def test_unreadable_bodies(place: Town, ann: Customer, bob: Customer) -> None:
    whole = json.dumps(ann.order(bob)).encode()

    async with nothing_moving(place.db):
        for body in (whole[:-1], whole.replace(b"Lunch", b"\xff"), b"[" + whole + b"]", b"\x00"):
            assert error_code(await ann.post(PAYMENTS, body)) == "malformed_body"
        large = await ann.post(PAYMENTS, whole + b" " * 2**20)
    assert large.status_code == 413


# Lists.


@pytest.fixture
async def paid(ann: Customer, bob: Customer) -> list[str]:
    """The ids of what Ann has to do with, oldest first: two made, two received, one waiting."""
    made = [
        await ann.paid(bob, "30.00"),
        await ann.paid(bob, "1.00"),
        await bob.paid(ann, "2.00"),
        await bob.paid(ann, "3.00"),
        await ann.paid(new_phone(), "4.00"),
    ]
    return ids(made)


async def test_a_list_is_newest_first(ann: Customer, bob: Customer, paid: list[str]) -> None:
    assert ids(said(await ann.get(PAYMENTS))) == paid[::-1]
    assert ids(said(await bob.get(PAYMENTS))) == paid[-2::-1]


_FILTERS = [
    ("owner:eq:true", [4, 1, 0]),
    ("owner:eq:false", [3, 2]),
    ("status:eq:open", [4]),
    ("status:eq:closed", [3, 2, 1, 0]),
    ("status:in:[open;closed]", [4, 3, 2, 1, 0]),
    ("status:in:[open,closed]", [4, 3, 2, 1, 0]),
    ("status:in:[open]", [4]),
    ("status:eq:all", [4, 3, 2, 1, 0]),
    ("owner:eq:true,status:eq:closed", [1, 0]),
    ("owner:eq:false,status:eq:open", []),
    ("created_at:lt:2018-01-01", []),
    ("created_at:gte:2018-01-01", [4, 3, 2, 1, 0]),
    ("updated_at:gt:2018-01-01 12:00:00", [4, 3, 2, 1, 0]),
]


async def test_filters(ann: Customer, paid: list[str]) -> None:
    for filter_, found in _FILTERS:
        answer = await ann.get(f"{PAYMENTS}?filter={filter_}")
        assert ids(said(answer)) == [paid[at] for at in found], filter_


async def test_filter_by_the_exact_time(ann: Customer, paid: list[str]) -> None:
    at = said(await ann.get(f"{PAYMENTS}/{paid[2]}"))["created_at"]

    for operator, found in [("eq", [2]), ("lt", [1, 0]), ("lte", [2, 1, 0]), ("gt", [4, 3])]:
        answer = await ann.get(f"{PAYMENTS}?filter=created_at:{operator}:{at}")
        assert ids(said(answer)) == [paid[it] for it in found]


_SORTS = [
    ("created_at", [0, 1, 2, 3, 4]),
    ("created_at:asc", [0, 1, 2, 3, 4]),
    ("created_at:desc", [4, 3, 2, 1, 0]),
    ("updated_at:asc", [0, 1, 2, 3, 4]),
    ("updated_at:desc,created_at:asc", [4, 3, 2, 1, 0]),
]


async def test_sorted(ann: Customer, paid: list[str]) -> None:
    for sort, found in _SORTS:
        answer = await ann.get(f"{PAYMENTS}?sort={sort}")
        assert ids(said(answer)) == [paid[at] for at in found], sort


_WRONG_QUERIES = [
    ("filter=owner:eq:maybe", {"filter.owner": "invalid"}),
    ("filter=owner:in:[true]", {"filter.owner": "unsupported"}),
    ("filter=status:eq:paid", {"filter.status": "invalid"}),
    ("filter=status:gt:open", {"filter.status": "unsupported"}),
    ("filter=status:in:open", {"filter.status": "invalid"}),
    ("filter=amount:eq:6", {"filter.amount": "unsupported"}),
    ("filter=created_at:eq:yesterday", {"filter.created_at": "invalid"}),
    ("sort=amount", {"sort": "unsupported"}),
    ("sort=created_at:up", {"sort": "invalid"}),
    ("page=0&limit=101", {"page": "too_small", "limit": "too_large"}),
    ("page=x&limit=0", {"page": "invalid", "limit": "too_small"}),
    ("search=lunch", {"search": "unsupported"}),
]


async def test_wrong_queries(ann: Customer) -> None:
    for query, named in _WRONG_QUERIES:
        assert wrong_fields(await ann.get(f"{PAYMENTS}?{query}")) == named, query


@pytest.mark.parametrize("sort", ["created_at:desc", "created_at:asc", "updated_at:desc"])
async def test_walking_the_pages_sees_everything_once(
    ann: Customer, bob: Customer, sort: str
) -> None:
    """Made at once, many have the same time."""
    made = await asyncio.gather(*(ann.paid(bob, "1.00") for _ in range(7)))
    back = await asyncio.gather(*(bob.paid(ann, "0.50") for _ in range(4)))

    pages = await ann.walk(f"{PAYMENTS}?limit=3&sort={sort}")

    assert [len(page) for page in pages] == [3, 3, 3, 2]
    seen = [it for page in pages for it in ids(page)]
    assert sorted(seen) == sorted(ids([*made, *back]))
    whole = ids(said(await ann.get(f"{PAYMENTS}?limit=100&sort={sort}")))
    assert seen == whole
    filtered = await ann.walk(f"{PAYMENTS}?limit=2&filter=owner:eq:false&sort={sort}")
    assert sorted(it for page in filtered for it in ids(page)) == sorted(ids(back))


async def test_another_ones_payment_is_not_found(
    place: Town, ann: Customer, paid: list[str]
) -> None:
    carl = await place.person()

    for id_ in (*paid, uuid4(), "nonsense"):
        for path in (f"{PAYMENTS}/{id_}", f"{PAYMENTS}/{id_}/receipt"):
            answer = await carl.get(path)
            assert (answer.status_code, answer.content) == (404, b"")
    assert said(await carl.get(PAYMENTS)) == []


# Receipts.


async def test_the_receipts_of_both_sides(place: Town, ann: Customer, bob: Customer) -> None:
    await charge(place.db, EUR("0.50"))
    made = await ann.paid(bob, "20.00", description="This is a payment description")

    payers, recipients = said(await receipt(ann, made)), said(await receipt(bob, made))

    assert differs(payers, RECEIPT) == ""
    assert differs(recipients, {**RECEIPT, "payment_method": nothing}) == ""
    assert payers["description"] == "This is a payment description"
    assert payers["time"] == made["created_at"]
    assert (payers["payer"]["id"], payers["recipient"]["id"]) == (ann.id, bob.id)
    assert payers["payer"]["title"] == "Ann Lee (@annlee)"
    assert payers["recipient"]["title"] == "Bob Ray (@bobray)"
    assert payers["payment_method"]["id"] == str(ann.wallet_id)
    assert payers["amounts"] == {
        "total": "€20.50",
        "paid": "€20.00",
        "cost": "€0.50",
        "refunded": "€0.00",
        "currency": "EUR",
        "exchange_rate": None,
    }
    assert recipients["reference_code"] == payers["reference_code"]
    assert len(payers["reference_code"]) >= 7
    assert str(ann.wallet_id) not in json.dumps(recipients, default=str)


async def test_a_receipt_is_in_its_readers_language(place: Town, ann: Customer) -> None:
    jon = await place.person(locale="de-DE")
    made = await ann.paid(jon, "20.00")

    amounts = said(await receipt(jon, made))["amounts"]

    assert amounts["paid"] == "20,00\u00a0€"


async def test_reference_codes_are_different(ann: Customer, bob: Customer) -> None:
    made = [await ann.paid(bob, "1.00") for _ in range(3)]

    codes = {said(await receipt(ann, it))["reference_code"] for it in made}

    assert len(codes) == 3
