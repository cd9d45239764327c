"""Pictures come in, by upload or by a job that fetches them, and their files go again.

A row is committed before there is a file, and files are stored before the row says that there are:
whatever breaks off in between, the row tells which files nobody needs.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from whipround.db import request_keys
from whipround.db.database import Database, Tx
from whipround.db.request_keys import Answer, RequestKey
from whipround.domain import throttles
from whipround.domain.images import fetching, pruning, uploading
from whipround.domain.images.fetching import Due
from whipround.domain.images.gallery import GROUPS, Drawn
from whipround.domain.images.reading import Image
from whipround.domain.images.uploading import Target
from whipround.domain.throttles import Charge
from whipround.errors import Declined, DomainError, FieldError, Invalid, Message
from whipround.flows.studio import Studio
from whipround.gateways.images.darkroom import Darkroom, DarkroomBusy
from whipround.gateways.images.groups import Portrait
from whipround.gateways.images.renditions import (
    MAX_BYTES,
    MAX_PIXELS,
    MAX_WEBP_PIXELS,
    BadCrop,
    BadPicture,
    Crop,
    Renditions,
)
from whipround.gateways.images.store import StoreUnavailable
from whipround.gateways.pages.fetcher import FetchFailed, FetchRefused
from whipround.keyring import Keyring

logger = logging.getLogger(__name__)

FETCHED_AT_ONCE = 8
_CLAIMED_AT_ONCE = 16

_TYPES = (
    "image/jpeg",
    "image/png",
    "image/webp",
    # What it is, is seen by its content; some say it in their own way, or not at all.
    "image/jpg",
    "image/pjpeg",
    "application/octet-stream",
    "binary/octet-stream",
)

GROUPS_KEPT_FOR = timedelta(days=30)
"""How long the file of a group picture is kept: it is made anew when it is asked for again."""

_PRUNED_AT_ONCE = 100


class Upload(NamedTuple):
    """A picture as somebody brings it; `target` is what it is of, if anything yet."""

    owner_id: UUID
    file: bytes
    crop: Crop | None
    target: Target | None
    description: str
    meta: str


# Uploading.


async def upload(
    db: Database,
    studio: Studio,
    *,
    key: RequestKey,
    new: Upload,
    render: Callable[[Image], Answer],
    refuse: Callable[[DomainError], Answer],
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> Answer:
    """Store a picture, and give it to what it is of (Memento, Upload an image).

    Raises Invalid for a file that is no picture of a kind we know, a crop beyond it, and a target
    that is not the owner's; Throttled; Unavailable.
    """
    async with storing(
        db, studio, new=new, keyring=keyring, now=now, limit_multiplier=limit_multiplier
    ) as stored:

        async def act(tx: Tx) -> Answer:
            return render(await stored.finish(tx))

        def remember(error: DomainError) -> Answer | None:
            return refuse(error) if isinstance(error, Declined) else None

        return await request_keys.once(db, key, act, refuse=remember, now=now)


class Stored:
    """A picture whose files are stored, and which nobody sees until `finish` has committed."""

    def __init__(self, image_id: UUID, new: Upload, now: datetime) -> None:
        self._image_id = image_id
        self._new = new
        self._now = now
        self.is_finished = False

    async def finish(self, tx: Tx) -> Image:
        """Have it seen, and be of what it is of. Raises Invalid where that is not the owner's."""
        image = await uploading.finish(
            tx,
            owner_id=self._new.owner_id,
            image_id=self._image_id,
            target=self._new.target,
            now=self._now,
        )
        self.is_finished = True
        return image


