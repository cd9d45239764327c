"""Exchange rates, and what an amount of one currency costs in another.

Rates are units of a currency for one euro, as the European Central Bank publishes them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from whipround.db.database import Tx
from whipround.errors import Conflict, Declined, Message
from whipround.ledger.transfers import numerics
from whipround.money import LARGEST, ROUNDING, Money, round_to_currency

BASE = "EUR"
"""The currency that rates are units for one of."""

STALE_AFTER = timedelta(days=5)
"""From the Thursday before Easter to the Tuesday after it: no longer are rates not published."""

RATE_DIGITS = 12
"""The significant digits of a rate that is applied; any JSON parser reads as many exactly."""


class RatesUnavailable(Declined):
    """There is no current exchange rate between these currencies."""

    code = "rates_unavailable"


class RatesStale(RatesUnavailable):
    """The exchange rates are too old to convert by; try again later."""


class RateMissing(RatesUnavailable):
    """There is no exchange rate between these currencies."""


class RatesRefused(Conflict):
    """These rates cannot take the place of those that are there."""

    code = "rates_refused"


class TooSmallToConvert(Declined):
    """The amount comes to nothing in the other currency."""

    code = "amount_too_small"


class TooLargeToConvert(Declined):
    """The amount is more in the other currency than can be paid at once."""

    code = "amount_too_large"


@dataclass(frozen=True, slots=True)
class Rate:
    """Units of a currency for one euro, published on a day."""

    currency: str
    per_euro: Decimal
    published_on: date


Rates = Mapping[str, Rate]
"""Rates by currency. The euro has none: it is one."""

RATES_SQL = """
    select currency, per_euro, published_on from exchange_rate order by currency
"""

SPREAD_SQL = """
    select spread_percent from exchange_setting
"""

_WRITE_SPREAD = """
    insert into exchange_setting (spread_percent) values (%(spread)s)
    on conflict (is_only) do update set spread_percent = excluded.spread_percent
"""


# Two loads at once come one after the other; whoever only reads waits for neither.
_LOCK = """
    lock table exchange_rate in share row exclusive mode
"""

_NEWEST = """
    select max(published_on) from exchange_rate
"""

_DELETE = """
    delete from exchange_rate
"""

_INSERT = """
    insert into exchange_rate (currency, per_euro, published_on, loaded_at)
    select currency, per_euro, %(published_on)s, %(now)s
    from unnest(%(currencies)b::text[], %(per_euro)s::numeric[]) as published (currency, per_euro)
"""


def rates_of(rows: Iterable[Sequence[Any]]) -> Rates:
    """The rates from rows of RATES_SQL."""
    return {row[0]: Rate(*row) for row in rows}


def spread_of(rows: Iterable[Sequence[Any]]) -> Decimal:
    """The spread from the rows of SPREAD_SQL, in per cent; zero where none was ever set."""
    return next((Decimal(row[0]) for row in rows), Decimal(0))


def is_stale(rate: Rate, *, today: date) -> bool:
    """Whether the rate is too old to convert by on a day (UTC)."""
    return today - rate.published_on > STALE_AFTER


def convert(
    rates: Rates,
    *,
    destination: Money,
    source_currency: str,
    spread_percent: Decimal,
    now: datetime,
) -> tuple[Money, Decimal]:
    """What `destination` costs in another currency, and the rate by which.

    The rate is units of the destination's currency for one of the source's, after the spread; the
    amount is computed from that very rate and rounded half-even to the source currency's ISO
    digits. Raises RateMissing, RatesStale, TooSmallToConvert and TooLargeToConvert.
    """
    mid = _mid(rates, currency=destination.currency, for_one=source_currency, now=now)
    rate = _applied(mid, spread_percent)
    exact = ROUNDING.divide(destination.amount, rate)
    if exact > LARGEST:
        raise TooLargeToConvert
    amount = round_to_currency(exact, source_currency)
    if not amount:
        raise TooSmallToConvert
    return Money(amount, source_currency), rate


def worth(
    rates: Rates, currencies: Iterable[str], *, currency: str, now: datetime
) -> dict[str, Decimal | None]:
    """How many units of a currency one of each is worth, before any spread.

    With RATE_DIGITS significant digits; None where there is no current rate.
    """
    return {one: _worth(rates, one, currency, now) for one in currencies}


def _worth(rates: Rates, one: str, currency: str, now: datetime) -> Decimal | None:
    if one == currency:
        return Decimal(1)
    try:
        mid = _mid(rates, currency=currency, for_one=one, now=now)
    except RatesUnavailable:
        return None
    return _applied(mid, Decimal(0))


def _mid(rates: Rates, *, currency: str, for_one: str, now: datetime) -> Decimal:
    today = now.astimezone(UTC).date()
    return ROUNDING.divide(_per_euro(rates, currency, today), _per_euro(rates, for_one, today))


def _per_euro(rates: Rates, currency: str, today: date) -> Decimal:
    if currency == BASE:
        return Decimal(1)
    rate = rates.get(currency)
    if rate is None:
        raise RateMissing
    if is_stale(rate, today=today):
        raise RatesStale
    return rate.per_euro


def _applied(mid: Decimal, spread_percent: Decimal) -> Decimal:
    """The rate after the spread, with RATE_DIGITS significant digits."""
    exact = ROUNDING.divide(mid, ROUNDING.add(1, ROUNDING.scaleb(spread_percent, -2)))
    last = Decimal(1).scaleb(exact.adjusted() + 1 - RATE_DIGITS)
    rate = exact.quantize(last, ROUND_HALF_EVEN, ROUNDING)
    return Decimal(f"{rate.normalize(ROUNDING):f}")  # as people write it, without an exponent


async def read_rates(tx: Tx) -> Rates:
    """All rates that the product has."""
    return rates_of(await (await tx.execute(RATES_SQL)).fetchall())


async def newest(tx: Tx) -> date | None:
    """The day on which the rates there are were published; None if there are none."""
    [[published_on]] = await (await tx.execute(_NEWEST)).fetchall()
    return published_on  # type: ignore[no-any-return]


async def replace_rates(
    tx: Tx, per_euro: Mapping[str, Decimal], *, published_on: date, now: datetime
) -> None:
    """Put rates, in units for one euro, in the place of all there are.

    Raises RatesRefused for rates of a day to come, and for older ones than those there are.
    """
    if published_on > now.astimezone(UTC).date():
        message = Message("The rates are of {day}, which is yet to come.", day=published_on)
        raise RatesRefused(message)
    await tx.execute(_LOCK)
    there = await newest(tx)
    if there is not None and published_on < there:
        message = Message(
            "The rates are of {day}; those of {newer} are here already.",
            day=published_on,
            newer=there,
        )
        raise RatesRefused(message)
    await tx.execute(_DELETE)
    await tx.execute(
        _INSERT,
        {
            "currencies": list(per_euro),
            "per_euro": numerics(per_euro.values()),
            "published_on": published_on,
            "now": now,
        },
    )


async def read_spread(tx: Tx) -> Decimal:
    """What a conversion costs, in per cent of the rate."""
    return spread_of(await (await tx.execute(SPREAD_SQL)).fetchall())


async def write_spread(tx: Tx, spread_percent: Decimal) -> None:
    """Have conversions cost so many per cent of the rate from now on."""
    await tx.execute(_WRITE_SPREAD, {"spread": spread_percent})
