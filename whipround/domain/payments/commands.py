"""What a payment is, what is asked for, and what it can come to."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple
from uuid import UUID

from whipround.db.request_keys import Answer, RequestKey
from whipround.domain.gateway_calls import GatewayCall
from whipround.domain.images.giving import Picture
from whipround.domain.legs import Part, Worth
from whipround.domain.payees import Address, Holding
from whipround.domain.payments.means import PLAIN, Means
from whipround.domain.payments.shares import Share, ShareState
from whipround.errors import Declined, DomainError, Invalid
from whipround.money import Money

UNCLAIMED_FOR = timedelta(days=10)
"""How long money waits for somebody to prove the address it was sent to."""

MOST_WAITING = 100
"""How many payments of one person may wait to be claimed at a time, however they were paid.

Each costs the product a message, and returns to the payer's wallet free of charge.
"""


MOST_DECLINED = 20
DECLINED_WITHIN = timedelta(days=1)
"""How often one card or bank account may decline in this time before it is not asked any more."""


class TooManyDeclined(Declined):
    """This card or bank account has declined too often today."""

    code = "limit_exceeded"


class TooManyWaiting(Declined):
    """Too many of your payments wait to be claimed already."""

    code = "limit_exceeded"


class RecipientUnavailable(Declined):
    """The recipient could not be paid any more; what was charged is in the payer's wallet."""

    code = "recipient_unavailable"


class RecipientNotFound(Invalid):
    """Nobody can be paid there."""

    def __init__(self, field: str) -> None:
        super().__init__(
            Invalid.field(f"recipient.{field}", "not_found", "Nobody can be paid there").errors
        )


class NoSuchDestination(Invalid):
    """There is no such funding source to pay out to, or money cannot go there from this one."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(Invalid.field("recipient.funding_source_id", code, message).errors)


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


ParticipantStatus = Literal["pending", "paid", "cancelled"]

PaymentKind = Literal["payment", "top_up", "withdrawal", "request", "contribution", "payout"]
"""To somebody; from one's card or bank account into the wallet; from the wallet to one's bank; for
somebody's request; into a pool; out of one's pool."""


class UnsupportedFundingSource(Invalid):
    """Nothing can be paid from such a source."""

    def __init__(self) -> None:
        super().__init__(
            Invalid.field("funding_source_id", "unsupported", "Cannot be paid from").errors
        )


class Participant(NamedTuple):
    """The recipient as the payment shows them; `user_id` None until somebody proves the address."""

    id: UUID
    user_id: UUID | None
    parent_user_id: UUID | None
    status: ParticipantStatus
    full_name: str
    username: str
    verified: bool
    official: bool
    meta: str
    image_id: UUID | None = None


class Payment(NamedTuple):
    """A payment. `amount` of `currency` is what the recipient gets.

    The payer pays `source_amount` of `source_currency` for it, and the `fee` on top: the same as
    `amount` and `currency` where `exchange_rate` is None, as nothing is converted. `refunded` is
    what of the amount went back. `holding` is there if the recipient was not a user when the money
    came. `funding_source_id` is None of what was paid out of a pool. `error_code` says why it
    failed, if it did. `request_id` or `pool_id` is what it pays for, or out of, if anything, and
    `share` the participant whose part it is: a list of payments is read without. `part` came out of
    the payer's wallet where a card has paid the rest. `number` is its id in Moneypool, None as long
    as nobody has asked for it.
    """

    id: UUID
    kind: PaymentKind
    owner_id: UUID
    funding_source_id: UUID | None
    amount: Decimal
    fee: Decimal
    currency: str
    source_amount: Decimal
    source_currency: str
    exchange_rate: Decimal | None
    refunded: Decimal
    description: str
    meta: str
    status: Literal["open", "closed"]
    fulfillment_status: Literal["unfulfilled", "fulfilled"]
    recipient: Participant
    payee_id: UUID | None
    transaction_id: UUID
    in_funding_source_id: UUID | None
    holding: Holding | None
    error_code: str
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime
    request_id: UUID | None = None
    pool_id: UUID | None = None
    share: ShareState | None = None
    part: Part | None = None
    number: int | None = None

    @property
    def worth(self) -> Worth:
        """What it is worth on either side."""
        return Worth(self.amount, self.currency, self.source_amount, self.source_currency, self.fee)


class Pay(NamedTuple):
    """A person's order to pay.

    Exactly one of `recipient_user_id`, `recipient_address` and `recipient_source_id` is set; the
    last is a funding source of the payer's own. None is where the `share` is a contribution to a
    pool. The amount is what the recipient gets, checked against its currency's digits; it is paid
    for in `source_currency`. `pin` is the keyed digest of the PIN given, None where none is asked
    for. `render` makes the answer that is stored with the money. `means` is how it is paid where
    that is not just the funding source.
    """

    key: RequestKey
    payer_id: UUID
    payer_name: str
    pin: bytes | None
    funding_source_id: UUID
    amount: Money
    source_currency: str
    description: str
    render: "Callable[[Payment | DomainError], Answer]"
    recipient_user_id: UUID | None = None
    recipient_address: Address | None = None
    recipient_source_id: UUID | None = None
    recipient_name: str = ""
    recipient_meta: str = ""
    meta: str = ""
    picture: Picture | None = None
    share: Share | None = None
    means: Means = PLAIN


class Processing(NamedTuple):
    """A payment whose money the outside is to move: the call to be made, and with what.

    `account_id` is the row of the card or bank account, `sealed` what its processor knows it by.
    """

    payment: Payment
    call: GatewayCall
    account_id: UUID
    sealed: bytes
