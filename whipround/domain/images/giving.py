"""The picture that a body gives an object: `image`, and of a request `image_ids` too (Memento)."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from whipround.db.database import Tx
from whipround.domain.images import attaching, wanting
from whipround.domain.images.wanting import ObjectType, Wanted
from whipround.domain.users import person

Picture: TypeAlias = str | UUID
"""Where a picture is to be fetched, or the id of an upload."""

FIELD = "image.id"

_FIRST = """
    select coalesce(min(position), 0)
    from image
    where object_id = %(object_id)s and status in ('wanted', 'ready')
"""

_REPLACED = """
    update image set status = 'removed', updated_at = %(now)s
    where object_id = %(object_id)s and position = %(position)s and status = any(%(statuses)s)
"""


_IS_AT = """
    select exists (
        select from image
        where id = %(id)s and object_id = %(object_id)s and position = %(position)s
            and status = 'ready'
    )
"""


async def give(
    tx: Tx,
    *,
    owner_id: UUID,
    object_type: ObjectType,
    object_id: UUID,
    picture: Picture | None,
    image_ids: Sequence[UUID] = (),
    now: datetime,
) -> None:
    """Give an object that was just made its pictures: the first one, and further uploads.

    Raises Invalid, `image.id` or `image_ids` not found, for what is no upload of the owner's.
    """
    further = [id_ for id_ in image_ids if id_ != picture]
    if isinstance(picture, str):
        wanted = Wanted(owner_id, object_type, object_id, picture)
        await wanting.want(tx, [wanted], now=now)
    elif picture is not None:
        await attaching.attach(
            tx,
            owner_id=owner_id,
            object_type=object_type,
            object_id=object_id,
            image_ids=[picture],
            now=now,
            field=FIELD,
        )
    await attaching.attach(
        tx,
        owner_id=owner_id,
        object_type=object_type,
        object_id=object_id,
        image_ids=further,
        now=now,
    )


async def change(
    tx: Tx,
    *,
    owner_id: UUID,
    object_type: ObjectType,
    object_id: UUID,
    picture: Picture | None,
    now: datetime,
) -> None:
    """Have an object, which the caller has locked, show another picture first; None: that one goes.

    The old one is shown until a new one has been fetched; that the present one is named changes
    nothing. Raises Invalid as `give` does.
    """
    [[position]] = await (await tx.execute(_FIRST, {"object_id": object_id})).fetchall()
    if isinstance(picture, UUID) and await _is_at(tx, object_id, position, picture):
        return
    statuses = ["wanted"] if isinstance(picture, str) else ["wanted", "ready"]
    await tx.execute(
        _REPLACED,
        {"object_id": object_id, "position": position, "statuses": statuses, "now": now},
    )
    if isinstance(picture, str):
        wanted = Wanted(owner_id, object_type, object_id, picture, position)
        await wanting.want(tx, [wanted], now=now)
    elif picture is not None:
        await attaching.attach(
            tx,
            owner_id=owner_id,
            object_type=object_type,
            object_id=object_id,
            image_ids=[picture],
            now=now,
            field=FIELD,
            position=position,
        )
    elif object_type == "user":
        await person.show_image(tx, user_id=object_id, image=None)


async def _is_at(tx: Tx, object_id: UUID, position: int, image_id: UUID) -> bool:
    """Whether that picture is the object's at this position already."""
    asked = {"id": image_id, "object_id": object_id, "position": position}
    [[is_there]] = await (await tx.execute(_IS_AT, asked)).fetchall()
    return bool(is_there)
