"""Pictures that are fetched, drawn and forgotten, with files in memory and a website of our own."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from tests.images import new_upload, shown, states
from tests.money import Person, Scene, make_person, rows
from tests.pictures import BLUE, GREEN, RED, alike, colour_at, new_picture, opened
from tests.studio import new_studio
from tests.website import Site, website
from whipround.db.database import Database
from whipround.domain import announcements
from whipround.domain.announcements import NewAnnouncement
from whipround.domain.images import attaching, fetching, giving, wanting
from whipround.domain.images.fetching import LEASE, PAUSES
from whipround.domain.images.gallery import Face
from whipround.domain.images.wanting import Wanted
from whipround.domain.users import person
from whipround.flows.images import FetchLane, file_of, prune, prune_groups
from whipround.flows.studio import Studio
from whipround.gateways.images.renditions import Renditions
from whipround.keyring import Keyring

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)
PNG = "image/png"


@dataclass
class House:
    """A product with a studio, and a website on which there are pictures."""

    db: Database
    studio: Studio
    site: Site
    now: datetime

    async def give(self, owner: Person, url: str, object_id: UUID | None = None) -> UUID:
        """Have the owner, or something of theirs, look like what is at the address."""
        async with self.db.transaction() as tx:
            await giving.change(
                tx,
                owner_id=owner.id,
                object_type="payment" if object_id else "user",
                object_id=object_id or owner.id,
                picture=url,
                now=self.now,
            )
        return object_id or owner.id

    async def fetch(self, after: timedelta = timedelta()) -> bool:
        return await FetchLane(self.studio).deliver_some(self.db, now=self.now + after)

    async def file(self, image_id: UUID, rendition: str = "ui") -> bytes | None:
        return await self.studio.store.get(self.studio.gallery.name(image_id), rendition)

    async def look(self, who: Person) -> person.User:
        async with self.db.transaction() as tx:
            return await person.find(tx, user_id=who.id)

    async def all(self) -> list[tuple[str, int, str]]:
        """The status, attempts and error of every picture, oldest first."""
        found = await rows(self.db, "select status, attempts, error_code from image order by id")
        return [(status, attempts, code) for status, attempts, code in found]


@pytest.fixture
async def house(db: Database, keyring: Keyring, now: datetime) -> AsyncIterator[House]:
    async with website() as site:
        yield House(db, new_studio(keyring), site, now)


# Fetching.


async def test_a_picture_of_a_person(house: House, ann: Person) -> None:
    url = house.site.serve("/ann", new_picture((900, 600), GREEN), content_type=PNG)
    await house.give(ann, url)
    assert (await house.look(ann)).image is None

    assert await house.fetch() is False

    user = await house.look(ann)
    assert user.image is not None
    assert user.image.updated_at == house.now
    sizes = [(600, 600), (900, 600), (160, 160)]
    for rendition, size in zip(Renditions._fields, sizes, strict=True):
        file = await house.file(user.image.id, rendition)
        assert file is not None
        assert opened(file).size == size
    await house.fetch()
    assert len(house.site.seen) == 1


async def test_another_one_takes_its_place(house: House, ann: Person) -> None:
    for path, colour in (("/red", RED), ("/blue", BLUE)):
        await house.give(ann, house.site.serve(path, new_picture(colour=colour), content_type=PNG))
        await house.fetch()

    user = await house.look(ann)

    assert user.image_id is not None
    assert alike(colour_at(opened(await house.file(user.image_id) or b""), 0.5, 0.5), BLUE)
    assert await shown(house.db, ann.id) == [user.image_id]
    assert await states(house.db, ann.id) == [(0, "ready"), (0, "removed")]


async def test_a_picture_of_an_announcement(house: House) -> None:
    url = house.site.serve("/", new_picture(), content_type="application/octet-stream")
    new = NewAnnouncement(
        title="News", message="There are some.", image_url=url, start_at=house.now
    )
    async with house.db.transaction() as tx:
        id_ = await announcements.announce(tx, new=new, now=house.now)

    await house.fetch()

    assert len(await shown(house.db, id_)) == 1


async def test_another_one_leaves_those_beside_it(house: House) -> None:
    urls = [house.site.serve(f"/{n}", new_picture(), content_type=PNG) for n in range(3)]
    new = NewAnnouncement(title="News", message="There are some.", start_at=house.now)
    async with house.db.transaction() as tx:
        id_ = await announcements.announce(tx, new=new, now=house.now)
        both = [Wanted(None, "announcement", id_, url, n) for n, url in enumerate(urls[:2])]
        await wanting.want(tx, both, now=house.now)
    await house.fetch()
    before = await shown(house.db, id_)

    async with house.db.transaction() as tx:
        await wanting.want(tx, [Wanted(None, "announcement", id_, urls[2], 0)], now=house.now)
    await house.fetch()

    first, second = await shown(house.db, id_)
    assert (len(before), second) == (2, before[1])
    assert first not in before


async def test_what_is_no_picture_is_given_up_at_once(house: House, scene: Scene) -> None:
    urls = [
        house.site.serve("/text", b"<p>"),
        house.site.serve("/lie", b"<p>", content_type=PNG),
        house.site.serve("/none", status=404),
        "http://10.0.0.1/",
        "ftp://example.com/",
    ]
    for url in urls:
        await house.give(await scene.person(), url)

    await house.fetch()
    await house.fetch(7 * DAY)

    refused, bad = ("failed", 1, "refused"), ("failed", 1, "bad_picture")
    assert await house.all() == [refused, bad, refused, refused, refused]


async def test_what_may_be_there_later_is_tried_again_for_hours(house: House, ann: Person) -> None:
    url = house.site.serve("/", status=503)
    await house.give(ann, url)

    elapsed = timedelta()
    for number, pause in enumerate(PAUSES, 1):
        await house.fetch(elapsed)
        await house.fetch(elapsed + pause - timedelta(seconds=1))  # not yet
        assert await house.all() == [("wanted", number, "failed")]
        elapsed += pause
    await house.fetch(elapsed)

    assert timedelta(hours=7) < elapsed < timedelta(hours=8)
    assert len(house.site.seen) == 5
    assert await house.all() == [("failed", 5, "failed")]


async def test_one_that_is_there_in_the_end(house: House, ann: Person) -> None:
    await house.give(ann, house.site.serve("/", status=503))
    await house.fetch()
    house.site.serve("/", new_picture(), content_type=PNG)

    await house.fetch(PAUSES[0])

    assert (await house.look(ann)).image is not None


async def test_bad_ones_delay_no_good_one(house: House, scene: Scene) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        await asyncio.sleep(60)
        yield b""

    slow = house.site.serve("/slow", slowly, content_type=PNG)
    good = house.site.serve("/good", new_picture(), content_type=PNG)
    people = [await scene.person() for _ in range(3)]
    for who, url in zip(people, [slow, slow, good], strict=True):
        await house.give(who, url)

    fetching_all = asyncio.create_task(house.fetch())
    while (await house.look(people[2])).image is None:  # noqa: ASYNC110 (it is in the database)
        await asyncio.sleep(0.01)

    assert not fetching_all.done()
    fetching_all.cancel()
    await asyncio.gather(fetching_all, return_exceptions=True)
    # As after a crash: it is somebody's again once the lease has ended.
    assert (await house.all())[:2] == [("wanted", 1, ""), ("wanted", 1, "")]
    house.site.serve("/slow", new_picture(), content_type=PNG)
    await house.fetch(LEASE)
    assert (await house.look(people[0])).image is not None


async def test_two_workers_fetch_each_picture_once(house: House, scene: Scene) -> None:
    url = house.site.serve("/", new_picture(), content_type=PNG)
    for _ in range(20):
        await house.give(await scene.person(), url)

    first = await asyncio.gather(house.fetch(), house.fetch())
    await house.fetch()

    assert sorted(first) in ([False, True], [True, True])
    assert len(house.site.seen) == 20
    assert await house.all() == [("ready", 1, "")] * 20


async def test_one_that_nobody_wants_any_more_leaves_no_files(house: House, ann: Person) -> None:
    url = house.site.serve("/", new_picture(), content_type=PNG)
    await house.give(ann, url)
    async with house.db.transaction() as tx:
        [due] = await fetching.claim(tx, limit=1, now=house.now)

    async def changed_meanwhile() -> AsyncIterator[bytes]:
        async with house.db.transaction() as tx:
            await attaching.remove(tx, object_ids=[ann.id], now=house.now)
        yield new_picture()

    house.site.serve("/", changed_meanwhile, content_type=PNG)
    await house.fetch(LEASE)

    assert (await house.look(ann)).image is None
    assert await house.file(due.id) is None
    assert await states(house.db, ann.id) == [(0, "removed")]


async def test_one_whose_object_is_gone(house: House, ann: Person) -> None:
    url = house.site.serve("/", new_picture(), content_type=PNG)
    object_id = await house.give(ann, url, uuid7())

    await house.fetch()

    assert await shown(house.db, object_id) == []


# Group pictures.


async def test_a_group_picture_is_made_when_it_is_asked_for(house: House, ann: Person) -> None:
    upload = await new_upload(house.db, ann.id, now=house.now, studio=house.studio)
    name = house.studio.gallery.group([Face("Ann", upload), Face("Ben Dough")]).name
    assert await house.studio.store.get(name, "ui") is None

    made = await file_of(house.studio, name, "ui")

    assert made is not None
    assert alike(colour_at(opened(made), 0.1, 0.5), RED)
    assert not alike(colour_at(opened(made), 0.9, 0.1), RED)
    assert await house.studio.store.get(name, "ui") == made
    assert await file_of(house.studio, name, "ui") == made
    small = await file_of(house.studio, name, "thumbnail")
    assert small is not None
    assert opened(small).size == (160, 160)
    assert await file_of(house.studio, name[:-1], "ui") is None

    assert await prune_groups(house.studio, now=datetime.now(UTC)) == 0
    assert await prune_groups(house.studio, now=datetime.now(UTC) + 31 * DAY) == 3
    assert await house.studio.store.get(name, "ui") is None
    assert await file_of(house.studio, name, "ui") == made


async def test_a_face_that_is_gone_is_left_to_its_colour(house: House) -> None:
    name = house.studio.gallery.group([Face("Ann", uuid7())]).name

    assert await file_of(house.studio, name, "full") is not None


# Forgetting.


async def test_what_nobody_sees_is_deleted_with_its_files(house: House, ann: Person) -> None:
    unused, broken_off, replaced, kept, young = [
        await new_upload(
            house.db,
            ann.id,
            now=house.now + (DAY if number == 4 else timedelta()),
            studio=house.studio,
            status="storing" if number == 1 else "ready",
        )
        for number in range(5)
    ]
    await house.give(ann, house.site.serve("/", status=404))
    await house.fetch()
    for image_id in (replaced, kept):
        async with house.db.transaction() as tx:
            await giving.change(
                tx,
                owner_id=ann.id,
                object_type="user",
                object_id=ann.id,
                picture=image_id,
                now=house.now,
            )

    assert await prune(house.db, house.studio, now=house.now + DAY) == 1
    assert await house.file(replaced) is None
    assert await prune(house.db, house.studio, now=house.now + DAY + timedelta(seconds=1)) == 2

    left = [row[0] for row in await rows(house.db, "select id from image order by id")]
    assert left[:2] == [kept, young]
    assert [await house.file(each) is None for each in (unused, broken_off, kept, young)] == [
        True,
        True,
        False,
        False,
    ]
    # Of what could not be fetched it is known for a month why.
    assert await house.all() == [("ready", 0, ""), ("ready", 0, ""), ("failed", 1, "refused")]
    assert await prune(house.db, house.studio, now=house.now + 31 * DAY) == 2
    assert await shown(house.db, ann.id) == [kept]


async def test_two_at_once_forget_the_same(house: House, scene: Scene, keyring: Keyring) -> None:
    ann = await make_person(house.db, keyring=keyring, now=house.now)
    for _ in range(3):
        await new_upload(house.db, ann.id, now=house.now, studio=house.studio)

    await asyncio.gather(
        *(prune(house.db, house.studio, now=house.now + 2 * DAY) for _ in range(3))
    )

    assert await house.all() == []
