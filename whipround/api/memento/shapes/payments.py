"""Payments and what hangs on them (Memento, Payments, Participation)."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from whipround.api.memento.shapes import images, people
from whipround.api.memento.shapes_base import (
    CREATED_AT,
    ID,
    UPDATED_AT,
    Amount,
    Rate,
    Shape,
    amount,
)
from whipround.api.shapes import doc
from whipround.domain.images.gallery import Face, Gallery
from whipround.domain.payees import Holding
from whipround.domain.payments import commands, reading
from whipround.domain.payments.commands import PaymentKind


class Recipient(Shape):
    """Who is paid (Memento, The participant object)."""

    id: ID
    user_id: Annotated[
        UUID | None, doc("The user; null while nobody has proven the number, and of a pool.")
    ]
    parent_user_id: Annotated[UUID | None, doc("The user's parent user, if there is one.")]
    transaction_id: Annotated[UUID, doc("The transaction that carries the money.")]
    status: Annotated[
        Literal["pending", "paid", "cancelled"],
        doc("`pending`, `paid`, or `cancelled` where the money went back or never came."),
    ]
    amount: Annotated[Amount, doc("The amount being paid.")]
    currency: Annotated[str, doc("The ISO 4217 code of the currency.")]
    full_name: Annotated[str, doc("The full name; the one the payer gave, of somebody unknown.")]
    username: Annotated[str, doc("The username; empty for somebody unknown.")]
    verified: Annotated[bool, doc("Whether the user's account has been verified.")]
    official: Annotated[bool, doc("Whether the user's account is an official one.")]
    messages: Annotated[None, doc("Always null: a payment has no messages.")]
    meta: Annotated[str, doc("Text that the client owns.")]
    created_at: CREATED_AT
    updated_at: UPDATED_AT


class UnclaimedPayment(Shape):
    """Money that waits, or waited, for somebody to prove the number it was sent to."""

    id: ID
    funding_source_id: Annotated[
        UUID | None, doc("The payer's funding source it returns to; null for the recipient.")
    ]
    transaction_id: Annotated[UUID, doc("The transaction that carries the money.")]
    processed: Annotated[bool, doc("Whether the money has been claimed.")]
    error: Annotated[bool, doc("Whether it could not be claimed.")]
    error_message: Annotated[str, doc("Why it could not be claimed; or empty.")]
    expires_at: Annotated[datetime, doc("The time when the money returns if nobody claims it.")]
    created_at: CREATED_AT
    updated_at: UPDATED_AT


class Payment(Shape):
    """A payment (Memento, The payment object)."""

    id: ID
    status: Annotated[
        Literal["open", "closed"],
        doc("`open` while the money is moved from outside or waits to be claimed, else `closed`."),
    ]
    fulfillment_status: Annotated[
        Literal["unfulfilled", "fulfilled"], doc("Whether the recipient has the money.")
    ]
    kind: Annotated[
        PaymentKind,
        doc(
            "`payment`; `top_up` of one's own wallet; `withdrawal` to one's own bank; `request`,"
            " a share of one; `contribution` to a pool; `payout` of one's own pool."
        ),
    ]
    amount: Annotated[Amount, doc("The amount the recipient gets.")]
    amount_refunded: Annotated[Amount, doc("What of it went back, or is on its way there.")]
    currency: Annotated[str, doc("The ISO 4217 code of the currency.")]
    source_amount: Annotated[
        Amount | None, doc("What the payer pays for it, without the fee; null for the recipient.")
    ]
    source_currency: Annotated[
        str | None,
        doc("The currency that is paid in, that of the fee too; null for the recipient."),
    ]
    exchange_rate: Annotated[
        Rate | None, doc("Units of the one currency for one of the other; null if both are one.")
    ]
    error_code: Annotated[
        str,
        doc("Why the money did not get there, such as `card_declined`; empty if it did or may."),
    ]
    description: Annotated[str, doc("The title, visible to owner and recipient.")]
    image: Annotated[
        images.Image,
        doc("The payment's picture; without one, a group photo of owner and recipient."),
    ]
    owner: Annotated[people.User, doc("The user who made the payment.")]
    recipient: Annotated[Recipient, doc("The recipient.")]
    unclaimed_payment: Annotated[
        UnclaimedPayment | None,
        doc("Set where the recipient was not a user when the payment was made."),
    ]
    request_id: Annotated[UUID | None, doc("The request that it pays a share of; or null.")]
    pool_id: Annotated[UUID | None, doc("The pool that it pays into, or out of; or null.")]
    meta: Annotated[str, doc("Text that the client owns.")]
    expires_at: Annotated[
        datetime | None, doc("Until when an unclaimed payment can be claimed; else null.")
    ]
    created_at: CREATED_AT
    updated_at: UPDATED_AT


def payment(
    made: commands.Payment,
    seen: reading.Seen,
    *,
    viewer_id: UUID,
    gallery: Gallery,
    now: datetime,
) -> Payment:
    """A payment as one of its two sides sees it; `seen` knows its owner."""
    between = seen.relationships.get(made.owner_id, ())
    paid = made.owner_id == viewer_id
    return Payment(
        id=made.id,
        status=made.status,
        fulfillment_status=made.fulfillment_status,
        kind=made.kind,
        amount=amount(made.amount, made.currency),
        amount_refunded=amount(made.refunded, made.currency),
        currency=made.currency,
        source_amount=amount(made.source_amount, made.source_currency) if paid else None,
        source_currency=made.source_currency if paid else None,
        exchange_rate=made.exchange_rate if paid else None,
        error_code=made.error_code,
        description=made.description,
        image=_image(made, seen, gallery),
        owner=people.user(seen.owners[made.owner_id], between, gallery=gallery, now=now),
        recipient=_recipient(made),
        unclaimed_payment=_unclaimed(made.holding, sees_source=paid),
        request_id=made.request_id,
        pool_id=made.pool_id,
        meta=made.meta,
        expires_at=made.expires_at,
        created_at=made.created_at,
        updated_at=made.updated_at,
    )


def _image(made: commands.Payment, seen: reading.Seen, gallery: Gallery) -> images.Image:
    own = images.first(seen.images.get(made.id, ()), gallery)
    if own is not None:
        return own
    owner, recipient = seen.owners[made.owner_id], made.recipient
    faces = [Face(owner.full_name, owner.image_id)]
    if recipient.user_id != owner.id:
        faces.append(Face(recipient.full_name, recipient.image_id))
    return images.group(faces, gallery, at=made.created_at)


def _recipient(made: commands.Payment) -> Recipient:
    recipient = made.recipient
    return Recipient(
        id=recipient.id,
        user_id=recipient.user_id,
        parent_user_id=recipient.parent_user_id,
        transaction_id=made.transaction_id,
        status=recipient.status,
        amount=amount(made.amount, made.currency),
        currency=made.currency,
        full_name=recipient.full_name,
        username=recipient.username,
        verified=recipient.verified,
        official=recipient.official,
        messages=None,
        meta=recipient.meta,
        created_at=made.created_at,
        updated_at=made.updated_at,
    )


_UNCLAIMED_ERRORS = {
    "": "",
    "expired": "Nobody claimed the money in time; it was returned.",
    "revoked": "Nobody had claimed the money when its payer took it back.",
}


def _unclaimed(held: Holding | None, *, sees_source: bool) -> UnclaimedPayment | None:
    if held is None:
        return None
    return UnclaimedPayment(
        id=held.id,
        funding_source_id=held.source_id if sees_source else None,
        transaction_id=held.transaction_id,
        processed=held.status == "claimed",
        error=held.status == "returned",
        error_message=_UNCLAIMED_ERRORS[held.error_code],
        expires_at=held.expires_at,
        created_at=held.created_at,
        updated_at=held.updated_at,
    )
