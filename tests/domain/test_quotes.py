"""What is quoted: exact, for any rates and fees, and never against the rules."""

from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.money import EUR, ISK, JPY, MXN
from whipround.db.database import Database
from whipround.domain import fx
from whipround.domain.fees import FeeRule, FeeRules
from whipround.domain.fx import (
    STALE_AFTER,
    Rate,
    RateMissing,
    Rates,
    RatesRefused,
    RatesStale,
    TooLargeToConvert,
    TooSmallToConvert,
)
from whipround.domain.quotes import FeeLine, Prices, Quote, quote, read_prices
from whipround.money import LARGEST, Money, digits, fits_currency

TUESDAY = datetime(2026, 4, 7, 9, 0, tzinfo=UTC)
"""After Easter, before there are new rates."""

THURSDAY = date(2026, 4, 2)


def _rates(**per_euro: str) -> Rates:
    return {it: Rate(it, Decimal(rate), THURSDAY) for it, rate in per_euro.items()}


def _fee(percent: str, fixed: str = "0", *, of: str = "EUR", source: str = "card") -> FeeRules:
    rule = FeeRule(
        "payment", source, of, "Card fee", Decimal(percent), Decimal(fixed), Decimal(0), None
    )
    return {("payment", source, of): rule}


RATES = _rates(MXN="20.0000", JPY="160", ISK="150.00", IRR="45000.5", XAF="655.957")


def _quote(
    destination: Money,
    source_currency: str,
    *,
    rules: FeeRules | None = None,
    rates: Rates = RATES,
    spread: str = "0",
    now: datetime = TUESDAY,
) -> Quote:
    return quote(
        Prices(rules or {}, rates, Decimal(spread)),
        kind="payment",
        types=("gold_card", "card"),
        destination=destination,
        source_currency=source_currency,
        now=now,
    )


def test_a_payment_in_one_currency_is_not_converted() -> None:
    quoted = _quote(EUR("20.00"), "EUR", rules=_fee("1.5", "0.25"), rates={}, spread="3")

    assert quoted == Quote(
        EUR("20.00"), EUR("20.00"), EUR("0.55"), None, (FeeLine("Card fee", EUR("0.55")),)
    )
    assert quoted.total == EUR("20.55")


@pytest.mark.parametrize(
    ("destination", "source_currency", "spread", "rate", "amount"),
    [
        (MXN("100.00"), "EUR", "0", "20", EUR("5.00")),
        (MXN("100.00"), "EUR", "1", "19.8019801980", EUR("5.05")),
        (EUR("5.00"), "MXN", "0", "0.05", MXN("100.00")),
        (EUR("5.00"), "MXN", "1", "0.0495049504950", MXN("101.00")),
        (MXN("100.00"), "JPY", "0", "0.125", JPY("800")),
        # Halves go to the even one.
        (MXN("0.30"), "EUR", "0", "20", EUR("0.02")),
        (MXN("0.50"), "EUR", "0", "20", EUR("0.02")),
        (ISK("1"), "IRR", "0", "0.00333329629671", Money(Decimal(300), "IRR")),
    ],
)
def test_a_payment_is_converted(
    destination: Money, source_currency: str, spread: str, rate: str, amount: Money
) -> None:
    quoted = _quote(destination, source_currency, spread=spread)

    assert (quoted.exchange_rate, quoted.amount) == (Decimal(rate), amount)
    assert "E" not in str(quoted.exchange_rate)


def test_the_fee_is_on_what_is_taken_and_in_its_currency() -> None:
    quoted = _quote(MXN("100.00"), "EUR", rules={**_fee("10"), **_fee("50", of="MXN")})

    assert (quoted.amount, quoted.fee, quoted.total) == (EUR("5.00"), EUR("0.50"), EUR("5.50"))


def test_a_fee_of_nothing_is_no_line() -> None:
    assert _quote(EUR("0.01"), "EUR", rules=_fee("1")).lines == ()


def test_rates_are_good_over_easter_and_no_longer() -> None:
    assert _quote(MXN("100.00"), "EUR", now=TUESDAY).amount == EUR("5.00")
    with pytest.raises(RatesStale) as refused:
        _quote(MXN("100.00"), "EUR", now=TUESDAY + timedelta(hours=15))
    assert refused.value.code == "rates_unavailable"
    with pytest.raises(RatesStale):
        _quote(EUR("100.00"), "MXN", now=TUESDAY + STALE_AFTER)


