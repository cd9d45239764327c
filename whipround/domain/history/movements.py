"""What a history is made of: incomes and outcomes."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from whipround.errors import Message

IncomeType = Literal["card_to_wallet", "user_to_wallet", "pool_to_wallet"]
OutcomeType = Literal[
    "card_to_user",
    "card_to_pool",
    "cash_to_pool",
    "wallet_to_account",
    "wallet_to_user",
    "wallet_to_pool",
]

Status = Literal["paid", "waiting", "pending", "returned"]
"""How far what was paid has come: to where it was to go; to an address that nobody has proven, or
no further than promised; not yet, as a card or a bank has the last word; back again, all of it."""


@dataclass(frozen=True, slots=True)
class Income:
    """What came into the wallet: `amount`, all of it, whatever it was called before.

    `party` is who it is from, a person's name or a pool's title; of what came back, who it had been
    sent to. `number` is that of the payment, of a share of a crowd payment that of the whole.
    """

    type: IncomeType
    amount: Decimal
    happened_at: datetime
    description: str | Message
    party: str
    number: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was paid: `amount`, and the `fee` on top of it.

    `party` is who it went to: a person's name, the address while nobody has proven it, a pool's
    title, what the owner of a bank account calls the bank (their own name, if they do not), the
    title of a crowd payment's script. `refunded` is how much of the whole payment its recipients
    have given back so far, to wherever it was paid from. `number` is that of the payment.
    """

    type: OutcomeType
    amount: Decimal
    fee: Decimal
    refunded: Decimal
    status: Status
    happened_at: datetime
    description: str | Message
    party: str
    number: int
