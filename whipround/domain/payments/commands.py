"""What a payment is, what is asked for, and what it can come to."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple
from uuid import UUID

from whipround.db.request_keys import Answer, RequestKey
from whipround.domain.payees import Address, Holding
from whipround.errors import Declined, DomainError, Invalid
from whipround.money import Money

UNCLAIMED_FOR = timedelta(days=10)
"""How long money waits for somebody to prove the address it was sent to."""

DESCRIPTION_LENGTH = 1000
NAME_LENGTH = 100


MOST_WAITING = 100
"""How many payments from one funding source may wait to be claimed at a time.

Each costs the product a message, and returns to the payer free of charge.
"""


class TooManyWaiting(Declined):
    """Too many payments from this source wait to be claimed already."""

    code = "limit_exceeded"


class Blocked(Declined):
    """One of the two has blocked the other."""

    code = "blocked"


class RecipientNotFound(Invalid):
    """Nobody can be paid there."""

    def __init__(self, field: str) -> None:
        super().__init__(
            Invalid.field(f"recipient.{field}", "not_found", "Nobody can be paid there").errors
        )


class PaidToOneself(Invalid):
    """A wallet cannot pay its own person."""

    def __init__(self, field: str) -> None:
        super().__init__(
            Invalid.field(f"recipient.{field}", "invalid", "Must be somebody else").errors
        )


class UnknownFundingSource(Invalid):
    """The payer has no such funding source."""

    def __init__(self) -> None:
        super().__init__(
            Invalid.field("funding_source_id", "not_found", "You have no such source").errors
        )


class Participant(NamedTuple):
    """The recipient as the payment shows them; `user_id` None until somebody proves the address."""

    id: UUID
    user_id: UUID | None
    parent_user_id: UUID | None
    status: Literal["pending", "paid", "cancelled"]
    full_name: str
    username: str
    verified: bool
    official: bool
    meta: str


class Payment(NamedTuple):
    """A payment. `amount` is what the recipient gets; the payer pays `fee` on top; both `currency`.

    `holding` is there if the recipient was not a user when it was made.
    """

    id: UUID
    owner_id: UUID
    funding_source_id: UUID
    amount: Decimal
    fee: Decimal
    currency: str
    description: str
    meta: str
    image_url: str | None
    status: Literal["open", "closed"]
    fulfillment_status: Literal["unfulfilled", "fulfilled"]
    recipient: Participant
    payee_id: UUID | None
    transaction_id: UUID
    in_funding_source_id: UUID | None
    holding: Holding | None
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime


class Pay(NamedTuple):
    """A person's order to pay. Exactly one of `recipient_user_id` and `recipient_address` is set.

    The amount is checked against its currency's digits. `pin` is the keyed digest of the PIN given.
    `render` makes the answer that is stored with the money.
    """

    key: RequestKey
    payer_id: UUID
    payer_name: str
    pin: bytes
    funding_source_id: UUID
    recipient_user_id: UUID | None
    recipient_address: Address | None
    recipient_name: str
    recipient_meta: str
    amount: Money
    description: str
    meta: str
    image_url: str | None
    render: "Callable[[Payment | DomainError], Answer]"
