"""Amounts as Stripe counts them, and what it takes beside them."""

import re
from decimal import Decimal
from uuid import UUID

from whipround.gateways.processors.protocol import Operation
from whipround.money import EXACT, Money

_CLOCKS_DIFFER_SECONDS = 3600
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
    currency = money.currency
    shift = 0 if currency in _NO_DECIMALS else 3 if currency in _THREE_DECIMALS else 2
    units = EXACT.scaleb(money.amount, shift)
    step = 10 if shift == 3 else 1
    if currency in (_WHOLE_UNITS_PAID_OUT if paid_out else _WHOLE_UNITS):
        step = 100
    return int(units) if EXACT.remainder(units, Decimal(step)) == 0 else None


def metadata_of(operation: Operation, description: str = "") -> dict[str, str]:
    """What we write on an operation at Stripe, by which it is known again."""
    found = {"call": str(operation.key), "product": str(operation.product_id)}
    return found | ({"description": description[:_LONGEST_VALUE]} if description else {})


def statement_line(description: str) -> str:
    """What Stripe lets a statement say."""
    return re.sub(r"[^A-Za-z0-9 .,-]+", "", description)[:_LONGEST_DESCRIPTOR].strip()


def begun_since(key: UUID) -> int:
    """When, in seconds, the call was made at the earliest: our keys begin with their time."""
    return max((key.int >> 80) // 1000 - _CLOCKS_DIFFER_SECONDS, 1)
