"""What a payment came to, for either side of it."""

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from tests.money import EUR, Person, Scene, charge, new_address, rows
from tests.shares import into, make_pool, pay_shares, paying
from whipround.db.database import Database
from whipround.domain import claims
from whipround.domain.payments.commands import UNCLAIMED_FOR
from whipround.domain.payments.reading import PaymentNotFound
from whipround.domain.payments.receipts import Method, Party, Receipt, receipt, reference_code
from whipround.domain.pools import closing


async def _receipt(db: Database, viewer: Person, payment_id: UUID | None) -> Receipt:
    assert payment_id is not None
    async with db.transaction() as tx:
        return await receipt(tx, user_id=viewer.id, payment_id=payment_id)


async def _has_none(db: Database, viewer: Person, payment_id: UUID | None) -> bool:
    try:
        await _receipt(db, viewer, payment_id)
    except PaymentNotFound:
        return True
    return False


@pytest.mark.anyio
async def test_both_sides_get_a_receipt_and_only_the_payer_sees_the_source(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    await charge(db, EUR("0.50"))
    [made] = await scene.pay(scene.order(ann, ben))
    [[number]] = await rows(db, "select number from payment")

    of_ann, of_ben = [await _receipt(db, it, made.payment_id) for it in (ann, ben)]

    assert of_ann == Receipt(
        description="Lunch",
        reference_code=reference_code(number),
        time=scene.now,
        payer=Party(ann.id, "Ann Dough", ann.user.username),
        recipient=Party(ben.id, "Ben Dough", ben.user.username),
        method=Method(ann.wallet_id, "Wallet"),
        paid=EUR("6.00"),
        cost=EUR("0.50"),
        total=EUR("6.50"),
        exchange_rate=None,
        refunds=(),
        refunded=EUR("0"),
    )
    assert of_ben.method is None
    assert (of_ben.reference_code, of_ben.total) == (of_ann.reference_code, of_ann.total)


@pytest.mark.anyio
async def test_there_is_none_for_others_nor_before_the_money_arrived(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    claimed, returned, cat = new_address(), new_address(), await scene.person()
    direct, first, second = await scene.pay(
        *(scene.order(ann, to, EUR("1.00")) for to in (ben, claimed, returned))
    )

    assert await _has_none(db, cat, direct.payment_id)
    assert await _has_none(db, ann, uuid7())
    assert await _has_none(db, ann, first.payment_id)

    later = scene.now + timedelta(days=1)
    async with db.transaction() as tx:
        await claims.prove(tx, user_id=ben.id, addresses=[claimed], now=later)
    await claims.return_expired(db, now=scene.now + UNCLAIMED_FOR)

    assert (await _receipt(db, ann, first.payment_id)).time == later
    assert (await _receipt(db, ben, first.payment_id)).recipient.id == ben.id
    assert await _has_none(db, ann, second.payment_id)


@pytest.mark.anyio
async def test_a_pool_is_a_side_too(db: Database, scene: Scene, ann: Person, ben: Person) -> None:
    pool = await make_pool(scene, ben)
    [made] = await pay_shares(scene, paying(scene, ann, into(pool)))
    async with db.transaction() as tx:
        await closing.close(tx, owner_id=ben.id, pool_id=pool, now=scene.now)
    [[payout_id]] = await rows(db, "select payout_id from pool")

    into_it = await _receipt(db, ann, made.payment_id)
    out_of_it = await _receipt(db, ben, payout_id)

    party = Party(pool, "Gift", "")
    assert (into_it.recipient, out_of_it.payer) == (party, party)
    assert (into_it.payer.id, out_of_it.recipient.id) == (ann.id, ben.id)
    assert (into_it.method, out_of_it.method) == (Method(ann.wallet_id, "Wallet"), None)
    assert await _has_none(db, ben, made.payment_id)
    assert await _has_none(db, ann, payout_id)


def test_a_reference_code_is_short_and_cannot_be_misread() -> None:
    assert [reference_code(number) for number in (1, 31, 32, 2700)] == [
        "0000001",
        "000000Z",
        "0000010",
        "00002MC",
    ]
    assert len(reference_code(32**7)) == 8
    assert not set("ILOU") & set("".join(map(reference_code, range(1, 2000))))


@given(st.sets(st.integers(1, 2**63 - 1), max_size=50))
def test_no_two_payments_share_a_reference_code(numbers: set[int]) -> None:
    assert len({reference_code(number) for number in numbers}) == len(numbers)
