"""Refunds over HTTP: who gives what back, where it goes, and what a receipt says of it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.api.conftest import Shared
from tests.api.memento.client import error_code, wrong_fields
from tests.api.memento.paying import PAYMENTS, Customer, Town, ids, messages_to, said, town
from tests.api.serving import PROCESSORS, memento
from tests.money import EUR, held_by, nothing_moving, rows
from tests.people import PIN
from whipround.db.database import Database
from whipround.domain import gateway_calls
from whipround.domain.fees import FeeRule, replace_rules
from whipround.flows import calls
from whipround.flows.desk import Desk, open_desk
from whipround.gateways.processors.protocol import Processors, Refund
from whipround.gateways.processors.sandbox import SandboxProcessor
from whipround.outcomes import Outcome

pytestmark = pytest.mark.anyio

CARD, BANK = "card", "bank_account"


@pytest.fixture(scope="module")
async def place(shared: Shared) -> AsyncIterator[Town]:
    """A town in which every payment costs five per cent, and a euro is worth 20 pesos."""
    rules = [
        FeeRule(kind, type_, "EUR", "Fee", *_FIVE_PERCENT)
        for kind, type_ in (("payment", "virtual"), ("payment", CARD), ("top_up", CARD))
    ]
    async with shared.db.transaction() as tx:
        await replace_rules(tx, rules)
        await tx.execute(_RATE, {"today": datetime.now(UTC).date()})
    async with town(shared) as place:
        yield place


_FIVE_PERCENT = (Decimal(5), Decimal(0), Decimal(0), None)

_RATE = """
    insert into exchange_rate (currency, per_euro, published_on, loaded_at)
    values ('MXN', 20, %(today)s, now())
