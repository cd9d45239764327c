"""What a refund is, what is asked for, and why it may be refused."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from whipround.db.request_keys import Answer, RequestKey
from whipround.domain.legs import Worth
from whipround.errors import Declined, DomainError, Invalid
from whipround.money import Money


class NotRefundable(Declined):
    """This payment cannot be refunded, or not by you."""

    code = "not_refundable"


class AlreadyRefunded(Declined):
    """All of this payment was refunded already."""

    code = "already_refunded"


class WrongAmount(Invalid):
    """So much cannot be refunded."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(Invalid.field("amount", code, message).errors)


@dataclass(frozen=True, slots=True)
class Refund:
    """Money that went back to a payer, or is on its way.

    `worth` is what leaves the recipient, and what of the source amount and of the fee goes back for
    it. `pending` until the card or the bank that the money goes to has said so.
    """

    id: UUID
    payment_id: UUID
    transaction_id: UUID
    payer_id: UUID
    recipient_id: UUID
    status: Literal["pending", "approved"]
    worth: Worth
    description: str
    meta: str
    created_at: datetime
    updated_at: datetime

    @property
    def returned(self) -> Money:
        """All that goes back to the payer, fee and all, in the currency it was paid in."""
        return Money(self.worth.total, self.worth.source_currency)


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """A recipient's order to give a payment back: `amount` of its currency, or all that is left.

    `render` makes the answer that is stored with the money.
    """

    key: RequestKey
    payment_id: UUID
    user_id: UUID
    pin: str = field(repr=False)
    amount: Decimal | None
    description: str
    meta: str
    render: Callable[[Refund | DomainError], Answer]
