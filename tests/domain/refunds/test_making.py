"""Refunds of what wallets paid, on the database: what moves, what is refused, what may race."""

import asyncio
from collections import Counter
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.money import EUR, Person, Scene, charge, fees_held, held, new_address, problems, rows
from tests.refunds import Refunded, carried_out, refund, refund_order
from tests.shares import into, make_pool, pay_shares, paying
from whipround.db.database import Database, open_database
from whipround.domain import claims
from whipround.domain.payments.commands import UNCLAIMED_FOR
from whipround.domain.pools import closing

pytestmark = pytest.mark.anyio


@pytest.fixture
async def paid(db: Database, scene: Scene, ann: Person, ben: Person) -> UUID:
    """A payment of 6 euros from Ann to Ben, of which each euro cost her five cents."""
    await charge(db, EUR("0.00"), percent="5")
    [made] = await scene.pay(scene.order(ann, ben))
    assert made.payment_id is not None
    return made.payment_id


async def stands(db: Database, ann: Person, ben: Person) -> tuple[Any, ...]:
    """What Ann, Ben and the product hold."""
    return (await held(db, ann), await held(db, ben), await fees_held(db))


async def test_a_whole_refund_undoes_the_payment(
    db: Database, scene: Scene, ann: Person, ben: Person, paid: UUID
) -> None:
    assert await stands(db, ann, ben) == (Decimal("13.70"), 6, Decimal("0.30"))

    made = await refund(scene, ben, paid)

    assert made.status == "approved"
    assert await stands(db, ann, ben) == (20, 0, 0)
    [(kind, reverses, of_payment)] = await rows(
        db,
        "select transfer.kind, reverses, payment.transaction_id from transfer"
        " join payment on payment.id = %s where transfer.kind not in ('payment', 'grant')",
        paid,
    )
    assert (kind, reverses) == ("refund", of_payment)
    [transaction] = await rows(
        db,
        "select out_user_id, in_user_id, out_funding_source_id, in_funding_source_id, status,"
        " amount, fee, currency from transaction where kind = 'refund'",
    )
    assert transaction == (
        *(ben.id, ann.id, ben.wallet_id, ann.wallet_id, "approved"),
        *(6, 0, "EUR"),
    )
    [(data,)] = await rows(db, "select data from outbox where kind = 'payment_refunded'")
    assert data == {
        "amount": "6.30",
        "currency": "EUR",
        "recipient": "Ben Dough",
        "description": "Lunch",
        "to_wallet": True,
    }
    assert await problems(db) == []


async def test_parts_add_up(
    db: Database, scene: Scene, ann: Person, ben: Person, paid: UUID
) -> None:
    made = [await refund(scene, ben, paid, amount) for amount in ("1.50", "4.00", None, None)]

    assert [it.status for it in made] == ["approved"] * 3 + ["already_refunded"]
    assert await stands(db, ann, ben) == (20, 0, 0)
    assert await rows(db, "select amount, fee from refund order by number") == [
        (Decimal("1.50"), Decimal("0.08")),
        (Decimal("4.00"), Decimal("0.20")),
        (Decimal("0.50"), Decimal("0.02")),
    ]
    assert await rows(db, "select count(*) from transfer where reverses is not null") == [(0,)]
    assert await problems(db) == []