"""


@pytest.fixture
async def ann(place: Town) -> Customer:
    """Somebody with a hundred euros."""
    return await place.person(EUR("100.00"), first_name="Ann")


@pytest.fixture
async def bob(place: Town) -> Customer:
    """Somebody without money."""
    return await place.person(first_name="Bob")


def refund_path(payment: Any) -> str:
    """Where a payment is refunded."""
    return f"{PAYMENTS}/{payment['id']}/refund"


async def give_back(
    by: Customer, payment: Any, amount: object = None, *, key: UUID | None = None, **given: Any
) -> httpx.Response:
    """Refund a payment."""
    body = {"pin": PIN} if amount is None else {"pin": PIN, "amount": amount}
    return await by.post(refund_path(payment), {**body, **given}, key=key)


async def given_back(by: Customer, payment: Any, amount: object = None, **given: Any) -> Any:
    """Refund a payment, which succeeds; the refund."""
    return said(await give_back(by, payment, amount, **given), 201)


async def receipt_of(payment: Any, reader: Customer) -> Any:
    """The receipt of a payment, for one of its sides."""
    return said(await reader.get(f"{PAYMENTS}/{payment['id']}/receipt"))


def desk_of(place: Town) -> Desk:
    """Another process that deals with the outside."""
    shared = place.shared
    return open_desk(
        place.db,
        product_id=shared.product.id,
        keyring=shared.keyring,
        processors=PROCESSORS(place.db),
    )


async def test_each_side_sees_its_own_part(ann: Customer, bob: Customer) -> None:
    payment = await ann.paid(bob)

    made = await given_back(bob, payment, "2.00", description="Too much", meta="mine")

    assert made == {
        "id": made["id"],
        "payment_id": payment["id"],
        "transaction_id": made["transaction_id"],
        "status": "approved",
        "amount": Decimal("2.00"),
        "currency": "EUR",
        "fee": None,
        "returned": None,
        "description": "Too much",
        "meta": "mine",
        "created_at": made["created_at"],
        "updated_at": made["created_at"],
    }
    listed = f"{PAYMENTS}/{payment['id']}/refunds"
    assert said(await bob.get(listed)) == [made]
    assert said(await ann.get(listed)) == [
        {
            **made,
            "fee": Decimal("0.10"),
            "returned": {"amount": Decimal("2.10"), "currency": "EUR"},
        }
    ]
    shown = said(await ann.get(f"{PAYMENTS}/{payment['id']}"))
    assert (shown["amount"], shown["amount_refunded"]) == (6, 2)
    assert shown["fulfillment_status"] == "fulfilled"
    assert (await ann.has(), await bob.has()) == (Decimal("95.80"), 4)
    [(_, kind, data)] = await messages_to(ann.client.db, ann.phone)
    assert (kind, data["amount"], data["recipient"]) == ("payment_refunded", "2.10", "Bob Dough")


async def test_its_transaction_leads_back(ann: Customer, bob: Customer) -> None:
    made = await given_back(bob, await ann.paid(bob))

    path = f"/v1/transactions/{made['transaction_id']}"
    gave, got = said(await bob.get(path)), said(await ann.get(path))

    assert (gave["out_user_id"], gave["in_user_id"]) == (bob.id, ann.id)
    assert (gave["out_funding_source_id"], gave["in_funding_source_id"]) == (
        str(bob.wallet_id),
        None,
    )
    assert got["in_funding_source_id"] == str(ann.wallet_id)
    assert (got["status"], got["amount"], got["payment_id"]) == ("approved", 6, made["payment_id"])
    assert ids(said(await ann.get("/v1/transactions")))[0] == made["transaction_id"]


async def test_the_list_is_paged(ann: Customer, bob: Customer) -> None:
    payment = await ann.paid(bob)
    made = [await given_back(bob, payment, "1.00") for _ in range(3)]

    pages = await ann.walk(f"{PAYMENTS}/{payment['id']}/refunds?limit=2&sort=created_at:asc")

    assert [ids(page) for page in pages] == [ids(made[:2]), ids(made[2:])]


async def test_receipts_say_so(ann: Customer, bob: Customer) -> None:
    payment = await ann.paid(bob)
    made = [await given_back(bob, payment, it) for it in ("2.00", "1.00")]

    of_ann, of_bob = [await receipt_of(payment, it) for it in (ann, bob)]

    assert ids(of_ann["refunds"]) == ids(made)
    assert [it["amount"] for it in of_ann["refunds"]] == ["€2.10", "€1.05"]
    assert [it["amount"] for it in of_bob["refunds"]] == ["€2.00", "€1.00"]
    assert (of_ann["amounts"]["refunded"], of_bob["amounts"]["refunded"]) == ("€3.15", "€3.00")
    assert of_ann["amounts"]["total"] == "€6.30"
    codes = {it["reference_code"] for it in [of_ann, *of_ann["refunds"]]}
    assert len(codes) == 3
    assert {(it["time"], it["status"]) for it in of_ann["refunds"]} == {
        (it["created_at"], "approved") for it in made
    }


async def test_what_is_refused_moves_nothing(place: Town, ann: Customer, bob: Customer) -> None:
    cat = await place.person()
    payment, spent = await ann.paid(bob), await ann.paid(cat, "50.00")
    waiting = await ann.paid(f"+4477009{uuid4().int % 10**5:05}", "1.00")
    await cat.paid(bob, "40.00")

    async with nothing_moving(place.db):
        stranger = await give_back(cat, payment)
        refused = [
            error_code(await give_back(ann, payment)),
            error_code(await give_back(ann, waiting)),
            error_code(await give_back(cat, spent)),
            error_code(await give_back(bob, payment, pin="9999")),
        ]
        wrong = [
            wrong_fields(await give_back(bob, payment, it))
            for it in ("6.01", "0.001", "0", "-1", "NaN", 10**13, True)
        ]
        without_pin = wrong_fields(await bob.post(refund_path(payment), {}))

    assert (stranger.status_code, stranger.content) == (404, b"")
    assert refused == ["not_refundable", "not_refundable", "insufficient_funds", "invalid_pin"]
    codes = [
        "too_large",
        "too_precise",
        "too_small",
        "too_small",
        "invalid",
        "too_large",
        "invalid",
    ]
    assert wrong == [{"amount": code} for code in codes]
    assert without_pin == {"pin": "required"}
    await given_back(bob, payment)
    assert error_code(await give_back(bob, payment)) == "already_refunded"


async def test_the_same_request_again_is_one_refund(ann: Customer, bob: Customer) -> None:
    payment, key = await ann.paid(bob), uuid4()

    answers = [await give_back(bob, payment, "1.00", key=key) for _ in range(2)]
    other = await give_back(bob, payment, "2.00", key=key)

    assert said(answers[0], 201) == said(answers[1], 201)
    assert error_code(other) == "correlation_id_reused"
    assert await bob.has() == 5


# Cards.


async def by_card(
    ann: Customer, bob: Customer, token: str = "tok_test_visa_4242"
) -> tuple[str, Any]:
    """A payment of 6 euros and a fee of 30 cents from a card of Ann's to Bob, and the card."""
    card = await ann.add_card(token)
    return card, await ann.paid(bob, funding_source_id=card)


