"""What pictures are of. Its row is locked before theirs, by whoever changes which is shown."""

from collections.abc import Mapping
from uuid import UUID

from whipround.db.database import Tx
from whipround.domain.images.wanting import ObjectType

_LOCK: Mapping[ObjectType, str] = {
    "user": "select id from users where id = %(id)s for no key update",
    "payment": "select owner_id from payment where id = %(id)s for no key update",
    "request": "select owner_id from payment_request where id = %(id)s for no key update",
    "pool": "select owner_id from pool where id = %(id)s for no key update",
    "announcement": "select null::uuid from announcement where id = %(id)s for no key update",
}


class ObjectGone(Exception):
    """There is no such object any more."""


async def lock(tx: Tx, *, object_type: ObjectType, object_id: UUID) -> UUID | None:
    """Keep an object from being changed or deleted until `tx` ends; whose it is, if a person's.

    Raises ObjectGone.
    """
    row = await (await tx.execute(_LOCK[object_type], {"id": object_id})).fetchone()
    if row is None:
        raise ObjectGone
    owner_id: UUID | None = row[0]
    return owner_id
