"""Which pictures an object has, and who may give it one."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from tests.images import PICTURE_URL, new_upload, shown, states
from tests.money import Person, Scene
from whipround.db.database import Database
from whipround.domain.images import attaching, giving
from whipround.domain.images.attaching import MOST_IMAGES, Attachment
from whipround.domain.images.reading import Image
from whipround.domain.users import person
from whipround.errors import Invalid

pytestmark = pytest.mark.anyio


async def give(db: Database, scene: Scene, ann: Person, object_id: UUID, **given: Any) -> None:
    said = {"object_type": "request", "picture": None, **given}
    async with db.transaction() as tx:
        await giving.give(tx, owner_id=ann.id, object_id=object_id, now=scene.now, **said)


async def change(
    db: Database, scene: Scene, ann: Person, object_id: UUID, picture: str | UUID | None
) -> None:
    async with db.transaction() as tx:
        await giving.change(
            tx,
            owner_id=ann.id,
            object_type="request",
            object_id=object_id,
            picture=picture,
            now=scene.now,
        )


async def test_uploads_are_shown_in_order(db: Database, scene: Scene, ann: Person) -> None:
    first, second, third, more = [await new_upload(db, ann.id, now=scene.now) for _ in range(4)]
    object_id = uuid7()

    await give(db, scene, ann, object_id, picture=third, image_ids=[second, third, first])

    assert await shown(db, object_id) == [third, second, first]
    async with db.transaction() as tx:
        await attaching.attach(
            tx,
            owner_id=ann.id,
            object_type="request",
            object_id=object_id,
            image_ids=[more],
            now=scene.now,
        )
    assert await shown(db, object_id) == [third, second, first, more]


async def test_an_address_is_shown_once_it_has_been_fetched(
    db: Database, scene: Scene, ann: Person
) -> None:
    upload = await new_upload(db, ann.id, now=scene.now)
    object_id = uuid7()

    await give(db, scene, ann, object_id, picture=PICTURE_URL, image_ids=[upload])

    assert await shown(db, object_id) == [upload]
    assert await states(db, object_id) == [(0, "wanted"), (1, "ready")]


async def test_the_first_one_changes(db: Database, scene: Scene, ann: Person) -> None:
    first, second, new = [await new_upload(db, ann.id, now=scene.now) for _ in range(3)]
    object_id = uuid7()
    await give(db, scene, ann, object_id, image_ids=[first, second])

    await change(db, scene, ann, object_id, PICTURE_URL)
    assert await shown(db, object_id) == [first, second]  # until the new one is there
    await change(db, scene, ann, object_id, PICTURE_URL + "?newer")
    await change(db, scene, ann, object_id, new)
    assert await shown(db, object_id) == [new, second]

    assert await states(db, object_id) == [
        (0, "ready"),
        (0, "removed"),
        (0, "removed"),
        (0, "removed"),
        (1, "ready"),
    ]
    await change(db, scene, ann, object_id, None)
    assert await shown(db, object_id) == [second]
    await change(db, scene, ann, object_id, None)
    await change(db, scene, ann, object_id, None)
    assert await shown(db, object_id) == []


async def test_all_are_taken_away(db: Database, scene: Scene, ann: Person) -> None:
    object_id = uuid7()
    upload = await new_upload(db, ann.id, now=scene.now)
    await give(db, scene, ann, object_id, picture=PICTURE_URL, image_ids=[upload])

    async with db.transaction() as tx:
        await attaching.remove(tx, object_ids=[object_id], now=scene.now)

    assert await states(db, object_id) == [(0, "removed"), (1, "removed")]


async def test_what_cannot_be_given(db: Database, scene: Scene, ann: Person, ben: Person) -> None:
    taken, theirs, unstored = (
        await new_upload(db, ann.id, now=scene.now),
        await new_upload(db, ben.id, now=scene.now),
        await new_upload(db, ann.id, status="storing", now=scene.now),
    )
    await give(db, scene, ann, uuid7(), picture=taken)

    for wrong in (taken, theirs, unstored, uuid7()):
        for given, field in (
            ({"picture": wrong}, "image.id"),
            ({"image_ids": [wrong]}, "image_ids"),
        ):
            with pytest.raises(Invalid) as refused:
                await give(db, scene, ann, uuid7(), **given)
            assert [(e.field, e.code) for e in refused.value.errors] == [(field, "not_found")]


async def test_ten_at_the_most(db: Database, scene: Scene, ann: Person) -> None:
    uploads = [await new_upload(db, ann.id, now=scene.now) for _ in range(MOST_IMAGES)]
    object_id = uuid7()

    with pytest.raises(Invalid) as refused:
        await give(db, scene, ann, object_id, picture=PICTURE_URL, image_ids=uploads)

    assert [(e.field, e.code) for e in refused.value.errors] == [("image_ids", "too_long")]
    assert await shown(db, object_id) == []


async def test_of_two_objects_one_gets_it(db: Database, scene: Scene, ann: Person) -> None:
    uploads = [await new_upload(db, ann.id, now=scene.now) for _ in range(3)]
    one, other = uuid7(), uuid7()

    outcomes = await asyncio.gather(
        give(db, scene, ann, one, image_ids=uploads),
        give(db, scene, ann, other, image_ids=uploads[::-1]),
        return_exceptions=True,
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Invalid", "NoneType"]
    assert sorted(map(len, (await shown(db, one), await shown(db, other)))) == [0, 3]


async def test_what_a_person_looks_like(db: Database, scene: Scene, ann: Person) -> None:
    upload = await new_upload(db, ann.id, now=scene.now, description="Me", meta="m")

    async def look(picture: str | UUID | None) -> person.User:
        async with db.transaction() as tx:
            await giving.change(
                tx,
                owner_id=ann.id,
                object_type="user",
                object_id=ann.id,
                picture=picture,
                now=scene.now,
            )
            return await person.find(tx, user_id=ann.id)

    image = (await look(upload)).image
    assert image is not None
    assert (image.id, image.description, image.meta) == (upload, "Me", "m")
    assert (await look(PICTURE_URL)).image == image
    gone = await look(None)
    assert (gone.image, gone.image_id, gone.image_description) == (None, None, "")


async def test_a_batch_leaves_out_what_cannot_be(
    db: Database, scene: Scene, ann: Person, ben: Person, now: datetime
) -> None:
    upload, theirs = [await new_upload(db, each.id, now=now) for each in (ann, ben)]
    mine, other, third = uuid7(), uuid7(), uuid7()

    async with db.pipeline() as tx:
        await attaching.attach_many(
            tx,
            [
                Attachment(ann.id, "payment", mine, upload),
                Attachment(ann.id, "payment", other, theirs),
                Attachment(ann.id, "payment", third, uuid7()),
            ],
            now=now,
        )

    assert [await shown(db, each) for each in (mine, other, third)] == [[upload], [], []]

    async def find(image_id: UUID) -> Image | None:
        async with db.transaction() as tx:
            return await attaching.find_upload(
                tx, owner_id=ann.id, image_id=image_id, object_type="payment"
            )

    assert await find(upload) is None
    with pytest.raises(Invalid):
        await find(theirs)