async def test_what_a_card_paid_goes_back_to_it(ann: Customer, bob: Customer) -> None:
    card, payment = await by_card(ann, bob)
    assert await held_by(ann.client.db, UUID(card)) == Decimal("-6.30")

    part, rest = await given_back(bob, payment, "2.00"), await given_back(bob, payment)

    assert (part["status"], rest["status"], rest["amount"]) == ("approved", "approved", 4)
    assert await held_by(ann.client.db, UUID(card)) == 0
    assert (await ann.has(), await bob.has()) == (100, 0)
    transaction = said(await ann.get(f"/v1/transactions/{rest['transaction_id']}"))
    assert (transaction["in_funding_source_id"], transaction["status"]) == (card, "approved")
    method = (await receipt_of(payment, ann))["payment_method"]
    assert (method["id"], method["title"], method["details"][0]) == (
        card,
        "Credit Card",
        "Visa 4242",
    )
    [tracking, _, authorization] = method["details"][1].partition(" - ")
    assert tracking.startswith("Transaction #")
    assert authorization.startswith("AuthCode #")
    assert (await receipt_of(payment, bob))["payment_method"] is None


async def test_a_card_that_takes_nothing_back(ann: Customer, bob: Customer) -> None:
    _, payment = await by_card(ann, bob)
    # The processor has forgotten the charge.
    await rows(ann.client.db, "delete from sandbox_operation where kind = 'charge' returning key")

    made = await given_back(bob, payment)

    assert made["status"] == "approved"
    assert await ann.has() == Decimal("106.30")
    transaction = said(await ann.get(f"/v1/transactions/{made['transaction_id']}"))
    assert transaction["in_funding_source_id"] == str(ann.wallet_id)
    [(_, kind, data)] = await messages_to(ann.client.db, ann.phone)
    assert (kind, data["to_wallet"]) == ("payment_refunded", True)


async def test_a_card_that_is_gone(ann: Customer, bob: Customer) -> None:
    card, payment = await by_card(ann, bob)
    topped_up = await ann.paid(ann, "10.00", funding_source_id=card)
    kept = await ann.paid(ann, "10.00", funding_source_id=await ann.add_card())
    assert (await ann.client.call("DELETE", f"/v1/funding_sources/{card}")).status_code == 200

    made = await given_back(bob, payment)
    refused = await give_back(ann, topped_up)
    returned = await given_back(ann, kept, "5.00")

    assert made["status"] == "approved"
    assert error_code(refused) == "not_refundable"
    assert returned["returned"] == {"amount": Decimal("5.25"), "currency": "EUR"}
    assert await ann.has() == Decimal("121.30")


async def test_many_at_once_from_a_card(place: Town, ann: Customer, bob: Customer) -> None:
    card, payment = await by_card(ann, bob)
    key = uuid4()

    same = [give_back(bob, payment, "1.00", key=key) for _ in range(4)]
    others = [give_back(bob, payment, "1.00") for _ in range(8)]
    answers = await asyncio.gather(*same, *others)

    assert {it.status_code for it in answers[:4]} <= {201, 409}
    made = {it.json()["id"] for it in answers if it.status_code == 201}
    assert len(made) == 6
    refused = Counter(error_code(it) for it in answers[4:] if it.status_code == 400)
    assert refused == {"already_refunded": refused.total()}
    assert await held_by(place.db, UUID(card)) == 0
    assert (await ann.has(), await bob.has()) == (100, 0)


class Deadly(SandboxProcessor):
    """A processor of which dies who asks it for a refund, before or after it is done."""

    def __init__(self, db: Database, *, is_heard: bool) -> None:
        super().__init__(db)
        self._is_heard = is_heard

    async def refund(self, refund: Refund) -> Outcome:
        if self._is_heard:
            await super().refund(refund)
        raise RuntimeError("the process has ended")


