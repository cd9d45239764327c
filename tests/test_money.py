"""Exact money: it never mixes, never rounds unasked, and a split loses nothing."""

from decimal import Context, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.money import EUR, MXN
from whipround.money import (
    LARGEST,
    CurrencyMismatch,
    Money,
    digits,
    fits_currency,
    format_money,
    is_currency,
    round_to_currency,
    split,
)

CURRENCIES = st.sampled_from(["EUR", "JPY", "KWD"])  # 2, 0 and 3 decimals
AMOUNTS = st.decimals(min_value=-LARGEST, max_value=LARGEST, places=8)
WEIGHTS = st.lists(
    st.decimals(min_value=0, max_value=1000, places=3), min_size=1, max_size=12
).filter(any)


def test_adds_subtracts_and_compares_one_currency() -> None:
    six, two = EUR("6.00"), EUR("2.50")

    assert six + two == EUR("8.50")
    assert six - two == EUR("3.50")
    assert -two == EUR("-2.50")
    assert two < six
    assert six > two
    assert two <= EUR("2.5")
    assert six >= two
    assert not six < EUR("6")


def test_currencies_do_not_mix() -> None:
    assert EUR("1.00") != MXN("1.00")
    for mixed in (
        lambda: EUR("1.00") + MXN("1.00"),
        lambda: EUR("1.00") - MXN("1.00"),
        lambda: EUR("1.00") < MXN("2.00"),
        lambda: EUR("1.00") <= MXN("2.00"),
        lambda: EUR("1.00") > MXN("2.00"),
    ):
        with pytest.raises(CurrencyMismatch, match="cannot be mixed"):
            mixed()


@given(AMOUNTS, AMOUNTS)
def test_sums_are_exact_whatever_the_surrounding_precision(one: Decimal, other: Decimal) -> None:
    with localcontext(Context(prec=3)):
        total = Money(one, "EUR") + Money(other, "EUR")
        back = total - Money(other, "EUR")

    assert Fraction(total.amount) == Fraction(one) + Fraction(other)
    assert back.amount == one


def test_currency_codes_are_three_capitals_of_iso_4217() -> None:
    assert all(is_currency(code) for code in ("EUR", "MXN", "ISK", "JPY", "XAF", "XPF"))
    assert not any(
        is_currency(code) for code in ("eur", "Eur", "EURO", "EU", "", "ABC", "€€€", "EUR ")
    )


def test_metals_units_and_placeholders_are_no_currencies() -> None:
    assert not any(is_currency(code) for code in ("XXX", "XTS", "XAU", "XDR", "XBA", "XUA", "XEU"))


def test_digits_are_those_of_the_currency() -> None:
    assert [digits(code) for code in ("EUR", "JPY", "KWD", "ISK")] == [2, 0, 3, 0]


@pytest.mark.parametrize(
    ("amount", "currency", "fits"),
    [
        ("20.50", "EUR", True),
        ("20.500000", "EUR", True),
        ("2E+3", "EUR", True),
        ("0E-20", "EUR", True),
        ("20.505", "EUR", False),
        ("0.00000001", "EUR", False),
        ("20.505", "KWD", True),
        ("20.5", "JPY", False),
        ("20.0", "JPY", True),
        ("1." + "0" * 70 + "1", "EUR", False),
        ("NaN", "EUR", False),
        ("Infinity", "EUR", False),
    ],
)
def test_fits_currency(amount: str, currency: str, fits: bool) -> None:
    assert fits_currency(Decimal(amount), currency) is fits


@given(AMOUNTS, CURRENCIES)
def test_what_was_rounded_fits_and_is_nearest(amount: Decimal, currency: str) -> None:
    rounded = round_to_currency(amount, currency)

    unit = Fraction(1, 10 ** digits(currency))
    assert fits_currency(rounded, currency)
    assert abs(Fraction(rounded) - Fraction(amount)) <= unit / 2


@pytest.mark.parametrize(
    ("amount", "rounded"),
    [("0.005", "0.00"), ("0.015", "0.02"), ("-0.025", "-0.02"), ("0.02500001", "0.03")],
)
def test_a_half_is_rounded_to_even(amount: str, rounded: str) -> None:
    assert round_to_currency(Decimal(amount), "EUR") == Decimal(rounded)


# Splits.


def _shuffled(weights: list[Decimal]) -> st.SearchStrategy[tuple[list[Decimal], list[int]]]:
    return st.tuples(st.just(weights), st.permutations(range(len(weights))))


@given(AMOUNTS, WEIGHTS)
def test_parts_sum_to_the_whole(total: Decimal, weights: list[Decimal]) -> None:
    parts = split(total, weights)

    assert sum(map(Fraction, parts)) == Fraction(total)
    assert len(parts) == len(weights)


