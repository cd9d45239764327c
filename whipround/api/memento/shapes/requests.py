"""Requests (Memento, The request object)."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from whipround.api.memento.shapes import images, participation, people
from whipround.api.memento.shapes.participation import Participant, Participation
from whipround.api.memento.shapes_base import CREATED_AT, ID, UPDATED_AT, Amount, Shape, amount
from whipround.api.shapes import doc
from whipround.domain.images.gallery import Gallery
from whipround.domain.requests.reading import PaymentRequest, Seen


class Request(Shape):
    """Money that somebody asks of others (Memento, The request object)."""

    id: ID
    status: Annotated[
        Literal["open", "closed"], doc("`open` while somebody is to answer, else `closed`.")
    ]
    fulfillment_status: Annotated[
        Literal["unfulfilled", "partial", "fulfilled"],
        doc("How much of what the participants are asked for has been paid."),
    ]
    amount: Annotated[Amount, doc("The total amount.")]
    amount_paid: Annotated[Amount, doc("What of it has been paid, or is settled.")]
    currency: Annotated[str, doc("The ISO 4217 code of the currency.")]
    description: Annotated[str, doc("The title, visible to the owner and the participants.")]
    funding_source_id: Annotated[
        UUID | None, doc("The funding source that receives; null unless it is yours.")
    ]
    image: Annotated[
        images.Image | None, doc("The first picture; without one, a group photo of participants.")
    ]
    images: Annotated[list[images.Image], doc("All pictures.")]
    owner: Annotated[people.User, doc("The user who made the request.")]
    participant: Annotated[
        Participant | None, doc("The current user as a participant; null for whoever is not asked.")
    ]
    participants: Annotated[
        list[Participant],
        doc(
            "The participants, as far as the current user may see them; in a list the first 10"
            " and the current user."
        ),
    ]
    participation: Annotated[Participation, doc("How many take part.")]
    only_owner_sees_participants: Annotated[
        bool, doc("Whether nobody but the owner sees who else is asked.")
    ]
    meta: Annotated[str, doc("Text that the client owns.")]
    created_at: CREATED_AT
    updated_at: UPDATED_AT


def request(made: PaymentRequest, seen: Seen, *, gallery: Gallery, now: datetime) -> Request:
    """A request as the one sees it who `seen` is of."""
    is_owner = made.owner_id == seen.viewer_id
    between = seen.relationships.get(made.owner_id, ())
    own = seen.own(made.id)
    pictures = [images.image(each, gallery) for each in seen.images[made.id]]
    return Request(
        id=made.id,
        status=made.status,
        fulfillment_status=made.fulfillment_status,
        amount=amount(made.amount, made.currency),
        amount_paid=amount(made.amount_paid, made.currency),
        currency=made.currency,
        description=made.description,
        funding_source_id=made.funding_source_id if is_owner else None,
        image=pictures[0]
        if pictures
        else images.group(seen.faces(made.id), gallery, at=made.created_at),
        images=pictures,
        owner=people.user(seen.owners[made.owner_id], between, gallery=gallery, now=now),
        participant=None if own is None else participation.participant(own),
        participants=[participation.participant(each) for each in seen.participants(made.id)],
        participation=participation.participation(seen.participation(made)),
        only_owner_sees_participants=made.only_owner_sees_participants,
        meta=made.meta,
        created_at=made.created_at,
        updated_at=made.updated_at,
    )
