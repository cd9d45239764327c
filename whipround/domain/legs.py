"""The legs of a payment's transfers, from wherever its money is to wherever it goes.

However a payment travels, the same is taken and the same arrives: what it is worth leaves the
payer's source, the fee and the amount get to where they belong, and a conversion passes through the
positions of both currencies.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple, TypeAlias
from uuid import UUID

from whipround.domain.funding.wallet import POSITION_ACCOUNT
from whipround.ledger.accounts import PRODUCT, AccountName, NewAccount
from whipround.ledger.transfers import Leg
from whipround.money import EXACT

Accounts: TypeAlias = Mapping[AccountName, UUID]
"""The ids of accounts, by name."""


class Worth(NamedTuple):
    """What a payment is worth on either side; `fee` is in the source currency, on top."""

    amount: Decimal
    currency: str
    source_amount: Decimal
    source_currency: str
    fee: Decimal

    @property
    def total(self) -> Decimal:
        """What leaves the source, in its currency."""
        return EXACT.add(self.source_amount, self.fee)

    @property
    def converts(self) -> bool:
        """Whether the two sides have different currencies."""
        return self.currency != self.source_currency


class Part(NamedTuple):
    """What of a payment's amount and fee comes out of its payer's wallet; a card pays the rest."""

    amount: Decimal
    fee: Decimal

    @property
    def total(self) -> Decimal:
        """What leaves the wallet."""
        return EXACT.add(self.amount, self.fee)


class Ends(NamedTuple):
    """The accounts a payment's money moves between; `fee` is where the fee goes."""

    source: UUID
    destination: UUID
    fee: UUID


def through(worth: Worth, ends: Ends, accounts: Accounts) -> tuple[Leg, ...]:
    """All of the payment: out of the source, the amount and the fee to their ends.

    `accounts` holds the positions of both currencies where they differ.
    """
    return (
        Leg(ends.source, -worth.total),
        *conversion(worth, accounts),
        Leg(ends.destination, worth.amount),
        Leg(ends.fee, worth.fee),
    )


def set_aside(worth: Worth, source: UUID, holding: UUID) -> tuple[Leg, ...]:
    """All that the payer pays, unconverted, into an account where it waits."""
    return (Leg(source, -worth.total), Leg(holding, worth.total))


def together(legs: tuple[Leg, ...], part: Part, account_id: UUID) -> tuple[Leg, ...]:
    """The same legs, of whose source (the first of them) another account bears a part."""
    source, *others = legs
    borne = Leg(source.account_id, EXACT.add(source.amount, part.total))
    return (borne, Leg(account_id, -part.total), *others)


def turned_round(legs: tuple[Leg, ...]) -> tuple[Leg, ...]:
    """What undoes the legs."""
    return tuple(Leg(leg.account_id, -leg.amount) for leg in legs)


def conversion(worth: Worth, accounts: Accounts) -> tuple[Leg, ...]:
    """What passes through the positions; nothing where both currencies are one."""
    if not worth.converts:
        return ()
    source, destination = positions(worth)
    return (
        Leg(accounts[source.name], worth.source_amount),
        Leg(accounts[destination.name], -worth.amount),
    )


def positions(worth: Worth) -> tuple[NewAccount, NewAccount]:
    """The positions of the source currency and of the other one; either may be owed."""
    return (
        NewAccount(PRODUCT, POSITION_ACCOUNT, worth.source_currency, floor=None),
        NewAccount(PRODUCT, POSITION_ACCOUNT, worth.currency, floor=None),
    )
