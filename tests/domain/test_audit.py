"""The audit of the domain: silent over true rows, and each check finds what it is there for."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import pytest

from tests.money import EUR, Person, Scene, charge, new_address, problems, rows
from whipround.db.database import Database
from whipround.domain import claims
from whipround.domain.audit import DOMAIN_CHECKS
from whipround.domain.payments.commands import UNCLAIMED_FOR
from whipround.domain.refunds.checks import REFUND_CHECKS
from whipround.ledger.audit import audit

pytestmark = pytest.mark.anyio

TRANSFERS, PAYMENTS, GAVE, GOT, HOLDINGS, CLEARING, ASKED = (
    check.claim for check in DOMAIN_CHECKS[: -len(REFUND_CHECKS)]
)


class Payments(NamedTuple):
    """One payment of each kind: its transaction."""

    paid: UUID
    waiting: UUID
    claimed: UUID
    returned: UUID
    other_wallet: UUID


@pytest.fixture
async def payments(db: Database, scene: Scene, ann: Person, ben: Person) -> Payments:
    """A payment that was made at once, one that waits, one claimed and one returned."""
    await charge(db, EUR("0.50"))
    to_return, to_claim, to_wait = (new_address() for _ in range(3))
    await scene.pay(scene.order(ann, to_return, EUR("1.00")))
    await claims.return_expired(db, now=scene.now + UNCLAIMED_FOR)
    await scene.pay(*(scene.order(ann, it, EUR("1.00")) for it in (ben, to_wait, to_claim)))
    async with db.transaction() as tx:
        await claims.prove(tx, user_id=ben.id, addresses=[to_claim], now=scene.now)
    found = await rows(db, "select transaction_id from payment order by number")
    returned, paid, waiting, claimed = (id_ for (id_,) in found)
    return Payments(paid, waiting, claimed, returned, ann.wallet_id)


async def test_true_rows_have_no_problems(db: Database, payments: Payments) -> None:
    report = await audit(db, checks=DOMAIN_CHECKS)

    assert report.ok
    assert await problems(db) == []
    assert [it.claim for it in report.findings[-len(DOMAIN_CHECKS) :]] == [
        it.claim for it in DOMAIN_CHECKS
    ]


_NO_TRANSFER = """
    update transaction set id = gen_random_uuid() where id = %(paid)s
"""
_FORGED = """
    with made as (
        insert into transaction (id, payment_id, out_user_id, in_user_id, out_funding_source_id,
            in_funding_source_id, status, amount, fee, currency, tracking_code, created_at,
            updated_at)
        select gen_random_uuid(), gen_random_uuid(), out_user_id, in_user_id,
            out_funding_source_id, in_funding_source_id, status, amount, fee, currency, '',
            created_at, updated_at
        from transaction where id = %(paid)s
        returning *
    )
    insert into payment (id, owner_id, funding_source_id, amount, fee, currency, description, meta,
        status, fulfillment_status, recipient_id, recipient_user_id, recipient_name,
        recipient_meta, recipient_status, transaction_id, created_at, updated_at)
    select payment_id, out_user_id, out_funding_source_id, amount, fee, currency, '', '', 'closed',
        'fulfilled', gen_random_uuid(), in_user_id, '', '', 'paid', id, created_at, updated_at
    from made
"""
_GIVEN_BY_THE_OTHER = """
    update transaction set out_funding_source_id = in_funding_source_id where id = %(paid)s
"""
_BOTH_ROWS = """
    with changed as (update transaction set {0} where id = %({1})s)
    update payment set {0} where transaction_id = %({1})s
"""


@pytest.mark.parametrize(
    ("statements", "claims"),
    [
        pytest.param([_FORGED], {TRANSFERS}, id="a payment without money"),
        pytest.param([_NO_TRANSFER], {TRANSFERS, PAYMENTS}, id="a transaction under another id"),
        pytest.param(
            ["update transaction set status = 'active' where id = %(paid)s"],
            {TRANSFERS, PAYMENTS},
            id="a payment that is said to wait",
        ),
        pytest.param(
            [
                "update transaction set status = 'failed' where id = %(waiting)s",
                "update payment set status = 'closed' where transaction_id = %(waiting)s",
            ],
            {TRANSFERS},
            id="a transaction that failed and kept the money",
        ),
        pytest.param(
            ["delete from payment where transaction_id = %(paid)s"],
            {PAYMENTS},
            id="a transaction without a payment",
        ),
        pytest.param(
            ["delete from transaction where id = %(paid)s"],
            {PAYMENTS},
            id="a payment without a transaction",
        ),
        *(
            pytest.param(
                [f"update payment set {change} where transaction_id = %(paid)s"],
                {PAYMENTS},
                id=f"a payment of which {change}",
            )
            for change in (
                "amount = 2",
                "fee = 0",
                "currency = 'USD'",
                "fulfillment_status = 'unfulfilled'",
                "recipient_user_id = null",
            )
        ),
        pytest.param(
            [_BOTH_ROWS.format("amount = amount + 1", "paid")],
            {GAVE, GOT},
            id="a payment of more than was moved",
        ),
        pytest.param(
            [_BOTH_ROWS.format("fee = fee + 1", "paid")], {GAVE}, id="a fee that was not taken"
        ),
        pytest.param(
            [_BOTH_ROWS.format("amount = amount + 1, fee = fee - 0.5", "returned")],
            {GAVE},
            id="a returned payment of more than was held",
        ),
        pytest.param(
            ["update transaction set in_funding_source_id = %(other_wallet)s where id=%(claimed)s"],
            {GOT},
            id="money claimed by another wallet",
        ),
        pytest.param(
            [_GIVEN_BY_THE_OTHER],
            {GAVE},
            id="money given by another wallet",
        ),
        pytest.param(
            ["update holding set amount = amount + 1 where status = 'held'"],
            {HOLDINGS},
            id="a holding of more than it holds",
        ),
        pytest.param(
            ["update holding set status = 'claimed' where status = 'held'"],
            {HOLDINGS},
            id="a holding that is said to be finished",
        ),
        pytest.param(
            ["update holding set status = 'held' where status = 'returned'"],
            {HOLDINGS},
            id="a holding that is finished and said to wait",
        ),
        pytest.param(
            ["update holding set account_id = gen_random_uuid() where status = 'held'"],
            {HOLDINGS},
            id="a holding without an account",
        ),
    ],
)
async def test_each_check_finds_its_own(
    db: Database, payments: Payments, statements: Sequence[str], claims: set[str]
) -> None:
    async with db.transaction() as tx:
        for statement in statements:
            await tx.execute(statement.encode(), payments._asdict())

    report = await audit(db, checks=DOMAIN_CHECKS)

    assert {it.claim for it in report.findings if it.problems} == claims
