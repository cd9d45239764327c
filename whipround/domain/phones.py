"""What a phone number says of itself."""

import phonenumbers


def country_of_phone(number: str) -> str:
    """The ISO country an E.164 number belongs to; empty for none, such as a satellite phone."""
    parsed = phonenumbers.parse(number)
    region = phonenumbers.region_code_for_number(parsed)
    region = region or phonenumbers.region_code_for_country_code(parsed.country_code or 0)
    return region if len(region) == 2 and region != phonenumbers.UNKNOWN_REGION else ""
