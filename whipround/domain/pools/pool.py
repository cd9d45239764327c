"""A pool's row: reading it, and locking it."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from psycopg.rows import class_row

from whipround.db.database import Tx
from whipround.domain.participation import Participation
from whipround.domain.pools.errors import PoolClosed, PoolNotFound

PoolStatus = Literal["open", "closed"]


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool. Amounts are in its currency, `amount` is all that was contributed; times are UTC.

    `funding_source_id` is where it is paid out to, `description` its title.
    """

    id: UUID
    owner_id: UUID
    funding_source_id: UUID
    currency: str
    description: str
    detailed_description: str
    hashtag: str
    meta: str
    is_public: bool
    only_owner_sees_participants: bool
    has_unique_participants: bool
    allows_optional_amount: bool
    minimum_user_amount: Decimal | None
    maximum_user_amount: Decimal | None
    status: PoolStatus
    fulfillment_status: Literal["unfulfilled", "fulfilled"]
    amount: Decimal
    invited_count: int
    paid_count: int
    pending_count: int
    rejected_count: int
    start_at: datetime | None
    end_at: datetime | None
    closed_at: datetime | None
    created_at: datetime
    updated_at: datetime

    def is_closed(self, now: datetime) -> bool:
        """Whether it has ended, even if nobody has closed it yet."""
        return self.status == "closed" or (self.end_at is not None and self.end_at <= now)

    def shows_participants_to(self, viewer_id: UUID) -> bool:
        """Whether somebody sees all participants; who does not sees themselves."""
        return not self.only_owner_sees_participants or viewer_id == self.owner_id

    def participation(self, first_names: Iterable[str]) -> Participation:
        """How many take part, as it keeps count; `first_names` are those that somebody sees."""
        return Participation(
            invited=self.invited_count,
            paid=self.paid_count,
            pending=self.pending_count,
            rejected=self.rejected_count,
            total=self.invited_count + self.paid_count + self.pending_count + self.rejected_count,
            first_names=tuple(first_names),
        )


COLUMNS = ", ".join(f"pool.{each.name}" for each in fields(Pool))

_OWN = f"select {COLUMNS} from pool where id = %(id)s and owner_id = %(owner_id)s"  # noqa: S608

_LOCK = f"{_OWN} for no key update"


async def find_own(tx: Tx, *, owner_id: UUID, pool_id: UUID) -> Pool:
    """The owner's pool of this id. Raises PoolNotFound."""
    return await _one(tx, _OWN, owner_id=owner_id, pool_id=pool_id)


async def lock_open(tx: Tx, *, owner_id: UUID, pool_id: UUID, now: datetime) -> Pool:
    """The owner's pool of this id, nobody else changing it until `tx` ends.

    Raises PoolNotFound, and PoolClosed for one that has ended.
    """
    found = await _one(tx, _LOCK, owner_id=owner_id, pool_id=pool_id)
    if found.is_closed(now):
        raise PoolClosed
    return found


async def _one(tx: Tx, sql: str, *, owner_id: UUID, pool_id: UUID) -> Pool:
    async with tx.cursor(row_factory=class_row(Pool)) as cursor:
        await cursor.execute(sql.encode(), {"id": pool_id, "owner_id": owner_id})
        found = await cursor.fetchone()
    if found is None:
        raise PoolNotFound
    return found
