"""Memento, Announcements, over HTTP: told until they are acknowledged."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from uuid_utils.compat import uuid7

from tests.api.conftest import Shared
from tests.api.memento.client import Json
from tests.api.memento.paying import Town, ids, said, town
from whipround.db.database import Database
from whipround.domain import announcements
from whipround.domain.announcements import NewAnnouncement

pytestmark = pytest.mark.anyio

ANNOUNCEMENTS = "/v1/announcements"
ANNOUNCEMENT_FIELDS = [
    "id",
    "type",
    "title",
    "message",
    "button_label",
    "button_url",
    "webview_url",
    "image",
    "is_dismissible",
    "is_fullscreen",
    "start_at",
    "acknowledged_at",
    "created_at",
    "updated_at",
]
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
async def town_of_all(shared: Shared) -> AsyncIterator[Town]:
    async with town(shared) as place:
        yield place


@pytest.fixture
async def place(town_of_all: Town) -> Town:
    """Where nothing has been announced yet."""
    async with town_of_all.db.transaction() as tx:
        await tx.execute("delete from announcement")
    return town_of_all


async def announced(db: Database, **given: Any) -> str:
    """Announce something; its id."""
    now = datetime.now(UTC)
    told: Json = {"title": "Terms", "message": "They are new.", "start_at": now - HOUR}
    async with db.transaction() as tx:
        id_ = await announcements.announce(tx, new=NewAnnouncement(**told | given), now=now)
    return str(id_)


async def test_everybody_is_told_until_they_acknowledge(place: Town) -> None:
    ann, ben = await place.person(), await place.person()
    id_ = await announced(
        place.db,
        title="Updated Terms of Use",
        message="Lorem ipsum",
        button_label="Open",
        button_url="https://example.com/terms",
        webview_url="https://example.com/page",
        image_url="https://example.com/picture.png",
        is_dismissible=False,
        is_fullscreen=True,
    )

    [told] = said(await ann.get(ANNOUNCEMENTS))
    assert list(told) == ANNOUNCEMENT_FIELDS
    assert (told["id"], told["type"], told["title"]) == (id_, "general", "Updated Terms of Use")
    assert (told["message"], told["button_label"]) == ("Lorem ipsum", "Open")
    assert told["button_url"] == "https://example.com/terms"
    assert told["webview_url"] == "https://example.com/page"
    assert (told["is_dismissible"], told["is_fullscreen"]) == (False, True)
    assert (told["image"], told["acknowledged_at"]) == (None, None)

    async with place.db.transaction() as tx:  # as the job does that fetches it
        await tx.execute(
            "update image set status = 'ready' where object_id = %s returning id", (UUID(id_),)
        )
    first = said(await ann.post(f"{ANNOUNCEMENTS}/{id_}/ack"))
    again = said(await ann.post(f"/v1/announcement/{id_}/ack"))

    assert first["acknowledged_at"] is not None
    assert first["image"]["url"].startswith("http")
    assert again == first
    assert said(await ann.get(ANNOUNCEMENTS)) == []
    [shown] = said(await ben.get(ANNOUNCEMENTS))
    assert shown == told | {"image": first["image"]}


async def test_what_is_to_come_is_not_told_yet(place: Town) -> None:
    ann = await place.person()
    id_ = await announced(place.db, start_at=datetime.now(UTC) + HOUR)

    refused = [await ann.post(f"{ANNOUNCEMENTS}/{each}/ack") for each in (id_, uuid7())]

    assert [(it.status_code, it.content) for it in refused] == [(404, b"")] * 2
    assert said(await ann.get(ANNOUNCEMENTS)) == []


async def test_the_list_is_filtered_by_when_it_began(place: Town) -> None:
    ann, noon = await place.person(), datetime(2026, 1, 15, 12, tzinfo=UTC)
    made = [await announced(place.db, start_at=noon + hours * HOUR) for hours in (2, 0, 1)]

    async def shown(asked: str) -> list[list[str]]:
        return [ids(each) for each in await ann.walk(f"{ANNOUNCEMENTS}?{asked}")]

    assert await shown("limit=2") == [[made[2], made[1]], [made[0]]]
    assert await shown("filter=start_at:gt:2026-01-15 12:00:00") == [[made[2], made[0]]]
    assert await shown("filter=start_at:lt:2026-01-15 13:00:00") == [[made[1]]]
    assert await shown("sort=start_at:asc") == [[made[1], made[2], made[0]]]

    key = uuid4()
    for _ in range(2):
        said(await ann.post(f"{ANNOUNCEMENTS}/{made[0]}/ack", key=key))
    assert await shown("sort=start_at:desc") == [[made[2], made[1]]]
