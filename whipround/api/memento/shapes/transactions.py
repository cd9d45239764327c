"""Transactions, and what gateways said of them (Memento, Transactions)."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

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
from whipround.domain import transactions


class GatewayResponse(Shape):
    """What a gateway said (Memento, The gateway response object)."""

    id: ID
    amount: Annotated[Amount, doc("The amount that was processed.")]
    currency: Annotated[str, doc("The ISO 4217 code of the currency.")]
    authorization_code: Annotated[str, doc("The gateway's authorization code; or empty.")]
    reference_code: Annotated[str, doc("The gateway's reference; or empty.")]
    tracking_code: Annotated[str, doc("The gateway's tracking number; or empty.")]
    processor_datetime: Annotated[
        datetime | None, doc("The time when the gateway processed it; null before that.")
    ]
    created_at: CREATED_AT
    updated_at: UPDATED_AT


class Transaction(Shape):
    """A transaction (Memento, The transaction object)."""

    id: ID
    out_user_id: Annotated[UUID, doc("The user who paid.")]
    in_user_id: Annotated[UUID | None, doc("The user who was paid; null while unclaimed.")]
    out_funding_source_id: Annotated[
        UUID | None, doc("The source withdrawn from; null unless it is yours.")
    ]
    in_funding_source_id: Annotated[
        UUID | None, doc("The source deposited to; null unless it is yours.")
    ]
    payment_id: Annotated[UUID, doc("The payment it belongs to.")]
    kind: Annotated[Literal["payment", "refund"], doc("A payment, or one that goes back.")]
    status: Annotated[
        transactions.TransactionStatus,
        doc("`active` while a gateway works on it, or the money waits to be claimed."),
    ]
    amount: Annotated[Amount, doc("The amount that arrives.")]
    currency: Annotated[str, doc("The ISO 4217 code of the currency.")]
    source_amount: Annotated[
        Amount | None, doc("What the payer paid for it, without the fee; null for the recipient.")
    ]
    source_currency: Annotated[
        str | None, doc("The currency that was paid in; null for the recipient.")
    ]
    exchange_rate: Annotated[
        Rate | None, doc("Units of the one currency for one of the other; null if both are one.")
    ]
    fee: Annotated[
        Amount | None, doc("What the payer paid on top, in that currency; null for the recipient.")
    ]
    tracking_code: Annotated[str, doc("A reference for other systems; or empty.")]
    error: Annotated[bool, doc("Whether it ended in an error.")]
    error_code: Annotated[str, doc("Which error, such as `card_declined`; or empty.")]
    gateway_response: Annotated[
        GatewayResponse | None,
        doc("The gateway's answer; null if none was involved, or its money is another's."),
    ]
    meta: Annotated[str, doc("Text that the client owns: that of its payment.")]
    expires_at: Annotated[datetime | None, doc("The time when it expires, if it does.")]
    created_at: CREATED_AT
    updated_at: UPDATED_AT


def transaction(found: transactions.Transaction, *, viewer_id: UUID) -> Transaction:
    """A transaction as one of its two sides sees it: only their own funding source."""
    paid = found.out_user_id == viewer_id
    # What got no further is in the payer's own wallet.
    received = found.in_user_id == viewer_id or (paid and found.status in {"cancelled", "failed"})
    source_currency = found.source_currency or found.currency
    source_amount = found.source_amount or found.amount
    # Of the payment: in what it was paid, and by which card, is nobody else's business.
    is_payer = received if found.kind == "refund" else paid
    return Transaction(
        id=found.id,
        out_user_id=found.out_user_id,
        in_user_id=found.in_user_id,
        out_funding_source_id=found.out_funding_source_id if paid else None,
        in_funding_source_id=found.in_funding_source_id if received else None,
        payment_id=found.payment_id,
        kind=found.kind,
        status=found.status,
        amount=amount(found.amount, found.currency),
        currency=found.currency,
        source_amount=amount(source_amount, source_currency) if is_payer else None,
        source_currency=source_currency if is_payer else None,
        exchange_rate=found.exchange_rate if is_payer else None,
        fee=amount(found.fee, source_currency) if paid else None,
        tracking_code=found.tracking_code,
        error=found.error_code != "",
        error_code=found.error_code,
        gateway_response=_response(found.response) if is_payer else None,
        meta=found.meta,
        expires_at=found.expires_at,
        created_at=found.created_at,
        updated_at=found.updated_at,
    )


def _response(said: transactions.GatewayResponse | None) -> GatewayResponse | None:
    if said is None:
        return None
    return GatewayResponse(
        id=said.id,
        amount=amount(said.amount, said.currency),
        currency=said.currency,
        authorization_code=said.authorization_code,
        reference_code=said.reference_code,
        tracking_code=said.tracking_code,
        processor_datetime=said.processed_at,
        created_at=said.created_at,
        updated_at=said.updated_at,
    )
