"""What moves money outside: charges a card or a bank account, gives back, pays out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias
from uuid import UUID

from whipround.gateways.processors.cash import CashDesk, CashOrder, Slip
from whipround.money import Money
from whipround.outcomes import Outcome


class ProcessorError(Exception):
    """A processor gave no outcome."""


class OutcomeUnknown(ProcessorError):
    """There is no word: it may or may not have happened, and `find` will tell."""


class ProcessorUnavailable(ProcessorError):
    """Not configured, or refused before anything was done: certainly nothing happened."""


class BadSignature(Exception):
    """A webhook that does not come from the processor, or comes too late."""


@dataclass(frozen=True, slots=True)
class Registration:
    """A card or a bank account that its owner wants to use.

    `token` stands for a card, and may be empty for a bank account. `holder` is a full name.
    `details` has the `country`, `iban`, `account_number` and `swift` of a bank account, as far as
    they are known; it is empty for a card.
    """

    key: UUID
    kind: Literal["card", "bank_account"]
    user_id: UUID
    product_id: UUID
    token: str = field(repr=False)
    holder: str = field(repr=False)
    details: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class CardDetails:
    """What a processor knows of a card, and may be shown to its owner."""

    brand: str
    last_digits: str
    type: Literal["debit", "credit"]
    expiration_month: int
    expiration_year: int


@dataclass(frozen=True, slots=True)
class Registered:
    """A card or a bank account as its processor knows it from now on.

    `reference` is a secret. `is_verified`: the processor itself has made sure whose it is. `card`
    is None for a bank account, and where the processor says nothing.
    """

    reference: str = field(repr=False)
    is_verified: bool
    card: CardDetails | None


@dataclass(frozen=True, slots=True)
class Charge:
    """Take money from a card or a bank account.

    `reference` is that of `Registered`; empty once its owner has deleted it, when a charge can only
    be asked about. A card that is charged this once is not registered: `token` stands for it, and
    `holder` is whose it is, as the payer says.
    """

    key: UUID
    product_id: UUID
    reference: str = field(repr=False)
    amount: Money
    description: str
    token: str = field(default="", repr=False)
    holder: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Refund:
    """Give money of an earlier charge back to where it was taken from.

    `charge_reference` is the reference code in the outcome of that charge.
    """

    key: UUID
    product_id: UUID
    charge_key: UUID
    charge_reference: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Payout:
    """Pay money to a bank account or a card. `reference` is that of `Registered`."""

    key: UUID
    product_id: UUID
    reference: str = field(repr=False)
    amount: Money
    description: str


Operation = Charge | Refund | Payout


class Processor(Protocol):
    """Moves money outside. The same key, however often it comes, moves it once.

    Every method raises ProcessorUnavailable where nothing was done, and OutcomeUnknown where
    nobody can tell.
    """

    name: str

    async def register(self, registration: Registration) -> Registered | Outcome:
        """Make a card or a bank account known; an Outcome says why it was declined."""
        ...

    async def charge(self, charge: Charge) -> Outcome:
        """Take the money."""
        ...

    async def refund(self, refund: Refund) -> Outcome:
        """Give back all or a part of what was charged."""
        ...

    async def pay_out(self, payout: Payout) -> Outcome:
        """Send the money."""
        ...

    async def find(self, operation: Operation) -> Outcome | None:
        """What became of an operation; None if its key was never heard of.

        Raises OutcomeUnknown where that cannot be asked.
        """
        ...

    def least_payout(self, currency: str) -> Money:
        """The smallest amount of a currency that a payout can have. Asks nobody."""
        ...

    async def close(self) -> None:
        """Let go of what is held open. Nothing is asked after it."""
        ...


@dataclass(frozen=True, slots=True)
class Hint:
    """What a webhook is good for: it names what there is something new about.

    That is a call, or an order to be paid in cash; `id` is ours.
    """

    product_id: UUID
    id: UUID
    about: Literal["call", "cash"] = "call"


ReadHint: TypeAlias = Callable[[bytes, str], Hint | None]
"""Reads the body of a webhook under its signature; None if it is about no call of ours.

Raises BadSignature.
"""


class Unconfigured:
    """Stands for a processor, or a cash desk, that is not set up."""

    name = "none"

    async def register(self, registration: Registration) -> Registered | Outcome:  # noqa: ARG002
        """Raise ProcessorUnavailable."""
        raise ProcessorUnavailable

    async def charge(self, charge: Charge) -> Outcome:  # noqa: ARG002
        """Raise ProcessorUnavailable."""
        raise ProcessorUnavailable

    async def refund(self, refund: Refund) -> Outcome:  # noqa: ARG002
        """Raise ProcessorUnavailable."""
        raise ProcessorUnavailable

    async def pay_out(self, payout: Payout) -> Outcome:  # noqa: ARG002
        """Raise ProcessorUnavailable."""
        raise ProcessorUnavailable

    async def find(self, operation: Operation) -> Outcome | None:  # noqa: ARG002
        """Raise ProcessorUnavailable."""
        raise ProcessorUnavailable

    def least_payout(self, currency: str) -> Money:  # noqa: ARG002
        """Raise ProcessorUnavailable."""
        raise ProcessorUnavailable

    async def open_order(self, order: CashOrder) -> Slip | Outcome:  # noqa: ARG002
        """Raise ProcessorUnavailable."""
        raise ProcessorUnavailable

    async def find_order(self, order: CashOrder) -> Slip | None:  # noqa: ARG002
        """Raise ProcessorUnavailable."""
        raise ProcessorUnavailable

    async def close(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True, slots=True)
class Processors:
    """The processor of each gateway, of which both may be the same one; and who takes cash."""

    cards: Processor
    banks: Processor
    cash: CashDesk = field(default_factory=Unconfigured)

    def of(self, gateway: str) -> Processor:
        """The processor of the gateway "cards" or "banks"."""
        return {"cards": self.cards, "banks": self.banks}[gateway]

    async def close(self) -> None:
        """Let go of what they hold open."""
        await self.cards.close()
        if self.banks is not self.cards:
            await self.banks.close()
        await self.cash.close()
