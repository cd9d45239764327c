"""Moments, as Memento shows them (Memento, Moments)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from whipround.api.memento.shapes import images, participation
from whipround.api.memento.shapes_base import CREATED_AT, ID, UPDATED_AT, Amount, Shape, amount
from whipround.api.shapes import doc
from whipround.domain.images.gallery import Gallery
from whipround.domain.moments import feed, showing

_INDICATORS: Mapping[showing.Direction, Literal[1, 2, 3]] = {
    "neutral": 1,
    "positive": 2,
    "negative": 3,
}


class AmountIndicator(Shape):
    """Which way an amount went, as the current user sees it."""

    id: Annotated[Literal[1, 2, 3], doc("1 neutral, 2 positive, 3 negative.")]
    title: Annotated[showing.Direction, doc("The same in a word.")]


class Moment(Shape):
    """A payment, a request or a pool in the feed of one of its people (The moment object)."""

    id: ID
    status: Annotated[
        feed.MomentStatus, doc("`closed` once nothing more is expected of the current user.")
    ]
    type: Annotated[feed.MomentType, doc("What it is.")]
    object_id: Annotated[UUID, doc("The payment, request or pool.")]
    title: Annotated[str, doc("The description; without one, the other people's names.")]
    note: Annotated[
        str, doc("What goes with it: the message; of a pool the detailed description. Or empty.")
    ]
    amount: Annotated[Amount, doc("The current user's part of the total amount.")]
    total_amount: Annotated[Amount, doc("The amount in all.")]
    currency: Annotated[str, doc("The ISO 4217 code of the currency.")]
    amount_indicator: Annotated[
        AmountIndicator, doc("Whether the amount came to the current user, or left them.")
    ]
    image: Annotated[
        images.Image | None, doc("Its picture, else one of the people whom it is about.")
    ]
    participation: Annotated[participation.Participation, doc("Who takes part, in short.")]
    is_owner: Annotated[bool, doc("Whether the current user began it.")]
    read_at: Annotated[
        datetime | None, doc("The time when the current user first opened it; null before that.")
    ]
    created_at: CREATED_AT
    updated_at: UPDATED_AT


def moment(found: showing.Moment, *, gallery: Gallery) -> Moment:
    """A moment as the one sees it whose it is."""
    picture = images.first(found.images, gallery)
    if picture is None and found.faces:
        picture = images.group(found.faces, gallery, at=found.created_at)
    return Moment(
        id=found.id,
        status=found.status,
        type=found.type,
        object_id=found.object_id,
        title=found.title,
        note=found.note,
        amount=amount(found.amount, found.currency),
        total_amount=amount(found.total_amount, found.currency),
        currency=found.currency,
        amount_indicator=AmountIndicator(id=_INDICATORS[found.direction], title=found.direction),
        image=picture,
        participation=participation.participation(found.participation),
        is_owner=found.is_owner,
        read_at=found.read_at,
        created_at=found.created_at,
        updated_at=found.updated_at,
    )
