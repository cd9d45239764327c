"""How people stand to each other: who has blocked whom, who guards whom."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from psycopg import AsyncCursor
from psycopg.rows import TupleRow, class_row
from uuid_utils.compat import uuid7

from whipround.db.database import Tx
from whipround.errors import Declined, Invalid, NotFound

RelationshipType = Literal["blocked", "contact", "following", "friend", "guardian"]


class PersonNotFound(NotFound):
    """There is no such user."""


class Blocked(Declined):
    """One of the two has blocked the other."""

    code = "blocked"


@dataclass(frozen=True, slots=True)
class Relationship:
    """One way in which the user `user_id` stands to the user `other_user_id`."""

    id: UUID
    user_id: UUID
    other_user_id: UUID
    type: RelationshipType
    created_at: datetime
    updated_at: datetime
    contact_id: UUID | None = None


# One that is there already is touched, so that it is locked: whoever has it stays the only one to
# change what hangs on it.
_ADD = """
    insert into relationship (id, user_id, other_user_id, type, created_at, updated_at)
    select id, user_id, %(other_user_id)s, %(type)s, %(now)s, %(now)s
    from unnest(%(ids)b::uuid[], %(user_ids)b::uuid[]) as wanted (id, user_id)
    order by user_id
    on conflict (user_id, other_user_id, type) do update set updated_at = relationship.updated_at
"""

_REMOVE = """
    delete from relationship
    where user_id = %(user_id)s and other_user_id = %(other_user_id)s and type = %(type)s
"""

_REMOVE_ALL = """
    delete from relationship where user_id = %(user_id)s and type = %(type)s
"""

# A guardian is shown to both sides; of everything else each side sees its own.
_BETWEEN = """
    select relationship.id, relationship.user_id, other_user_id, type, relationship.created_at,
        relationship.updated_at, contact.id as contact_id
    from relationship
        left join contact on type = 'contact' and contact.owner_id = relationship.user_id
            and contact.user_id = other_user_id
    where relationship.user_id = %(user_id)s and other_user_id = any(%(others)s)
    union all
    select id, user_id, other_user_id, type, created_at, updated_at, null
    from relationship
    where other_user_id = %(user_id)s and user_id = any(%(others)s) and type = 'guardian'
    order by created_at, id
"""

_BLOCKS = """
    select some_id, other_id
    from unnest(%(some)b::uuid[], %(others)b::uuid[]) as pair (some_id, other_id)
    where exists (
            select from relationship
            where user_id = some_id and other_user_id = other_id and type = 'blocked'
        ) or exists (
            select from relationship
            where user_id = other_id and other_user_id = some_id and type = 'blocked'
        )
"""

_BLOCKS_BETWEEN = """
    select user_id, other_user_id
    from relationship
    where user_id = any(%(some)s) and other_user_id = any(%(others)s) and type = 'blocked'
    union
    select other_user_id, user_id
    from relationship
    where other_user_id = any(%(some)s) and user_id = any(%(others)s) and type = 'blocked'
"""

_IS_VISIBLE = """
    select exists (
        select from users
        where id = %(user_id)s
            and status = 'active'
            and not exists (
                select from relationship
                where user_id = %(user_id)s
                    and other_user_id = %(viewer_id)s
                    and type = 'blocked'
            )
    )
