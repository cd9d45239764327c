"""What was asked for, or collected, goes on to the bank account that it is meant for."""

import asyncio
from decimal import Decimal
from uuid import UUID

import pytest

from tests.money import EUR, Person, Scene, fund, held, held_by, problems, rows
from tests.refunds import refund
from tests.settlements import heard, intended, make_source, record, recorder
from tests.shares import into, make_pool, make_request, pay_shares, paying, share_of
from whipround.domain import forwarding
from whipround.domain.pools import closing
from whipround.domain.settlements.commands import Settle
from whipround.outcomes import Outcome

pytestmark = pytest.mark.anyio

APPROVED, DECLINED = Outcome("approved"), Outcome("declined", "account_closed")


@pytest.fixture
async def ann(scene: Scene) -> Person:
    """Whose request or pool it is."""
    return await scene.person()


@pytest.fixture
async def ben(scene: Scene) -> Person:
    """Whoever pays."""
    return await scene.person(EUR("20.00"))


@pytest.fixture
async def bank(scene: Scene, ann: Person) -> UUID:
    """The bank account that Ann receives with."""
    return await make_source(scene, ann, "bank_account")


async def came(scene: Scene, ann: Person, ben: Person, bank: UUID) -> UUID | None:
    """Ben has paid a request of Ann's, whose money is meant for the bank; his payment."""
    ask = await make_request(scene, ann, ben, funding_source_id=bank)
    [paid] = await pay_shares(scene, paying(scene, ben, share_of(ask)))
    assert paid.error is None
    return paid.payment_id


async def state(scene: Scene) -> list[str]:
    """How what is to go on stands."""
    return [status for (status,) in await rows(scene.db, "select status from forwarding")]


@pytest.mark.parametrize(
    "outcome",
    [APPROVED, DECLINED, None],
    ids=["approved", "declined", "never heard of"],
)
async def test_it_goes_on_without_a_fee_or_stays_in_the_wallet(
    scene: Scene, ann: Person, ben: Person, bank: UUID, outcome: Outcome | None
) -> None:
    await came(scene, ann, ben, bank)
    landed = await held(scene.db, ann)

    sent = await asyncio.gather(*(forwarding.send_due(scene.db, now=scene.now) for _ in range(3)))
    on_the_way = await held(scene.db, ann), await problems(scene.db)
    [[call_id, amount]] = await rows(
        scene.db, "select id, amount from gateway_call where due_at <= %s", scene.now
    )
    await recorder(scene.db, scene).submit(Settle(call_id, outcome))

    assert (landed, sum(sent), amount) == (Decimal(6), 1, Decimal(6))
    assert on_the_way == (Decimal(0), [])
    arrived = Decimal(6) if outcome is APPROVED else Decimal(0)
    assert await held_by(scene.db, bank) == arrived
    assert await held(scene.db, ann) == Decimal(6) - arrived
    assert await state(scene) == ["sent"]
    assert await problems(scene.db) == []


async def test_what_was_spent_or_given_back_meanwhile_or_has_no_bank_any_more_stays(
    scene: Scene, ann: Person, ben: Person, bank: UUID
) -> None:
    await came(scene, ann, ben, bank)
    await scene.pay(scene.order(ann, ben, EUR("0.01")))
    await forwarding.send_due(scene.db, now=scene.now)
    await fund(scene.db, ann, EUR("1.01"), now=scene.now)
    await refund(scene, ann, await came(scene, ann, ben, bank), "1.00")
    await forwarding.send_due(scene.db, now=scene.now)
    await came(scene, ann, ben, bank)
    async with scene.db.transaction() as tx:
        await tx.execute("update funding_source set status = 'disabled' where id = %s", [bank])

    await forwarding.send_due(scene.db, now=scene.now)

    assert await state(scene) == ["kept", "kept", "kept"]
    assert await held(scene.db, ann) == Decimal("18.00")
    assert await problems(scene.db) == []


async def test_a_pool_and_a_share_paid_by_card_go_on_too(
    scene: Scene, ann: Person, ben: Person, bank: UUID
) -> None:
    pool = await make_pool(scene, ann, funding_source_id=bank)
    ask = await make_request(scene, ann, ben, funding_source_id=bank)
    card = await make_source(scene, ben)
    await pay_shares(scene, paying(scene, ben, into(pool, "2.50")))
    async with scene.db.transaction() as tx:
        await closing.close(tx, owner_id=ann.id, pool_id=pool, now=scene.now)
    [asked] = await intended(scene, paying(scene, ben, share_of(ask), funding_source_id=card))
    await record(recorder(scene.db, scene), heard(asked, APPROVED))

    sent = await forwarding.send_due(scene.db, now=scene.now)

    assert (sent, await held(scene.db, ann)) == (2, Decimal(0))
    assert await held_by(scene.db, UUID(int=0), kind="clearing") == Decimal("8.50")
    assert await problems(scene.db) == []
