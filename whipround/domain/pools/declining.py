"""Declining an invitation to a pool (Moneypool, Delete a Pool invitation)."""

from datetime import datetime
from uuid import UUID

from whipround.db.database import Tx
from whipround.domain import notifications, numbers
from whipround.domain.notifications import Event
from whipround.domain.payments.share_rows import lock_paid_shares, write_shares
from whipround.domain.payments.shares import Contributor, Pooled
from whipround.domain.users.person import User
from whipround.errors import NotFound


class InvitationNotFound(NotFound):
    """There is no such invitation, or no longer."""


# Of which pool it is, and whose, never changes; the rest is read under the lock.
_FIND = """
    select pool_participant.id, pool_id
    from pool_participant join pool on pool.id = pool_id
    where pool_participant.number = %(number)s and user_id = %(user_id)s
        and currency = %(currency)s
"""


async def decline(tx: Tx, *, user: User, number: int, currency: str, now: datetime) -> None:
    """The user will not contribute to a pool that they are invited to; its owner is told.

    Until they are invited again it is none of what waits to be paid; they may contribute all the
    same, and if that fails they are invited as before. `number` is that of the invitation. Raises
    InvitationNotFound, also once they have contributed or declined, and once the pool is closed.
    """
    found = await _find(tx, user.id, number, currency)
    if found is None:
        raise InvitationNotFound
    participant_id, pool_id = found
    shares = await lock_paid_shares(tx, requests=(), pools=[pool_id], contributors=[participant_id])
    pool, row = shares.pools[pool_id], shares.contributors[participant_id]
    if row.status != "invited" or pool.is_closed(now):
        raise InvitationNotFound
    _reject(pool, row)
    shares.changed[pool.id], shares.changed[row.id] = pool, row
    await write_shares(tx, shares, now=now)
    data = {"participant": user.full_name, "description": pool.description}
    event = Event(pool.owner_id, "pool_rejected", pool.id, user.id, data)
    await notifications.tell(tx, [event], now=now)


async def _find(tx: Tx, user_id: UUID, number: int, currency: str) -> tuple[UUID, UUID] | None:
    if not numbers.can_be(number):
        return None
    values = {"number": number, "user_id": user_id, "currency": currency}
    row = await (await tx.execute(_FIND, values)).fetchone()
    return None if row is None else (row[0], row[1])


def _reject(pool: Pooled, row: Contributor) -> None:
    """What is left of a contribution that failed goes too: it was none."""
    row.status, row.meta = "rejected", ""
    row.amount = row.option_id = row.payment_id = row.transaction_id = None
    pool.invited -= 1
    pool.rejected += 1
