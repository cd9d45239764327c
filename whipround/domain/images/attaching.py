"""Making an uploaded picture one of an object, and taking pictures away again.

A picture belongs to nothing when it has been uploaded, and to one object ever after.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from whipround.db.database import Tx
from whipround.domain.images.reading import Image
from whipround.domain.images.wanting import ObjectType
from whipround.domain.users import person
from whipround.errors import Invalid, Message

MOST_IMAGES = 10
"""How many pictures an object may have."""


_NOT_FOUND = Message("There is no such picture of yours to be used")


class Attachment(NamedTuple):
    """An upload of the owner's, to become the picture of an object."""

    owner_id: UUID
    object_type: ObjectType
    object_id: UUID
    image_id: UUID


_LOCK = """
    select id, description, meta, created_at, updated_at
    from image
    where id = any(%(ids)s) and owner_id = %(owner_id)s and object_id is null and status = 'ready'
    order by id
    for no key update
"""

_NEXT_POSITION = """
    select coalesce(max(position) + 1, 0)
    from image
    where object_id = %(object_id)s and status in ('wanted', 'ready')
"""

_ATTACH = """
    update image
    set object_type = %(type)s, object_id = %(object_id)s, position = wanted.position,
        updated_at = %(now)s
    from unnest(%(ids)s::uuid[], %(positions)s::smallint[]) as wanted (id, position)
    where image.id = wanted.id
"""

# In a batch nothing may be refused any more: what is somebody else's, or taken by now, is left out.
_ATTACH_MANY = """
    with wanted as (
        select *
        from unnest(%(ids)b::uuid[], %(owners)b::uuid[], %(types)b::text[], %(objects)b::uuid[])
            as wanted (image_id, wanted_owner_id, wanted_type, wanted_object_id)
    ), locked as (
        select wanted.*
        from image join wanted on image.id = image_id and owner_id = wanted_owner_id
        where object_id is null and status = 'ready'
        order by id
        for no key update of image
    )
    update image
    set object_type = wanted_type, object_id = wanted_object_id, updated_at = %(now)s
    from locked
    where image.id = image_id
"""

_REMOVE = """
    update image set status = 'removed', updated_at = %(now)s
    where object_id = any(%(object_ids)s) and status <> 'removed'
"""


_FIND_UPLOAD = """
    select id, description, meta, created_at, updated_at, object_type
    from image
    where id = %(id)s and owner_id = %(owner_id)s and status = 'ready'
        and (object_id is null or object_type = %(type)s)
"""


async def find_upload(
    tx: Tx, *, owner_id: UUID, image_id: UUID, object_type: ObjectType
) -> Image | None:
    """An upload of the owner's; None if it is of such an object by now, as where one repeats.

    Raises Invalid, `image.id` not found, for any other. It is not locked: see `attach_many`.
    """
    values = {"id": image_id, "owner_id": owner_id, "type": object_type}
    row = await (await tx.execute(_FIND_UPLOAD, values)).fetchone()
    if row is None:
        raise Invalid.field("image.id", "not_found", _NOT_FOUND)
    *columns, taken = row
    return None if taken else Image._make(columns)


async def check(
    tx: Tx, *, owner_id: UUID, image_ids: Sequence[UUID], field: str = "image_ids"
) -> list[Image]:
    """The pictures of these ids, in their order, locked: uploads of the owner's, of nothing yet.

    Raises Invalid, `not_found` in the `field`, for any other.
    """
    ids = list(dict.fromkeys(image_ids))
    rows = await (await tx.execute(_LOCK, {"ids": ids, "owner_id": owner_id})).fetchall()
    found = {row[0]: Image._make(row) for row in rows}
    if len(found) < len(ids):
        raise Invalid.field(field, "not_found", _NOT_FOUND)
    return [found[id_] for id_ in ids]


async def attach(
    tx: Tx,
    *,
    owner_id: UUID,
    object_type: ObjectType,
    object_id: UUID,
    image_ids: Sequence[UUID],
    now: datetime,
    field: str = "image_ids",
    position: int | None = None,
) -> None:
    """Make uploads the pictures of an object, from `position` on; by default after those it has.

    The object is locked, or just made, by the caller. Raises Invalid as `check` does, and where
    there would be more than ten.
    """
    if not image_ids:
        return
    images = await check(tx, owner_id=owner_id, image_ids=image_ids, field=field)
    if position is None:
        cursor = await tx.execute(_NEXT_POSITION, {"object_id": object_id})
        [[position]] = await cursor.fetchall()
    if position + len(images) > MOST_IMAGES:
        raise Invalid.field(
            field, "too_long", Message("There can be at most {most} pictures", most=MOST_IMAGES)
        )
    await tx.execute(
        _ATTACH,
        {
            "ids": [image.id for image in images],
            "positions": list(range(position, position + len(images))),
            "type": object_type,
            "object_id": object_id,
            "now": now,
        },
    )
    if object_type == "user":
        await person.show_image(tx, user_id=object_id, image=images[0]._replace(updated_at=now))


async def attach_many(tx: Tx, attachments: Sequence[Attachment], *, now: datetime) -> None:
    """Make uploads the first pictures of objects just made; one that cannot be is left out.

    For batches, whose commands were checked one by one before (`find_upload`). Not for people.
    """
    if not attachments:
        return
    await tx.execute(
        _ATTACH_MANY,
        {
            "ids": [each.image_id for each in attachments],
            "owners": [each.owner_id for each in attachments],
            "types": [each.object_type for each in attachments],
            "objects": [each.object_id for each in attachments],
            "now": now,
        },
    )


async def remove(tx: Tx, *, object_ids: Sequence[UUID], now: datetime) -> None:
    """Have no pictures of these objects any more, as when they are deleted."""
    await tx.execute(_REMOVE, {"object_ids": list(object_ids), "now": now})
