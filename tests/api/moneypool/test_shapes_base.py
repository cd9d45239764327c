"""How amounts and times are written."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from whipround.api.moneypool.shapes_base import decimal_string, local_time


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("108.50000000", "108.5"),
        ("50", "50.0"),
        ("50.00", "50.0"),
        ("0", "0.0"),
        ("0E-8", "0.0"),
        ("-0.00", "0.0"),
        ("0.00000001", "0.00000001"),
        ("1E+12", "1000000000000.0"),
        ("100.05", "100.05"),
        ("-3.10", "-3.1"),
    ],
)
def test_an_amount(amount: str, shown: str) -> None:
    assert decimal_string(Decimal(amount)) == shown


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (datetime(2014, 11, 14, 5, 54, 15, 105999, UTC), "2014-11-13T23:54:15.105-06:00"),
        (datetime(2014, 9, 11, 20, 32, 57, 94000, UTC), "2014-09-11T15:32:57.094-05:00"),
        (
            datetime(2026, 7, 1, 2, tzinfo=timezone(timedelta(hours=2))),
            "2026-06-30T18:00:00.000-06:00",
        ),
    ],
    ids=["winter", "summer", "no summer time any more"],
)
def test_a_time(moment: datetime, shown: str) -> None:
    assert local_time(moment) == shown
