"""Inviting people to a pool (Memento, Invite users to participate)."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from whipround.db.database import Tx
from whipround.domain import notifications, relationships, throttles
from whipround.domain.notifications import Event
from whipround.domain.pools import pool as pools
from whipround.domain.pools.pool import Pool
from whipround.domain.throttles import Charge
from whipround.domain.users.person import User
from whipround.errors import Declined, FieldError, Invalid
from whipround.keyring import Keyring

MOST_INVITED = 1_000
"""How many invitations of a pool may be open at a time: for more there are public pools."""


class TooManyInvited(Declined):
    """Too many people are invited to this pool already."""

    code = "limit_exceeded"


_ACTIVE = "select id from users where id = any(%(ids)s) and status = 'active'"

# Somebody whose contribution failed, or who has declined, may be invited again; who takes part
# already stays as they are. The locked pool keeps their rows as they are.
_INVITE = """
    with declined as (
        select user_id from pool_participant
        where pool_id = %(pool_id)s and user_id = any(%(user_ids)s) and is_first
            and status = 'rejected'
    ), invited as (
        insert into pool_participant (id, pool_id, user_id, status, meta, is_first, is_invited,
            pool_created_at, created_at, updated_at)
        select id, %(pool_id)s, user_id, 'invited', '', true, true, %(pool_created_at)s, %(now)s,
            %(now)s
        from unnest(%(ids)s::uuid[], %(user_ids)s::uuid[]) as new (id, user_id)
        on conflict (pool_id, user_id) where is_first do update
        set status = 'invited', is_invited = true, amount = null, option_id = null,
            updated_at = %(now)s
        where pool_participant.status in ('cancelled', 'rejected')
        returning user_id
    )
    select user_id, user_id in (select user_id from declined) from invited
"""

_COUNT = """
    update pool
    set invited_count = invited_count + %(count)s, rejected_count = rejected_count - %(declined)s,
        updated_at = %(now)s
    where id = %(id)s
"""


async def invite(
    tx: Tx,
    *,
    owner: User,
    pool_id: UUID,
    user_ids: Sequence[UUID],
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> None:
    """Invite people to the owner's pool, who are told; to have invited them before is no error.

    `limit_multiplier` widens how often a person may invite a day. Raises PoolNotFound, PoolClosed,
    Throttled, TooManyInvited, Blocked, and Invalid for whoever is nobody or the owner.
    """
    await charge(tx, user_id=owner.id, keyring=keyring, now=now, limit_multiplier=limit_multiplier)
    pool = await pools.lock_open(tx, owner_id=owner.id, pool_id=pool_id, now=now)
    await add(tx, owner=owner, pool=pool, user_ids=user_ids, field="user_ids", now=now)


async def charge(
    tx: Tx, *, user_id: UUID, keyring: Keyring, now: datetime, limit_multiplier: int
) -> None:
    """Count that somebody invites people, however many. Raises Throttled."""
    subject = Charge(throttles.INVITATIONS_PER_USER, str(user_id))
    await throttles.charge(tx, [subject], keyring=keyring, now=now, multiplier=limit_multiplier)


async def add(
    tx: Tx, *, owner: User, pool: Pool, user_ids: Sequence[UUID], field: str, now: datetime
) -> None:
    """As `invite`, to a pool that the caller has locked or just made; `field` names the ids."""
    wanted = list(dict.fromkeys(user_ids))
    if not wanted:
        return
    await _check_people(tx, owner=owner, user_ids=user_ids, field=field)
    await relationships.check_blocks(tx, user_id=owner.id, other_user_ids=wanted)
    cursor = await tx.execute(
        _INVITE,
        {
            "pool_id": pool.id,
            "pool_created_at": pool.created_at,
            "ids": [uuid7() for _ in wanted],
            "user_ids": wanted,
            "now": now,
        },
    )
    found = await cursor.fetchall()
    invited = [user_id for user_id, _ in found]
    if not invited:
        return
    if pool.invited_count + len(invited) > MOST_INVITED:
        raise TooManyInvited
    declined = sum(has_declined for _, has_declined in found)
    await tx.execute(
        _COUNT, {"id": pool.id, "count": len(invited), "declined": declined, "now": now}
    )
    data = {"owner": owner.full_name, "description": pool.description}
    events = [Event(user_id, "pool_invited", pool.id, owner.id, data) for user_id in invited]
    await notifications.tell(tx, events, now=now)


async def _check_people(tx: Tx, *, owner: User, user_ids: Sequence[UUID], field: str) -> None:
    """Raise Invalid naming each that is nobody, or the owner."""
    cursor = await tx.execute(_ACTIVE, {"ids": list(user_ids)})
    active = {user_id for (user_id,) in await cursor.fetchall()}
    errors = []
    for position, user_id in enumerate(user_ids):
        name = f"{field}[{position}]"
        if user_id == owner.id:
            errors.append(FieldError(name, "invalid", "Must be somebody else"))
        elif user_id not in active:
            errors.append(FieldError(name, "not_found", "There is no such user"))
    if errors:
        raise Invalid(errors)
