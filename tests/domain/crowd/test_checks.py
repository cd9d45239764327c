"""The audit of crowd payments: silent over true rows, and each lie about them is found."""

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

import pytest

from tests import crowd
from tests.money import EUR, Scene, charge, found_in, new_address, problems, rows
from whipround.db.database import Database
from whipround.domain import claims
from whipround.domain.audit import DOMAIN_CHECKS
from whipround.domain.crowd import pledges
from whipround.domain.crowd.checks import CROWD_CHECKS
from whipround.domain.crowd.commands import PLEDGED_FOR, UNCLAIMED_FOR

pytestmark = pytest.mark.anyio

TRANSFERS, PAYMENTS, GAVE, GOT, HOLDINGS, *_ = (check.claim for check in DOMAIN_CHECKS)
STATUS, DIVIDED, SHARES, TOOK, LANDED, PLEDGES, PARTS, WHOSE, MOVED = (
    check.claim for check in CROWD_CHECKS
)


class Made(NamedTuple):
    """A crowd payment of each kind, and shares of the one that is `paid`, one in each state.

    `again` goes to the same person as `direct`. `plain` is a payment of no crowd.
    """

    paid: UUID
    pledged: UUID
    claimed_pledge: UUID
    revoked: UUID
    expired: UUID
    direct: UUID
    again: UUID
    held: UUID
    claimed: UUID
    returned: UUID
    plain: UUID
    other: UUID
    other_wallet: UUID


@pytest.fixture
async def made(db: Database, scene: Scene) -> Made:
    """All of them, of one payer."""
    await charge(db, EUR("0.70"))
    now = scene.now
    ann, ben, cee = [await scene.person(EUR("90.00")) for _ in range(3)]
    to_claim, to_return, to_wait = new_address(), new_address(), crowd.new_profile()
    returning = await crowd.pay_crowd(db, ann, EUR("1.00"), to_return, now=now - timedelta(days=1))
    paid = await crowd.pay_crowd(
        db,
        ann,
        EUR("10.00"),
        *(ben, ben, to_wait, to_claim),
        roles=["Author", "Editor", "", ""],
        now=now,
    )
    async with db.transaction() as tx:
        await claims.prove(tx, user_id=cee.id, addresses=[to_claim], now=now)
    await claims.return_expired(db, now=now + UNCLAIMED_FOR - timedelta(days=1))
    [pledged, claimed, revoked] = [
        await crowd.pledge(db, ann, EUR("5.00"), ben, now=now) for _ in range(3)
    ]
    expired = await crowd.pledge(db, ann, EUR("5.00"), ben, now=now - timedelta(days=1))
    parts = crowd.shares(EUR("5.00"), ben, new_address())
    await crowd.claim(db, claimed, parts, now=now)
    async with db.transaction() as tx:
        await pledges.revoke(tx, payer_id=ann.id, ids=[revoked], keyring=scene.keyring, now=now)
    await pledges.expire(db, now=now + PLEDGED_FOR - timedelta(days=1))
    [plain] = await scene.pay(scene.order(ann, ben))
    assert plain.payment_id is not None
    direct, again, held, was_claimed = await crowd.shares_of(db, paid)
    [returned] = await crowd.shares_of(db, returning)
    return Made(
        paid=paid,
        pledged=pledged,
        claimed_pledge=claimed,
        revoked=revoked,
        expired=expired,
        direct=direct,
        again=again,
        held=held,
        claimed=was_claimed,
        returned=returned,
        plain=plain.payment_id,
        other=cee.id,
        other_wallet=cee.wallet_id,
    )


async def test_true_rows_have_no_problems(db: Database, made: Made) -> None:
    assert await problems(db) == []
    statuses = await rows(db, "select status, count(*) from crowd_payment group by 1 order by 1")
    assert statuses == [("expired", 1), ("paid", 3), ("pledged", 1), ("revoked", 1)]