@asynccontextmanager
async def storing(
    db: Database,
    studio: Studio,
    *,
    new: Upload,
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> AsyncIterator[Stored]:
    """Store a picture's files, for a transaction that is to `finish` it; they go again if none did.

    Raises as `upload` does.
    """
    await throttles.charge_apart(
        db,
        [Charge(throttles.UPLOADS_PER_USER, str(new.owner_id))],
        keyring=keyring,
        now=now,
        multiplier=limit_multiplier,
    )
    files = await _rendered(studio.darkroom, new)
    async with db.transaction() as tx:
        if new.target is not None:
            await uploading.lock_target(tx, owner_id=new.owner_id, target=new.target)
        image_id = await uploading.begin(
            tx, owner_id=new.owner_id, description=new.description, meta=new.meta, now=now
        )
    stored = Stored(image_id, new, now)
    is_seen = False
    try:
        await studio.store.put(studio.gallery.name(image_id), files)
        yield stored
        is_seen = stored.is_finished
    finally:
        if not is_seen:  # it was a repeat, or is refused by now: its files may go
            async with db.transaction() as tx:
                await uploading.drop(tx, image_id=image_id, now=now)


_NO_PICTURE = {
    "invalid": Message("cannot be read as a picture"),
    "too_large": Message(
        "must have at most {most} million pixels, a WebP {fewer} million",
        most=MAX_PIXELS // 1_000_000,
        fewer=MAX_WEBP_PIXELS // 1_000_000,
    ),
    "unsupported": Message("must be a JPEG, PNG or WebP picture"),
}


async def _rendered(darkroom: Darkroom, new: Upload) -> Renditions:
    try:
        return await darkroom.render(new.file, crop=new.crop)
    except BadPicture as error:
        predicate = _NO_PICTURE[error.code]
        called = Message.field("File")
        raise Invalid([FieldError.of("file", error.code, predicate, called=called)]) from error
    except BadCrop as error:
        message = Message(
            "Crop must be within the picture, which is {width} pixels wide and {height} high",
            width=error.width,
            height=error.height,
        )
        raise Invalid.field("crop", "invalid", message) from error


# Fetching.


class FetchLane:
    """Pictures that are to be fetched from where a client said that they are."""

    name = "pictures"
    gather_seconds = 1.0

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    async def deliver_some(self, db: Database, *, now: datetime) -> bool:
        """Fetch some of those that are due; whether there may be more.

        What cannot be had is tried again, five times in seven hours, unless that is no use.
        """
        async with db.transaction() as tx:
            claimed = await fetching.claim(tx, limit=_CLAIMED_AT_ONCE, now=now)
        places = asyncio.Semaphore(FETCHED_AT_ONCE)

        async def fetch(due: Due) -> None:
            async with places:
                await _fetch(db, self._studio, due, now=now)

        outcomes = await asyncio.gather(*map(fetch, claimed), return_exceptions=True)
        for error in filter(None, outcomes):  # as where the database is away: they come again
            raise error
        return len(claimed) >= _CLAIMED_AT_ONCE


async def _fetch(db: Database, studio: Studio, due: Due, *, now: datetime) -> None:
    name = studio.gallery.name(due.id)
    try:
        page = await studio.fetcher.fetch(due.url, accept=_TYPES, max_bytes=MAX_BYTES)
        await studio.store.put(name, await studio.darkroom.render(page.body))
    except (FetchRefused, BadPicture) as error:
        await _record(db, due, error, may_work_later=False, now=now)
    except (FetchFailed, DarkroomBusy, StoreUnavailable) as error:
        await _record(db, due, error, may_work_later=True, now=now)
    except Exception as error:
        logger.exception("%s: the picture %s met an unexpected error", db.schema, due.id)
        await _record(db, due, error, may_work_later=True, now=now)
    else:
        async with db.transaction() as tx:
            is_seen = await fetching.succeed(tx, due, now=now)
        if not is_seen:
            await studio.store.remove(name)


async def _record(
    db: Database, due: Due, error: Exception, *, may_work_later: bool, now: datetime
) -> None:
    code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), "failed")
    async with db.transaction() as tx:
        given_up = await fetching.fail(tx, due, code=code, may_work_later=may_work_later, now=now)
    if given_up:
        # Without the address, in which there may be a secret.
        logger.info("%s: the picture %s is given up: %s", db.schema, due.id, error)


_CODES: dict[type[Exception], str] = {
    BadPicture: "bad_picture",
    FetchRefused: "refused",
    FetchFailed: "failed",
}


# Group pictures.


async def file_of(studio: Studio, name: str, rendition: str) -> bytes | None:
    """The JPEG file of a picture; None if there is none of this name.

    A group picture is made when it is first asked for. Raises Unavailable.
    """
    faces: list[Drawn] | None = None
    if name.startswith(GROUPS):
        faces = studio.gallery.faces(name)
        if faces is None:
            return None
    found = await studio.store.get(name, rendition)
    if found is None and faces is not None:
        files = await studio.darkroom.draw(
            await asyncio.gather(*(_portrait(studio, face) for face in faces))
        )
        await studio.store.put(name, files)
        made: dict[str, bytes] = files._asdict()
        found = made[rendition]
    return found


async def _portrait(studio: Studio, face: Drawn) -> Portrait:
    file = None
    if face.image_id is not None:
        file = await studio.store.get(studio.gallery.name(face.image_id), "ui")
    return Portrait(file, face.initials, face.colour)


# Forgetting.


async def prune(db: Database, studio: Studio, *, now: datetime) -> int:
    """Delete the files of pictures that nobody will see any more, and the pictures; how many."""
    while True:
        async with db.transaction() as tx:
            count = await pruning.remove_unused(tx, limit=_PRUNED_AT_ONCE, now=now)
        if count < _PRUNED_AT_ONCE:
            break
    total = 0
    while True:
        async with db.transaction() as tx:
            gone = await pruning.gone(tx, limit=_PRUNED_AT_ONCE, now=now)
        for image_id in gone:
            await studio.store.remove(studio.gallery.name(image_id))
        async with db.transaction() as tx:
            await pruning.delete(tx, image_ids=gone)
        total += len(gone)
        if len(gone) < _PRUNED_AT_ONCE:
            return total


async def prune_groups(studio: Studio, *, now: datetime) -> int:
    """Delete the files of group pictures that were made a month ago; how many."""
    return await studio.store.prune(GROUPS, before=now - GROUPS_KEPT_FOR)
