"""How a payment is paid, where that is more than one of the payer's funding sources."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID


@dataclass(frozen=True, slots=True)
class OnceCard:
    """A card that is charged this once, and is not kept (`funding.once`).

    `sealed` is what its processor gave for it, sealed with the id of the call that is to charge it.
    `holder` is whose it is, as the payer says.
    """

    call_id: UUID
    sealed: bytes = field(repr=False)
    holder: str = field(repr=False)


class FromWallet(NamedTuple):
    """What of the amount comes out of the payer's own wallet; a card pays the rest."""

    funding_source_id: UUID
    amount: Decimal


class Means(NamedTuple):
    """What an order to pay says of its means.

    `card` goes with the payer's source for cards that are charged once, `has_come` with that for
    cash: the money has been paid in already. `numbered` has the payment's number found out.
    """

    card: OnceCard | None = None
    wallet: FromWallet | None = None
    has_come: bool = False
    numbered: bool = False


PLAIN = Means()
"""The funding source, and nothing else."""
