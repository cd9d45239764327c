"""Pledges that wait, until they are claimed, their payers revoke them, or their time runs out.

Lock order, as everywhere: crowd payments, then accounts.
"""

import logging
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal, NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from whipround.db.batch import TRANSIENT
from whipround.db.database import Database, Tx
from whipround.domain import limits, notifications, throttles
from whipround.domain.crowd import locking, writing
from whipround.domain.crowd.commands import PLEDGE_ACCOUNT, CrowdPayment
from whipround.domain.funding.wallet import WALLET_ACCOUNT
from whipround.domain.limits import Usage
from whipround.domain.notifications import Event, words
from whipround.domain.throttles import Charge
from whipround.errors import Throttled
from whipround.keyring import Keyring
from whipround.ledger.accounts import NewAccount, lock_named
from whipround.ledger.transfers import Book, Leg, Transfer
from whipround.money import EXACT, Money

logger = logging.getLogger(__name__)

RETURNED_AT_ONCE = 200
"""How many pledges that have expired return in one transaction."""

_WAITING = """
    select id, owner_id, amount, currency, is_invoiced
    from crowd_payment
    where status = 'pledged' and url = any(%(urls)s) and id > %(after)s and expires_at > %(now)s
    order by id
    limit %(limit)s
"""

_OWN = """
    select id
    from crowd_payment
    where id = any(%(ids)s) and owner_id = %(owner_id)s and status = 'pledged'
"""

_EXPIRED = """
    select expires_at, id
    from crowd_payment
    where status = 'pledged' and expires_at <= %(now)s
        and (expires_at, id) > (%(expires_at)s, %(id)s)
    order by expires_at, id
    limit %(limit)s
"""


class Waiting(NamedTuple):
    """A pledge that waits to be divided, all but its fee."""

    id: UUID
    owner_id: UUID
    amount: Decimal
    currency: str
    is_invoiced: bool

    @property
    def money(self) -> Money:
        """What is to be divided."""
        return Money(self.amount, self.currency)


async def waiting(
    tx: Tx, *, urls: Sequence[str], after: UUID, limit: int, now: datetime
) -> list[Waiting]:
    """Up to `limit` pledges of anybody's to any of the urls, in the order of their ids.

    Those that have expired wait no more.
    """
    values = {"urls": list(urls), "after": after, "limit": limit, "now": now}
    cursor = await tx.execute(_WAITING, values)
    return [Waiting(*row) for row in await cursor.fetchall()]


async def revoke(
    tx: Tx,
    *,
    payer_id: UUID,
    ids: Collection[UUID],
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> int:
    """Return pledges of the payer's that still wait; how many did (Mobbr, Delete pledges).

    All others are passed over: paid, returned, somebody else's or unknown. Who took part in what
    was pledged to is told, unless the payer has had people told too often today.
    """
    own = await tx.execute(_OWN, {"ids": list(ids), "owner_id": payer_id})
    locked = await _lock(tx, [id_ for (id_,) in await own.fetchall()])
    if not locked:
        return 0
    await _return(tx, locked, status="revoked", now=now)
    events = [event for pledge in locked for event in _revoked(pledge)]
    if events:
        charge = Charge(throttles.REVOCATIONS_TOLD_PER_USER, str(payer_id), len(events))
        try:
            await throttles.charge(
                tx, [charge], keyring=keyring, now=now, multiplier=limit_multiplier
            )
        except Throttled:  # to pledge costs nothing, and neither does this
            return len(locked)
    await notifications.tell(tx, events, now=now)
    return len(locked)


def _revoked(pledge: CrowdPayment) -> list[Event]:
    data = words(pledge.money, payer=pledge.owner_name, description=pledge.page.title)
    return [
        Event(user_id, "pledge_revoked", pledge.id, pledge.owner_id, data)
        for user_id in pledge.participants
        if user_id != pledge.owner_id
    ]


async def expire(db: Database, *, now: datetime, limit: int = RETURNED_AT_ONCE) -> int:
    """Return all pledges that have waited too long, and tell their payers; how many.

    Up to `limit` in one transaction. What cannot be returned is logged, and keeps no other.
    """
    returned = 0
    after = (datetime.min.replace(tzinfo=UTC), UUID(int=0))
    while True:
        values = {"now": now, "expires_at": after[0], "id": after[1], "limit": limit}
        async with db.transaction() as tx:
            found = await (await tx.execute(_EXPIRED, values)).fetchall()
        if not found:
            return returned
        expires_at, id_ = found[-1]
        after = (expires_at, id_)
        returned += await _expire_some(db, [id_ for _, id_ in found], now=now)


async def _expire_some(db: Database, ids: Sequence[UUID], *, now: datetime) -> int:
    try:
        return await _expire(db, ids, now=now)
    except TRANSIENT:
        raise
    except Exception:
        logger.exception("expired pledges could not be returned together; one at a time now")
    returned = 0
    for id_ in ids:
        try:
            returned += await _expire(db, [id_], now=now)
        except TRANSIENT:
            raise
        except Exception:
            logger.exception("the expired pledge %s cannot be returned", id_)
    return returned


async def _expire(db: Database, ids: Sequence[UUID], *, now: datetime) -> int:
    async with db.transaction() as tx:
        locked = await _lock(tx, ids)
        if locked:
            await _return(tx, locked, status="expired", now=now)
            events = [
                Event(
                    pledge.owner_id,
                    "pledge_expired",
                    pledge.id,
                    None,
                    words(Money(_total(pledge), pledge.currency), description=pledge.page.title),
                )
                for pledge in locked
            ]
            await notifications.tell(tx, events, now=now)
    return len(locked)


async def _lock(tx: Tx, ids: Sequence[UUID]) -> list[CrowdPayment]:
    """Those of the pledges that still wait once they are locked."""
    locked = await locking.lock_pledges(tx, ids)
    return [pledge for pledge in locked.values() if pledge.status == "pledged"]


async def _return(
    tx: Tx,
    locked: Sequence[CrowdPayment],
    *,
    status: Literal["revoked", "expired"],
    now: datetime,
) -> None:
    """Move all that was set aside for the pledges back to the wallets, fee and all."""
    ends = [(_account(pledge), _wallet(pledge)) for pledge in locked]
    locking_accounts = await lock_named(tx, [account for each in ends for account in each])
    found = await locking_accounts.locked(tx, now=now)
    book = Book(found.accounts)
    for pledge, (account, wallet) in zip(locked, ends, strict=True):
        legs = (
            Leg(found.ids[account.name], -_total(pledge)),
            Leg(found.ids[wallet.name], _total(pledge)),
        )
        book.post(Transfer(uuid7(), "unpledge", f"{pledge.id}:unpledge", legs))
    await book.write(tx, now=now)
    await writing.finish(tx, [pledge.id for pledge in locked], status=status, now=now)
    await limits.give_back(tx, [_counted(pledge) for pledge in locked])


def _account(pledge: CrowdPayment) -> NewAccount:
    return NewAccount(pledge.id, PLEDGE_ACCOUNT, pledge.currency)


def _wallet(pledge: CrowdPayment) -> NewAccount:
    return NewAccount(pledge.funding_source_id, WALLET_ACCOUNT, pledge.currency)


def _total(pledge: CrowdPayment) -> Decimal:
    """What was set aside."""
    return EXACT.add(pledge.amount, pledge.fee)


def _counted(pledge: CrowdPayment) -> Usage:
    """What limits counted when it was pledged."""
    day = limits.day_of(pledge.created_at)
    return Usage(pledge.funding_source_id, pledge.currency, "out", day, 1, _total(pledge))
