"""Cash is ordered, paid at a shop, and arrives once, whatever comes between two steps."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.flows.outside import CutOff
from tests.flows.street import LATER, Clock, Shops, Street, Till
from tests.money import MXN, Scene, fund, new_key, problems, rows
from tests.shares import into, make_pool, pay_shares, paying
from whipround.db.batch import Batcher
from whipround.db.request_keys import InProgress
from whipround.domain import relationships, throttles
from whipround.domain.cash.landing import LANDS_WITHIN
from whipround.domain.cash.ordering import MOST_UNPAID
from whipround.domain.payments.batch import PaymentBatch
from whipround.domain.pools import closing
from whipround.domain.pools.errors import PoolNotFound
from whipround.domain.settlements.batch import SettlementBatch
from whipround.errors import Invalid, Throttled, Unavailable
from whipround.flows import cash
from whipround.flows.desk import Desk
from whipround.gateways.processors.protocol import (
    OutcomeUnknown,
    Processors,
    ProcessorUnavailable,
    Unconfigured,
)
from whipround.gateways.processors.sandbox_cash import SandboxCashDesk
from whipround.outcomes import Outcome

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)
_NOBODY: Any = Unconfigured()


@pytest.fixture
async def street(scene: Scene) -> AsyncIterator[Street]:
    clock = Clock(scene.now)
    shops = Shops(SandboxCashDesk(scene.db, clock=clock))
    desk = Desk(
        scene.db,
        scene.product.id,
        scene.keyring,
        Processors(cards=_NOBODY, banks=_NOBODY, cash=shops),
        Batcher(scene.db, SettlementBatch(clock=clock)),
    )
    ann, ben = await scene.person(first_name="Ann"), await scene.person(first_name="Ben")
    pool_id = await make_pool(scene, ben, currency="MXN", description="Gift")
    till = Till(Batcher(scene.db, PaymentBatch(clock=clock)))
    yield Street(scene, clock, shops, till, desk, ann, ben, pool_id)
    assert await problems(scene.db) == []


async def test_what_is_paid_at_a_shop_is_contributed_once(street: Street) -> None:
    order = await street.ordered()
    assert order.money == MXN("50.00")
    assert order.expires_at == street.clock.now + timedelta(days=3)
    await street.resolve(order)  # nobody has paid
    assert await street.paid() == []

    await street.pay(order)
    await asyncio.gather(*(street.resolve(order) for _ in range(4)))
    await street.sweep()

    assert await street.is_in() == [50, 0]
    assert await street.paid() == [("contribution", 50)]
    found = await street.found(order.id)
    assert found.status == "paid"
    assert found.paid_amount == 50
    assert found.payment_id is not None
    assert await street.told(street.ann) == ["pool_cash_ordered", "cash_paid"]
    assert await street.told(street.ben) == ["pool_contribution"]
    assert await rows(street.db, "select due_at from cash_order") == [(None,)]


async def test_nothing_of_the_payer_keeps_it_away(street: Street) -> None:
    order = await street.ordered()
    until = street.clock.now + timedelta(hours=1)
    sql = "update users set locked_until = %s where id = %s returning 1"
    await rows(street.db, sql, until, street.ann.id)
    await street.pay(order)

    await street.resolve(order)

    assert await street.is_in() == [50, 0]


async def _closes(street: Street) -> None:
    async with street.db.transaction() as tx:
        await closing.close(
            tx, owner_id=street.ben.id, pool_id=street.pool_id, now=street.clock.now
        )


async def _takes_more(street: Street, least: int = 60) -> None:
    sql = "update pool set minimum_user_amount = %s where id = %s returning 1"
    await rows(street.db, sql, least, street.pool_id)


async def _blocks(street: Street) -> None:
    async with street.db.transaction() as tx:
        await relationships.block(
            tx, user_id=street.ben.id, other_user_id=street.ann.id, now=street.clock.now
        )


async def _has_contributed(street: Street) -> None:
    sql = "update pool set has_unique_participants = true where id = %s returning 1"
    await rows(street.db, sql, street.pool_id)
    await fund(street.db, street.ann, MXN("10.00"), now=street.clock.now)
    share = into(street.pool_id, "10.00")
    await pay_shares(street.scene, paying(street.scene, street.ann, share))


async def _pays_more(street: Street) -> None:
    await rows(street.db, "update sandbox_slip set amount = 70 returning 1")


@pytest.mark.parametrize(
    ("happens", "has"),
    [
        (_closes, "50"),
        (_takes_more, "50"),
        (_blocks, "50"),
        (_has_contributed, "50"),
        (_pays_more, "70"),
    ],
    ids=["closed", "takes more", "blocked", "contributed", "another amount"],
)
async def test_what_the_pool_does_not_take_any_more_is_in_the_wallet(
    street: Street, happens: Callable[[Street], Awaitable[None]], has: str
) -> None:
    order = await street.ordered()
    await happens(street)
    before = await street.in_pool()
    await street.pay(order)

    await asyncio.gather(*(street.resolve(order) for _ in range(3)))
    await street.sweep()

    assert await street.is_in() == [before, Decimal(has)]
    kinds = [kind for kind, _ in await street.paid()]
    assert kinds.count("top_up") == 1
    assert "cash_returned" in await street.told(street.ann)
    [(description,)] = await rows(
        street.db, "select description from payment where kind = 'top_up'"
    )
    assert description == "Cash that could not be contributed to: Gift"


async def test_what_a_pool_refuses_and_takes_again_is_not_taken_twice(street: Street) -> None:
    """One finds that the pool takes more only, and another, before it goes on, that it does not."""
    order = await street.ordered()
    await street.pay(order)
    await _takes_more(street)

    async def another() -> None:
        await _takes_more(street, least=1)
        await street.resolve(order)

    street.till.meanwhile = another
    await street.resolve(order)

    assert await street.paid() == [("contribution", 50)]
    assert await street.is_in() == [50, 0]
    assert len(set(street.till.keys)) == 1


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_an_order_that_was_cut_off_is_made_once(street: Street, cut: str) -> None:
    if cut == "before":
        street.shops.says = CutOff()
    else:
        street.shops.after = CutOff()
    key = new_key()
    with pytest.raises(CutOff):
        await street.order(key=key)
    with pytest.raises(InProgress):
        await street.order(key=key)

    street.shops.says = street.shops.after = None
    assert await street.sweep() == 1

    answers = [await street.order(key=key) for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0].endswith(" waiting")
    assert await rows(street.db, "select count(*) from sandbox_slip") == [(1,)]
    assert await street.told(street.ann) == ["pool_cash_ordered"]


@pytest.mark.parametrize("cut", ["before", "after"])
@pytest.mark.parametrize("happens", [None, _closes], ids=["open", "closed"])
async def test_what_was_paid_and_cut_off_arrives_once(
    street: Street, cut: str, happens: Callable[[Street], Awaitable[None]] | None
) -> None:
    order = await street.ordered()
    if happens is not None:
        await happens(street)
    await street.pay(order)
    street.till.cut = cut
    with pytest.raises(CutOff):
        await street.resolve(order)
    assert (await street.found(order.id)).status == "paid"
    assert await problems(street.db) == []  # it is on its way

    street.till.cut = None
    assert await street.sweep() == 1

    assert await street.is_in() == ([50, 0] if happens is None else [0, 50])
    assert len(await street.paid()) == 1
    assert await street.sweep() == 0


async def test_what_is_paid_in_time_may_be_heard_of_late(street: Street) -> None:
    order, unpaid = await street.ordered(), await street.ordered("20.00")
    await street.sweep(timedelta(days=4))
    assert [(await street.found(it.id)).status for it in (order, unpaid)] == ["expired"] * 2

    sql = "update sandbox_slip set paid_at = expires_at where key = %s returning 1"
    await rows(street.db, sql, order.id)
    await street.sweep(DAY)
    for _ in range(8):
        await street.sweep(DAY)

    assert await street.is_in() == [50, 0]
    assert (await street.found(unpaid.id)).status == "expired"
    assert await street.sweep(DAY) == 0


async def test_an_order_that_the_cash_desk_has_lost_expires(street: Street) -> None:
    order = await street.ordered()
    await rows(street.db, "delete from sandbox_slip returning 1")

    await street.sweep(DAY)
    assert (await street.found(order.id)).status == "waiting"
    await street.sweep(timedelta(days=3))

    assert (await street.found(order.id)).status == "expired"
    assert await street.sweep(DAY) == 0


@pytest.mark.parametrize("says", [ProcessorUnavailable(), OutcomeUnknown()], ids=["no", "unknown"])
async def test_without_a_slip_the_request_may_be_repeated(
    street: Street, says: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    street.shops.says = says
    key = new_key()
    if isinstance(says, OutcomeUnknown):
        with pytest.raises(InProgress):
            await street.order(key=key)
        await street.sweep()
        await street.sweep(cash.GIVEN_UP_AFTER + LATER)
    with pytest.raises(Unavailable):
        await street.order(key=key)
    assert await rows(street.db, "select status from cash_order") == [("failed",)]
    assert "cash order" in caplog.text

    street.shops.says = None
    assert (await street.order(key=key)).endswith(" waiting")


async def test_without_a_cash_desk_nothing_is_ordered(street: Street) -> None:
    without = Processors(cards=_NOBODY, banks=_NOBODY)
    with pytest.raises(Unavailable):
        await replace(street, desk=replace(street.desk, processors=without)).order()
    assert await rows(street.db, "select 1 from cash_order") == []


@pytest.mark.parametrize(
    ("error_code", "expected"),
    [("amount_too_small", "amount"), ("refused", "gateway_declined"), ("", "gateway_declined")],
)
async def test_what_the_cash_desk_declines_is_remembered(
    street: Street, error_code: str, expected: str
) -> None:
    street.shops.says = Outcome("declined", error_code)
    key = new_key()

    said = [await street.order(key=key) for _ in range(2)]

    assert said == [expected] * 2
    assert await rows(street.db, "select status, due_at from cash_order") == [("failed", None)]


async def test_money_that_nobody_can_take_waits(
    street: Street, caplog: pytest.LogCaptureFixture
) -> None:
    order = await street.ordered()
    await street.pay(order)
    [(source,)] = await rows(
        street.db, "select id from funding_source where type = 'cash' and is_once"
    )
    sql = "update funding_source set status = %s where id = %s returning 1"
    await rows(street.db, sql, "disabled", source)
    await street.resolve(order)
    await street.sweep(timedelta(hours=1))
    assert await street.paid() == []
    assert "can go neither into its pool nor a wallet" in caplog.text
    assert (await street.found(order.id)).refused == 2

    await rows(street.db, sql, "enabled", source)
    await street.sweep(timedelta(hours=1))

    assert await street.is_in() == [50, 0]
    assert await street.paid() == [("contribution", 50)]


async def test_what_did_not_arrive_while_its_keys_were_kept_is_for_the_operator(
    street: Street, caplog: pytest.LogCaptureFixture
) -> None:
    order = await street.ordered()
    await street.pay(order)
    street.till.cut = "before"
    with pytest.raises(CutOff):
        await street.resolve(order)
    street.till.cut = None

    with caplog.at_level(logging.ERROR):
        assert await street.sweep(LANDS_WITHIN + DAY) == 1

    assert await street.paid() == []
    assert str(order.id) in caplog.text
    [problem] = await problems(street.db)
    assert str(order.id) in problem
    sql = "update cash_order set due_at = paid_at, paid_at = %s returning 1"
    await rows(street.db, sql, street.clock.now)
    await street.sweep()
    assert await street.is_in() == [50, 0]


async def test_only_what_the_pool_takes_now_is_ordered(street: Street) -> None:
    for amount, field_name in (("50.001", "amount"), ("59.99", "amount")):
        await _takes_more(street)
        with pytest.raises(Invalid) as caught:
            await street.order(amount)
        assert [it.field for it in caught.value.errors] == [field_name]
    await _takes_more(street, least=1)
    hidden = await make_pool(street.scene, street.ben, currency="MXN", is_public=False)
    euros = await make_pool(street.scene, street.ben)
    for pool_id in (hidden, euros):
        with pytest.raises(PoolNotFound):
            await replace(street, pool_id=pool_id).order()
    await _has_contributed(street)
    assert await street.order() == "already_contributed"
    eve = await street.scene.person()
    async with street.db.transaction() as tx:
        await relationships.block(
            tx, user_id=eve.id, other_user_id=street.ben.id, now=street.clock.now
        )
    with pytest.raises(PoolNotFound):  # whatever else is wrong
        await replace(street, ann=eve).order("50.001")
    sql = "update pool set has_unique_participants = false where id = %s returning 1"
    await rows(street.db, sql, street.pool_id)
    await _blocks(street)
    assert await street.order() == "blocked"  # one who takes part sees the pool all the same
    await _closes(street)
    assert await street.order() == "pool_closed"
    assert await rows(street.db, "select 1 from cash_order") == []


async def test_a_person_orders_so_much(street: Street) -> None:
    key = new_key()
    for _ in range(MOST_UNPAID):
        await street.ordered()
    assert await street.order(key=key) == "limit_exceeded"
    [[id_]] = await rows(street.db, "select id from cash_order order by number limit 1")
    first = await street.found(id_)
    await street.pay(first)
    await street.resolve(first)
    assert await street.order(key=key) == "limit_exceeded"
    await street.ordered()

    street.clock.now += timedelta(days=4)  # nobody has looked after them
    for _ in range(throttles.CASH_ORDERS_PER_USER.count):
        await street.ordered("1.00")
        sql = "update cash_order set status = 'expired' where status = 'waiting' returning 1"
        await rows(street.db, sql)
    with pytest.raises(Throttled):
        await street.order()