"""


async def add(
    tx: Tx, *, user_id: UUID, other_user_id: UUID, kind: RelationshipType, now: datetime
) -> None:
    """Have the user stand so to the other one; nothing changes if that is so already."""
    await add_all(tx, user_ids=[user_id], other_user_id=other_user_id, kind=kind, now=now)


async def add_all(
    tx: Tx,
    *,
    user_ids: Sequence[UUID],
    other_user_id: UUID,
    kind: RelationshipType,
    now: datetime,
) -> None:
    """Have all of the users stand so to the other one; nobody else changes it until `tx` ends."""
    await tx.execute(
        _ADD,
        {
            "ids": [uuid7() for _ in user_ids],
            "user_ids": list(user_ids),
            "other_user_id": other_user_id,
            "type": kind,
            "now": now,
        },
    )


async def remove(tx: Tx, *, user_id: UUID, other_user_id: UUID, kind: RelationshipType) -> bool:
    """Have the user not stand so to the other one any more; whether they did."""
    cursor = await tx.execute(
        _REMOVE, {"user_id": user_id, "other_user_id": other_user_id, "type": kind}
    )
    return bool(cursor.rowcount)


async def remove_all(tx: Tx, *, user_id: UUID, kind: RelationshipType) -> None:
    """End all relationships of this type that the user has."""
    await tx.execute(_REMOVE_ALL, {"user_id": user_id, "type": kind})


async def block(tx: Tx, *, user_id: UUID, other_user_id: UUID, now: datetime) -> None:
    """Block a person; to have blocked them before is no error (Memento, Block a user).

    Raises PersonNotFound for nobody the user can see, Invalid for the user's own id.
    """
    _check_other(user_id, other_user_id)
    await _check_visible(tx, user_id, other_user_id)
    await add(tx, user_id=user_id, other_user_id=other_user_id, kind="blocked", now=now)


async def unblock(tx: Tx, *, user_id: UUID, other_user_id: UUID) -> None:
    """Take a block back; to have blocked nobody is no error (Memento, Unblock a user).

    Works on whoever the user has blocked, even those who have blocked the user since. Raises
    PersonNotFound for nobody the user can see, Invalid for the user's own id.
    """
    _check_other(user_id, other_user_id)
    if not await remove(tx, user_id=user_id, other_user_id=other_user_id, kind="blocked"):
        await _check_visible(tx, user_id, other_user_id)


def _check_other(user_id: UUID, other_user_id: UUID) -> None:
    if user_id == other_user_id:
        raise Invalid.field("id", "invalid", "Id is that of the current user")


async def _check_visible(tx: Tx, viewer_id: UUID, user_id: UUID) -> None:
    if not await is_visible(tx, viewer_id=viewer_id, user_id=user_id):
        raise PersonNotFound


async def is_visible(tx: Tx, *, viewer_id: UUID, user_id: UUID) -> bool:
    """Whether there is such an active user, who has not blocked the viewer."""
    cursor = await tx.execute(_IS_VISIBLE, {"viewer_id": viewer_id, "user_id": user_id})
    row = await cursor.fetchone()
    return bool(row and row[0])


async def between(
    tx: Tx, *, user_id: UUID, other_user_ids: Sequence[UUID]
) -> dict[UUID, list[Relationship]]:
    """The relationships that the user sees with each of the others, oldest first."""
    found: dict[UUID, list[Relationship]] = {other: [] for other in other_user_ids}
    async with tx.cursor(row_factory=class_row(Relationship)) as cursor:
        await cursor.execute(_BETWEEN, {"user_id": user_id, "others": list(other_user_ids)})
        for each in await cursor.fetchall():
            other = each.other_user_id if each.user_id == user_id else each.user_id
            found[other].append(each)
    return found


async def ask_blocks(tx: Tx, *, pairs: Sequence[tuple[UUID, UUID]]) -> AsyncCursor[TupleRow]:
    """Ask which of the pairs have one who has blocked the other; the rows are those pairs.

    The answer is not waited for, so that in a pipeline other statements may follow.
    """
    return await tx.execute(
        _BLOCKS,
        {"some": [some for some, _ in pairs], "others": [other for _, other in pairs]},
    )


async def blocks_between(
    tx: Tx, *, some: Collection[UUID], others: Collection[UUID]
) -> set[tuple[UUID, UUID]]:
    """Which of some people and which of others have one who has blocked the other, as pairs."""
    cursor = await tx.execute(_BLOCKS_BETWEEN, {"some": list(some), "others": list(others)})
    return set(await cursor.fetchall())


async def check_blocks(tx: Tx, *, user_id: UUID, other_user_ids: Iterable[UUID]) -> None:
    """Raise Blocked if the user has blocked one of the others, or one of them the user."""
    asked = await ask_blocks(tx, pairs=[(user_id, other) for other in other_user_ids])
    if await asked.fetchone() is not None:
        raise Blocked
