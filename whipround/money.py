"""Exact money: a `Decimal` and a currency, never a float, and a split that loses nothing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
)
from functools import cache, lru_cache

from babel import Locale, UnknownLocaleError
from babel.numbers import format_currency, get_currency_precision, list_currencies

SCALE = 8
"""Decimals kept inside the ledger; Mobbr shares are this fine."""

LARGEST = Decimal(10) ** 12
"""No single amount from outside may exceed this, in any currency."""

EXACT = Context(prec=36, traps=[InvalidOperation, DivisionByZero, Overflow, Inexact])
"""Arithmetic in which rounding is an error."""

ROUNDING = Context(prec=60, traps=[InvalidOperation, DivisionByZero, Overflow])
"""Arithmetic for the few places that round on purpose."""


_OF_UNIONS = frozenset({"XAF", "XCD", "XCG", "XOF", "XPF"})
"""The currencies that several countries share: all else in X is metal, a unit or a placeholder."""


class CurrencyMismatch(ValueError):
    """Amounts of two currencies were mixed."""


def is_currency(code: str) -> bool:
    """Whether `code` is the ISO 4217 code, in capitals, of money that people pay or paid with."""
    return code in _currencies()


@cache
def _currencies() -> frozenset[str]:
    return frozenset(
        code for code in list_currencies() if not code.startswith("X") or code in _OF_UNIONS
    )


@cache
def digits(currency: str) -> int:
    """The decimals a real-world amount of the currency has at most: 2 for EUR, 0 for JPY."""
    return int(get_currency_precision(currency))


@cache
def _minor_unit(currency: str) -> Decimal:
    return Decimal(1).scaleb(-digits(currency))


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in a currency. Adds and compares with the same currency only."""

    amount: Decimal
    currency: str

    def __add__(self, other: "Money") -> "Money":
        self._check(other)
        return Money(EXACT.add(self.amount, other.amount), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        self._check(other)
        return Money(EXACT.subtract(self.amount, other.amount), self.currency)

    def __neg__(self) -> "Money":
        return Money(self.amount.copy_negate(), self.currency)

    def __lt__(self, other: "Money") -> bool:
        self._check(other)
        return self.amount < other.amount

    def __le__(self, other: "Money") -> bool:
        self._check(other)
        return self.amount <= other.amount

    def _check(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} cannot be mixed")


def round_to_currency(amount: Decimal, currency: str) -> Decimal:
    """`amount` rounded half-even to the ISO digits of its currency: for fees and conversions."""
    return amount.quantize(_minor_unit(currency), ROUND_HALF_EVEN, ROUNDING)


def shown(amount: Decimal, currency: str) -> Decimal:
    """`amount` as it is shown: with the decimals of its currency, and more if it has more.

    `20.00000000` EUR is `20.00`, and JPY `20`; what is finer than a cent is never rounded.
    """
    try:
        return amount.quantize(_minor_unit(currency), context=EXACT)
    except Inexact:
        return amount.normalize(EXACT)


def fits_currency(amount: Decimal, currency: str) -> bool:
    """Whether a finite `amount` has no more decimals than its currency's ISO digits."""
    try:
        exponent = amount.normalize(EXACT).as_tuple().exponent
    except Inexact:  # more digits than any amount has
        return False
    return isinstance(exponent, int) and -exponent <= digits(currency)


def split(total: Decimal, weights: Sequence[Decimal], *, scale: int = SCALE) -> list[Decimal]:
    """Divide `total` in proportion to `weights`, exactly: the parts sum to the whole.

    Each part is a multiple of 10^-scale. Largest remainder: every part is first cut down, then the
    units left over go one each to the parts that lost most, ties to the earlier position.

    Raises ValueError for no weights, a negative one, all zeros, or a total finer than the scale.
    """
    if not weights or min(weights) < 0 or not any(weights):
        raise ValueError("weights must be non-negative and not all zero")
    sign = -1 if total < 0 else 1
    units = _units(total.copy_abs(), scale)
    # Integers from here on: a ratio of any two weights is exact in them.
    finest = min(int(weight.as_tuple().exponent) for weight in weights)
    parts = [int(weight.scaleb(-min(finest, 0), ROUNDING)) for weight in weights]
    denominator = sum(parts)
    shares = [units * part // denominator for part in parts]
    lost = [units * part % denominator for part in parts]
    by_loss = sorted(range(len(parts)), key=lambda position: (-lost[position], position))
    for position in by_loss[: units - sum(shares)]:
        shares[position] += 1
    return [EXACT.scaleb(Decimal(sign * share), -scale) for share in shares]


def _units(amount: Decimal, scale: int) -> int:
    """How many times 10^-scale the amount is."""
    try:
        cut = EXACT.quantize(amount, Decimal(1).scaleb(-scale))
    except Inexact as error:
        raise ValueError(f"{amount} is finer than {scale} decimals") from error
    return int(EXACT.scaleb(cut, scale))


# Between a currency's letters and a digit (Unicode's locale data, currencySpacing), which babel
# leaves out.
_SPACING = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")


def format_money(amount: Decimal, currency: str, locale: str = "en") -> str:
    """The amount as a person of that locale writes it: "€20.50". Unknown locales read English.

    What is finer than the currency's digits is written as it is: "€0.33333333".
    """
    text = format_currency(
        amount, currency, locale=known_locale(locale), decimal_quantization=False
    )
    return _SPACING.sub("\N{NO-BREAK SPACE}", text)


@lru_cache(maxsize=256)  # what is asked for comes from outside
def known_locale(locale: str) -> Locale:
    """The locale of that name, or of its language; English for one that is not known."""
    for candidate in (locale.replace("-", "_"), locale.replace("-", "_").partition("_")[0]):
        try:
            return Locale.parse(candidate)
        except (UnknownLocaleError, ValueError):
            continue
    return Locale.parse("en")
