"""Pictures to be fetched from where a client says they are (Memento, `image.url`).

A job fetches them: a bad picture never delays or fails what it goes with.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from whipround.db.database import Tx

ObjectType = Literal["user", "payment", "request", "pool", "announcement"]
"""What there are pictures of."""


class Wanted(NamedTuple):
    """A picture of an object, to be fetched from `url`; `position` is its place among others."""

    owner_id: UUID | None
    object_type: ObjectType
    object_id: UUID
    url: str
    position: int = 0


_INSERT = """
    insert into image (id, owner_id, object_type, object_id, position, status, source_url, due_at,
        created_at, updated_at)
    select id, owner_id, object_type, object_id, position, 'wanted', url, %(now)s, %(now)s, %(now)s
    from unnest(%(ids)b::uuid[], %(owners)b::uuid[], %(types)b::text[], %(objects)b::uuid[],
            %(positions)b::smallint[], %(urls)b::text[])
        as wanted (id, owner_id, object_type, object_id, position, url)
"""


async def want(tx: Tx, wanted: Sequence[Wanted], *, now: datetime) -> None:
    """Have the pictures fetched once `tx` commits; nothing happens without any."""
    if not wanted:
        return
    await tx.execute(
        _INSERT,
        {
            "ids": [uuid7() for _ in wanted],
            "owners": [each.owner_id for each in wanted],
            "types": [each.object_type for each in wanted],
            "objects": [each.object_id for each in wanted],
            "positions": [each.position for each in wanted],
            "urls": [each.url for each in wanted],
            "now": now,
        },
    )
