"""Pictures as they are read: those of objects, many in one query."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from whipround.db.database import Tx


class Image(NamedTuple):
    """A picture that is there to be seen."""

    id: UUID
    description: str
    meta: str
    created_at: datetime
    updated_at: datetime


_OF = """
    select object_id, id, description, meta, created_at, updated_at
    from image
    where object_id = any(%(ids)s) and status = 'ready'
    order by object_id, position, created_at, id
"""


async def of(tx: Tx, object_ids: Iterable[UUID]) -> dict[UUID, list[Image]]:
    """The pictures of each object, in order: the first is the one to be shown.

    Of what is not fetched yet, or cannot be, nothing is known here. People have theirs at hand
    (`User.image`).
    """
    found: dict[UUID, list[Image]] = {object_id: [] for object_id in object_ids}
    if found:
        for object_id, *columns in await (await tx.execute(_OF, {"ids": list(found)})).fetchall():
            found[object_id].append(Image._make(columns))
    return found
