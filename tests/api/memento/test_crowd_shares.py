"""Shares of crowd payments, as Memento has them: payments like any other, but finer than a cent."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from tests import crowd
from tests.api.conftest import Shared
from tests.api.memento.client import Json, error_code, wrong_fields
from tests.api.memento.paying import (
    PAYMENTS,
    Customer,
    Town,
    ids,
    messages_to,
    new_account,
    said,
    town,
)
from tests.money import EUR, Person, charge, new_address
from tests.people import PIN
from whipround.domain import claims
from whipround.domain.crowd.commands import UNCLAIMED_FOR
from whipround.domain.payees import Address

pytestmark = pytest.mark.anyio

NUMBER = "€3.33333333"


@pytest.fixture(scope="module")
async def place(shared: Shared) -> AsyncIterator[Town]:
    """A town in which every payment costs half a euro."""
    await charge(shared.db, EUR("0.50"))
    async with town(shared) as place:
        yield place


@pytest.fixture
async def ann(place: Town) -> Customer:
    """Somebody with a hundred euros."""
    return await place.person(EUR("100.00"), first_name="Ann")


@pytest.fixture
async def bob(place: Town) -> Customer:
    """Somebody without money."""
    return await place.person(first_name="Bob")


async def divide(payer: Customer, *to: Customer | Address, amount: str = "10.00") -> list[UUID]:
    """Pay a script; the ids of its shares."""
    people = [Person(it.user, it.wallet_id) if isinstance(it, Customer) else it for it in to]
    db, who = payer.client.db, Person(payer.user, payer.wallet_id)
    made = await crowd.pay_crowd(db, who, EUR(amount), *people, now=datetime.now(UTC))
    return await crowd.shares_of(db, made)


def path(share: UUID, *rest: str) -> str:
    return "/".join((PAYMENTS, str(share), *rest))


async def give_back(by: Customer, share: UUID, **given: object) -> Json:
    """Refund a share, which succeeds."""
    body = {"pin": PIN, **given}
    refund: Json = said(await by.post(path(share, "refund"), body), 201)
    return refund


async def test_a_share_is_a_payment_of_both_sides(ann: Customer, bob: Customer) -> None:
    shares = await divide(ann, new_address(), bob, crowd.new_profile())

    [first, mine, last] = sorted(said(await ann.get(PAYMENTS)), key=lambda it: it["amount"])
    assert {it["id"] for it in (first, mine, last)} == set(map(str, shares))
    assert (first["amount"], last["amount"]) == (Decimal("3.33333333"), Decimal("3.33333334"))
    assert last["id"] == str(shares[0])
    theirs = said(await bob.get(path(shares[1])))
    assert ids(said(await bob.get(PAYMENTS))) == [theirs["id"]]
    assert theirs["amount"] == theirs["recipient"]["amount"] == Decimal("3.33333333")
    assert (theirs["description"], theirs["kind"]) == (crowd.TITLE, "payment")
    assert (theirs["status"], theirs["unclaimed_payment"]) == ("closed", None)
    waiting = said(await ann.get(path(shares[2])))
    assert (waiting["status"], waiting["fulfillment_status"]) == ("open", "unfulfilled")
    assert waiting["unclaimed_payment"]["funding_source_id"] == str(ann.wallet_id)
    assert ids(said(await ann.get(f"{PAYMENTS}?filter=status:eq:open"))) == ids([waiting, last])
    assert await bob.has() == Decimal("3.33333333")
    assert await ann.has() == Decimal("89.50")


async def test_it_is_in_every_list(place: Town, ann: Customer, bob: Customer) -> None:
    [share, _] = await divide(ann, bob, new_address(), amount="6.66666667")

    [incoming] = said(await bob.get("/v1/transactions"))
    assert (incoming["amount"], incoming["status"]) == (Decimal("3.33333334"), "approved")
    assert len(said(await ann.get("/v1/transactions"))) == 2
    assert ids(said(await bob.get(f"{bob.wallet}/transactions"))) == [incoming["id"]]
    [moment] = said(await bob.get("/v1/moments"))
    assert (moment["id"], moment["title"]) == (incoming["id"], crowd.TITLE)
    assert moment["amount"] == Decimal("3.33333334")
    open_ones = said(await ann.get("/v1/moments?filter=open:eq:true"))
    assert len(open_ones) == 1
    [told] = said(await bob.get("/v1/notifications"))
    assert told["object_id"] == str(share)
    assert told["object_data_number"] == Decimal("3.33333334")
    assert told["description"] == f"Ann Dough paid you €3.33333334: {crowd.TITLE}"
    summary = said(await bob.get("/v1/users/current/summary"))
    assert summary["since_last_time"]["payments_received"] == 1
    assert [data["amount"] for _, _, data in await messages_to(place.db, bob.phone)] == [
        "3.33333334"
    ]


async def test_a_receipt_is_exact(ann: Customer, bob: Customer) -> None:
    [_, share, _] = await divide(ann, new_address(), bob, new_address())

    mine, theirs = [said(await it.get(path(share, "receipt")))["amounts"] for it in (ann, bob)]
    assert (mine["paid"], mine["cost"], mine["total"]) == (NUMBER, "€0.16666667", "€3.50")
    assert theirs["paid"] == NUMBER

    refund = await give_back(bob, share)
    again = said(await ann.get(path(share, "receipt")))
    assert again["amounts"]["refunded"] == "€3.50"
    assert refund["amount"] == Decimal("3.33333333")


async def test_a_refund_is_whole_or_in_cents(ann: Customer, bob: Customer) -> None:
    [share, *_] = await divide(ann, bob, new_address(), new_address())

    finer = await bob.post(path(share, "refund"), {"pin": PIN, "amount": "3.333"})
    more = await bob.post(path(share, "refund"), {"pin": PIN, "amount": "3.34"})
    assert wrong_fields(finer) == {"amount": "too_precise"}
    assert wrong_fields(more) == {"amount": "too_large"}
    await give_back(bob, share, amount="3.00")
    rest = await give_back(bob, share, amount="0.33333334")

    assert rest["amount"] == Decimal("0.33333334")
    assert await bob.has() == 0
    # With all of the share's part of the fee.
    assert await ann.has() == Decimal("89.50") + Decimal("3.50000001")
    assert error_code(await bob.post(path(share, "refund"), {"pin": PIN})) == "already_refunded"


async def test_what_is_finer_than_a_cent_stays_in_the_wallet(ann: Customer, bob: Customer) -> None:
    await divide(ann, bob, new_address(), new_address())
    bank = await bob.add_verified(new_account())

    def out(amount: str) -> Json:
        to = {"funding_source_id": bank.rpartition("/")[2], "amount": amount}
        return bob.order(bob, description="Rent", recipient=to)

    refused = await bob.post(PAYMENTS, out("3.33333334"))
    paid = await bob.post(PAYMENTS, out("3.33"))

    assert wrong_fields(refused) == {"recipient.amount": "too_precise"}
    said(paid, 201)
    assert await bob.has() == Decimal("0.00333334")


async def test_who_paid_many_is_told_once_of_all_that_returned(
    place: Town, ann: Customer, bob: Customer
) -> None:
    addresses = [new_address() for _ in range(3)]
    await divide(ann, *addresses)
    await divide(ann, new_address(), bob)
    now = datetime.now(UTC)
    async with place.db.transaction() as tx:
        await claims.prove(tx, user_id=bob.user.id, addresses=addresses[:1], now=now)
    assert await claims.return_expired(place.db, now=now + UNCLAIMED_FOR) >= 3

    kinds = [kind for _, kind, _ in await messages_to(place.db, ann.phone)]
    assert sorted(kinds) == ["payment_returned", "shares_returned"]
    told = said(await ann.get("/v1/notifications"))
    assert sorted(it["notification_key"] for it in told) == ["claimed", "returned", "returned"]
    [claimed] = [it for it in told if it["notification_key"] == "claimed"]
    assert claimed["description"] == f"{addresses[0][1]} has received the €3.33333334 you sent."
    sent = {kind: data["amount"] for _, kind, data in await messages_to(place.db, ann.phone)}
    assert sent["shares_returned"] == "6.99999999"  # with their part of the fee
    assert await ann.has() == Decimal(100) - Decimal("3.50000001") - Decimal("5.25")
    said(await ann.get(path(UUID(told[0]["object_id"]))))


async def test_a_share_waits_apart_from_other_payments(ann: Customer) -> None:
    """Who pays very many by a script can pay an unknown number all the same."""
    await divide(ann, *(new_address() for _ in range(101)))

    payment = await ann.paid(new_address()[1], "1.00")

    assert payment["unclaimed_payment"]["expires_at"] < str(datetime.now(UTC) + timedelta(days=11))
