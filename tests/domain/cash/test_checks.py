"""The audit of cash: silent over true rows, and it finds what it is there for."""

from decimal import Decimal

import pytest

from tests.money import MXN, Person, Scene, found_in, new_key, problems, rows
from tests.shares import make_pool
from whipround.db.request_keys import RequestKey
from whipround.domain.cash import landing, ordering, orders
from whipround.domain.cash.checks import CASH_CHECKS
from whipround.domain.cash.ordering import NewCashOrder
from whipround.domain.cash.orders import CashOrder, Said

pytestmark = pytest.mark.anyio

_ORDER = "update cash_order set {} where id = %(landed)s"
_PAYMENT = "update payment set {} where id = %(payment)s"

FORGED = {
    "it is of nobody": _ORDER.format("payment_id = null"),
    "it is another's": _ORDER.format("user_id = %(ben)s"),
    "more was paid": _ORDER.format("paid_amount = paid_amount + 1"),
    "it was for another pool": _ORDER.format("pool_id = %(other_pool)s"),
    "nobody brings it there": "update cash_order set due_at = null where id = %(underway)s",
    "it is there twice": """
        insert into payment overriding system value
        select (jsonb_populate_record(payment, jsonb_build_object('id', gen_random_uuid(),
            'owner_id', %(cal)s))).*
        from payment where id = %(payment)s
    """,
    "it cost something": _PAYMENT.format("fee = 1"),
    "it was less": _PAYMENT.format("amount = amount - 1"),
    "it is still open": _PAYMENT.format("fulfillment_status = 'unfulfilled'"),
}


async def _paid(scene: Scene, who: Person, pool_id: object) -> CashOrder:
    """An order that was paid, and has yet to land."""
    money = MXN("50.00")
    new = NewCashOrder(pool_id, money.amount, money.currency, "")  # type: ignore[arg-type]
    async with scene.db.transaction() as tx:
        made = await ordering.create(
            tx,
            user_id=who.id,
            new=new,
            gateway="sandbox",
            request_number=None,
            keyring=scene.keyring,
            now=scene.now,
        )
        # What a desk gives out is its own affair, even if it is the same twice.
        said = Said("paid", "slip", "12345678901234", money, None)
        await orders.record(tx, made, said, now=scene.now)
        return await orders.find(tx, order_id=made.id)


async def test_every_claim_is_looked_at(scene: Scene, ann: Person, ben: Person) -> None:
    pool_id, other = [await make_pool(scene, ben, currency="MXN") for _ in range(2)]
    landed, underway = [await _paid(scene, who, pool_id) for who in (ann, ben)]
    async with scene.db.transaction() as tx:
        payer = await landing.payer_of(tx, landed, now=scene.now)
    answer = await scene.server().submit(landing.contribution(landed, payer))
    paid = landing.read(answer)  # type: ignore[arg-type]
    assert paid.payment_id is not None
    assert await problems(scene.db) == []  # it is paid, and nobody has marked it so
    async with scene.db.transaction() as tx:
        for _ in range(2):
            await landing.landed(
                tx, landed, paid.payment_id, is_contribution=paid.is_contribution, now=scene.now
            )
    assert await problems(scene.db) == []
    told = "select count(*) from notification where kind = 'cash_paid'"
    assert await rows(scene.db, told) == [(1,)]

    values = {
        "landed": landed.id,
        "underway": underway.id,
        "payment": paid.payment_id,
        "ben": ben.id,
        "cal": (await scene.person()).id,
        "other_pool": other,
    }
    found = await found_in(scene.db, FORGED, values, checks=CASH_CHECKS)

    assert [name for name, claims in found.items() if not claims] == []


async def test_a_key_is_an_orders_own(scene: Scene, ann: Person, ben: Person) -> None:
    pool_id = await make_pool(scene, ben, currency="MXN")
    first, other = [await _paid(scene, who, pool_id) for who in (ann, ben)]
    async with scene.db.transaction() as tx:
        payer = await landing.payer_of(tx, first, now=scene.now)
        await orders.refused(tx, first, now=scene.now)
        await orders.refused(tx, first, now=scene.now)  # by another, at once
        again = await orders.find(tx, order_id=first.id)

    def key(of: CashOrder, step: landing.Step) -> RequestKey:
        assert landing.top_up(of, payer, step=step).amount == MXN("50.00")
        return landing.top_up(of, payer, step=step).key

    keys = [key(of, step) for of in (first, other, again) for step in ("first", "second")]
    assert again.refused == 1
    assert len({it.id for it in keys} | {new_key().id}) == len(keys) + 1
    assert landing.contribution(first, payer).key == keys[0]
    assert first.paid_amount == Decimal(50)
