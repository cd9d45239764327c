"""Announcements, as Memento shows them."""

from datetime import datetime
from typing import Annotated

from whipround.api.memento.shapes import images
from whipround.api.memento.shapes_base import CREATED_AT, ID, UPDATED_AT, Shape
from whipround.api.shapes import doc
from whipround.domain import announcements
from whipround.domain.images.gallery import Gallery


class Announcement(Shape):
    """What everybody is told (Memento, The announcement object)."""

    id: ID
    type: Annotated[str, doc("The type: `general`.")]
    title: Annotated[str, doc("The title.")]
    message: Annotated[str, doc("The text.")]
    button_label: Annotated[str, doc("The label of the button; empty if there is none.")]
    button_url: Annotated[str, doc("What the button opens; empty if there is none.")]
    webview_url: Annotated[
        str, doc("A page to be shown within the message; empty if there is none.")
    ]
    image: Annotated[images.Image | None, doc("The picture, if there is one.")]
    is_dismissible: Annotated[bool, doc("Whether it can be dismissed.")]
    is_fullscreen: Annotated[bool, doc("Whether it should fill the screen.")]
    start_at: Annotated[datetime, doc("The time from which on it is told.")]
    acknowledged_at: Annotated[
        datetime | None, doc("The time when the current user has acknowledged it.")
    ]
    created_at: CREATED_AT
    updated_at: UPDATED_AT


def announcement(shown: announcements.Shown, gallery: Gallery) -> Announcement:
    """An announcement as a user sees it."""
    found = shown.announcement
    return Announcement(
        id=found.id,
        type=found.type,
        title=found.title,
        message=found.message,
        button_label=found.button_label,
        button_url=found.button_url,
        webview_url=found.webview_url,
        image=images.first(shown.images, gallery),
        is_dismissible=found.is_dismissible,
        is_fullscreen=found.is_fullscreen,
        start_at=found.start_at,
        acknowledged_at=shown.acknowledged_at,
        created_at=found.created_at,
        updated_at=found.updated_at,
    )
