"""The audit of refunds: silent over true rows, and each check finds what it is there for."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import pytest

from tests.money import EUR, Person, Scene, charge, rows
from tests.refunds import refund
from whipround.db.database import Database
from whipround.domain.refunds.checks import REFUND_CHECKS
from whipround.ledger.audit import audit

pytestmark = pytest.mark.anyio

SUMS, ROWS, MONEY = (check.claim for check in REFUND_CHECKS)


class Refunds(NamedTuple):
    """A payment, one of its two refunds, and who was paid by it."""

    payment: UUID
    refund: UUID
    transaction: UUID
    recipient: UUID


@pytest.fixture
async def refunds(db: Database, scene: Scene, ann: Person, ben: Person) -> Refunds:
    """A payment that was given back in two parts."""
    await charge(db, EUR("0.50"))
    [made] = await scene.pay(scene.order(ann, ben))
    for amount in ("2.00", None):
        await refund(scene, ben, made.payment_id, amount)
    [(id_, transaction_id), _] = await rows(
        db, "select id, transaction_id from refund order by number"
    )
    assert made.payment_id is not None
    return Refunds(made.payment_id, id_, transaction_id, ben.id)


_BOTH_ROWS = """
    with changed as (update transaction set {0} where id = %(transaction)s)
    update refund set {0} where id = %(refund)s
"""
_GIVEN_TO_ONESELF = """
    update transaction set in_funding_source_id = out_funding_source_id
    where id = %(transaction)s
"""
_GIVEN_BY_THE_OTHER = """
    update transaction set out_funding_source_id = in_funding_source_id
    where id = %(transaction)s
"""


async def test_true_rows_have_no_problems(db: Database, refunds: Refunds) -> None:
    assert (await audit(db, checks=REFUND_CHECKS)).ok


@pytest.mark.parametrize(
    ("statements", "claims"),
    [
        *(
            pytest.param(
                [f"update payment set {change} where id = %(payment)s"],
                {SUMS},
                id=f"a payment of which {change}",
            )
            for change in ("refunded = 5", "refunded_fee = 0.40", "refunded = 0, refunded_fee = 0")
        ),
        pytest.param(
            [
                "update payment set refunded_fee = 0.40 where id = %(payment)s",
                "update refund set fee = fee - 0.10 where id = %(refund)s",
            ],
            {SUMS, MONEY},
            id="a payment that is refunded but for a part of its fee",
        ),
        pytest.param(
            [_BOTH_ROWS.format("amount = 1")],
            {SUMS, MONEY},
            id="a refund of less than was moved",
        ),
        *(
            pytest.param(
                [f"update transaction set {change} where id = %(transaction)s"],
                {ROWS},
                id=f"a transaction of which {change}",
            )
            for change in (
                "amount = 1",
                "fee = 1",
                "currency = 'USD'",
                "payment_id = gen_random_uuid()",
                "in_user_id = out_user_id",
                "exchange_rate = 2",
            )
        ),
        pytest.param(
            ["update transaction set kind = 'payment' where id = %(transaction)s"],
            {ROWS},
            id="a refund without a transaction",
        ),
        pytest.param(
            ["update payment set fulfillment_status = 'unfulfilled' where id = %(payment)s"],
            {ROWS},
            id="a refund of what never arrived",
        ),
        pytest.param(
            [_GIVEN_TO_ONESELF],
            {MONEY},
            id="money that came to another wallet",
        ),
        pytest.param(
            ["update transaction set status = 'active' where id = %(transaction)s"],
            {MONEY},
            id="money that is said to be on its way",
        ),
        pytest.param([_GIVEN_BY_THE_OTHER], {MONEY}, id="money given by another wallet"),
    ],
)
async def test_each_check_finds_its_own(
    db: Database, refunds: Refunds, statements: Sequence[str], claims: set[str]
) -> None:
    async with db.transaction() as tx:
        for statement in statements:
            await tx.execute(statement.encode(), refunds._asdict())

    report = await audit(db, checks=REFUND_CHECKS)

    assert {it.claim for it in report.findings if it.problems} == claims