@pytest.mark.parametrize("is_heard", [False, True], ids=["before the call", "after the call"])
async def test_cut_off_and_swept(place: Town, ann: Customer, bob: Customer, is_heard: bool) -> None:
    """The process ends once the intent is committed, or once the processor has done its part."""
    card, payment = await by_card(ann, bob)
    desk, key = desk_of(place), uuid4()

    def deadly(db: Database) -> Processors:
        processor = Deadly(db, is_heard=is_heard)
        return Processors(cards=processor, banks=processor)

    async with memento(place.shared, processors=deadly) as http:
        dying = replace(bob, client=replace(bob.client, http=http))
        assert (await give_back(dying, payment, key=key)).status_code == 500

    assert (await give_back(bob, payment, key=key)).status_code == 409
    assert error_code(await give_back(bob, payment)) == "already_refunded"
    [pending] = said(await bob.get(f"{PAYMENTS}/{payment['id']}/refunds"))
    assert pending["status"] == "pending"
    assert (await receipt_of(payment, ann))["refunds"][0]["status"] == "pending"
    assert (await bob.has(), await held_by(place.db, UUID(card))) == (0, Decimal("-6.30"))

    later = datetime.now(UTC) + gateway_calls.LEASE + timedelta(seconds=1)
    assert await calls.sweep(desk, now=later) >= 1

    answer = said(await give_back(bob, payment, key=key), 201)
    assert (answer["id"], answer["status"]) == (pending["id"], "approved")
    assert answer == said(await give_back(bob, payment, key=key), 201)
    assert await held_by(place.db, UUID(card)) == 0


# Conversions.


async def test_what_was_converted_goes_back_as_it_was_paid(ann: Customer, bob: Customer) -> None:
    payment = await ann.paid(bob, "100.00", currency="MXN", source_currency="EUR")
    before = await ann.has()

    part = await given_back(bob, payment, "33.33")
    gave, got = [
        said(await it.get(f"/v1/transactions/{part['transaction_id']}")) for it in (bob, ann)
    ]
    of_ann, of_bob = [await receipt_of(payment, it) for it in (ann, bob)]
    await given_back(bob, payment)

    assert (part["amount"], part["currency"]) == (Decimal("33.33"), "MXN")
    assert (await ann.has(), await bob.has("MXN")) == (100, 0)
    paid = 100 - before
    assert (gave["source_currency"], gave["source_amount"], gave["exchange_rate"]) == (None,) * 3
    assert (got["source_currency"], got["exchange_rate"]) == ("EUR", payment["exchange_rate"])
    assert of_ann["amounts"]["currency"] == "EUR"
    assert of_ann["amounts"]["total"] == f"€{paid:.2f}"
    assert of_ann["amounts"]["exchange_rate"] == payment["exchange_rate"]
    [returned] = of_ann["refunds"]
    assert returned["amount"] == of_ann["amounts"]["refunded"] == f"€{paid / 3:.2f}"
    assert of_bob["amounts"] == {
        "total": "MX$100.00",
        "paid": "MX$100.00",
        "cost": "MX$0.00",
        "refunded": "MX$33.33",
        "currency": "MXN",
        "exchange_rate": None,
    }


# Payouts.


async def test_a_payout_is_not_refunded(ann: Customer) -> None:
    account = {"country": "GB", "swift": "NWBKGB2L", "iban": "GB29NWBK60161331926819"}
    body = {"type": BANK, "description": "Bank", BANK: account}
    bank = said(await ann.post("/v1/funding_sources", body), 201)["id"]
    await rows(ann.client.db, _ENABLE, bank)
    order = ann.order(ann, "10.00", recipient={"amount": "10.00", "funding_source_id": bank})

    payment = said(await ann.post(PAYMENTS, order), 201)

    assert payment["fulfillment_status"] == "fulfilled"
    assert error_code(await give_back(ann, payment)) == "not_refundable"
    receipt = await receipt_of(payment, ann)
    assert receipt["recipient"]["details"] == ["**** 6819"]
    assert receipt["payment_method"]["id"] == str(ann.wallet_id)


_ENABLE = """
    with enabled as (
        update funding_source set status = 'enabled' where id = %s returning id
    )
    update bank_account set enabled = true from enabled
    where funding_source_id = enabled.id
    returning funding_source_id
"""
