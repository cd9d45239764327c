"""Phone numbers, by their form, and what a number says of itself."""

import re

import phonenumbers

_WRITTEN = re.compile(r"\+[0-9 ()./-]{6,31}", re.ASCII)


def normalised(text: str) -> str | None:
    """An international number, with punctuation if need be, in E.164; None for what is none."""
    if not _WRITTEN.fullmatch(text):
        return None
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        return None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    # Not asked whether the number is valid, nor even possible in its country: the documents' own
    # samples are neither. Its country must exist, and E.164 allows 15 digits.
    return e164 if 8 <= len(e164) <= 16 else None


def country_of_phone(number: str) -> str:
    """The ISO country an E.164 number belongs to; empty for none, such as a satellite phone."""
    parsed = phonenumbers.parse(number)
    region = phonenumbers.region_code_for_number(parsed)
    region = region or phonenumbers.region_code_for_country_code(parsed.country_code or 0)
    return region if len(region) == 2 and region != phonenumbers.UNKNOWN_REGION else ""
