"""What the decisions about payments depend on, and what they come to."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from whipround.db.outbox import Message
from whipround.domain.credentials import PinState
from whipround.domain.images.attaching import Attachment
from whipround.domain.images.wanting import Wanted
from whipround.domain.limits import Limits
from whipround.domain.notifications import Event
from whipround.domain.payees import Address, Holding, Payee
from whipround.domain.payments.commands import Payment, Processing
from whipround.domain.payments.sharing import Shares
from whipround.domain.quotes import Prices
from whipround.errors import DomainError
from whipround.ledger.accounts import AccountName
from whipround.ledger.transfers import Book

Outcome: TypeAlias = Payment | Processing | DomainError
"""What an order to pay comes to: done, to be done by the outside, or refused."""


@dataclass(frozen=True, slots=True)
class Source:
    """A funding source that a command names.

    `type` is what it is at bottom, `type_name` what the product calls it. `gives` and `takes` say
    whether money may leave it, or get into it, now. What is outside has an `account_id`, the row of
    the card or bank account, and what its processor knows it by, `sealed`; `declined` is how often
    it has declined of late. One that `is_once` stands for what is paid with once: of that those
    count too that may yet decline.
    """

    id: UUID
    user_id: UUID
    type: str
    type_name: str
    gives: bool
    takes: bool
    account_id: UUID | None
    sealed: bytes | None
    declined: int = 0
    is_once: bool = False

    @property
    def types(self) -> tuple[str, str]:
        """By what rules for types find it, the closest first."""
        return (self.type_name, self.type)


@dataclass(frozen=True, slots=True)
class Recipient:
    """A user who can be paid."""

    user_id: UUID
    parent_user_id: UUID | None
    wallet_id: UUID
    full_name: str
    username: str
    verified: bool
    official: bool
    image_id: UUID | None = None


@dataclass(slots=True)
class State:
    """All that the decisions depend on, read under lock.

    `accounts` are by name; `waiting` says how many payments of a payer nobody has claimed yet;
    `verified` who of the payers is.
    """

    now: datetime
    pins: dict[UUID, PinState]
    verified: set[UUID]
    sources: dict[UUID, Source]
    recipients: dict[UUID, Recipient]
    payees: dict[Address, Payee]
    shares: Shares
    blocks: set[tuple[UUID, UUID]]
    prices: Prices
    limits: Limits
    waiting: dict[UUID, int]
    accounts: dict[AccountName, UUID]
    book: Book


@dataclass(slots=True)
class Decision:
    """One outcome per command, in order, and the rows to write for those that were accepted.

    `events` are what users are told, `messages` what is sent to addresses that nobody has proven,
    `wanted` the pictures to be fetched, `attachments` those that were uploaded.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    pins: dict[UUID, PinState] = field(default_factory=dict)
    payments: list[Payment] = field(default_factory=list)
    holdings: list[Holding] = field(default_factory=list)
    told: dict[UUID, Payee] = field(default_factory=dict)
    wanted: list[Wanted] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
