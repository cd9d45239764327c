"""The types of request fields about cards and banks: what each lets through, and in which form."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from whipround.api import bank_fields
from whipround.api.bodies import field_errors


def check(kind: Any, value: object) -> Any:
    return TypeAdapter(kind).validate_python(value)


def code(kind: Any, value: object) -> str:
    with pytest.raises(ValidationError) as caught:
        check(kind, value)
    [error] = field_errors(caught.value)
    return error.code


@pytest.mark.parametrize(
    ("value", "bic"),
    [("MIDLGB22", "MIDLGB22"), ("deutdeff500", "DEUTDEFF500"), ("MIDL GB-22", "MIDLGB22")],
)
def test_bics(value: str, bic: str) -> None:
    assert check(bank_fields.Bic, value) == bic


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", "required"),
        ("AAABBCCDDD", "invalid"),  # as printed in the document
        ("MIDLUK22", "invalid"),
        ("MIDLGB2", "invalid"),
        ("MIDLGB2Ⅱ", "invalid"),
        ("M" * 65, "too_long"),
        (7, "invalid"),
        (None, "required"),
    ],
)
def test_no_bics(value: object, expected: str) -> None:
    assert code(bank_fields.Bic, value) == expected


@pytest.mark.parametrize(
    ("value", "iban", "number"),
    [
        ("GB98MIDL07009312345678", "GB98MIDL07009312345678", "12345678"),
        ("gb98 midl 0700 9312 3456 78", "GB98MIDL07009312345678", "12345678"),
        ("DE89-3704-0044-0532-0130-00", "DE89370400440532013000", "0532013000"),
        ("IS140159260076545510730339", "IS140159260076545510730339", "007654"),
    ],
)
def test_ibans(value: str, iban: str, number: str) -> None:
    assert check(bank_fields.Iban, value) == iban
    assert bank_fields.iban_account_number(iban) == number
    assert bank_fields.iban_country(iban) == iban[:2]


@pytest.mark.parametrize("value", ["", " ", "  -  "])
def test_an_iban_may_be_empty(value: str) -> None:
    assert check(bank_fields.Iban, value) == ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("GB99MIDL07009312345678", "invalid"),  # checksum
        ("GB98MIDL0700931234567", "invalid"),  # too short for the country
        ("GB50123407009312345678", "invalid"),  # a British bank has letters
        ("MX33002010077777777771", "invalid"),  # no IBANs there
        ("XX00", "invalid"),
        ("GB98MIDL0700931234567８", "invalid"),
        ("ß" * 10, "invalid"),
        ("G" * 65, "too_long"),
        (12, "invalid"),
    ],
)
def test_no_ibans(value: object, expected: str) -> None:
    assert code(bank_fields.Iban, value) == expected


@pytest.mark.parametrize(
    ("value", "country", "number"),
    [
        ("0535-26-210380", "IS", "053526210380"),
        ("1234 5678", "UK", "12345678"),
        ("002010077777777771", "MX", "002010077777777771"),
        ("002 010 07777777777 1", "MX", "002010077777777771"),
    ],
)
def test_account_numbers(value: str, country: str, number: str) -> None:
    assert bank_fields.account_number(value, country=country) == number


@pytest.mark.parametrize(
    ("value", "country", "expected"),
    [
        ("123", "IS", "invalid"),
        ("1" * 35, "IS", "invalid"),
        ("1" * 65, "IS", "too_long"),
        ("12/345", "IS", "invalid"),
        ("١٢٣٤٥", "IS", "invalid"),
        ("002010077777777772", "MX", "invalid"),  # control digit
        ("000010077777777779", "MX", "invalid"),  # no such bank
        ("00201007777777777", "MX", "invalid"),
        ("12345678", "MX", "invalid"),
    ],
)
def test_no_account_numbers(value: str, country: str, expected: str) -> None:
    with pytest.raises(PydanticCustomError) as caught:
        bank_fields.account_number(value, country=country)
    assert caught.value.type == expected


@pytest.mark.parametrize(
    ("value", "number"),
    [("002010077777777771", "002010077777777771"), ("002 010 07777777777-1", "002010077777777771")],
)
def test_clabes(value: str, number: str) -> None:
    assert check(bank_fields.Clabe, value) == number
    assert check(bank_fields.Clabe, "") == ""


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (
            bank_fields.Clabe,
            [],
            {"002010077777777772": "invalid", "123456789123456789": "invalid", " ": "invalid"}
            | {"0" * 65: "too_long"},
        ),
        (
            bank_fields.BankName,
            ["Bank of Mexico", "", "b" * 100],
            {"b" * 101: "too_long", "Bank\nof": "invalid"},
        ),
        (
            bank_fields.Token,
            ["tok_test_visa_4242", "9724017303484431", "!~", "t" * 500],
            {"": "required", "a b": "invalid", "é": "invalid", "\x7f": "invalid"}
            | {"t" * 501: "too_long", "tok\n": "invalid"},
        ),
        (
            bank_fields.LastDigits,
            ["4242", "0000", ""],
            {"424": "invalid", "42424": "invalid", "42a2": "invalid", "٤٢٤٢": "invalid"},
        ),
        (bank_fields.Month, [1, 12], {0: "too_small", 13: "too_large", "1": "invalid"}),
        (bank_fields.Month, [], {True: "invalid", 1.5: "invalid", 10**400: "too_large"}),
        (bank_fields.Year, [1000, 9999], {999: "too_small", 20: "too_small", 10000: "too_large"}),
    ],
    ids=["clabe", "bank", "token", "last_digits", "month", "month_odd", "year"],
)
def test_cards(kind: Any, good: list[object], bad: dict[object, str]) -> None:
    assert [check(kind, value) for value in good] == good
    assert {value: code(kind, value) for value in bad} == bad
