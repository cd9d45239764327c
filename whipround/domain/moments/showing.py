"""What a moment shows of a payment, a request or a pool."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple
from uuid import UUID

from whipround.domain.images.gallery import Face
from whipround.domain.images.reading import Image
from whipround.domain.moments.feed import MomentStatus, MomentType, Reference
from whipround.domain.participation import Participation
from whipround.domain.payments.commands import Payment
from whipround.domain.pools.participants import Shown
from whipround.domain.pools.pool import Pool
from whipround.domain.requests.reading import PaymentRequest
from whipround.domain.requests.reading import Seen as SeenRequests
from whipround.domain.users.person import User

Direction = Literal["neutral", "positive", "negative"]
"""Whether money came to somebody, left them, or did neither."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A payment, request or pool as one of its people sees it (Memento, The moment object).

    `amount` is their part of the `total_amount`, both in `currency`. `faces` are those of the
    people whom it is about; `images` are its own pictures, of which the first is to be shown.
    """

    id: UUID
    status: MomentStatus
    type: MomentType
    object_id: UUID
    title: str
    note: str
    amount: Decimal
    total_amount: Decimal
    currency: str
    direction: Direction
    participation: Participation
    faces: Sequence[Face]
    images: Sequence[Image]
    is_owner: bool
    read_at: datetime | None
    created_at: datetime
    updated_at: datetime


class Content(NamedTuple):
    """What a moment shows that depends on what it is of; as in Moment."""

    title: str
    note: str
    amount: Decimal
    total_amount: Decimal
    currency: str
    direction: Direction
    participation: Participation
    faces: Sequence[Face]


def payment(
    reference: Reference,
    made: Payment,
    people: Mapping[UUID, User],
    names: Mapping[UUID | None, str],
) -> Content:
    """A payment: `people` are its owner and its recipient, if that is a user.

    `names` are those of what `named_by` says.
    """
    owner, recipient = people[made.owner_id], made.recipient
    known = people.get(recipient.user_id) if recipient.user_id else None
    other = owner.full_name
    if reference.is_owner:
        name = recipient.full_name if made.kind == "payment" else ""
        other = name or names.get(named_by(made), "")
    faces = [Face(owner.full_name, owner.image_id)]
    if known is None:
        faces.append(Face(recipient.full_name))
    elif known.id != owner.id:
        faces.append(Face(known.full_name, known.image_id))
    first_name = known.first_name if known else recipient.full_name.partition(" ")[0]
    return Content(
        title=made.description or other,
        note=made.description,
        amount=made.amount,
        total_amount=made.amount,
        currency=made.currency,
        direction=_direction(made, is_owner=reference.is_owner),
        participation=Participation(
            invited=0,
            paid=int(recipient.status == "paid"),
            pending=int(recipient.status == "pending"),
            rejected=0,
            total=1,
            first_names=(first_name,) if first_name else (),
        ),
        faces=faces,
    )


def named_by(made: Payment) -> UUID | None:
    """What stands for the other side of a payment without a description, where that has no name.

    The payee, who may have an address only; of a top-up or withdrawal the card or the account.
    """
    sources = {"top_up": made.funding_source_id, "withdrawal": made.in_funding_source_id}
    return sources.get(made.kind, made.payee_id)


def _direction(made: Payment, *, is_owner: bool) -> Direction:
    """Of what goes between one's own sources, or went back, nobody has more or less."""
    ended = made.status == "closed" and made.fulfillment_status == "unfulfilled"
    if made.kind != "payment" or ended or made.refunded == made.amount:
        return "neutral"
    return "negative" if is_owner else "positive"


def request(reference: Reference, asked: PaymentRequest, seen: SeenRequests) -> Content:
    """A request; `seen` is as the same person sees it."""
    participation = seen.participation(asked)
    if reference.is_owner:
        amount, other = asked.amount_paid, ", ".join(participation.first_names)
        has_paid = amount > 0
    else:
        own = next(each for each in seen.participants(asked.id) if each.id == reference.id)
        amount, other = own.amount or Decimal(0), seen.owners[asked.owner_id].full_name
        has_paid = own.status in {"paid", "settled"}
    moved: Direction = "positive" if reference.is_owner else "negative"
    return Content(
        title=asked.description or other,
        note=asked.description,
        amount=amount,
        total_amount=asked.amount,
        currency=asked.currency,
        direction=moved if has_paid else "neutral",
        participation=participation,
        faces=seen.faces(asked.id),
    )


def pool(
    reference: Reference, found: Pool, shown: Shown, owner: User, contributed: Decimal
) -> Content:
    """A pool; `contributed` is what came from the person themselves."""
    amount = found.amount if reference.is_owner else contributed
    moved: Direction = "positive" if reference.is_owner else "negative"
    return Content(
        title=found.description,
        note=found.detailed_description,
        amount=amount,
        total_amount=found.amount,
        currency=found.currency,
        direction=moved if amount else "neutral",
        participation=found.participation(shown.first_names),
        faces=shown.faces or [Face(owner.full_name, owner.image_id)],
    )
