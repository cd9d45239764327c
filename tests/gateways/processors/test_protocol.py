"""What passes between us and a processor."""

from decimal import Decimal

from uuid_utils.compat import uuid7

from whipround.gateways.processors.protocol import (
    Charge,
    Payout,
    Registered,
    Registration,
)
from whipround.money import Money


def test_nothing_secret_is_shown() -> None:
    key, product, money = uuid7(), uuid7(), Money(Decimal(1), "EUR")
    details = {"iban": "secret"}

    shown = repr(
        [
            Registration(key, "bank_account", uuid7(), product, "secret", "Jon Dough", details),
            Registered("secret", is_verified=False, card=None),
            Charge(key, product, "secret", money, "Pizza"),
            Payout(key, product, "secret", money, "Savings"),
        ]
    )

    assert "secret" not in shown
    assert "Dough" not in shown
