"""Notifications, as Memento shows them (Memento, Notifications)."""

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from whipround.api.memento.shapes import images
from whipround.api.memento.shapes_base import CREATED_AT, ID, UPDATED_AT, Amount, Shape, amount
from whipround.api.shapes import doc
from whipround.domain.images.gallery import Gallery
from whipround.domain.notifications import NotificationType, reading
from whipround.gateways.messages.templates import TextError, render


class Notification(Shape):
    """Something that the user was told (Memento, The notification object)."""

    id: ID
    actor_id: Annotated[UUID | None, doc("Who did it; null where nobody did.")]
    actor: Annotated[str, doc("Their name; or empty.")]
    notification_type: Annotated[NotificationType, doc("What it is about.")]
    notification_key: Annotated[str, doc("What happened, such as `invited`.")]
    object_id: Annotated[UUID, doc("The payment, request or pool.")]
    object_data_number: Annotated[Amount | None, doc("The amount, where it is about one.")]
    object_data_string: Annotated[str, doc("The description of what it is about; or empty.")]
    description: Annotated[str, doc("What happened, for a person, in their language.")]
    image: Annotated[
        images.Image | None, doc("The picture of what it is about, else of who did it, if any.")
    ]
    created_at: CREATED_AT
    updated_at: UPDATED_AT


def notification(
    told: reading.Notification, seen: reading.Seen, *, gallery: Gallery, language: str
) -> Notification:
    """A notification as a reader of the language gets it; `seen` knows who did it."""
    actor = seen.actors.get(told.actor_id) if told.actor_id else None
    picture = seen.image(told)
    return Notification(
        id=told.id,
        actor_id=told.actor_id,
        actor=actor.full_name if actor else "",
        notification_type=told.type,
        notification_key=told.key,
        object_id=told.object_id,
        object_data_number=_amount(told),
        object_data_string=str(told.data.get("description", "")),
        description=_text(told, language),
        image=None if picture is None else images.image(picture, gallery),
        created_at=told.created_at,
        updated_at=told.updated_at,
    )


def _amount(told: reading.Notification) -> Decimal | None:
    if "amount" not in told.data:
        return None
    return amount(Decimal(told.data["amount"]), told.data["currency"])


def _text(told: reading.Notification, language: str) -> str:
    """What a push says, too; nothing where there are no words for it."""
    try:
        return render(kind=told.kind, channel="push", locale=language, data=told.data).body
    except TextError:
        return ""
