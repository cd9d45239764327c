"""Memento, Transactions, over HTTP."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tests.api.checks import differs, nothing
from tests.api.memento.client import wrong_fields
from tests.api.memento.documented import TRANSACTION, time, uuid
from tests.api.memento.paying import Customer, Town, ids, said
from tests.money import EUR, charge
from tests.people import new_phone
from whipround.domain import claims
from whipround.domain.payments.commands import UNCLAIMED_FOR

pytestmark = pytest.mark.anyio

TRANSACTIONS = "/v1/transactions"


@pytest.fixture
def place(own_town: Town) -> Town:
    return own_town


@pytest.fixture
async def ann(place: Town) -> Customer:
    """Somebody with a hundred euros."""
    return await place.person(EUR("100.00"))


@pytest.fixture
async def bob(place: Town) -> Customer:
    """Somebody without money."""
    return await place.person()


async def test_each_side_sees_its_own_part(place: Town, ann: Customer, bob: Customer) -> None:
    await charge(place.db, EUR("0.50"))
    made = await ann.paid(bob, "20.00", meta="mine")
    path = f"{TRANSACTIONS}/{made['recipient']['transaction_id']}"

    payers, recipients = said(await ann.get(path)), said(await bob.get(path))

    assert differs(payers, TRANSACTION) == ""
    theirs = {
        **TRANSACTION,
        "out_funding_source_id": nothing,
        "in_funding_source_id": uuid,
        "fee": nothing,
        "source_amount": nothing,
        "source_currency": nothing,
    }
    assert differs(recipients, theirs) == ""
    assert payers["out_funding_source_id"] == str(ann.wallet_id)
    assert recipients["in_funding_source_id"] == str(bob.wallet_id)
    for shown in (payers, recipients):
        assert (shown["out_user_id"], shown["in_user_id"]) == (ann.id, bob.id)
        assert (shown["payment_id"], shown["status"]) == (made["id"], "approved")
        assert (shown["amount"], shown["currency"], shown["error"]) == (20, "EUR", False)
    assert payers["fee"] == EUR("0.50").amount
    assert said(await ann.get(TRANSACTIONS)) == [payers]
    assert said(await bob.get(TRANSACTIONS)) == [recipients]


async def test_while_nobody_has_claimed_it(place: Town, ann: Customer) -> None:
    phone = new_phone()
    made = await ann.paid(phone)
    path = f"{TRANSACTIONS}/{made['recipient']['transaction_id']}"

    waiting = said(await ann.get(path))

    assert differs(waiting, {**TRANSACTION, "in_user_id": nothing, "expires_at": time}) == ""
    assert (waiting["status"], waiting["expires_at"]) == ("active", made["expires_at"])
    body = await place.client.sign_up_body(phone)
    cleo = said(await place.client.post("/v1/users", body), 201)
    theirs = await place.enter(cleo)
    claimed = said(await ann.get(path))
    assert differs(claimed, TRANSACTION) == ""
    assert (claimed["status"], claimed["in_user_id"]) == ("approved", cleo["id"])
    [received] = said(await theirs.get(TRANSACTIONS))
    assert (received["id"], received["out_funding_source_id"]) == (waiting["id"], None)
    assert uuid(received["in_funding_source_id"])


async def test_what_expired_is_cancelled(place: Town, ann: Customer) -> None:
    made = await ann.paid(new_phone())
    later = datetime.now(UTC) + UNCLAIMED_FOR + timedelta(minutes=1)
    await claims.return_expired(place.db, now=later)

    shown = said(await ann.get(f"{TRANSACTIONS}/{made['recipient']['transaction_id']}"))

    assert (shown["status"], shown["error"], shown["in_user_id"]) == ("cancelled", True, None)


async def test_filters_and_sorts(ann: Customer, bob: Customer) -> None:
    made = [
        await ann.paid(bob, "30.00"),
        await bob.paid(ann, "2.00"),
        await ann.paid(new_phone(), "4.00"),
    ]
    there = [it["recipient"]["transaction_id"] for it in made]
    mine, theirs = ann.wallet_id, bob.wallet_id

    for query, found in [
        ("", [2, 1, 0]),
        (f"filter=funding_source_id:eq:{mine}", [2, 1, 0]),
        (f"filter=funding_source_id:in:[{mine}]", [2, 1, 0]),
        (f"filter=funding_source_id:in:[{mine};{uuid4()}]", [2, 1, 0]),
        (f"filter=funding_source_id:eq:{uuid4()}", []),
        ("filter=created_at:lt:2018-01-01", []),
        ("filter=updated_at:gte:2018-01-01", [2, 1, 0]),
        ("sort=created_at", [0, 1, 2]),
        ("sort=updated_at:desc", [2, 1, 0]),
        # Another's source tells nothing, not even that there are transactions between the two.
        (f"filter=funding_source_id:eq:{theirs}", []),
        (f"filter=funding_source_id:in:[{theirs},{uuid4()}]", []),
    ]:
        shown = said(await ann.get(f"{TRANSACTIONS}?{query}"))
        assert ids(shown) == [there[at] for at in found], query


async def test_wrong_queries(ann: Customer) -> None:
    for query, named in [
        ("filter=funding_source_id:eq:x", {"filter.funding_source_id": "invalid"}),
        (f"filter=funding_source_id:gt:{uuid4()}", {"filter.funding_source_id": "unsupported"}),
        ("filter=status:eq:active", {"filter.status": "unsupported"}),
        ("sort=amount&limit=0", {"sort": "unsupported", "limit": "too_small"}),
    ]:
        assert wrong_fields(await ann.get(f"{TRANSACTIONS}?{query}")) == named, query


async def test_walking_the_pages_sees_everything_once(ann: Customer, bob: Customer) -> None:
    """Made at once, many have the same time."""
    made = await asyncio.gather(*(ann.paid(bob, "1.00") for _ in range(7)))
    back = await asyncio.gather(*(bob.paid(ann, "0.50") for _ in range(4)))
    there = sorted(it["recipient"]["transaction_id"] for it in [*made, *back])

    for order in ("asc", "desc"):
        pages = await ann.walk(f"{TRANSACTIONS}?limit=2&sort=created_at:{order}")
        assert [len(page) for page in pages] == [2, 2, 2, 2, 2, 1]
        assert sorted(it for page in pages for it in ids(page)) == there


async def test_another_ones_transaction_is_not_found(
    place: Town, ann: Customer, bob: Customer
) -> None:
    made = await ann.paid(bob)
    carl = await place.person()

    for id_ in (made["recipient"]["transaction_id"], made["id"], uuid4(), "nonsense"):
        answer = await carl.get(f"{TRANSACTIONS}/{id_}")
        assert (answer.status_code, answer.content) == (404, b"")
    assert said(await carl.get(TRANSACTIONS)) == []
