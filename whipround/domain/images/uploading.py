"""Pictures that people upload: a row before there are files, so that no file is ever forgotten."""

from datetime import datetime
from typing import Literal, NamedTuple, TypeAlias
from uuid import UUID

from uuid_utils.compat import uuid7

from whipround.db.database import Tx
from whipround.domain.images import attaching, giving, objects
from whipround.domain.images.objects import ObjectGone
from whipround.domain.images.reading import Image
from whipround.errors import Invalid

TargetType: TypeAlias = Literal["payment", "request", "pool"]


class Target(NamedTuple):
    """What an upload is to be a picture of; `field` is how the request names it."""

    object_type: TargetType
    object_id: UUID
    field: str


_INSERT = """
    insert into image (id, owner_id, status, description, meta, created_at, updated_at)
    values (%(id)s, %(owner_id)s, 'storing', %(description)s, %(meta)s, %(now)s, %(now)s)
"""

_READY = """
    update image set status = 'ready'
    where id = %(id)s and status = 'storing'
    returning id, description, meta, created_at, updated_at
"""

_DROP = """
    update image set status = 'removed', updated_at = %(now)s
    where id = %(id)s and status = 'storing'
"""


async def begin(tx: Tx, *, owner_id: UUID, description: str, meta: str, now: datetime) -> UUID:
    """Make an upload known, whose files are about to be stored; its id."""
    image_id = uuid7()
    await tx.execute(
        _INSERT,
        {
            "id": image_id,
            "owner_id": owner_id,
            "description": description,
            "meta": meta,
            "now": now,
        },
    )
    return image_id


async def finish(
    tx: Tx, *, owner_id: UUID, image_id: UUID, target: Target | None, now: datetime
) -> Image:
    """Have an upload seen, whose files are stored, as a picture of the target if there is one.

    A request may have several; of a payment or a pool the newest is the one. Raises Invalid where
    the target is not the owner's.
    """
    if target is not None:
        await lock_target(tx, owner_id=owner_id, target=target)
    [row] = await (await tx.execute(_READY, {"id": image_id})).fetchall()
    image = Image._make(row)
    if target is None:
        return image
    if target.object_type == "request":
        await attaching.attach(
            tx,
            owner_id=owner_id,
            object_type=target.object_type,
            object_id=target.object_id,
            image_ids=[image_id],
            now=now,
            field=target.field,
        )
    else:
        await giving.change(
            tx,
            owner_id=owner_id,
            object_type=target.object_type,
            object_id=target.object_id,
            picture=image_id,
            now=now,
        )
    return image._replace(updated_at=now)


async def drop(tx: Tx, *, image_id: UUID, now: datetime) -> None:
    """Have an upload's files deleted, unless it was finished after all: it came to nothing."""
    await tx.execute(_DROP, {"id": image_id, "now": now})


async def lock_target(tx: Tx, *, owner_id: UUID, target: Target) -> None:
    """Raise Invalid where the target is not the owner's, else keep it so until `tx` ends."""
    try:
        whose = await objects.lock(tx, object_type=target.object_type, object_id=target.object_id)
    except ObjectGone:
        whose = None
    if whose != owner_id:
        raise Invalid.field(target.field, "not_found", "There is no such object of yours")
