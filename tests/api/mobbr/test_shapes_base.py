"""How amounts, times and ids are shown."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest

from whipround.api.mobbr.shapes_base import (
    decimal_string,
    enveloped,
    flag,
    optional_utc_time,
    payment_id,
    utc_time,
)
from whipround.errors import Message


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("-1", "-1.00000000"),
        ("0.71657143", "0.71657143"),
        ("1E+3", "1000.00000000"),
        ("-0.00", "0.00000000"),
        ("123456789012345.12345678", "123456789012345.12345678"),
    ],
)
def test_an_amount_has_8_decimals(amount: str, shown: str) -> None:
    assert decimal_string(Decimal(amount)) == shown


def test_a_time_is_in_utc() -> None:
    moment = datetime(2014, 11, 20, 14, 36, 22, 999_999, timezone(timedelta(hours=1)))

    assert utc_time(moment) == optional_utc_time(moment) == "2014-11-20 13:36:22"
    assert utc_time(datetime(26, 1, 2, tzinfo=UTC)) == "0026-01-02 00:00:00"
    assert optional_utc_time(None) is None


def test_an_id_has_no_dashes() -> None:
    assert payment_id(UUID(int=255)) == "000000000000000000000000000000ff"


def test_yes_and_no() -> None:
    assert (flag(True), flag(False)) == ("1", "0")


def test_an_envelope() -> None:
    message = Message("Use {methods}.", methods="GET")

    assert enveloped([1], None, "info", locale="en") == b'{"result":[1],"message":null}'
    assert enveloped(None, message, "warning", locale="en") == (
        b'{"result":null,"message":{"text":"Use GET.","type":"warning"}}'
    )
    assert b"GET" in enveloped(None, message, "error", locale="es")
