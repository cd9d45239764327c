"""What the operator tells everybody (Memento, Announcements).

Whoever has acknowledged an announcement is not shown it any more.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from whipround.db.database import Tx
from whipround.db.listing import TIMES, Column, ListQuery, fragments
from whipround.domain.images import attaching, reading, wanting
from whipround.domain.images.reading import Image
from whipround.domain.images.wanting import Wanted
from whipround.errors import FieldError, Invalid, Message, NotFound

# A button may open another app, by a scheme of that app's own.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_WEB = re.compile(r"https?://[^\s/]\S*")


class AnnouncementNotFound(NotFound):
    """There is no such announcement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAnnouncement:
    """What is to be told; without a button, a page of its own or a picture those are empty.

    The times are UTC. The picture is fetched by a job from `image_url`.
    """

    title: str
    message: str
    start_at: datetime
    button_label: str = ""
    button_url: str = ""
    webview_url: str = ""
    image_url: str = ""
    is_dismissible: bool = True
    is_fullscreen: bool = False


class Announcement(NamedTuple):
    """What everybody is told from `start_at` on, until each has acknowledged it."""

    id: UUID
    type: str
    title: str
    message: str
    button_label: str
    button_url: str
    webview_url: str
    is_dismissible: bool
    is_fullscreen: bool
    start_at: datetime
    created_at: datetime
    updated_at: datetime


class Shown(NamedTuple):
    """An announcement as a user sees it: with its pictures, and since when they know of it."""

    announcement: Announcement
    images: Sequence[Image]
    acknowledged_at: datetime | None


FILTERS: Mapping[str, Column] = {
    "start_at": Column("start_at", datetime, frozenset({"gt", "lt"}), sortable=True),
    **TIMES,
}
"""Memento, "Get a list of announcements"."""

_COLUMNS = ", ".join(Announcement._fields)

_INSERT = """
    insert into announcement (id, type, title, message, button_label, button_url, webview_url,
        is_dismissible, is_fullscreen, start_at, created_at, updated_at)
    values (%(id)s, 'general', %(title)s, %(message)s, %(button_label)s, %(button_url)s,
        %(webview_url)s, %(is_dismissible)s, %(is_fullscreen)s, %(start_at)s, %(now)s, %(now)s)
"""

_NEWEST = f"""
    select {_COLUMNS}, (
        select count(*) from announcement_ack where announcement_id = announcement.id
    )
    from announcement
    order by start_at desc, id desc
    limit %(limit)s
"""  # noqa: S608 (our own column names)

_REMOVE = "delete from announcement where id = %(id)s"

_PAGE = """
    select {columns}
    from announcement
    where start_at <= %(now)s
        and not exists (
            select from announcement_ack
            where announcement_id = announcement.id and user_id = %(user_id)s
        )
        and {where}
    order by {order} limit %(limit)s offset %(offset)s
"""

# Locked, so that nobody removes it while it is being acknowledged.
_FIND = f"""
    select {_COLUMNS} from announcement where id = %(id)s and start_at <= %(now)s for key share
"""  # noqa: S608

# The first time counts.
_ACKNOWLEDGE = """
    insert into announcement_ack (announcement_id, user_id, acknowledged_at)
    values (%(id)s, %(user_id)s, %(now)s)
    on conflict (announcement_id, user_id) do update
    set acknowledged_at = announcement_ack.acknowledged_at
    returning acknowledged_at
"""


async def announce(tx: Tx, *, new: NewAnnouncement, now: datetime) -> UUID:
    """Tell everybody, from its `start_at` on; its id. Raises Invalid naming what is wrong."""
    _check(new)
    id_ = uuid7()
    values = {
        "id": id_,
        "title": new.title,
        "message": new.message,
        "button_label": new.button_label,
        "button_url": new.button_url,
        "webview_url": new.webview_url,
        "is_dismissible": new.is_dismissible,
        "is_fullscreen": new.is_fullscreen,
        "start_at": new.start_at,
        "now": now,
    }
    await tx.execute(_INSERT, values)
    if new.image_url:
        await wanting.want(tx, [Wanted(None, "announcement", id_, new.image_url)], now=now)
    return id_


def _check(new: NewAnnouncement) -> None:
    errors: list[FieldError] = []
    if not new.title.strip():
        errors.append(FieldError("title", "required", "Title is required"))
    if not new.message.strip():
        errors.append(FieldError("message", "required", "Message is required"))
    if new.button_label and not new.button_url:
        errors.append(FieldError("button_url", "required", "Button URL goes with a label"))
    if new.button_url and not new.button_label:
        errors.append(FieldError("button_label", "required", "Button label goes with a URL"))
    if new.button_url and not _SCHEME.fullmatch(new.button_url):
        errors.append(FieldError("button_url", "invalid", "Button URL must be an address"))
    if new.webview_url and not _WEB.fullmatch(new.webview_url):
        message = Message("Web view URL must be an http or https address")
        errors.append(FieldError("webview_url", "invalid", message))
    if new.image_url and not _WEB.fullmatch(new.image_url):
        message = Message("Image URL must be an http or https address")
        errors.append(FieldError("image_url", "invalid", message))
    if errors:
        raise Invalid(errors)


async def newest(tx: Tx, *, limit: int) -> list[tuple[Announcement, int]]:
    """The announcements that begin last, and how many people have acknowledged each."""
    rows = await (await tx.execute(_NEWEST, {"limit": limit})).fetchall()
    return [(Announcement._make(row[:-1]), row[-1]) for row in rows]


async def remove(tx: Tx, *, announcement_id: UUID, now: datetime) -> None:
    """Take an announcement back, with its picture. Raises AnnouncementNotFound."""
    if not (await tx.execute(_REMOVE, {"id": announcement_id})).rowcount:
        raise AnnouncementNotFound
    await attaching.remove(tx, object_ids=[announcement_id], now=now)


async def page(tx: Tx, *, user_id: UUID, query: ListQuery, now: datetime) -> list[Shown]:
    """What the user is told and has not acknowledged; one more if there is a next page."""
    part = fragments(query, FILTERS)
    sql = _PAGE.format(columns=_COLUMNS, where=part.where, order=part.order)
    values = {**part.parameters, "user_id": user_id, "now": now}
    rows = await (await tx.execute(sql.encode(), values)).fetchall()
    found = [Announcement._make(row) for row in rows]
    images = await reading.of(tx, [each.id for each in found])
    return [Shown(each, images[each.id], None) for each in found]


async def acknowledge(tx: Tx, *, user_id: UUID, announcement_id: UUID, now: datetime) -> Shown:
    """The user has taken note of it (Memento, Acknowledge an announcement).

    To do it again is no error: the first time counts. Raises AnnouncementNotFound, also for one
    that is not told yet.
    """
    found = await find(tx, announcement_id=announcement_id, now=now)
    values = {"id": announcement_id, "user_id": user_id, "now": now}
    [[acknowledged_at]] = await (await tx.execute(_ACKNOWLEDGE, values)).fetchall()
    images = await reading.of(tx, [announcement_id])
    return Shown(found, images[announcement_id], acknowledged_at)


async def find(tx: Tx, *, announcement_id: UUID, now: datetime) -> Announcement:
    """An announcement that has been told by `now`. Raises AnnouncementNotFound."""
    row = await (await tx.execute(_FIND, {"id": announcement_id, "now": now})).fetchone()
    if row is None:
        raise AnnouncementNotFound
    return Announcement._make(row)
