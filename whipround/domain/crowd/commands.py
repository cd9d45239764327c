"""What a crowd payment is, what is asked for, and what it can come to."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple, TypeAlias
from uuid import UUID

from whipround.db.request_keys import Answer, RequestKey
from whipround.domain.crowd.plan import Page, Plan, PlannedShare
from whipround.errors import Declined, DomainError, Invalid, NotFound
from whipround.money import Money

PLEDGED_FOR = timedelta(days=180)
"""How long a pledge waits to be claimed before it returns (later revisions, "Mobbr")."""

UNCLAIMED_FOR = timedelta(days=90)
"""How long a share waits for somebody to prove that they are who it is for."""

MOST_WAITING = 5_000
"""How many shares of one person's payments may wait to be claimed at a time."""

MOST_PLEDGED = 1_000
"""How many pledges of one person may wait at a time: whoever claims has to go through them all."""

PLEDGE_ACCOUNT = "pledge"
"""The kind of the account that the money of a pledge waits in; its owner is the crowd payment."""

CrowdStatus = Literal["pledged", "paid", "revoked", "expired"]


class PreviewRefused(Invalid):
    """There is no such preview, or it has expired, was used, or is somebody else's."""

    def __init__(self) -> None:
        message = "The hash is unknown, has been used or has expired: preview the payment again"
        super().__init__(Invalid.field("hash", "invalid", message).errors)


class RecipientsChanged(Declined):
    """Not everybody can be paid any more as it was shown: preview the payment again."""

    code = "recipients_changed"


class TooManySharesWaiting(Declined):
    """Too many shares of your payments wait to be claimed already."""

    code = "limit_exceeded"


class TooManyPledges(Declined):
    """Too many of your pledges wait already."""

    code = "limit_exceeded"


class PledgeNotFound(NotFound):
    """There is no such pledge, or it waits no more."""


class PledgeUnpayable(Declined):
    """This pledge cannot be paid by the script as it is now."""

    code = "pledge_unpayable"


class CrowdPayment(NamedTuple):
    """A crowd payment. The payer pays `amount`, and the `fee` on top.

    `participants` are the users who took part in what was pledged to.
    """

    id: UUID
    owner_id: UUID
    owner_name: str
    funding_source_id: UUID
    status: CrowdStatus
    amount: Decimal
    fee: Decimal
    currency: str
    page: Page
    referrer: str | None
    is_invoiced: bool
    participants: tuple[UUID, ...]
    expires_at: datetime | None
    created_at: datetime
    paid_at: datetime | None

    @property
    def money(self) -> Money:
        """What is divided."""
        return Money(self.amount, self.currency)


class Confirm(NamedTuple):
    """A person's order to pay what they were shown (Mobbr, Confirm payment).

    `preview_id` is of the preview that `plan` was read from; its row is locked, and looked at
    again. `render` makes the answer that is stored with the money. `claim_url` is where a mail to
    somebody unknown leads, with a token at the end of its path.

    Comes to the answer; PreviewRefused, RecipientsChanged, TooManySharesWaiting, TooManyPledges,
    InsufficientFunds, LimitExceeded, FundingSourceDisabled, UserLocked, KeyReused, InProgress. A
    refusal uses nothing up: until it expires the preview can be confirmed.
    """

    key: RequestKey
    payer_id: UUID
    wallet_id: UUID
    preview_id: UUID
    plan: Plan
    render: Callable[[CrowdPayment], Answer]
    claim_url: str


class ClaimPledge(NamedTuple):
    """A pledge is to be paid by the script as it is now (Mobbr, Claim payments).

    The shares divide the amount of the pledge exactly. Comes to the payment; PledgeNotFound if it
    waits no more, so that a claim can be repeated; PledgeUnpayable if some of it cannot be paid.
    """

    pledge_id: UUID
    shares: Sequence[PlannedShare]
    claim_url: str


Command: TypeAlias = Confirm | ClaimPledge

Outcome: TypeAlias = CrowdPayment | DomainError

Result: TypeAlias = Answer | CrowdPayment
"""The answer of a payment that was confirmed, and a pledge that was paid."""
