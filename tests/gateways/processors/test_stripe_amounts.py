"""Amounts as Stripe counts them."""

from decimal import Decimal

import pytest
from babel.numbers import list_currencies

from whipround.gateways.processors.stripe.amounts import least_paid_out, minor_units
from whipround.money import Money


@pytest.mark.parametrize(
    ("amount", "currency", "minor", "paid_out"),
    [
        ("12.3", "EUR", 1230, 1230),
        ("0.01", "EUR", 1, 1),
        ("500", "JPY", 500, 500),
        ("5", "ISK", 500, 500),
        ("5", "UGX", 500, 500),
        ("5.5", "UGX", None, None),
        ("10.45", "HUF", 1045, None),
        ("10", "TWD", 1000, 1000),
        ("5.12", "KWD", 5120, 5120),
        ("5.123", "KWD", None, None),
        ("3", "MGA", 3, 3),
        ("3.2", "MGA", None, None),
        ("7", "AFN", 700, 700),
        ("0.001", "EUR", None, None),
    ],
)
def test_amounts_are_what_stripe_means_by_them(
    amount: str, currency: str, minor: int | None, paid_out: int | None
) -> None:
    money = Money(Decimal(amount), currency)

    assert (minor_units(money), minor_units(money, paid_out=True)) == (minor, paid_out)


def test_the_least_there_is_can_be_paid_out_in_every_currency() -> None:
    least = {currency: least_paid_out(currency) for currency in list_currencies()}

    assert all(minor_units(money, paid_out=True) for money in least.values())
    amounts = {currency: str(money.amount) for currency, money in least.items()}
    assert (amounts["EUR"], amounts["JPY"], amounts["KWD"]) == ("0.01", "1", "0.010")
    assert [amounts[each] for each in ("HUF", "ISK", "TWD", "UGX")] == ["1.00"] * 4
