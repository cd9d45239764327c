"""Changing a pool (Memento, Update a money pool)."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from msgspec import UNSET, UnsetType

from whipround.db.database import Tx
from whipround.domain.images import giving
from whipround.domain.images.giving import Picture
from whipround.domain.pools import inviting, options, rules
from whipround.domain.pools import pool as pools
from whipround.domain.pools.options import NewOption
from whipround.domain.pools.pool import Pool
from whipround.domain.pools.rules import Terms
from whipround.domain.users.person import User
from whipround.errors import Invalid
from whipround.keyring import Keyring


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolChange:
    """What to change; what is unset stays, and no options takes all of them away.

    The currency can only be repeated.
    """

    description: str | UnsetType = UNSET
    detailed_description: str | UnsetType = UNSET
    hashtag: str | UnsetType = UNSET
    meta: str | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    options: Sequence[NewOption] | UnsetType = UNSET
    invites: Sequence[UUID] = ()
    picture: Picture | UnsetType | None = UNSET
    is_public: bool | UnsetType = UNSET
    only_owner_sees_participants: bool | UnsetType = UNSET
    has_unique_participants: bool | UnsetType = UNSET
    allows_optional_amount: bool | UnsetType = UNSET
    minimum_user_amount: Decimal | UnsetType | None = UNSET
    maximum_user_amount: Decimal | UnsetType | None = UNSET
    start_at: datetime | UnsetType | None = UNSET
    end_at: datetime | UnsetType | None = UNSET


_UPDATE = """
    update pool
    set description = %(description)s, detailed_description = %(detailed_description)s,
        hashtag = %(hashtag)s, meta = %(meta)s, is_public = %(is_public)s,
        only_owner_sees_participants = %(only_owner_sees_participants)s,
        has_unique_participants = %(has_unique_participants)s,
        allows_optional_amount = %(allows_optional_amount)s,
        minimum_user_amount = %(minimum_user_amount)s,
        maximum_user_amount = %(maximum_user_amount)s, start_at = %(start_at)s,
        end_at = %(end_at)s, updated_at = %(now)s
    where id = %(id)s
"""

_ELSEWHERE = {"currency", "options", "invites", "picture"}
"""What of a change is no column that it sets."""


async def change(
    tx: Tx,
    *,
    owner: User,
    pool_id: UUID,
    change: PoolChange,
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> Pool:
    """Change the owner's pool, which is still open; the pool as it is then.

    Raises PoolNotFound, PoolClosed, Throttled, Blocked, TooManyInvited, and Invalid as `create`
    does, and for another currency.
    """
    if change.invites:
        await inviting.charge(
            tx, user_id=owner.id, keyring=keyring, now=now, limit_multiplier=limit_multiplier
        )
    before = await pools.lock_open(tx, owner_id=owner.id, pool_id=pool_id, now=now)
    if change.currency not in {UNSET, before.currency}:
        raise Invalid.field("currency", "invalid", "Currency cannot be changed")
    named = _named(change)
    after = replace(before, **{name: getattr(change, name) for name in named - _ELSEWHERE})
    rules.check(_terms(after, change), named=named, now=now)
    values = {each.name: getattr(after, each.name) for each in fields(after)}
    await tx.execute(_UPDATE, {**values, "now": now})
    if not isinstance(change.options, UnsetType):
        await options.replace(tx, pool_id=pool_id, new=change.options)
    if not isinstance(change.picture, UnsetType):
        await giving.change(
            tx,
            owner_id=owner.id,
            object_type="pool",
            object_id=pool_id,
            picture=change.picture,
            now=now,
        )
    await inviting.add(
        tx, owner=owner, pool=after, user_ids=change.invites, field="invites", now=now
    )
    return await pools.find_own(tx, owner_id=owner.id, pool_id=pool_id)


def _named(change: PoolChange) -> set[str]:
    return {each.name for each in fields(change) if getattr(change, each.name) is not UNSET}


def _terms(after: Pool, change: PoolChange) -> Terms:
    """Of the options only those that are new are looked at."""
    return Terms(
        currency=after.currency,
        minimum_user_amount=after.minimum_user_amount,
        maximum_user_amount=after.maximum_user_amount,
        options=() if isinstance(change.options, UnsetType) else change.options,
        start_at=after.start_at,
        end_at=after.end_at,
    )
