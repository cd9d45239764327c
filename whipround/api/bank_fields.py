"""The types of request fields that describe cards and bank accounts, in any dialect.

Like `fields`, which has those that are not about banks: annotations of pydantic models.
"""

import re
from typing import Annotated

from clabe import validate_clabe
from pydantic import AfterValidator, Field, WithJsonSchema
from schwifty import BIC, IBAN
from schwifty.exceptions import SchwiftyException

from whipround.api.fields import ONE_LINE, wrong
from whipround.errors import Message

# Cards.

_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]+")


def _token(value: str) -> str:
    if not _VISIBLE_ASCII.fullmatch(value):
        wrong("invalid", "must be visible ASCII characters")
    return value


Token = Annotated[
    str,
    Field(min_length=1, max_length=500, json_schema_extra={"format": "password"}),
    AfterValidator(_token),
]
"""What a processor gave for a card or an account: 1 to 500 visible ASCII characters. A secret."""

_LAST_DIGITS = re.compile(r"[0-9]{4}", re.ASCII)


def _last_digits(value: str) -> str:
    if value and not _LAST_DIGITS.fullmatch(value):
        wrong("invalid", "must be 4 digits")
    return value


LastDigits = Annotated[
    str,
    AfterValidator(_last_digits),
    WithJsonSchema({"type": "string", "pattern": "^([0-9]{4})?$", "examples": ["4242"]}),
]
"""The last four digits of a card's number; or empty."""

Month = Annotated[int, Field(strict=True, ge=1, le=12)]
"""A month, from 1 to 12."""

Year = Annotated[int, Field(strict=True, ge=1000, le=9999)]
"""A year of four digits."""

# Bank accounts.

_LONGEST = 64
"""More than the longest of them has, with blanks between: nothing longer is looked at."""

_SEPARATORS = str.maketrans("", "", " -")


def _compact(value: str) -> str:
    if len(value) > _LONGEST:
        wrong("too_long", Message("must have at most {most} characters", most=_LONGEST))
    if not value.isascii():  # some letters become two in capitals
        wrong("invalid", "must have ASCII characters only")
    return value.translate(_SEPARATORS)


def _bic(value: str) -> str:
    try:
        return str(BIC(_compact(value)))
    except SchwiftyException:
        wrong("invalid", "must be a BIC of 8 or 11 characters, such as MIDLGB22")


Bic = Annotated[
    str,
    Field(min_length=1),
    AfterValidator(_bic),
    WithJsonSchema({"type": "string", "minLength": 8, "examples": ["MIDLGB22"]}),
]
"""The BIC (SWIFT code) of a bank, in capitals or not; becomes compact capitals."""


def _iban(value: str) -> str:
    compact = _compact(value)
    try:
        return str(IBAN(compact)) if compact else ""
    except SchwiftyException:
        wrong("invalid", "must be an IBAN, such as GB98 MIDL 0700 9312 3456 78")


Iban = Annotated[
    str,
    AfterValidator(_iban),
    WithJsonSchema({"type": "string", "examples": ["GB98 MIDL 0700 9312 3456 78"]}),
]
"""An IBAN by checksum and by its country's format, with blanks if need be; or empty.

Becomes compact capitals.
"""


def iban_country(iban: str) -> str:
    """The ISO 3166-1 code of the country of a good IBAN."""
    return iban[:2]


def iban_account_number(iban: str) -> str:
    """The number of the account within its bank, which is a part of a good IBAN."""
    return IBAN(iban).account_code


def _clabe(value: str) -> str:
    return account_number(value, country="MX") if value else ""


Clabe = Annotated[
    str,
    AfterValidator(_clabe),
    WithJsonSchema({"type": "string", "examples": ["002010077777777771"]}),
]
"""A CLABE by its bank and control digit, with blanks if need be; or empty. Becomes 18 digits."""

BankName = Annotated[str, Field(max_length=100), ONE_LINE]
"""What somebody calls a bank: one line of at most 100 characters; perhaps nothing."""

_NO_CLABE = Message(
    "must be a CLABE: 18 digits, a bank's first and a control digit last, as 002010077777777771"
)

_ACCOUNT_NUMBER = re.compile(r"[A-Za-z0-9]{4,34}", re.ASCII)


def account_number(value: str, *, country: str) -> str:
    """An account number as banks of the country write it, without blanks and hyphens.

    A Mexican one is a CLABE, whose bank and control digit are checked; any other has 4 to 34 ASCII
    letters and digits. Refuses the field being validated where it is not.
    """
    compact = _compact(value)
    if country == "MX":
        if not validate_clabe(compact):
            wrong("invalid", _NO_CLABE)
    elif not _ACCOUNT_NUMBER.fullmatch(compact):
        wrong("invalid", "must be 4 to 34 letters and digits")
    return compact