def _crowd(name: str, change: str) -> str:
    return f"update crowd_payment set {change} where id = %({name})s"


def _share(name: str, change: str) -> str:
    return f"update crowd_share set {change} where payment_id = %({name})s"


def _transaction(name: str, change: str) -> str:
    return f"update transaction set {change} where payment_id = %({name})s"


def _both(name: str, change: str) -> str:
    """The payment that is a share, and its transaction."""
    return f"""
        with changed as (update transaction set {change} where payment_id = %({name})s)
        update payment set {change} where id = %({name})s
    """


def _between(change: str) -> str:
    """Two shares of one person are changed, one up and one down."""
    return f"""
        with changed as (
            update transaction set {change.format("payment_id")}
            where payment_id in (%(direct)s, %(again)s)
        )
        update payment set {change.format("id")} where id in (%(direct)s, %(again)s)
    """


def _holding(name: str, change: str) -> str:
    return f"update holding set {change} where object_id = %({name})s"


_FORGED = """
    insert into crowd_payment (id, owner_id, funding_source_id, status, amount, fee, currency,
        is_invoiced, keywords, expires_at, created_at, paid_at, updated_at)
    select gen_random_uuid(), owner_id, funding_source_id, '{0}', amount, fee, currency,
        is_invoiced, keywords, {1}, created_at, {2}, updated_at
    from crowd_payment where id = %(paid)s
"""
# Money from one wallet to another, by a transfer that is said to be of a crowd payment.
_MOVED = """
    with side as (
        select id, version, balance, row_number() over (order by id) as number
        from account where kind = 'wallet' and currency = 'EUR' and balance > 1
        order by id limit 2
    ), posted as (
        insert into transfer (id, kind, key, posted_at)
        values (gen_random_uuid(), '{0}', {1} || ':{2}', now())
        returning id
    ), legs as (
        select side.*, case number when 1 then 1 else -1 end as moved from side
    ), entered as (
        insert into entry (account_id, version, transfer_id, amount, balance)
        select legs.id, version + 1, posted.id, moved, balance + moved from legs, posted
    )
    update account
    set balance = account.balance + moved, version = account.version + 1,
        credited = credited + greatest(moved, 0), debited = debited - least(moved, 0)
    from legs where legs.id = account.id
"""

