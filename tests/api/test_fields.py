"""The types of request fields: what each lets through, and the form in which it does."""

import contextlib
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from whipround.api import fields, people_fields
from whipround.api.bodies import field_errors
from whipround.api.moneypool.fields import Pesos
from whipround.money import LARGEST


def check(kind: Any, value: object) -> Any:
    return TypeAdapter(kind).validate_python(value)


def code(kind: Any, value: object) -> str:
    with pytest.raises(ValidationError) as caught:
        check(kind, value)
    [error] = field_errors(caught.value)
    return error.code


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (20, "20"),
        (Decimal("20.10"), "20.1"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-8"), "0.00000001"),
        (Decimal("1." + "0" * 500), "1"),
        ("20.50", "20.5"),
        ("000001", "1"),
        (10**12, "1000000000000"),
    ],
)
def test_amounts(value: object, amount: str) -> None:
    assert check(fields.Amount, value) == Decimal(amount)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "too_small"),
        (Decimal("-0.0"), "too_small"),
        (-1, "too_small"),
        ("-20", "too_small"),
        (10**12 + 1, "too_large"),
        (Decimal("1E+999999999"), "too_large"),
        (10**4000, "too_large"),
        (Decimal("1000000000000.00000001"), "too_large"),
        (Decimal("0.000000001"), "too_precise"),
        (Decimal("1E-999999999"), "too_precise"),
        (Decimal("1." + "0" * 500 + "1"), "too_precise"),
        ("0.000000001", "too_precise"),
        (True, "invalid"),
        ("", "invalid"),
        ("NaN", "invalid"),
        ("Infinity", "invalid"),
        ("1_000", "invalid"),
        ("1e5", "invalid"),
        ("+5", "invalid"),
        (" 5", "invalid"),
        ("5\n", "invalid"),
        ("٥", "invalid"),
        ("1" * 5000, "invalid"),
        ([], "invalid"),
        (None, "required"),
    ],
)
def test_what_is_no_amount(value: object, expected: str) -> None:
    assert code(fields.Amount, value) == expected


# Almost numbers, and numbers as other people write them.
_NUMERALS = st.text("0123456789.,eE+-_ NnaAIif\u00a0１٣²", max_size=14) | st.from_regex(
    r"[+-]?[0-9]{1,16}(\.[0-9]{0,12})?([eE][+-]?[0-9]{1,4})?", fullmatch=True
)


