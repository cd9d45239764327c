"""Everybody gets their share, to the last unit, and can see how it came about."""

from decimal import Decimal
from fractions import Fraction
from time import process_time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.domain.scripts.scripts import divisible, found_wrong, made
from tests.money import EUR
from whipround.domain.scripts.script import Parts, Percent, Script
from whipround.domain.scripts.splitting import Basis, Division, divide, without
from whipround.errors import Invalid
from whipround.money import Money

UNIT = Fraction(1, 10**8)

# Enough that nobody's share is too small, of the least percentage and of the largest numbers.
AMOUNTS = st.decimals(min_value=10**11, max_value=10**12, places=8).map(
    lambda amount: Money(amount, "EUR")
)


def amounts(division: Division) -> list[Decimal]:
    return [each.amount for each in division.portions if each.amount is not None]


def split(script: Script, amount: str) -> list[str]:
    return [str(each) for each in amounts(divide(script, EUR(amount)))]


def exact(script: Script, at: int) -> Fraction:
    """What a participant gets of 1, by the words of the document."""
    percents = [it.share.percent for it in script.participants if isinstance(it.share, Percent)]
    parts = [it.share.count for it in script.participants if isinstance(it.share, Parts)]
    taken = sum(map(Fraction, percents), Fraction(0))
    share = script.participants[at].share
    if isinstance(share, Parts):
        return (100 - taken) / 100 * Fraction(share.count, sum(parts))
    return Fraction(share.percent) / (Fraction(100) if parts else taken)


def test_percentages_come_off_first_and_whole_numbers_divide_the_rest() -> None:
    assert split(made("10%", 2, 1), "10.00") == ["1.00000000", "6.00000000", "3.00000000"]
    assert split(made(1), "10.00") == ["10.00000000"]
    assert split(made("100%"), "0.01") == ["0.01000000"]
    assert split(made("25%", "75%"), "1.00") == ["0.25000000", "0.75000000"]


def test_what_the_documents_show() -> None:
    # Mobbr, Inspect payment: a share of EUR 1 of which somebody else has 1 percent.
    [_, portion, _] = divide(made("1%", 76, 29), EUR("1.00")).portions

    assert str(portion.amount) == "0.71657143"
    assert str(portion.percentage) == "71.65714286"


def test_what_is_cut_off_goes_to_those_who_lost_most() -> None:
    assert split(made(1, 1, 1), "1.00") == ["0.33333334", "0.33333333", "0.33333333"]
    assert split(made(1, 1, 4), "1.00") == ["0.16666667", "0.16666667", "0.66666666"]
    # Nothing is cut off a percentage here, so it is as it was asked for.
    assert split(made("10%", 1, 1, 5), "1.00")[0] == "0.10000000"


def test_how_it_came_about() -> None:
    portions = divide(made("10%", 24, 11), EUR("1.00")).portions

    assert [each.basis for each in portions] == [
        Basis("percent", Decimal(10), Decimal(100), Decimal(100)),
        Basis("parts", Decimal(24), Decimal(35), Decimal(90)),
        Basis("parts", Decimal(11), Decimal(35), Decimal(90)),
    ]
    # 0.617142857… and 0.282857142…
    assert [str(each.amount) for each in portions] == ["0.10000000", "0.61714286", "0.28285714"]
    assert [f"{each.remainder:f}" for each in portions] == [
        "0.00000000",
        "0.00000001",
        "0.00000000",
    ]


def test_without_an_amount_there_are_percentages() -> None:
    division = divide(made("10%", 1, 1, 1))

    assert [str(each.percentage) for each in division.portions] == [
        "10.00000000",
        "30.00000000",
        "30.00000000",
        "30.00000000",
    ]
    assert division.money is None
    assert all(each.amount is None and each.remainder is None for each in division.portions)


@given(divisible(), AMOUNTS)
def test_portions_sum_to_the_whole(script: Script, money: Money) -> None:
    division = divide(script, money)

    assert sum(map(Fraction, amounts(division))) == Fraction(money.amount)
    assert sum(Fraction(each.percentage) for each in division.portions) == 100
    assert [each.participant for each in division.portions] == list(script.participants)


@given(divisible(), AMOUNTS)
def test_each_portion_is_what_the_script_says_to_within_a_unit(
    script: Script, money: Money
) -> None:
    for at, portion in enumerate(divide(script, money).portions):
        proportion = exact(script, at)
        assert portion.amount is not None
        assert portion.remainder is not None
        assert portion.amount > 0
        assert portion.amount.as_tuple().exponent == portion.percentage.as_tuple().exponent == -8
        assert abs(Fraction(portion.amount) - Fraction(money.amount) * proportion) < UNIT
        assert abs(Fraction(portion.percentage) - 100 * proportion) < UNIT


