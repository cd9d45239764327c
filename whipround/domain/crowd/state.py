"""What the decisions about crowd payments depend on, and what they come to."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from whipround.domain.crowd.commands import CrowdPayment, Outcome
from whipround.domain.limits import Limits
from whipround.domain.notifications import Event
from whipround.domain.payees import Address, Holding, Payee
from whipround.domain.payments.commands import Payment
from whipround.domain.payments.state import Recipient
from whipround.ledger.accounts import AccountName
from whipround.ledger.transfers import Book
from whipround.money import Money


class Payer(NamedTuple):
    """Somebody who confirms a payment, with their wallet; `gives` says whether that is enabled."""

    id: UUID
    full_name: str
    locked_until: datetime | None
    verified: bool
    wallet_id: UUID
    gives: bool


class Shown(NamedTuple):
    """A preview, as far as it still can be confirmed; `user_id` is None of an anonymous one."""

    id: UUID
    user_id: UUID | None
    used_at: datetime | None
    expires_at: datetime


class ShareRow(NamedTuple):
    """What makes a payment a share of a crowd payment."""

    payment_id: UUID
    crowd_id: UUID
    position: int
    role: str
    percentage: Decimal
    recipient: str


class Notice(NamedTuple):
    """An address that nobody has proven is to be told that a share waits for it."""

    payee: Payee
    money: Money
    payer_name: str
    title: str
    expires_at: datetime
    claim_url: str


@dataclass(slots=True)
class State:
    """All that the decisions depend on, read under lock.

    `pledges` are those that are to be paid, as they stand. `waiting` says how many shares of a
    payer's payments nobody has claimed yet, `pledged` how many of their pledges wait. `accounts`
    are by name.
    """

    now: datetime
    payers: dict[UUID, Payer]
    previews: dict[UUID, Shown]
    pledges: dict[UUID, CrowdPayment]
    recipients: dict[UUID, Recipient]
    payees: dict[Address, Payee]
    blocks: set[tuple[UUID, UUID]]
    limits: Limits
    waiting: dict[UUID, int]
    pledged: dict[UUID, int]
    accounts: dict[AccountName, UUID]
    book: Book


@dataclass(slots=True)
class Decision:
    """One outcome per command, in order, and the rows to write for those that were accepted.

    `made` are new crowd payments, `claimed` the pledges that were paid, `used` the previews.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    made: list[CrowdPayment] = field(default_factory=list)
    claimed: list[CrowdPayment] = field(default_factory=list)
    used: list[UUID] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    shares: list[ShareRow] = field(default_factory=list)
    holdings: list[Holding] = field(default_factory=list)
    told: dict[UUID, Payee] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
