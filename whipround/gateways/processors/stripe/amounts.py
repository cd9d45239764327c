"""Amounts as Stripe counts them, and what it takes beside them."""

import re
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from whipround.gateways.processors.cash import CashOrder
from whipround.gateways.processors.protocol import Operation
from whipround.money import EXACT, Money

_CLOCKS_DIFFER_SECONDS = 3600
_MADE_WITHIN_SECONDS = 7200
"""A charge is given up long before, whose owner may no longer expect it."""
_DAY_SECONDS = 24 * 3600
_LONGEST_VALUE = 500
_LONGEST_DESCRIPTOR = 22

# https://docs.stripe.com/currencies. All others have two decimals, whatever ISO says.
_NO_DECIMALS = frozenset(
    "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".split()  # noqa: SIM905
)
_THREE_DECIMALS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
_WHOLE_UNITS = frozenset({"ISK", "UGX"})
"""Written with two decimals, which must be zeros."""
_WHOLE_UNITS_PAID_OUT = _WHOLE_UNITS | {"HUF", "TWD"}


def minor_units(money: Money, *, paid_out: bool = False) -> int | None:
    """The amount as Stripe counts it; None for one that cannot be expressed."""
    shift, step = _counted(money.currency, paid_out=paid_out)
    units = EXACT.scaleb(money.amount, shift)
    return int(units) if EXACT.remainder(units, Decimal(step)) == 0 else None


def money_of(units: int, currency: str) -> Money:
    """An amount that Stripe counts so, of a currency as it writes it."""
    currency = currency.upper()
    shift, _ = _counted(currency, paid_out=False)
    return Money(EXACT.scaleb(Decimal(units), -shift), currency)


def least_paid_out(currency: str) -> Money:
    """The smallest amount of a currency that can be expressed where it is paid out."""
    shift, step = _counted(currency, paid_out=True)
    return Money(EXACT.scaleb(Decimal(step), -shift), currency)


def _counted(currency: str, *, paid_out: bool) -> tuple[int, int]:
    """In how many decimals Stripe counts, and what in units of the last one is divisible by."""
    shift = 0 if currency in _NO_DECIMALS else 3 if currency in _THREE_DECIMALS else 2
    if currency in (_WHOLE_UNITS_PAID_OUT if paid_out else _WHOLE_UNITS):
        return shift, 100
    return shift, 10 if shift == 3 else 1


def cash_metadata_of(order: CashOrder) -> dict[str, str]:
    """What we write on an order to be paid in cash, by which it is known again."""
    return {"cash_order": str(order.key), "product": str(order.product_id)}


def metadata_of(operation: Operation, description: str = "") -> dict[str, str]:
    """What we write on an operation at Stripe, by which it is known again."""
    found = {"call": str(operation.key), "product": str(operation.product_id)}
    return found | ({"description": description[:_LONGEST_VALUE]} if description else {})


def statement_line(description: str) -> str:
    """What Stripe lets a statement say."""
    return re.sub(r"[^A-Za-z0-9 .,-]+", "", description)[:_LONGEST_DESCRIPTOR].strip()


def days_from(key: UUID, until: datetime) -> int:
    """The days from when something was made until a time, to the nearest; the same every time."""
    return round((until.timestamp() - _seconds(key)) / _DAY_SECONDS)


def made_since(key: UUID) -> int:
    """When, in seconds, a call was made at the earliest: our keys begin with their time."""
    return max(_seconds(key) - _CLOCKS_DIFFER_SECONDS, 1)


def charged_before(key: UUID) -> int:
    """When, in seconds, a charge was made at the latest."""
    return _seconds(key) + _MADE_WITHIN_SECONDS + _CLOCKS_DIFFER_SECONDS


def _seconds(key: UUID) -> int:
    return (key.int >> 80) // 1000
