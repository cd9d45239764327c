"""Makers of pictures that people have, and looking at what became of them."""

from datetime import datetime
from uuid import UUID

from tests.money import rows
from tests.pictures import new_picture
from whipround.db.database import Database
from whipround.domain.images import reading, uploading
from whipround.flows.studio import Studio

PICTURE_URL = "https://example.com/a.png"


async def new_upload(
    db: Database,
    owner_id: UUID,
    *,
    now: datetime,
    studio: Studio | None = None,
    status: str = "ready",
    description: str = "",
    meta: str = "",
) -> UUID:
    """A picture that is of nothing yet, with its files if there is a studio."""
    async with db.transaction() as tx:
        image_id = await uploading.begin(
            tx, owner_id=owner_id, description=description, meta=meta, now=now
        )
        if status == "ready":
            await uploading.finish(tx, owner_id=owner_id, image_id=image_id, target=None, now=now)
    if studio is not None:
        files = await studio.darkroom.render(new_picture())
        await studio.store.put(studio.gallery.name(image_id), files)
    return image_id


async def shown(db: Database, object_id: UUID) -> list[UUID]:
    """The ids of the pictures that an object has."""
    async with db.transaction() as tx:
        return [image.id for image in (await reading.of(tx, [object_id]))[object_id]]


async def states(db: Database, object_id: UUID) -> list[tuple[int, str]]:
    """All there is of an object's pictures: their places and statuses."""
    return [
        (position, status)
        for position, status in await rows(
            db,
            "select position, status from image where object_id = %s order by position, status",
            object_id,
        )
    ]
