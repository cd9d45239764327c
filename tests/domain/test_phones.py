"""Phone numbers, and what they say of themselves."""

import pytest

from whipround.domain.phones import country_of_phone, normalised


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("+3547771234", "IS"),
        ("+4412312341234", "GB"),
        ("+15551234567", "US"),
        ("+525512345678", "MX"),
        ("+881612345678", ""),
    ],
)
def test_country_of_phone(number: str, country: str) -> None:
    assert country_of_phone(number) == country


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("+44 7911 123456", "+447911123456"),
        ("+31 (0)6-1234.5678", "+31612345678"),
        ("+447911123456", "+447911123456"),
        ("07911 123456", None),
        ("+999 123456789", None),
        ("+44 7911 12345678901234", None),
        ("+٤٤٧٩١١١٢٣٤٥٦", None),
        ("+44x7911123456", None),
        ("", None),
    ],
)
def test_a_number_is_stored_in_e164(written: str, number: str | None) -> None:
    assert normalised(written) == number