async def test_money_that_waited_goes_back_too(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    claimed, returned = new_address(), new_address()
    first, second = await scene.pay(*(scene.order(ann, it) for it in (claimed, returned)))
    for made in (first, second):
        assert (await refund(scene, ann, made.payment_id)).status == "not_refundable"
    async with db.transaction() as tx:
        await claims.prove(tx, user_id=ben.id, addresses=[claimed], now=scene.now)
    await claims.return_expired(db, now=scene.now + UNCLAIMED_FOR)

    given = await refund(scene, ben, first.payment_id)

    assert given.status == "approved"
    assert (await refund(scene, ann, second.payment_id)).status == "not_refundable"
    assert await stands(db, ann, ben) == (20, 0, 0)
    assert await problems(db) == []


async def test_what_is_refused_moves_nothing(
    db: Database, scene: Scene, ann: Person, ben: Person, paid: UUID
) -> None:
    cat = await scene.person()
    await scene.pay(scene.order(ben, cat, EUR("1.00")))
    before = await stands(db, ann, ben)

    refused = [
        await refund(scene, ann, paid),
        await refund(scene, cat, paid),
        await refund(scene, ben, paid),
        await refund(scene, ben, paid, "6.01"),
        await refund(scene, ben, paid, "0.001"),
    ]

    assert refused == [
        Refunded(None, "not_refundable"),
        Refunded(None, "not_found"),
        Refunded(None, "insufficient_funds"),
        Refunded(None, "invalid", ("amount too_large",)),
        Refunded(None, "invalid", ("amount too_precise",)),
    ]
    assert await stands(db, ann, ben) == before
    assert await rows(db, "select count(*) from refund") == [(0,)]
    assert await problems(db) == []


async def test_what_is_in_a_pool_or_came_out_of_it_stays(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    pool = await make_pool(scene, ben)
    [made] = await pay_shares(scene, paying(scene, ann, into(pool)))
    async with db.transaction() as tx:
        await closing.close(tx, owner_id=ben.id, pool_id=pool, now=scene.now)
    [[payout_id]] = await rows(db, "select payout_id from pool")

    refused = [
        await refund(scene, by, payment_id)
        for by, payment_id in ((ann, made.payment_id), (ben, made.payment_id), (ben, payout_id))
    ]

    assert [it.status for it in refused] == ["not_refundable", "not_found", "not_refundable"]
    assert await held(db, ben) == 6


async def test_what_one_paid_oneself_stays(db: Database, scene: Scene, ann: Person) -> None:
    await charge(db, EUR("0.50"))
    address = new_address()
    [made] = await scene.pay(scene.order(ann, address))
    async with db.transaction() as tx:
        await claims.prove(tx, user_id=ann.id, addresses=[address], now=scene.now)

    assert (await refund(scene, ann, made.payment_id, "1.00")).status == "not_refundable"

    assert await held(db, ann) == Decimal("19.50")
    assert await problems(db) == []


async def test_a_wrong_pin_counts_and_the_right_one_sets_it_back(
    db: Database, scene: Scene, ben: Person, paid: UUID
) -> None:
    tries = "select pin_failures from users where id = %s"
    await scene.pay(scene.order(ben, await scene.person(), EUR("1.00")))

    wrong = [await refund(scene, ben, paid, pin="9999") for _ in range(3)]

    assert {it.status for it in wrong} == {"invalid_pin"}
    assert await rows(db, tries, ben.id) == [(3,)]
    assert (await refund(scene, ben, paid)).status == "insufficient_funds"
    assert await rows(db, tries, ben.id) == [(0,)]


async def test_the_same_order_again_is_one_refund(
    db: Database, scene: Scene, ann: Person, ben: Person, paid: UUID
) -> None:
    order = refund_order(ben, paid, "2.00")
    refused = refund_order(ann, paid)

    first, second = [await carried_out(scene, order) for _ in range(2)]
    declined = [await carried_out(scene, refused) for _ in range(2)]

    assert first == second
    assert declined == [Refunded(None, "not_refundable")] * 2
    assert (await held(db, ben)) == 4


async def test_refunds_at_once_never_give_back_too_much(
    db: Database, scene: Scene, ann: Person, ben: Person, paid: UUID
) -> None:
    """From two servers, while Ben spends what he has."""
    cat = await scene.person()
    orders = [refund_order(ben, paid, "1.00") for _ in range(9)]
    async with open_database(scene.conninfo, connections=4) as pool:
        elsewhere = pool.of(scene.product.schema_name)

        made, _ = await asyncio.gather(
            asyncio.gather(
                *(
                    carried_out(scene, order, on=(db, elsewhere)[n % 2])
                    for n, order in enumerate(orders)
                )
            ),
            scene.pay(*(scene.order(ben, cat, EUR("1.00")) for _ in range(2))),
        )

    count = Counter(it.status for it in made)
    assert set(count) <= {"approved", "insufficient_funds", "invalid", "already_refunded"}
    given = count["approved"]
    assert await rows(db, "select refunded, refunded_fee from payment where id = %s", paid) == [
        (given, Decimal("0.05") * given)
    ]
    spent = await held(db, cat)
    assert await stands(db, ann, ben) == (
        20 - (6 - given) * Decimal("1.05"),
        6 - given - spent * Decimal("1.05"),
        (6 - given + spent) * Decimal("0.05"),
    )
    assert await problems(db) == []
