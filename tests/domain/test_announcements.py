"""Announcements, as the operator makes them and takes them back."""

from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from tests.money import Person, rows
from whipround.db.database import Database
from whipround.domain import announcements
from whipround.domain.announcements import AnnouncementNotFound, NewAnnouncement
from whipround.errors import Invalid

pytestmark = pytest.mark.anyio


async def _announced(db: Database, *, now: datetime, **given: Any) -> UUID:
    said: dict[str, Any] = {"title": "Terms", "message": "They are new.", "start_at": now}
    async with db.transaction() as tx:
        return await announcements.announce(tx, new=NewAnnouncement(**said | given), now=now)


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"title": " ", "message": ""}, {"title": "required", "message": "required"}),
        ({"button_label": "Open"}, {"button_url": "required"}),
        ({"button_url": "https://example.com"}, {"button_label": "required"}),
        ({"button_label": "Open", "button_url": "here"}, {"button_url": "invalid"}),
        (
            {"webview_url": "app:page", "image_url": "https://"},
            {"webview_url": "invalid", "image_url": "invalid"},
        ),
    ],
)
async def test_what_cannot_be_announced(
    db: Database, now: datetime, given: dict[str, str], wrong: dict[str, str]
) -> None:
    with pytest.raises(Invalid) as raised:
        await _announced(db, now=now, **given)

    assert {error.field: error.code for error in raised.value.errors} == wrong
    assert await rows(db, "select from announcement") == []


async def test_a_button_may_open_another_app(db: Database, now: datetime) -> None:
    id_ = await _announced(db, now=now, button_label="Open", button_url="whipround:terms")

    async with db.transaction() as tx:
        [(made, acknowledged)] = await announcements.newest(tx, limit=2)
    assert (made.id, made.button_url, acknowledged) == (id_, "whipround:terms", 0)


async def test_what_is_taken_back_is_gone_with_its_picture(
    db: Database, ann: Person, now: datetime
) -> None:
    id_ = await _announced(db, now=now, image_url="https://example.com/picture.png")
    async with db.transaction() as tx:
        await announcements.acknowledge(tx, user_id=ann.id, announcement_id=id_, now=now)
        [(_, acknowledged)] = await announcements.newest(tx, limit=2)

        await announcements.remove(tx, announcement_id=id_, now=now)

        assert acknowledged == 1
        assert await announcements.newest(tx, limit=2) == []
        with pytest.raises(AnnouncementNotFound):
            await announcements.remove(tx, announcement_id=id_, now=now)
    assert await rows(db, "select status from image") == [("removed",)]
    assert await rows(db, "select from announcement_ack") == []