@given(AMOUNTS, WEIGHTS, st.integers(0, 8))
def test_each_part_is_its_share_to_within_a_unit(
    total: Decimal, weights: list[Decimal], scale: int
) -> None:
    total = round(total, scale)

    parts = split(total, weights, scale=scale)

    unit, whole = Fraction(1, 10**scale), sum(map(Fraction, weights))
    for part, weight in zip(parts, weights, strict=True):
        assert isinstance(part, Decimal)
        assert part.as_tuple().exponent == -scale
        assert abs(Fraction(part) - Fraction(total) * Fraction(weight) / whole) < unit
        assert weight or not part


@given(AMOUNTS, WEIGHTS, st.integers(1, 1000))
def test_only_the_ratio_of_the_weights_counts(
    total: Decimal, weights: list[Decimal], factor: int
) -> None:
    assert split(total, [weight * factor for weight in weights]) == split(total, weights)


@given(st.integers(0, 10**6), WEIGHTS.flatmap(_shuffled))
def test_where_nothing_ties_the_order_of_the_weights_does_not_count(
    units: int, shuffled: tuple[list[Decimal], list[int]]
) -> None:
    weights, order = shuffled
    total, whole = Decimal(units).scaleb(-2), sum(map(Fraction, weights))
    remainders = {Fraction(units) * Fraction(weight) / whole % 1 for weight in weights}
    assume(len(remainders) == len(weights))

    parts = split(total, weights, scale=2)

    again = split(total, [weights[position] for position in order], scale=2)
    assert again == [parts[position] for position in order]


def test_ties_go_to_the_earlier_positions() -> None:
    assert split(Decimal("1.00"), [Decimal(1)] * 3, scale=2) == [
        Decimal("0.34"),
        Decimal("0.33"),
        Decimal("0.33"),
    ]
    assert split(Decimal("0.05"), [Decimal(1)] * 3, scale=2) == [
        Decimal("0.02"),
        Decimal("0.02"),
        Decimal("0.01"),
    ]


def test_the_largest_remainder_comes_before_the_position() -> None:
    # 1.00 by 1:1:4 is 16.67, 16.67 and 66.67 cents.
    assert split(Decimal("1.00"), [Decimal(1), Decimal(1), Decimal(4)], scale=2) == [
        Decimal("0.17"),
        Decimal("0.17"),
        Decimal("0.66"),
    ]
    # 0.10 by 33:67 is 3.3 and 6.7 cents.
    assert split(Decimal("0.10"), [Decimal("0.33"), Decimal("0.67")], scale=2) == [
        Decimal("0.03"),
        Decimal("0.07"),
    ]


def test_a_debt_splits_as_its_opposite_does() -> None:
    weights = [Decimal(2), Decimal(3), Decimal(7)]

    debt = split(Decimal("-10.01"), weights, scale=2)

    assert debt == [-part for part in split(Decimal("10.01"), weights, scale=2)]


def test_a_split_does_not_depend_on_the_surrounding_precision() -> None:
    total = Decimal("12345678901234567890.12345678")

    with localcontext(Context(prec=5)):
        parts = split(total, [Decimal(1), Decimal(2)])

    assert sum(map(Fraction, parts)) == Fraction(total)


@pytest.mark.parametrize(
    ("total", "weights"),
    [
        ("1.00", []),
        ("1.00", ["0", "0.0"]),
        ("1.00", ["1", "-1"]),
        ("1.001", ["1", "1"]),
    ],
)
def test_what_cannot_be_split(total: str, weights: list[str]) -> None:
    with pytest.raises(ValueError, match=r"weights|finer"):
        split(Decimal(total), [Decimal(weight) for weight in weights], scale=2)


# Text.


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "text"),
    [
        ("20.5", "EUR", "en", "€20.50"),
        ("1234.5", "EUR", "en-GB", "€1,234.50"),
        ("1234.5", "EUR", "de_DE", "1.234,50\N{NO-BREAK SPACE}€"),
        ("1234", "JPY", "en", "¥1,234"),
        ("20.5", "MXN", "es-MX", "$20.50"),
        ("20.5", "EUR", "es-MX", "EUR\N{NO-BREAK SPACE}20.50"),
        ("-1234", "ISK", "en", "-ISK\N{NO-BREAK SPACE}1,234"),
        ("-3.1", "EUR", "en", "-€3.10"),
        ("1000000000000", "EUR", "en", "€1,000,000,000,000.00"),
        ("0.33333334", "EUR", "en", "€0.33333334"),
        ("0.00000001", "EUR", "de", "0,00000001\N{NO-BREAK SPACE}€"),
        ("20.50000000", "EUR", "en", "€20.50"),
        ("0.5", "JPY", "en", "¥0.5"),
    ],
)
def test_format(amount: str, currency: str, locale: str, text: str) -> None:
    assert format_money(Decimal(amount), currency, locale) == text


@pytest.mark.parametrize("locale", ["", "xx", "tlh-KX", "..", "a" * 40, "en-Nowhere-123"])
def test_an_unknown_locale_reads_english(locale: str) -> None:
    assert format_money(Decimal("20.5"), "EUR", locale) == "€20.50"
