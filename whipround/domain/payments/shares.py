"""What a payment can pay for: a participant's share of a request, a contribution to a pool."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple, TypeAlias
from uuid import UUID

from whipround.db.request_keys import Answer, RequestKey
from whipround.domain.payments.means import PLAIN, Means
from whipround.errors import DomainError, Invalid, Message
from whipround.money import Money, fits_currency, round_to_currency

POOL_ACCOUNT = "pool"
"""The kind of the account that holds a pool's money; its owner is the pool."""


class RequestShare(NamedTuple):
    """The share of a participant; without an id it is the payer's own.

    An `amount` is what the payer believes to be asked for.
    """

    request_id: UUID
    participant_id: UUID | None
    amount: Decimal | None = None


class Contribution(NamedTuple):
    """A contribution to a pool: `amount` in its currency, or that of one of its options.

    `by_amount` has the amount stand for the option that it is of, where one has to be chosen.
    """

    pool_id: UUID
    option_id: UUID | None
    amount: Decimal | None
    by_amount: bool = False


Share: TypeAlias = RequestShare | Contribution


class PayShare(NamedTuple):
    """A person's order to pay a share: whom, how much and what for is known by the share.

    It is paid for in `source_currency`, None for that of the request or the pool; all else is as in
    `Pay`. A share in another currency than `only_in` is not there. Without a `description` the
    payment has that of what it pays for.
    """

    key: RequestKey
    payer_id: UUID
    payer_name: str
    pin: bytes | None
    funding_source_id: UUID
    share: Share
    source_currency: str | None
    meta: str
    render: Callable[..., Answer]
    means: Means = PLAIN
    only_in: str | None = None
    description: str | None = None


class Refusal(NamedTuple):
    """An order to pay a share that cannot be; said once the PIN was seen to be right."""

    key: RequestKey
    payer_id: UUID
    pin: bytes | None
    share: Share
    error: DomainError
    render: Callable[..., Answer]


ShareStatus = Literal["pending", "paid", "settled", "rejected", "cancelled", "invited"]


class ShareState(NamedTuple):
    """How the participant stands whose share is paid. `meta` is the participant's."""

    participant_id: UUID
    status: ShareStatus
    meta: str
    created_at: datetime
    updated_at: datetime


@dataclass(slots=True)
class Requested:
    """A request, under lock. `receives_at` is the bank account that its money is to go on to."""

    id: UUID
    owner_id: UUID
    currency: str
    description: str
    receives_at: UUID | None
    amount_paid: Decimal
    pending: int
    paid: int
    rejected: int
    cancelled: int

    @property
    def status(self) -> Literal["open", "closed"]:
        """Closed once everybody has responded."""
        return "open" if self.pending else "closed"

    @property
    def fulfillment_status(self) -> Literal["unfulfilled", "partial", "fulfilled"]:
        """Fulfilled once all have paid who have not rejected it and are not cancelled."""
        if not self.paid:
            return "unfulfilled"
        return "partial" if self.pending else "fulfilled"


@dataclass(slots=True)
class Asked:
    """A participant of a request, under lock. `payment_id` pays, or is under way to."""

    id: UUID
    request_id: UUID
    user_id: UUID | None
    amount: Decimal
    status: ShareStatus
    payment_id: UUID | None
    meta: str
    created_at: datetime
    updated_at: datetime

    @property
    def is_waiting(self) -> bool:
        """Whether they are still to answer."""
        return self.status == "pending" and self.payment_id is None


@dataclass(slots=True)
class Pooled:
    """A pool, under lock. Amounts are in its currency."""

    id: UUID
    owner_id: UUID
    account_id: UUID
    currency: str
    description: str
    is_public: bool
    has_unique_participants: bool
    allows_optional_amount: bool
    minimum: Decimal | None
    maximum: Decimal | None
    status: Literal["open", "closed"]
    start_at: datetime | None
    end_at: datetime | None
    created_at: datetime
    amount: Decimal
    invited: int
    paid: int
    pending: int
    rejected: int

    def is_closed(self, now: datetime) -> bool:
        """Whether nothing can be contributed any more, even if nobody has closed it yet."""
        return self.status == "closed" or (self.end_at is not None and self.end_at <= now)


class Forwarding(NamedTuple):
    """Money that a payment brought into a wallet, and that is to go on to a bank account."""

    payment_id: UUID
    user_id: UUID
    funding_source_id: UUID
    money: Money


@dataclass(slots=True)
class Contributor:
    """A row of a pool's participants: an invitation, or one contribution of somebody."""

    id: UUID
    pool_id: UUID
    user_id: UUID
    status: ShareStatus
    amount: Decimal | None
    option_id: UUID | None
    payment_id: UUID | None
    transaction_id: UUID | None
    meta: str
    is_first: bool
    is_invited: bool
    pool_created_at: datetime
    created_at: datetime
    updated_at: datetime


def check_amount(
    pool: Pooled, contribution: Contribution, *, options: Mapping[UUID, Decimal]
) -> Decimal:
    """What a contribution comes to; `options` are the amounts of the pool's options.

    Where a pool has no options, everybody chooses an amount of their own. Raises Invalid for what
    the pool does not take (Memento, The money pool object).
    """
    amount, option_id = contribution.amount, contribution.option_id
    if option_id is not None:
        if option_id not in options:
            raise Invalid.field(
                "contribution_option_id", "not_found", "The pool has no such option"
            )
        if amount is not None and amount != options[option_id]:
            raise Invalid.field("amount", "invalid", "Amount must be that of the option")
        return options[option_id]
    if options and not pool.allows_optional_amount:
        if contribution.by_amount:
            raise Invalid.field("amount", "invalid", _one_of(pool, options))
        raise Invalid.field("contribution_option_id", "required", "Choose one of the options")
    if amount is None:
        raise Invalid.field("amount", "required", "Amount is required")
    if not fits_currency(amount, pool.currency):
        raise Invalid.field("amount", "too_precise", "Amount has more decimals than the currency")
    if pool.minimum is not None and amount < pool.minimum:
        least = Message("The pool takes at least {amount}", amount=_shown(pool, pool.minimum))
        raise Invalid.field("amount", "too_small", least)
    if pool.maximum is not None and amount > pool.maximum:
        most = Message("The pool takes at most {amount}", amount=_shown(pool, pool.maximum))
        raise Invalid.field("amount", "too_large", most)
    return amount


def _one_of(pool: Pooled, options: Mapping[UUID, Decimal]) -> Message:
    amounts = ", ".join(str(_shown(pool, each)) for each in sorted(set(options.values())))
    return Message("The pool takes one of these amounts: {amounts}", amounts=amounts)


def _shown(pool: Pooled, amount: Decimal) -> Decimal:
    return round_to_currency(amount, pool.currency)
