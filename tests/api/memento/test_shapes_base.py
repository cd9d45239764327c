"""How Memento objects become JSON."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whipround.api.memento.shapes_base import CREATED_AT, ID, Amount, Shape, amount
from whipround.api.shapes import encode


class Thing(Shape):
    id: ID
    amount: Amount
    created_at: CREATED_AT


def test_ids_amounts_and_times_are_written_as_documented() -> None:
    thing = Thing(
        id=UUID("d4097613-3b63-4dbb-befe-2211b9dc821a"),
        amount=amount(Decimal("20.00000000"), "EUR"),
        created_at=datetime(2017, 9, 4, 12, 26, 43, 398_646, UTC),
    )

    assert encode(thing) == (
        b'{"id":"d4097613-3b63-4dbb-befe-2211b9dc821a","amount":20.00,'
        b'"created_at":"2017-09-04T12:26:43.398646Z"}'
    )


@pytest.mark.parametrize(
    ("value", "currency", "shown"),
    [
        ("20.00000000", "EUR", b"20.00"),
        ("20.50000000", "EUR", b"20.50"),
        ("20.12300000", "EUR", b"20.123"),
        ("-5.00000000", "EUR", b"-5.00"),
        ("0E-8", "EUR", b"0.00"),
        ("1200.00000000", "JPY", b"1200"),
        ("1.23400000", "BHD", b"1.234"),
        ("9999999999999999999.99999999", "EUR", b"9999999999999999999.99999999"),
    ],
)
def test_amounts_show_the_decimals_of_their_currency(
    value: str, currency: str, shown: bytes
) -> None:
    assert encode(amount(Decimal(value), currency)) == shown


@given(st.decimals(-(10**19), 10**19, places=8), st.sampled_from(["EUR", "JPY", "BHD"]))
def test_no_amount_is_ever_rounded(value: Decimal, currency: str) -> None:
    assert amount(value, currency) == value
