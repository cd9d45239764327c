"""Who may know of a picture: its owner, and whoever sees what it is of (Memento, Get an image)."""

from datetime import datetime
from uuid import UUID

from whipround.db.database import Tx
from whipround.domain import announcements
from whipround.domain.images.reading import Image
from whipround.domain.payments import reading as payments
from whipround.domain.pools import reading as pools
from whipround.domain.requests import reading as requests
from whipround.domain.users import person
from whipround.errors import NotFound


class ImageNotFound(NotFound):
    """There is no such image."""


_FIND = """
    select id, description, meta, created_at, updated_at, owner_id, object_type, object_id
    from image
    where id = %(id)s and status = 'ready'
"""


async def find(tx: Tx, *, user_id: UUID, image_id: UUID, now: datetime) -> Image:
    """The picture of this id, if it is the user's, or of something that the user sees.

    Raises ImageNotFound, also for one that has not been fetched yet.
    """
    row = await (await tx.execute(_FIND, {"id": image_id})).fetchone()
    if row is None:
        raise ImageNotFound
    *columns, owner_id, object_type, object_id = row
    if owner_id != user_id:
        try:
            await _see(tx, object_type, object_id, user_id=user_id, now=now)
        except NotFound as error:
            raise ImageNotFound from error
    return Image._make(columns)


async def _see(
    tx: Tx, object_type: str | None, object_id: UUID, *, user_id: UUID, now: datetime
) -> None:
    """Raise NotFound where the user sees no such object."""
    match object_type:
        case "user":
            await person.get(tx, viewer_id=user_id, user_id=object_id)
        case "payment":
            await payments.find(tx, user_id=user_id, payment_id=object_id)
        case "request":
            await requests.find(tx, user_id=user_id, request_id=object_id)
        case "pool":
            await pools.find(tx, user_id=user_id, pool_id=object_id)
        case "announcement":
            await announcements.find(tx, announcement_id=object_id, now=now)
        case _:  # of nothing yet: its owner's alone
            raise ImageNotFound