@given(divisible(), AMOUNTS)
def test_a_portion_is_its_basis_cut_down_and_the_remainder(script: Script, money: Money) -> None:
    for portion in divide(script, money).portions:
        basis = portion.basis
        share, of, percent = map(Fraction, (basis.share, basis.of, basis.percent))
        cut = Fraction(money.amount) * percent / 100 * share / of // UNIT * UNIT
        assert portion.amount is not None
        assert portion.remainder is not None
        assert Fraction(portion.amount) == cut + Fraction(portion.remainder)
        assert Fraction(portion.remainder) in (0, UNIT)


@given(divisible(), AMOUNTS, st.data())
def test_another_order_gives_the_same_where_nothing_ties(
    script: Script, money: Money, data: st.DataObject
) -> None:
    count = len(script.participants)
    lost = [Fraction(money.amount) * exact(script, at) / UNIT % 1 for at in range(count)]
    assume(len({each for each in lost if each}) == sum(map(bool, lost)))
    order = data.draw(st.permutations(range(count)))

    turned = Script(tuple(script.participants[at] for at in order))

    there, back = amounts(divide(script, money)), amounts(divide(turned, money))
    assert back == [there[at] for at in order]


@given(divisible(), AMOUNTS, st.integers(1, 1000))
def test_only_the_proportion_of_whole_numbers_counts(
    script: Script, money: Money, factor: int
) -> None:
    shares = [
        each.share.count * factor if isinstance(each.share, Parts) else f"{each.share.percent}%"
        for each in script.participants
    ]

    assert amounts(divide(made(*shares), money)) == amounts(divide(script, money))


@given(st.lists(st.integers(1, 100), min_size=2, max_size=5), AMOUNTS)
def test_equals_get_the_same_to_within_a_unit(shares: list[int], money: Money) -> None:
    first, second, *_ = amounts(divide(made(shares[0], *shares), money))

    assert 0 <= Fraction(first) - Fraction(second) <= UNIT


@pytest.mark.parametrize(
    ("script", "amount"),
    [
        (made(*[1] * 3), "0.00000002"),
        (made(1, 10**9), "1.00"),
        (made("0.00000001%", 1), "0.01"),
        (made(1), "0.00"),
    ],
)
def test_nobody_gets_nothing(script: Script, amount: str) -> None:
    with pytest.raises(Invalid) as error:
        divide(script, EUR(amount))

    assert found_wrong(error.value) == [("amount", "too_small")]


def test_there_is_somebody_to_pay() -> None:
    with pytest.raises(Invalid) as error:
        divide(Script())

    assert found_wrong(error.value) == [("participants", "invalid")]


def test_a_thousand_of_them_are_divided_at_once() -> None:
    script = made(*["0.01%"] * 500, *range(1, 501))

    began = process_time()
    division = divide(script, EUR("0.10"))

    assert process_time() - began < 0.3
    assert sum(amounts(division)) == Decimal("0.10")


# Those who are left out.


def test_the_shares_of_those_left_out_go_to_the_others() -> None:
    script = made("10%", 2, 1, 1)

    assert split(without(script, {1}), "10.00") == ["1.00000000", "4.50000000", "4.50000000"]
    # A percentage goes to those who divide the rest, so that other percentages stay what they are.
    assert split(without(script, {0}), "10.00") == ["5.00000000", "2.50000000", "2.50000000"]
    assert without(script, ()) == script


def test_percentages_grow_only_where_nobody_is_left_to_take_the_rest() -> None:
    division = divide(without(made("10%", "20%", 1, 1), [2, 3]), EUR("9.00"))

    assert amounts(division) == [Decimal(3), Decimal(6)]
    assert division.portions[0].basis == Basis("percent", Decimal(10), Decimal(30), Decimal(100))
    assert split(without(made("50%", "50%"), {0}), "1.00") == ["1.00000000"]


def test_somebody_must_be_left() -> None:
    with pytest.raises(Invalid) as error:
        without(made("10%", 1), {0, 1})

    assert found_wrong(error.value) == [("participants", "invalid")]


@given(divisible(), AMOUNTS, st.data())
def test_whoever_is_left_gets_it_all_and_nobody_less(
    script: Script, money: Money, data: st.DataObject
) -> None:
    count = len(script.participants)
    left = data.draw(st.sets(st.integers(0, count - 1), max_size=count - 1))

    remaining = divide(without(script, left), money)

    before = amounts(divide(script, money))
    kept = [amount for at, amount in enumerate(before) if at not in left]
    assert sum(map(Fraction, amounts(remaining))) == Fraction(money.amount)
    for now, then in zip(amounts(remaining), kept, strict=True):
        assert Fraction(now) >= Fraction(then) - UNIT