@pytest.mark.parametrize("kind", [fields.Amount, Pesos])
@given(st.decimals() | st.integers() | st.text() | st.floats() | _NUMERALS)
def test_an_amount_is_exact_or_refused(kind: Any, value: object) -> None:
    try:
        amount = check(kind, value)
    except ValidationError:
        return
    assert amount == (Decimal(value) if isinstance(value, str) else value)
    assert 0 < amount <= LARGEST
    assert kind is fields.Amount or amount == round(amount, 2)
    if isinstance(value, str):
        assert re.fullmatch("[0-9]+([.][0-9]+)?", value)


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        (fields.Currency, "EUR", "EUR"),
        (fields.Pin, "0000", "0000"),
        (fields.Pin, "12345678", "12345678"),
        (fields.Phone, "+44 7911 123456", "+447911123456"),
        (fields.Phone, "+44 111 2222 3333", "+4411122223333"),
        (fields.Phone, "+44 123 1234 1234", "+4412312341234"),
        (fields.Phone, "+1 (555) 123-4567", "+15551234567"),
        (fields.Email, "John@Example.COM", "john@example.com"),
        (fields.Email, "x@bücher.example", "x@xn--bcher-kva.example"),
        (fields.Country, "UK", "UK"),
        (fields.Country, "is", "IS"),
        (fields.Timezone, "Europe/London", "Europe/London"),
        (fields.Locale, "en-UK", "en-UK"),
        (fields.Name, "  Jón Dough ", "Jón Dough"),
        (fields.Name, "مرحبا", "مرحبا"),
        (fields.Name, "علی\u200cرضا", "علی\u200cرضا"),
        (fields.Name, "क्\u200dष", "क्\u200dष"),
        (fields.Name, "\U0001f469\u200d\U0001f4bb ❤️", "\U0001f469\u200d\U0001f4bb ❤️"),
        (fields.Name, "Zoe\u0308", "Zoe\u0308"),
        (fields.Description, "two\nlines\tand ☕ ", "two\nlines\tand ☕ "),
        (fields.Meta, '{"color": "blue"}', '{"color": "blue"}'),
        (people_fields.JsonObject, "{}", "{}"),
        (people_fields.WebAddress, "https://example.com/a.jpg", "https://example.com/a.jpg"),
    ],
)
def test_what_fits(kind: Any, value: str, stored: str) -> None:
    assert check(kind, value) == stored


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (fields.Currency, "eur", "invalid"),
        (fields.Currency, "EURO", "invalid"),
        (fields.Currency, "QQQ", "invalid"),
        (fields.Currency, "E" * 100_000, "invalid"),
        (fields.Pin, "123", "invalid"),
        (fields.Pin, "123456789", "invalid"),
        (fields.Pin, "١٢٣٤", "invalid"),
        (fields.Phone, "020 7946 0958", "invalid"),
        (fields.Phone, "+999 123456", "invalid"),
        (fields.Phone, "+44", "invalid"),
        (fields.Phone, "+44 111 2222 3333 4444", "invalid"),
        (fields.Phone, "+44 7911 123456 ext 5", "invalid"),
        (fields.Phone, "+" + "4" * 100_000, "invalid"),
        (fields.Email, "john", "invalid"),
        (fields.Email, "john@localhost", "invalid"),
        (fields.Email, "a@b.com\n", "invalid"),
        (fields.Email, "j" * 250 + "@example.com", "too_long"),
        (fields.Country, "XX", "invalid"),
        (fields.Country, "EU", "invalid"),
        (fields.Country, "ß", "invalid"),
        (fields.Country, "ﬁ", "invalid"),
        (fields.Timezone, "../etc/passwd", "invalid"),
        (fields.Timezone, "Mars/Olympus", "invalid"),
        (fields.Locale, "e", "invalid"),
        (fields.Locale, "en\nGB", "invalid"),
        (fields.Name, "", "required"),
        (fields.Name, "   ", "required"),
        (fields.Name, "a\nb", "invalid"),
        (fields.Name, "safe\u202egnp.exe", "invalid"),
        (fields.Name, "x\u0085y", "invalid"),
        (fields.Name, "\u200b", "invalid"),
        (fields.Name, "\u3164", "invalid"),
        (fields.Name, "\u0301", "invalid"),
        (fields.Name, "\u200d", "invalid"),
        (fields.Name, "John\u200c", "invalid"),
        (fields.Name, "\u200dJohn", "invalid"),
        (fields.Name, "John \u200dDough", "invalid"),
        (fields.Name, "a\u200c\u200cb", "invalid"),
        (fields.Name, "Jo\u00adhn", "invalid"),
        (fields.Name, "Jo\ufeffhn", "invalid"),
        (fields.Name, "Jo\u2060hn", "invalid"),
        (fields.Name, "John\ue000", "invalid"),
        (fields.Name, "John\u0378", "invalid"),
        (people_fields.PersonName, "\u200b", "invalid"),
        (people_fields.PersonName, " \u2060 ", "invalid"),
        (people_fields.PersonName, "\u2028", "required"),
        (fields.Name, "x" * 101, "too_long"),
        (fields.Description, "bell\u0007", "invalid"),
        (fields.Description, "\u202edenrut", "invalid"),
        (people_fields.JsonObject, "[]", "invalid"),
        (people_fields.JsonObject, "{", "invalid"),
        (people_fields.JsonObject, "[" * 9_000, "invalid"),
        (people_fields.WebAddress, "ftp://example.com", "invalid"),
        (people_fields.WebAddress, "https://", "invalid"),
        (people_fields.WebAddress, "http://[", "invalid"),
    ],
)
def test_what_does_not_fit(kind: Any, value: str, expected: str) -> None:
    assert code(kind, value) == expected


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2017-12-20", datetime(2017, 12, 20, tzinfo=UTC)),
        ("2017-12-20 16:00", datetime(2017, 12, 20, 16, tzinfo=UTC)),
        ("2017-12-20 16:00:05", datetime(2017, 12, 20, 16, 0, 5, tzinfo=UTC)),
        ("2017-12-20T16:00:05Z", datetime(2017, 12, 20, 16, 0, 5, tzinfo=UTC)),
        ("2017-12-20T16:00:05.25+02:00", datetime(2017, 12, 20, 14, 0, 5, 250_000, UTC)),
        ("2017-12-20T16:00:05 02:00", datetime(2017, 12, 20, 14, 0, 5, tzinfo=UTC)),
        ("2017-12-20T16:00:05.123456789Z", datetime(2017, 12, 20, 16, 0, 5, 123_456, UTC)),
    ],
)
def test_times(text: str, time: datetime) -> None:
    assert check(fields.Time, text) == time
    assert check(fields.Time, text).tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [
        "",
        "now",
        "20171220",
        "2017-W51-3",
        "2017-02-30",
        "2017-12-20 25:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2017-12-20\n",
        "٢٠١٧-12-20",
        1513785600,
        True,
    ],
)
def test_what_is_no_time(value: object) -> None:
    assert code(fields.Time, value) == "invalid"


@given(st.text())
def test_reading_a_time_never_fails_otherwise(text: str) -> None:
    with contextlib.suppress(ValueError):
        fields.parse_time(text)


@given(st.text() | st.text(alphabet="+0123456789 -").map("+".__add__))
def test_a_phone_number_is_e164_or_refused(text: str) -> None:
    try:
        phone = check(fields.Phone, text)
    except ValidationError:
        return
    assert phone[0] == "+"
    assert phone[1:].isascii()
    assert phone[1:].isdigit()
    assert 7 <= len(phone[1:]) <= 15


@given(st.text())
def test_whatever_text_is_kept_can_be_stored(text: str) -> None:
    kinds = (
        fields.Name,
        fields.Description,
        fields.Email,
        fields.Locale,
        people_fields.WebAddress,
    )
    for kind in kinds:
        try:
            kept = check(kind, text)
        except ValidationError:
            continue
        assert "\0" not in kept
        kept.encode()
