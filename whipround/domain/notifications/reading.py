"""Notifications as they are read: the list of what a person was told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from whipround.db.database import Tx
from whipround.db.listing import TIMES, Column, ListQuery, fragments
from whipround.domain.images import reading as images
from whipround.domain.images.reading import Image
from whipround.domain.notifications.telling import KINDS, NotificationType
from whipround.domain.users import person
from whipround.domain.users.person import User

FILTERS: Mapping[str, Column] = TIMES
"""Memento, "Get a list of notifications"."""


@dataclass(frozen=True, slots=True)
class Notification:
    """Something that a person was told; `kind` and `data` are what its text is made of.

    `object_id` is the payment, request or pool that it is about, `actor_id` who did it, None where
    nobody did.
    """

    id: UUID
    actor_id: UUID | None
    kind: str
    object_id: UUID
    data: dict[str, Any]
    created_at: datetime
    updated_at: datetime

    @property
    def type(self) -> NotificationType:
        """What it is about."""
        return KINDS[self.kind][0]

    @property
    def key(self) -> str:
        """What happened to that."""
        return KINDS[self.kind][1]


@dataclass(frozen=True, slots=True)
class Seen:
    """Notifications, with who did it, and the pictures of what they are about."""

    notifications: list[Notification]
    actors: dict[UUID, User]
    images: dict[UUID, list[Image]]

    def image(self, notification: Notification) -> Image | None:
        """The picture of what it is about, else of who did it."""
        if found := self.images[notification.object_id]:
            return found[0]
        actor = self.actors.get(notification.actor_id) if notification.actor_id else None
        return actor.image if actor else None


# A newer release may have told of what this one has no words for.
_PAGE = """
    select id, actor_id, kind, object_id, data, created_at, updated_at
    from notification
    where user_id = %(user_id)s and kind = any(%(kinds)s) and {where}
    order by {order} limit %(limit)s offset %(offset)s
"""


async def page(tx: Tx, *, user_id: UUID, query: ListQuery) -> Seen:
    """The user's notifications that `query` asks for, and one more if there is a next page."""
    part = fragments(query, FILTERS)
    parameters = {**part.parameters, "user_id": user_id, "kinds": list(KINDS)}
    sql = _PAGE.format(where=part.where, order=part.order)
    async with tx.cursor(row_factory=class_row(Notification)) as cursor:
        await cursor.execute(sql.encode(), parameters)
        found = await cursor.fetchall()
    actors = await person.many(tx, user_ids=(each.actor_id for each in found if each.actor_id))
    return Seen(found, actors, await images.of(tx, (each.object_id for each in found)))
