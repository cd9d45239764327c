"""Closing a pool: nothing gets into it any more, and all that is in it is paid out.

The money lands in its owner's wallet; where the pool receives with a bank account it goes on from
there. What a card is still being charged for it returns to the payer.
"""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from whipround.db.database import Tx
from whipround.domain import notifications
from whipround.domain.funding.wallet import WALLET_ACCOUNT
from whipround.domain.notifications import Event, words
from whipround.domain.payments.commands import Payment
from whipround.domain.payments.making import to_oneself
from whipround.domain.payments.share_rows import insert_forwardings
from whipround.domain.payments.shares import POOL_ACCOUNT, Forwarding
from whipround.domain.payments.state import Recipient
from whipround.domain.payments.writing import insert_payments
from whipround.domain.pools.errors import PoolClosed, PoolNotFound
from whipround.ledger.accounts import NewAccount, lock_named
from whipround.ledger.transfers import Book, Leg, Transfer
from whipround.money import Money

MOST_TOLD = 10_000
"""How many of those who have to do with a pool are told that it is closed: the latest."""

_LOCK = """
    select id, owner_id, currency, description, status, amount, end_at, funding_source_id
    from pool
    where id = %(id)s
    for no key update
"""

# Neither the owner's wallet nor what a source is at bottom ever changes.
_OWNER = """
    select case source.type when 'bank_account' then source.id end,
        users.id, users.parent_user_id, wallet.id, full_name, username, users.verified, official
    from users
        join funding_source as wallet on wallet.user_id = users.id and wallet.type = 'virtual'
        join funding_source as source on source.id = %(source_id)s
    where users.id = %(owner_id)s
"""

_CLOSE = """
    update pool
    set status = 'closed', fulfillment_status = 'fulfilled', closed_at = %(now)s,
        payout_id = %(payout_id)s, updated_at = %(now)s
    where id = %(id)s
"""

_MEMBERS = """
    select user_id
    from pool_participant
    where pool_id = %(id)s and is_first and user_id <> %(owner_id)s
        and status in ('invited', 'pending', 'paid')
    order by created_at desc
    limit %(most)s
"""


class _Pool(NamedTuple):
    id: UUID
    owner_id: UUID
    currency: str
    description: str
    status: str
    amount: Decimal
    end_at: datetime | None
    funding_source_id: UUID


async def close(tx: Tx, *, owner_id: UUID, pool_id: UUID, now: datetime) -> None:
    """Close a pool of the owner's, and pay it out (Memento, Close money pool).

    Raises PoolNotFound for somebody else's, PoolClosed.
    """
    pool = await _lock(tx, pool_id)
    if pool is None or pool.owner_id != owner_id:
        raise PoolNotFound
    if pool.status == "closed":
        raise PoolClosed
    await _close(tx, pool, now=now)


async def close_ended(tx: Tx, *, pool_id: UUID, now: datetime) -> bool:
    """Close a pool whose time is over, and tell its owner; whether it was still open."""
    pool = await _lock(tx, pool_id)
    if pool is None or pool.status == "closed" or pool.end_at is None or pool.end_at > now:
        return False
    await _close(tx, pool, now=now)
    data = words(Money(pool.amount, pool.currency), description=pool.description)
    event = Event(pool.owner_id, "pool_paid_out", pool.id, None, data)
    await notifications.tell(tx, [event], now=now)
    return True


async def _lock(tx: Tx, pool_id: UUID) -> _Pool | None:
    row = await (await tx.execute(_LOCK, {"id": pool_id})).fetchone()
    return None if row is None else _Pool(*row)


async def _close(tx: Tx, pool: _Pool, *, now: datetime) -> None:
    payout = await _pay_out(tx, pool, now=now) if pool.amount else None
    payout_id = None if payout is None else payout.id
    await tx.execute(_CLOSE, {"id": pool.id, "payout_id": payout_id, "now": now})
    members = await tx.execute(
        _MEMBERS, {"id": pool.id, "owner_id": pool.owner_id, "most": MOST_TOLD}
    )
    data = words(Money(pool.amount, pool.currency), description=pool.description)
    events = [
        Event(user_id, "pool_closed", pool.id, pool.owner_id, data)
        for (user_id,) in await members.fetchall()
    ]
    await notifications.tell(tx, events, now=now)


async def _pay_out(tx: Tx, pool: _Pool, *, now: datetime) -> Payment:
    """All of the pool into its owner's wallet, by a payment of its own."""
    asked = {"owner_id": pool.owner_id, "source_id": pool.funding_source_id}
    [[bank_account_id, *row]] = await (await tx.execute(_OWNER, asked)).fetchall()
    owner = Recipient(*row)
    money = Money(pool.amount, pool.currency)
    pooled = NewAccount(pool.id, POOL_ACCOUNT, pool.currency)
    wallet = NewAccount(owner.wallet_id, WALLET_ACCOUNT, pool.currency)
    locked = await (await lock_named(tx, [pooled, wallet])).locked(tx, now=now)
    payment = to_oneself(
        "payout",
        owner=owner,
        money=money,
        from_id=None,
        to_id=owner.wallet_id,
        description=pool.description,
        pool_id=pool.id,
        done=True,
        now=now,
    )
    id_ = payment.transaction_id
    legs = (Leg(locked.ids[pooled.name], -pool.amount), Leg(locked.ids[wallet.name], pool.amount))
    book = Book(locked.accounts)
    book.post(Transfer(id_, "payment", f"{id_}:pay", legs))
    await book.write(tx, now=now)
    await insert_payments(tx, [payment], now=now)
    if bank_account_id is not None:
        onward = Forwarding(payment.id, pool.owner_id, bank_account_id, money)
        await insert_forwardings(tx, [onward], now=now)
    return payment