def test_what_cannot_be_converted() -> None:
    with pytest.raises(RateMissing) as refused:
        _quote(Money(Decimal(1), "USD"), "EUR")
    assert refused.value.code == "rates_unavailable"
    with pytest.raises(RateMissing):
        _quote(EUR("1.00"), "USD")
    with pytest.raises(TooSmallToConvert):
        _quote(MXN("0.10"), "EUR")
    with pytest.raises(TooLargeToConvert):
        _quote(EUR("1000000000000"), "JPY")


CURRENCIES = ("EUR", "MXN", "JPY", "ISK", "IRR", "XAF", "BHD", "USD")
PER_EURO = st.decimals(min_value="0.000001", max_value=10**9, places=6)


@st.composite
def _asked(draw: st.DrawFn) -> tuple[Prices, Money, str]:
    source, destination = draw(st.sampled_from(CURRENCIES)), draw(st.sampled_from(CURRENCIES))
    minor = Decimal(1).scaleb(-digits(destination))
    units = draw(st.integers(1, int(LARGEST / minor)))
    rates = {it: Rate(it, draw(PER_EURO), THURSDAY) for it in CURRENCIES[1:]}
    percent = draw(st.decimals(min_value=0, max_value=100, places=4))
    spread = draw(st.decimals(min_value=0, max_value="99.9999", places=4))
    prices = Prices(_fee(str(percent), of=source), rates, spread)
    return prices, Money(units * minor, destination), source


@given(_asked())
def test_what_is_quoted_adds_up(asked: tuple[Prices, Money, str]) -> None:
    prices, destination, source = asked
    try:
        with localcontext(Context(prec=4)):  # of no account
            quoted = quote(
                prices,
                kind="payment",
                types=("card", "card"),
                destination=destination,
                source_currency=source,
                now=TUESDAY,
            )
    except (TooSmallToConvert, TooLargeToConvert):
        assert source != destination.currency
        return

    assert quoted.destination == destination
    assert {quoted.amount.currency, quoted.fee.currency, quoted.total.currency} == {source}
    assert quoted.amount.amount > 0
    assert quoted.fee.amount >= 0
    assert quoted.total.amount == quoted.amount.amount + quoted.fee.amount
    assert fits_currency(quoted.amount.amount, source)
    assert fits_currency(quoted.fee.amount, source)
    assert sum(line.amount.amount for line in quoted.lines) == quoted.fee.amount
    if source == destination.currency:
        assert (quoted.exchange_rate, quoted.amount) == (None, destination)
    else:
        _assert_converted(prices, quoted)


def _assert_converted(prices: Prices, quoted: Quote) -> None:
    """The rate is the published one less the spread, and the amount is what that rate makes."""
    rate, source = quoted.exchange_rate, quoted.amount.currency
    assert rate is not None
    assert len(rate.normalize().as_tuple().digits) <= fx.RATE_DIGITS
    per_euro = {it: Fraction(prices.rates[it].per_euro) for it in CURRENCIES[1:]} | {
        "EUR": Fraction(1)
    }
    mid = per_euro[quoted.destination.currency] / per_euro[source]
    exact = mid / (1 + Fraction(prices.spread_percent) / 100)
    assert abs(Fraction(rate) / exact - 1) <= Fraction(1, 10 ** (fx.RATE_DIGITS - 1))
    units = Fraction(quoted.destination.amount) / Fraction(rate) * 10 ** digits(source)
    assert Fraction(quoted.amount.amount) * 10 ** digits(source) == round(units)


# In the database.


@pytest.mark.anyio
async def test_rates_are_replaced_as_a_whole_and_never_by_older_ones(
    db: Database, now: datetime
) -> None:
    today = now.date()
    first = {"USD": Decimal("1.0945"), "MXN": Decimal("18.5")}
    second = {"USD": Decimal("1.1")}

    async def replace(per_euro: dict[str, Decimal], published_on: date) -> Rates:
        async with db.transaction() as tx:
            await fx.replace_rates(tx, per_euro, published_on=published_on, now=now)
        async with db.transaction() as tx:
            return (await read_prices(tx)).rates

    assert await replace(first, today - timedelta(days=1)) == {
        it: Rate(it, rate, today - timedelta(days=1)) for it, rate in first.items()
    }
    assert set(await replace(second, today)) == {"USD"}
    assert set(await replace(first, today)) == {"USD", "MXN"}
    with pytest.raises(RatesRefused, match="are here already"):
        await replace(second, today - timedelta(days=1))
    with pytest.raises(RatesRefused, match="yet to come"):
        await replace(second, today + timedelta(days=1))
    async with db.transaction() as tx:
        assert set(await fx.read_rates(tx)) == {"USD", "MXN"}
        assert await fx.read_spread(tx) == 0
