"""How people stand to each other: who has blocked whom, who guards whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from psycopg import AsyncCursor
from psycopg.rows import TupleRow, class_row
from uuid_utils.compat import uuid7

from whipround.db.database import Tx
from whipround.errors import Invalid, NotFound

RelationshipType = Literal["blocked", "contact", "following", "friend", "guardian"]


class PersonNotFound(NotFound):
    """There is no such user."""


@dataclass(frozen=True, slots=True)
class Relationship:
    """One way in which the user `user_id` stands to the user `other_user_id`."""

    id: UUID
    user_id: UUID
    other_user_id: UUID
    type: RelationshipType
    created_at: datetime
    updated_at: datetime


_ADD = """
    insert into relationship (id, user_id, other_user_id, type, created_at, updated_at)
    values (%(id)s, %(user_id)s, %(other_user_id)s, %(type)s, %(now)s, %(now)s)
    on conflict (user_id, other_user_id, type) do nothing
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
    select id, user_id, other_user_id, type, created_at, updated_at
    from relationship
    where user_id = %(user_id)s and other_user_id = any(%(others)s)
    union all
    select id, user_id, other_user_id, type, created_at, updated_at
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
    await tx.execute(
        _ADD,
        {
            "id": uuid7(),
            "user_id": user_id,
            "other_user_id": other_user_id,
            "type": kind,
            "now": now,
        },
    )


async def remove_all(tx: Tx, *, user_id: UUID, kind: RelationshipType) -> None:
    """End all relationships of this type that the user has."""
    await tx.execute(_REMOVE_ALL, {"user_id": user_id, "type": kind})


async def block(tx: Tx, *, user_id: UUID, other_user_id: UUID, now: datetime) -> None:
    """Block a person; to have blocked them before is no error (Memento, Block a user).

    Raises PersonNotFound for nobody the user can see, Invalid for the user's own id.
    """
    _check_other(user_id, other_user_id)
    if not await is_visible(tx, viewer_id=user_id, user_id=other_user_id):
        raise PersonNotFound
    await add(tx, user_id=user_id, other_user_id=other_user_id, kind="blocked", now=now)


async def unblock(tx: Tx, *, user_id: UUID, other_user_id: UUID) -> None:
    """Take a block back; to have blocked nobody is no error (Memento, Unblock a user).

    Works on whoever the user has blocked, even those who have blocked the user since. Raises
    PersonNotFound for nobody the user can see, Invalid for the user's own id.
    """
    _check_other(user_id, other_user_id)
    cursor = await tx.execute(
        _REMOVE, {"user_id": user_id, "other_user_id": other_user_id, "type": "blocked"}
    )
    if not cursor.rowcount and not await is_visible(tx, viewer_id=user_id, user_id=other_user_id):
        raise PersonNotFound


def _check_other(user_id: UUID, other_user_id: UUID) -> None:
    if user_id == other_user_id:
        raise Invalid.field("id", "invalid", "Id is that of the current user")


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
