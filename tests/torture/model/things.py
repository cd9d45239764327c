"""People, what they pay, ask and pledge, and how it stands."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Literal, TypeAlias

from tests.torture.model.book import NOTHING, Account, Share

Address: TypeAlias = tuple[Literal["phone", "email", "profile"], str]

UNCLAIMED_FOR = timedelta(days=10)
SHARES_UNCLAIMED_FOR = timedelta(days=90)
PLEDGED_FOR = timedelta(days=180)


@dataclass(eq=False)
class Person:
    """Somebody, what they have proven to be theirs, and what they pay and are paid out by.

    `cards` are the ids of cards by their tokens, `banks` those of bank accounts, each of which is
    an account of the book's, too; so are `once`, cards that nobody keeps, `clabe`, and `cash`.
    """

    name: str
    username: str
    addresses: set[Address]
    cards: dict[str, str] = field(default_factory=dict)
    banks: dict[str, str] = field(default_factory=dict)
    has_clabe: bool = False
    wrong_pins: int = 0

    @property
    def wallet(self) -> Account:
        """Their wallet."""
        return Account("wallet", self)

    def outside(self, what: str) -> Account:
        """A card, a bank account or cash of theirs."""
        return Account("wallet", (self, what))

    def email(self) -> str | None:
        """An email they have proven."""
        return min((value for kind, value in self.addresses if kind == "email"), default=None)

    def phone(self) -> str | None:
        """A phone they have proven."""
        return min((value for kind, value in self.addresses if kind == "phone"), default=None)

    def __repr__(self) -> str:
        return self.name


@dataclass(eq=False)
class Payment:
    """Money that somebody pays to a person, to an address, or into a pool.

    `source` is where it is from: the wallet where it is None. Of what is from a card the wallet may
    bear a part: `borne`, and `borne_fee` of the `fee`.
    """

    label: str
    payer: Person
    currency: str
    amount: Decimal
    fee: Decimal
    to: "Person | Pool | None" = None
    address: Address | None = None
    kind: str = "payment"
    source: str | None = None
    is_kept: bool = True
    borne: Decimal = NOTHING
    borne_fee: Decimal = NOTHING
    waits_for: timedelta = UNCLAIMED_FOR
    until: timedelta = timedelta()
    status: Literal["new", "pending", "waiting", "arrived", "returned", "out", "failed"] = "new"
    asked: "Asked | None" = None
    id: str | None = None
    transaction_id: str | None = None
    refunded: Decimal = NOTHING
    fee_refunded: Decimal = NOTHING
    is_ones_own: bool = False

    @property
    def whole(self) -> Decimal:
        """Amount and fee."""
        return self.amount + self.fee

    @property
    def holding(self) -> Account:
        """Where it waits."""
        return Account("holding", self)


@dataclass(eq=False)
class Asked:
    """What one person is asked for: a participant of a request."""

    request: "Request"
    amount: Decimal
    person: Person | None
    address: Address | None = None
    status: str = "pending"
    is_paying: bool = False
    id: str = ""
    number: int | None = None


@dataclass(eq=False)
class Request:
    """Money that somebody asks others for."""

    label: str
    owner: Person
    currency: str
    asked: list[Asked] = field(default_factory=list)
    id: str = ""
    is_deleted: bool = False

    def of(self, person: Person) -> Asked | None:
        """What somebody is asked for."""
        return next((it for it in self.asked if it.person is person), None)

    def amount_paid(self) -> Decimal:
        """What has been paid, or settled."""
        return sum((it.amount for it in self.asked if it.status in {"paid", "settled"}), NOTHING)


@dataclass(eq=False)
class Pool:
    """Money that people put together."""

    label: str
    owner: Person
    currency: str
    is_unique: bool
    is_public: bool
    least: Decimal | None
    ends_at: timedelta | None
    invited: set[Person] = field(default_factory=set)
    gifts: list[Payment] = field(default_factory=list)
    id: str = ""
    number: int = 0
    is_closed: bool = False

    @property
    def account(self) -> Account:
        """Where its money is."""
        return Account("pool", self)

    def collected(self) -> Decimal:
        """All that was contributed."""
        return sum((it.amount for it in self.gifts if it.status == "arrived"), NOTHING)

    def has_given(self, person: Person) -> bool:
        """Whether they have contributed, or are about to."""
        return any(it.payer is person and it.status in {"pending", "arrived"} for it in self.gifts)

    def is_seen_by(self, person: Person) -> bool:
        """Whether it exists for them."""
        return (
            self.is_public
            or person in {self.owner, *self.invited}
            or any(it.payer is person and it.status == "arrived" for it in self.gifts)
        )


@dataclass(frozen=True)
class Part:
    """What somebody is named with in a script."""

    to: Person | Address
    share: Share


@dataclass(eq=False)
class Task:
    """A page that pledges, until it pays those whom it names."""

    url: str
    path: str
    label: str
    parts: Sequence[Part]
    is_pledging: bool = True


@dataclass(eq=False)
class Pledge:
    """What somebody has pledged to a task."""

    task: Task
    payer: Person
    currency: str
    amount: Decimal
    fee: Decimal
    until: timedelta
    id: str
    status: str = "pledged"

    @property
    def account(self) -> Account:
        """Where it waits."""
        return Account("pledge", self)
