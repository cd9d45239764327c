"""What a phone number says of itself."""

import pytest

from whipround.domain.phones import country_of_phone


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
