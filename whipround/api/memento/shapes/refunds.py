"""Refunds (ours: the documents have none)."""

from typing import Annotated, Literal
from uuid import UUID

from whipround.api.memento.shapes_base import CREATED_AT, ID, UPDATED_AT, Amount, Shape, amount
from whipround.api.shapes import doc
from whipround.domain.refunds import commands


class Returned(Shape):
    """All that goes back to the payer."""

    amount: Annotated[Amount, doc("The amount, the part of the fee included.")]
    currency: Annotated[str, doc("The ISO 4217 code of the currency it was paid in.")]


class Refund(Shape):
    """Money of a payment that went back, or is on its way."""

    id: ID
    payment_id: Annotated[UUID, doc("The payment that is refunded.")]
    transaction_id: Annotated[UUID, doc("The transaction that carries the money.")]
    status: Annotated[
        Literal["pending", "approved"],
        doc("`pending` until the card or the bank has said what becomes of it."),
    ]
    amount: Annotated[Amount, doc("What the recipient of the payment gave back.")]
    currency: Annotated[str, doc("The ISO 4217 code of the payment's currency.")]
    fee: Annotated[
        Amount | None, doc("What of the fee went back to the payer; null for the recipient.")
    ]
    returned: Annotated[
        Returned | None, doc("All that goes back to the payer; null for the recipient.")
    ]
    description: Annotated[str, doc("Why it was given back.")]
    meta: Annotated[str, doc("Text that the client owns.")]
    created_at: CREATED_AT
    updated_at: UPDATED_AT


def refund(found: commands.Refund, *, viewer_id: UUID) -> Refund:
    """A refund as one of the payment's two sides sees it: the fee is the payer's business."""
    worth, returned = found.worth, found.returned
    is_payer = found.payer_id == viewer_id
    shown = Returned(amount=amount(returned.amount, returned.currency), currency=returned.currency)
    return Refund(
        id=found.id,
        payment_id=found.payment_id,
        transaction_id=found.transaction_id,
        status=found.status,
        amount=amount(worth.amount, worth.currency),
        currency=worth.currency,
        fee=amount(worth.fee, worth.source_currency) if is_payer else None,
        returned=shown if is_payer else None,
        description=found.description,
        meta=found.meta,
        created_at=found.created_at,
        updated_at=found.updated_at,
    )