FORGED: dict[str, tuple[str, set[str]]] = {
    # Of the crowd payment.
    "one was paid without money": (_FORGED.format("paid", "null", "now()"), {STATUS, DIVIDED}),
    "one was pledged without money": (
        _FORGED.format("pledged", "now()", "null"),
        {STATUS, PLEDGES},
    ),
    "more was paid": (_crowd("paid", "amount = amount + 1"), {DIVIDED, TOOK, PARTS}),
    "a higher fee was paid": (_crowd("paid", "fee = fee + 1"), {DIVIDED, TOOK, PARTS}),
    "some of it was the fee": (
        _crowd("paid", "amount = amount - 1, fee = fee + 1"),
        {DIVIDED, PARTS},
    ),
    "it was paid in dollars": (_crowd("paid", "currency = 'USD'"), {DIVIDED, TOOK}),
    "somebody else has paid": (_crowd("paid", "owner_id = %(other)s"), {DIVIDED}),
    "it was paid from elsewhere": (
        _crowd("paid", "funding_source_id = %(other_wallet)s"),
        {DIVIDED, TOOK},
    ),
    "it is gone": ("delete from crowd_payment where id = %(paid)s", {SHARES, MOVED}),
    "more was pledged": (_crowd("pledged", "amount = amount + 1"), {TOOK, PLEDGES}),
    "it waits, and was paid": (
        _crowd("paid", "status = 'pledged', paid_at = null, expires_at = now()"),
        {STATUS, DIVIDED, PLEDGES},
    ),
    "it was paid, and waits": (
        _crowd("pledged", "status = 'paid', paid_at = now()"),
        {STATUS, DIVIDED, PLEDGES},
    ),
    "it was revoked, and waits": (_crowd("pledged", "status = 'revoked'"), {STATUS, PLEDGES}),
    "it has come back, and waits": (
        _crowd("revoked", "status = 'pledged'"),
        {STATUS, PLEDGES},
    ),
    "it was paid, and has come back": (
        _crowd("claimed_pledge", "status = 'expired', paid_at = null"),
        {STATUS, DIVIDED},
    ),
    "it has come back, and was paid": (
        _crowd("expired", "status = 'paid', paid_at = now()"),
        {STATUS, DIVIDED},
    ),
    "what was pledged and came back was less": (
        _crowd("revoked", "amount = amount - 1"),
        {TOOK},
    ),
    "who had pledged is somebody else": (
        _crowd("revoked", "funding_source_id = %(other_wallet)s"),
        {TOOK},
    ),
    "a pledge that waits is gone": (
        "delete from crowd_payment where id = %(pledged)s",
        {PLEDGES, MOVED},
    ),
    "a pledge that came back is gone": (
        "delete from crowd_payment where id = %(revoked)s",
        {MOVED},
    ),
    # Of the shares.
    "a share is none": (
        "delete from crowd_share where payment_id = %(direct)s",
        {TRANSFERS, DIVIDED, LANDED},
    ),
    "a share belongs to another": (
        _share("direct", "crowd_id = %(claimed_pledge)s, position = 9"),
        {DIVIDED, LANDED, PARTS},
    ),
    "a share belongs to none": (
        _share("direct", "crowd_id = gen_random_uuid()"),
        {TRANSFERS, DIVIDED, SHARES, LANDED},
    ),
    "a share of a pledge that waits": (
        _share("direct", "crowd_id = %(pledged)s"),
        {TRANSFERS, DIVIDED, LANDED, PARTS},
    ),
    "another payment is a share": (
        _share("direct", "payment_id = %(plain)s"),
        {TRANSFERS, DIVIDED, LANDED, PARTS},
    ),
    "a share is no payment": (
        _share("direct", "payment_id = gen_random_uuid()"),
        {TRANSFERS, DIVIDED, SHARES, LANDED},
    ),
    "a share is a larger part": (_share("direct", "percentage = percentage + 1"), {DIVIDED, PARTS}),
    "the last share is a later one": (_share("claimed", "position = 9"), {DIVIDED}),
    "a share was more": (_both("direct", "amount = amount + 1"), {DIVIDED, LANDED, PARTS}),
    "a share's fee was more": (_both("direct", "fee = fee + 0.1"), {DIVIDED, LANDED, PARTS}),
    "a held share was more": (_both("held", "amount = amount + 1"), {DIVIDED, PARTS, WHOSE}),
    "a claimed share was more": (
        _both("claimed", "amount = amount + 1"),
        {GOT, DIVIDED, PARTS, WHOSE},
    ),
    "a returned share was more": (
        _both("returned", "amount = amount + 1"),
        {DIVIDED, PARTS, WHOSE},
    ),
    "one share was more, another one less": (
        _between("amount = amount + case {0} when %(direct)s then 0.5 else -0.5 end"),
        {PARTS},
    ),
    "one share bore more of the fee, another less": (
        _between("fee = fee + case {0} when %(direct)s then 0.05 else -0.05 end"),
        {PARTS},
    ),
    "a share was paid in dollars": (_both("direct", "currency = 'USD'"), {DIVIDED, LANDED}),
    "a share was paid by somebody else": (
        "update payment set owner_id = %(other)s where id = %(direct)s",
        {DIVIDED, WHOSE},
    ),
    "a share was paid from elsewhere": (
        "update payment set funding_source_id = %(other_wallet)s where id = %(direct)s",
        {DIVIDED, WHOSE},
    ),
    "a share was a top-up": ("update payment set kind = 'top_up' where id = %(direct)s", {SHARES}),
    "a share came from another wallet": (
        _transaction("direct", "out_funding_source_id = %(other_wallet)s"),
        {WHOSE},
    ),
    "a share came to another wallet": (
        _transaction("direct", "in_funding_source_id = %(other_wallet)s"),
        {LANDED, WHOSE},
    ),
    "a share came to somebody else": (
        """
        with changed as (
            update transaction set in_user_id = %(other)s where payment_id = %(direct)s
        )
        update payment set recipient_user_id = %(other)s where id = %(direct)s
        """,
        {WHOSE},
    ),
    "a share waits that has come": (
        """
        with changed as (update transaction set status = 'active' where payment_id = %(direct)s)
        update payment set status = 'open', fulfillment_status = 'unfulfilled' where id = %(direct)s
        """,
        {WHOSE},
    ),
    "a share has come that waits": (
        """
        with changed as (update transaction set status = 'approved' where payment_id = %(held)s)
        update payment set status = 'closed', fulfillment_status = 'fulfilled' where id = %(held)s
        """,
        {WHOSE},
    ),
    "a share has returned that came": (
        _transaction("claimed", "status = 'cancelled'"),
        {TRANSFERS, PAYMENTS, WHOSE},
    ),
    "a share has come that returned": (
        _transaction("returned", "status = 'approved'"),
        {TRANSFERS, PAYMENTS, WHOSE},
    ),
    # Of what waits.
    "what waits is an ordinary payment": (_holding("held", "kind = 'payment'"), {SHARES}),
    "what waits is less": (_holding("held", "amount = amount - 1"), {HOLDINGS, LANDED, WHOSE}),
    "what waits is less fee and more amount": (
        _holding("held", "amount = amount + 0.1, fee = fee - 0.1"),
        {WHOSE},
    ),
    "what waits is nowhere": ("delete from holding where object_id = %(held)s", {LANDED, WHOSE}),
    "what waits is for somebody else": (
        _holding("held", "payee_id = (select id from payee where id <> payee_id limit 1)"),
        {WHOSE},
    ),
    "what waits returns to another wallet": (
        _holding("held", "source_id = %(other_wallet)s"),
        {WHOSE},
    ),
    "what waits returns to another account": (
        _holding(
            "held",
            "source_account_id = (select id from account where owner_id <> source_id limit 1)",
        ),
        {WHOSE},
    ),
    "a payment waits as a share": (
        """
        insert into holding (id, payee_id, account_id, source_account_id, source_id, kind,
            object_id, transaction_id, amount, fee, currency, status, expires_at, created_at,
            updated_at)
        select gen_random_uuid(), payee_id, account_id, source_account_id, source_id, 'share',
            %(plain)s, transaction_id, amount, fee, currency, 'returned', expires_at, created_at,
            updated_at
        from holding where object_id = %(returned)s
        """,
        {SHARES},
    ),
    # Of the money.
    "a crowd payment of nobody moved something": (
        _MOVED.format("crowd", "gen_random_uuid()", "pay"),
        {LANDED, MOVED},
    ),
    "a pledge of nobody moved something": (
        _MOVED.format("pledge", "gen_random_uuid()", "pledge"),
        {MOVED},
    ),
    "a pledge of nobody came back": (
        _MOVED.format("unpledge", "gen_random_uuid()", "unpledge"),
        {MOVED},
    ),
    "a pledge came back that waits": (
        _MOVED.format("unpledge", "%(pledged)s::text", "unpledge"),
        {STATUS, TOOK},
    ),
    "what was paid at once had been pledged": (
        _MOVED.format("pledge", "%(paid)s::text", "pledge"),
        {TOOK},
    ),
}


async def test_each_lie_is_found(db: Database, made: Made) -> None:
    statements = {name: statement for name, (statement, _) in FORGED.items()}
    found = await found_in(db, statements, made._asdict(), checks=DOMAIN_CHECKS)

    assert found == {name: claims for name, (_, claims) in FORGED.items()}
