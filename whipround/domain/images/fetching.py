"""Pictures that are wanted: which are due, and what became of the attempt to fetch them.

A claim moves the row's due time ahead and counts the attempt: a crash only delays a picture.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from psycopg.rows import class_row

from whipround.db.database import Tx
from whipround.domain.images import objects
from whipround.domain.images.objects import ObjectGone
from whipround.domain.images.reading import Image
from whipround.domain.images.wanting import ObjectType
from whipround.domain.users import person

LEASE = timedelta(minutes=2)
"""How long a claimed picture is left alone: longer than it takes to fetch and to store one."""

PAUSES = (
    timedelta(seconds=30),
    timedelta(minutes=5),
    timedelta(hours=1),
    timedelta(hours=6),
)
"""How long after each attempt but the last."""


class Due(NamedTuple):
    """A picture that is ours to fetch until its lease ends; `attempts` with this one."""

    id: UUID
    object_type: ObjectType
    object_id: UUID
    url: str
    attempts: int


_CLAIM = """
    update image
    set attempts = attempts + 1, due_at = %(leased_until)s
    where id = any(array(
        select id
        from image
        where status = 'wanted' and due_at <= %(now)s
        order by due_at
        limit %(limit)s
        for update skip locked
    ))
    returning id, object_type, object_id, source_url as url, attempts
"""

_READY = """
    update image set status = 'ready', due_at = null, updated_at = %(now)s
    where id = %(id)s and status = 'wanted'
    returning id, description, meta, created_at, updated_at
"""

# One that was in its place is shown no longer.
_REPLACED = """
    update image set status = 'removed', updated_at = %(now)s
    from image as new
    where new.id = %(id)s
        and image.object_id = new.object_id
        and image.position = new.position
        and image.id <> new.id
        and image.status = 'ready'
"""

_AGAIN = """
    update image set due_at = %(due_at)s, error_code = %(code)s, updated_at = %(now)s
    where id = %(id)s and status = 'wanted' and attempts = %(attempts)s
"""

_GIVE_UP = """
    update image
    set status = 'failed', due_at = null, error_code = %(code)s, updated_at = %(now)s
    where id = %(id)s and status = 'wanted'
"""


async def claim(tx: Tx, *, limit: int, now: datetime) -> Sequence[Due]:
    """Up to `limit` pictures that are due, those that have waited longest; ours for two minutes."""
    async with tx.cursor(row_factory=class_row(Due)) as cursor:
        values = {"limit": limit, "now": now, "leased_until": now + LEASE}
        await cursor.execute(_CLAIM, values)
        return await cursor.fetchall()


async def succeed(tx: Tx, due: Due, *, now: datetime) -> bool:
    """Have a picture seen, whose files are stored; False where nobody wants it any more."""
    try:
        await objects.lock(tx, object_type=due.object_type, object_id=due.object_id)
    except ObjectGone:
        return False
    row = await (await tx.execute(_READY, {"id": due.id, "now": now})).fetchone()
    if row is None:
        return False
    await tx.execute(_REPLACED, {"id": due.id, "now": now})
    if due.object_type == "user":
        await person.show_image(tx, user_id=due.object_id, image=Image._make(row))
    return True


async def fail(tx: Tx, due: Due, *, code: str, may_work_later: bool, now: datetime) -> bool:
    """Record that a picture could not be had, for the reason `code`; whether it is given up."""
    values = {"id": due.id, "code": code, "attempts": due.attempts, "now": now}
    if may_work_later and due.attempts <= len(PAUSES):
        await tx.execute(_AGAIN, {**values, "due_at": now + PAUSES[due.attempts - 1]})
        return False
    await tx.execute(_GIVE_UP, values)
    return True
