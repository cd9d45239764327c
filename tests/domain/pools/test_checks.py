"""The audit of pools: silent over true rows, and each check finds what it is there for."""

from typing import Any

import pytest

from tests.money import EUR, Scene, found_in, problems
from tests.settlements import intended, make_source
from tests.shares import into, make_pool, pay_shares, paying
from whipround.domain.pools import closing
from whipround.domain.pools.checks import POOL_CHECKS

pytestmark = pytest.mark.anyio

TOTALS, ACCOUNTS, CONTRIBUTIONS, PAYOUTS = (check.claim for check in POOL_CHECKS)

_PAID_OUT_AGAIN = """
    insert into payment overriding system value
    select (jsonb_populate_record(payment, jsonb_build_object('id', gen_random_uuid()))).*
    from payment where kind = 'payout'
"""
_ANOTHER_ACCOUNT = """
    update pool set account_id = closed.account_id
    from pool as closed
    where pool.id = %(pool)s and closed.id = %(closed)s
"""


def _pool(change: str, name: str = "pool") -> str:
    return f"update pool set {change} where id = %({name})s"


def _row(status: str, change: str) -> str:
    return f"update pool_participant set {change} where pool_id = %(pool)s and status = '{status}'"


def _gone(status: str) -> str:
    return f"delete from pool_participant where pool_id = %(pool)s and status = '{status}'"


def _payment(kind: str, change: str) -> str:
    return f"update payment set {change} where kind = '{kind}' and fulfillment_status = 'fulfilled'"


FORGED: dict[str, tuple[str, set[str]]] = {
    "more is in it": (_pool("amount = amount + 1"), {TOTALS, ACCOUNTS}),
    "more have paid": (_pool("paid_count = 2"), {TOTALS}),
    "nobody is pending": (_pool("pending_count = 0"), {TOTALS}),
    "nobody is invited": (_pool("invited_count = 0"), {TOTALS}),
    "somebody has rejected it": (_pool("rejected_count = 1"), {TOTALS}),
    "somebody has no first row": (_row("paid", "is_first = false"), {TOTALS}),
    "it is closed": (_pool("status = 'closed', closed_at = now()"), {ACCOUNTS, PAYOUTS}),
    "it is open again": (
        _pool("status = 'open', closed_at = null", "closed"),
        {ACCOUNTS, PAYOUTS},
    ),
    "it has another's account": (_ANOTHER_ACCOUNT, {ACCOUNTS}),
    "more was contributed": (_row("paid", "amount = 7"), {TOTALS, CONTRIBUTIONS}),
    "nobody has contributed": (_gone("paid"), {TOTALS, CONTRIBUTIONS}),
    "nobody is contributing": (_gone("pending"), {TOTALS, CONTRIBUTIONS}),
    "who is contributing is cancelled": (
        _row("pending", "status = 'cancelled'"),
        {TOTALS, CONTRIBUTIONS},
    ),
    "who is contributing has": (_row("pending", "status = 'paid'"), {TOTALS, CONTRIBUTIONS}),
    "another transaction contributed": (
        _row("paid", "transaction_id = gen_random_uuid()"),
        {CONTRIBUTIONS},
    ),
    "somebody else contributed": (_row("paid", "user_id = %(ann)s"), {CONTRIBUTIONS}),
    "it was contributed elsewhere": (
        _payment("contribution", "pool_id = %(closed)s"),
        {CONTRIBUTIONS},
    ),
    "nothing paid it out": (_pool("payout_id = null", "closed"), {PAYOUTS}),
    "it was paid out and is open": (_pool("payout_id = gen_random_uuid()"), {PAYOUTS}),
    "another one was paid out": (_payment("payout", "pool_id = %(pool)s"), {PAYOUTS}),
    "less was paid out": (_payment("payout", "amount = 5"), {PAYOUTS}),
    "it was paid out to somebody else": (
        _payment("payout", "recipient_user_id = %(ben)s"),
        {PAYOUTS},
    ),
    "it was paid out again": (_PAID_OUT_AGAIN, {PAYOUTS}),
}


async def made(scene: Scene) -> dict[str, Any]:
    """A pool with all kinds of rows, and one that is closed: by name the ids."""
    ann, ben, cat = await scene.person(), await scene.person(EUR("20.00")), await scene.person()
    card = await make_source(scene, cat)
    pool, closed = await make_pool(scene, ann, invites=[ben.id]), await make_pool(scene, ann)
    dan = await scene.person(EUR("20.00"))
    await pay_shares(scene, paying(scene, dan, into(pool)), paying(scene, dan, into(closed)))
    await intended(scene, paying(scene, cat, into(pool), funding_source_id=card))
    async with scene.db.transaction() as tx:
        await closing.close(tx, owner_id=ann.id, pool_id=closed, now=scene.now)
    return {"pool": pool, "closed": closed, "ann": ann.id, "ben": ben.id}


async def test_each_check_finds_its_own(scene: Scene) -> None:
    ids = await made(scene)
    assert await problems(scene.db) == []

    statements = {name: statement for name, (statement, _) in FORGED.items()}
    found = await found_in(scene.db, statements, ids, checks=POOL_CHECKS)

    assert found == {name: claims for name, (_, claims) in FORGED.items()}
