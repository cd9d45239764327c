"""Money as the documents say that it moves: accounts, fees, and the division of an amount.

Written from docs/ledger.md, docs/operating.md and docs/mobbr.md. No code of the product is called.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import NamedTuple

CENT = Decimal("0.01")
FINEST = Decimal("0.00000001")
NOTHING = Decimal(0)


class Account(NamedTuple):
    """A kind of account, as docs/ledger.md has it, and whose it is."""

    kind: str
    owner: object


FEES = Account("fees", None)
GRANTS = Account("grants", None)


def clearing(what: object) -> Account:
    """What is on its way to the outside, or waits for its word."""
    return Account("clearing", what)


class Book:
    """What every account holds. Nothing is made or lost in it."""

    def __init__(self) -> None:
        self._held: defaultdict[tuple[Account, str], Decimal] = defaultdict(Decimal)
        self.moved: defaultdict[str, Decimal] = defaultdict(Decimal)

    def move(self, currency: str, *legs: tuple[Account, Decimal]) -> None:
        """Move money in one piece."""
        assert sum(amount for _, amount in legs) == 0, legs
        for account, amount in legs:
            self._held[account, currency] += amount
            self.moved[currency] += max(amount, NOTHING)

    def held(self, account: Account, currency: str) -> Decimal:
        """What an account holds."""
        return self._held[account, currency]

    def by_kind(self) -> dict[tuple[str, str], Decimal]:
        """What all accounts of a kind hold, by kind and currency, but for nothing."""
        found: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for (account, currency), amount in self._held.items():
            found[account.kind, currency] += amount
        return {key: amount for key, amount in found.items() if amount}


@dataclass(frozen=True, slots=True)
class Fee:
    """A percentage plus a fixed amount, not below a minimum nor above a maximum."""

    percent: Decimal = NOTHING
    fixed: Decimal = NOTHING
    minimum: Decimal = NOTHING
    maximum: Decimal | None = None

    def of(self, amount: Decimal) -> Decimal:
        """What this much costs, on top."""
        fee = max(amount * self.percent / 100 + self.fixed, self.minimum)
        if self.maximum is not None:
            fee = min(fee, self.maximum)
        return fee.quantize(CENT, ROUND_HALF_EVEN)


def _fee(percent: str, fixed: str, minimum: str = "0", maximum: str | None = None) -> Fee:
    largest = None if maximum is None else Decimal(maximum)
    return Fee(Decimal(percent), Decimal(fixed), Decimal(minimum), largest)


TARIFF = {
    ("payment", "virtual", "EUR"): _fee("1.5", "0.05", "0.08", "0.60"),
    ("payment", "virtual", "MXN"): _fee("1.25", "0", "0.10"),
    ("payment", "card", "EUR"): _fee("2.5", "0.25"),
    ("payment", "card", "MXN"): _fee("3", "1.00", "1.50", "9.99"),
    ("top_up", "card", "EUR"): _fee("0.75", "0.10"),
    ("top_up", "card", "MXN"): _fee("1", "0"),
    ("withdrawal", "virtual", "EUR"): _fee("0", "0.45"),
    ("withdrawal", "virtual", "MXN"): _fee("0.5", "2.00", "2.25"),
}
"""What is charged, by kind, source and currency. What is not in it costs nothing."""


def fee_of(kind: str, source: str, amount: Decimal, currency: str) -> Decimal:
    """What the payer pays on top of an amount."""
    return TARIFF.get((kind, source, currency), Fee()).of(amount)


def spendable(balance: Decimal, kind: str, currency: str) -> Decimal:
    """The most that a wallet with this much can pay, in whole cents; nothing below one."""
    low, high = 0, int(balance / CENT)
    while low < high:
        middle = (low + high + 1) // 2
        amount = middle * CENT
        if amount + fee_of(kind, "virtual", amount, currency) <= balance:
            low = middle
        else:
            high = middle - 1
    return low * CENT


def divide(amount: Decimal, weights: Sequence[Fraction]) -> list[Decimal]:
    """Divide it exactly, to eight decimals.

    What cutting leaves over goes, a hundred-millionth each, to those who have lost most by it, the
    first of equals first.
    """
    whole = sum(weights)
    exact = [Fraction(amount) * weight / whole for weight in weights]
    parts = [_cut(it) for it in exact]
    left = int((amount - sum(parts)) / FINEST)
    lost = [it - Fraction(part) for it, part in zip(exact, parts, strict=True)]
    for index in sorted(range(len(parts)), key=lambda it: (-lost[it], it))[:left]:
        parts[index] += FINEST
    return parts


def _cut(exact: Fraction) -> Decimal:
    finest = int(exact / Fraction(FINEST))
    return (Decimal(finest) * FINEST).quantize(FINEST, ROUND_DOWN)


class Share(NamedTuple):
    """What somebody is to get by a script: so many parts, or so many per cent."""

    size: int
    is_percentage: bool = False

    def written(self) -> int | str:
        """As it stands in a script."""
        return f"{self.size}%" if self.is_percentage else self.size


def weights(shares: Sequence[Share]) -> list[Fraction]:
    """How much of the whole each gets: percentages come off first, parts divide the rest."""
    percent = sum(it.size for it in shares if it.is_percentage)
    parts = sum(it.size for it in shares if not it.is_percentage)
    if not parts:  # only where nobody has a whole number do percentages grow
        return [Fraction(it.size, percent) for it in shares]
    rest = Fraction(100 - percent, 100)
    return [
        Fraction(it.size, 100) if it.is_percentage else rest * Fraction(it.size, parts)
        for it in shares
    ]
