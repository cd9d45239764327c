"""What a payment costs: the one pure function that both quotes and charges come from.

The payer pays the fee on top of the amount, in the currency that is taken from the funding source.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from whipround.db.database import Tx
from whipround.domain import fees, fx
from whipround.domain.fees import FeeRules
from whipround.domain.funding.wallet import WALLET
from whipround.domain.fx import Rates
from whipround.money import Money


class FeeLine(NamedTuple):
    """A part of the fee, and what it is called."""

    title: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Prices:
    """All that a product's quotes depend on. The spread is in per cent of the rate."""

    rules: FeeRules
    rates: Rates
    spread_percent: Decimal


class Quote(NamedTuple):
    """What it takes for `destination` to arrive.

    `amount` and `fee` are in the source currency; `exchange_rate` is units of the destination's
    currency for one of the source's, None where nothing is converted. The `lines` add up to the
    fee.
    """

    destination: Money
    amount: Money
    fee: Money
    exchange_rate: Decimal | None
    lines: tuple[FeeLine, ...]

    @property
    def total(self) -> Money:
        """What is taken from the funding source in all."""
        return self.amount + self.fee


def quote(
    prices: Prices,
    *,
    kind: str,
    types: Sequence[str],
    destination: Money,
    source_currency: str,
    now: datetime,
) -> Quote:
    """What a payment of a kind, from a source of these types (`fees.find`), costs.

    `destination` is what the recipient gets. Raises RateMissing, RatesStale, TooSmallToConvert and
    TooLargeToConvert where it is to be converted.
    """
    amount, exchange_rate = destination, None
    if source_currency != destination.currency:
        amount, exchange_rate = fx.convert(
            prices.rates,
            destination=destination,
            source_currency=source_currency,
            spread_percent=prices.spread_percent,
            now=now,
        )
    rule = fees.find(prices.rules, kind=kind, types=types, currency=source_currency)
    fee = Money(Decimal(0), source_currency) if rule is None else fees.charge(rule, amount)
    lines = (FeeLine(rule.title, fee),) if rule is not None and fee.amount else ()
    return Quote(destination, amount, fee, exchange_rate, lines)


async def read_prices(tx: Tx) -> Prices:
    """What the product's quotes depend on now."""
    return Prices(await fees.rules(tx), await fx.read_rates(tx), await fx.read_spread(tx))


async def fee_from_wallet(tx: Tx, amount: Money) -> Money:
    """What it costs now, on top, to pay the amount from a wallet of the same currency."""
    rules = await fees.rules(tx)
    rule = fees.find(rules, kind="payment", types=(WALLET,), currency=amount.currency)
    return Money(Decimal(0), amount.currency) if rule is None else fees.charge(rule, amount)
