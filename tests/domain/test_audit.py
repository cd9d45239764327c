"""The audit of the domain: silent over true rows, and each check finds what it is there for."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import pytest

from tests.money import EUR, Person, Scene, charge, found_in, new_address, problems, rows
from tests.settlements import (
    heard,
    heard_later,
    intended,
    make_source,
    paying_out,
    record,
    recorder,
)
from whipround.db.database import Database
from whipround.domain import claims
from whipround.domain.audit import DOMAIN_CHECKS
from whipround.domain.payees import Address
from whipround.domain.payments.commands import UNCLAIMED_FOR
from whipround.ledger.audit import audit
from whipround.outcomes import Outcome

pytestmark = pytest.mark.anyio

TRANSFERS, PAYMENTS, GAVE, GOT, HOLDINGS, CLEARING, ASKED, *_ = (
    check.claim for check in DOMAIN_CHECKS
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


class Outside(NamedTuple):
    """One transaction of each kind that the outside has a part in."""

    charged: UUID
    asked: UUID
    declined: UUID
    late: UUID
    waiting: UUID
    paid_out: UUID
    underway: UUID
    refused: UUID
    came_back: UUID


@pytest.fixture
async def outside(db: Database, scene: Scene, ann: Person, ben: Person) -> Outside:
    """Charges and withdrawals, and what was said of them; one of each is still under way."""
    await charge(db, EUR("0.50"))  # that withdrawals and cards cost nothing
    card, bank = await make_source(scene, ann), await make_source(scene, ann, "bank_account")
    to: list[Person | Address] = [ben, ben, ben, ben, new_address()]
    orders = [scene.order(ann, it, EUR("1.00"), funding_source_id=card) for it in to]
    orders += [paying_out(scene, ann, bank, EUR("2.00")) for _ in range(4)]
    made = await intended(scene, *orders)
    charged, _, declined, late, waiting, paid_out, underway, refused, came_back = made
    approved, no = Outcome("approved"), Outcome("declined", "expired_card")
    at = recorder(db, scene)
    await record(
        at,
        *(heard(it, approved) for it in (charged, waiting, paid_out, came_back)),
        *(heard(it, no) for it in (declined, late, refused)),
        heard(underway, Outcome("pending")),
    )
    await record(at, heard_later(late, approved), heard_later(came_back, no))
    return Outside(*(it.payment.transaction_id for it in made))


async def test_true_rows_of_what_the_outside_did_have_no_problems(
    db: Database, outside: Outside
) -> None:
    assert await problems(db) == []
    # Each is a state of its own, which the first check tells from all others.
    states = await rows(
        db,
        "select transaction.status, gateway_call.kind, gateway_call.status from transaction"
        " join gateway_call on transaction.id = transaction_id",
    )
    assert len(set(states)) == len(outside)


_CALL = "update gateway_call set {1} where transaction_id = %({0})s"
_NO_CALL = "delete from gateway_call where transaction_id = %({0})s"
_IS_OVER = """
    with changed as (
        update transaction set status = 'rejected' where id = %({0})s
    )
    update payment set status = 'closed' where transaction_id = %({0})s
"""
_MORE_IS_ON_ITS_WAY = """
    with changed as (
        update transaction set amount = amount + 1 where id = %(underway)s
    ), asked as (
        update gateway_call set amount = amount + 1 where transaction_id = %(underway)s
    )
    update payment set amount = amount + 1 where transaction_id = %(underway)s
"""


def _said(name: str, status: str) -> str:
    """The outside has said something else."""
    return _CALL.format(name, f"status = '{status}'")


FORGED: dict[str, tuple[str, set[str]]] = {
    "a card would not give it": (_said("charged", "declined"), {TRANSFERS}),
    "a card was only asked": (_said("charged", "open"), {TRANSFERS}),
    "a card gave it, and it is nowhere": (_said("asked", "approved"), {TRANSFERS}),
    "a card gave it after all, and it is nowhere": (_said("declined", "approved"), {TRANSFERS}),
    "it is in the wallet, and no card gave it": (_said("late", "declined"), {TRANSFERS}),
    "it waits, and no card gave it": (_said("waiting", "cancelled"), {TRANSFERS}),
    "a bank has it, and never said so": (_said("paid_out", "pending"), {TRANSFERS}),
    "it came back, and is nowhere": (_said("paid_out", "failed"), {TRANSFERS}),
    "a bank has it, and it is here": (_said("underway", "approved"), {TRANSFERS}),
    "a bank has it, and it is in the wallet": (_said("refused", "approved"), {TRANSFERS}),
    "it is in the wallet, and never came back": (_said("came_back", "approved"), {TRANSFERS}),
    "a card was paid": (_CALL.format("charged", "kind = 'payout'"), {TRANSFERS}),
    "a bank has given": (_CALL.format("underway", "kind = 'charge'"), {TRANSFERS}),
    "no card was asked": (_NO_CALL.format("asked"), {TRANSFERS}),
    "no card was asked that declined": (_NO_CALL.format("declined"), {TRANSFERS}),
    "no card was asked that gave it after all": (_NO_CALL.format("late"), {TRANSFERS}),
    # It would stay where it is, as nobody would ever ask again.
    "no bank was asked": (_NO_CALL.format("underway"), {CLEARING}),
    "it is on its way, and said to be over": (
        _IS_OVER.format("underway"),
        {TRANSFERS, CLEARING},
    ),
    "it is on its way, and no withdrawal": (
        "update payment set kind = 'payment' where transaction_id = %(underway)s",
        {CLEARING},
    ),
    "more is on its way than was set aside": (_MORE_IS_ON_ITS_WAY, {GAVE, CLEARING}),
    "a card gave more": (_CALL.format("charged", "amount = 2"), {ASKED}),
    "a card was asked for less": (_CALL.format("asked", "amount = 0.99"), {ASKED}),
    "a bank was asked for more": (_CALL.format("underway", "amount = 3"), {ASKED}),
    "a bank was asked for another currency": (
        _CALL.format("paid_out", "currency = 'USD'"),
        {ASKED},
    ),
    "a bank was asked for what is no transaction": (
        _CALL.format("underway", "transaction_id = gen_random_uuid()"),
        {CLEARING, ASKED},
    ),
    "no card was asked for the fee": (_BOTH_ROWS.format("fee = 1", "charged"), {GAVE, ASKED}),
}


async def test_each_check_finds_its_own_of_what_the_outside_did(
    db: Database, outside: Outside
) -> None:
    statements = {id_: statement for id_, (statement, _) in FORGED.items()}
    found = await found_in(db, statements, outside._asdict(), checks=DOMAIN_CHECKS)

    assert found == {id_: claims for id_, (_, claims) in FORGED.items()}
