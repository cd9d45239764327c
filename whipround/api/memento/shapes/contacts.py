"""Contacts, as Memento shows them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from whipround.api.memento.shapes import people
from whipround.api.memento.shapes_base import CREATED_AT, ID, UPDATED_AT, Shape
from whipround.api.shapes import doc
from whipround.domain import contacts
from whipround.domain.images.gallery import Gallery


class Contact(Shape):
    """Somebody the current user knows (Memento, The contact object)."""

    id: ID
    user_id: Annotated[UUID | None, doc("The user; null for somebody who is not registered.")]
    user: Annotated[people.User | None, doc("The same user, whole.")]
    first_name: Annotated[str, doc("The first name; of a user, as it is now.")]
    last_name: Annotated[str, doc("The last name; of a user, as it is now.")]
    full_name: Annotated[str, doc("Both names.")]
    phone: Annotated[str | None, doc("The number that the contact was made with, in E.164.")]
    country: Annotated[
        str, doc("The country code of the user, else of the number; empty if not known.")
    ]
    meta: Annotated[str, doc("Text that the client owns.")]
    created_at: CREATED_AT
    updated_at: UPDATED_AT


def contact(
    found: contacts.Contact, seen: contacts.Seen, *, gallery: Gallery, now: datetime
) -> Contact:
    """A contact as its owner sees it."""
    user = shown = None
    if found.user_id is not None:
        user = seen.users[found.user_id]
        shown = people.user(user, seen.relationships[user.id], gallery=gallery, now=now)
    named = user or found
    return Contact(
        id=found.id,
        user_id=found.user_id,
        user=shown,
        first_name=named.first_name,
        last_name=named.last_name,
        full_name=named.full_name,
        phone=found.phone,
        country=named.country,
        meta=found.meta,
        created_at=found.created_at,
        updated_at=found.updated_at,
    )
