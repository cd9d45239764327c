"""The types of request fields that several chapters share, as annotations for pydantic models.

Each takes the text as it came and yields it as it is stored; what is wrong is raised with `wrong`.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal, Inexact
from functools import cache
from typing import Annotated, Literal, NoReturn
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    Field,
    PlainValidator,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from whipround.domain import emails, phones
from whipround.domain.readable import is_readable
from whipround.errors import Message
from whipround.money import EXACT, LARGEST, SCALE, digits, fits_currency, is_currency

Code = Literal[
    "required",
    "invalid",
    "already_taken",
    "unsupported",
    "too_small",
    "too_large",
    "too_long",
    "too_precise",
    "not_found",
]
"""The words a field error may carry (later revisions, "Decision, errors")."""


def wrong(code: Code, predicate: str) -> NoReturn:
    """Refuse the field being validated; `predicate` follows its name, as in "must be positive"."""
    # Where they are read they are translated; pydantic's own template is in no language.
    words = predicate if isinstance(predicate, Message) else Message(predicate)
    raise PydanticCustomError(code, "{words}", {"words": words})


# Amounts and currencies.

_AMOUNT_TEXT = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)
_FINEST = Decimal(1).scaleb(-SCALE)


def decimals_at_most(count: int) -> Message:
    """What is wrong with an amount of more decimals, as a predicate."""
    return Message.counted(
        "must have at most {count} decimal", "must have at most {count} decimals", count=count
    )


def _amount(value: object) -> Decimal:
    if isinstance(value, Decimal) and value.is_finite():
        return _in_range(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return _in_range(Decimal(value))
    if isinstance(value, str) and _AMOUNT_TEXT.fullmatch(value):
        return _in_range(Decimal(value))
    if value is None:
        wrong("required", "is required")
    wrong("invalid", "must be a number, such as 20.50")


def _in_range(value: Decimal) -> Decimal:
    """`value` with all 8 decimals. Its size is looked at before anything is computed with it."""
    if value.is_signed() or not value:
        wrong("too_small", "must be greater than 0")
    if value.adjusted() > LARGEST.adjusted() or value > LARGEST:
        wrong("too_large", Message("must be at most {bound}", bound=f"{LARGEST:f}"))
    try:
        return value.quantize(_FINEST, context=EXACT)
    except Inexact:
        wrong("too_precise", decimals_at_most(SCALE))


Amount = Annotated[
    Decimal,
    PlainValidator(_amount),
    WithJsonSchema(
        {"type": "number", "exclusiveMinimum": 0, "maximum": int(LARGEST), "examples": [20.0]}
    ),
]
"""A JSON number, or a string of ASCII digits: above 0, at most 10^12, at most 8 decimals. How many
its currency allows is checked where the currency is known."""


def _currency(value: str) -> str:
    if len(value) != 3 or not is_currency(value):
        wrong("invalid", "must be a three-letter ISO 4217 code, such as EUR")
    return value


Currency = Annotated[
    str,
    AfterValidator(_currency),
    WithJsonSchema({"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["EUR"]}),
]
"""A three-letter ISO 4217 code in capitals. Whether the product has it is not checked here."""


def _supported(value: str, info: ValidationInfo) -> str:
    currencies = (info.context or {})["currencies"]
    if value not in currencies:
        wrong("unsupported", Message("must be one of {values}", values=", ".join(currencies)))
    return value


SupportedCurrency = Annotated[Currency, AfterValidator(_supported)]
"""A currency that the product has."""


def check_decimals(amount: Decimal, currency: object) -> Decimal:
    """Refuse an amount with more decimals than its currency, which is what was sent as one."""
    if isinstance(currency, str) and is_currency(currency) and not fits_currency(amount, currency):
        wrong("too_precise", decimals_at_most(digits(currency)))
    return amount


# Text. Checked by pydantic's own means, which are the cheapest: these are on the way of a payment.

# Control characters, and those that turn the direction, by which one name reads as another.
_LINE = "^[^\\x00-\\x1f\\x7f-\\x9f\\u2028-\\u202e\\u2066-\\u2069]*$"
_TEXT = "^[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\u202a-\\u202e\\u2066-\\u2069]*$"
_PIN = "^[0-9]{4,8}$"

MUST_MATCH = {
    _LINE: Message("must be one line without control characters"),
    _TEXT: Message("must not contain control characters"),
    _PIN: Message("must be 4 to 8 digits"),
}
"""What a pattern means, in words."""

ONE_LINE = StringConstraints(strip_whitespace=True, pattern=_LINE)
"""One line, without the blanks around it: `Annotated[str, Field(max_length=100), ONE_LINE]`."""

MANY_LINES = StringConstraints(pattern=_TEXT)
"""Prose, kept as sent: line breaks and tabs are fine, other control characters are not."""


def _visible(value: str) -> str:
    if not value.isascii() and not is_readable(value):
        wrong("invalid", "must be readable, without invisible characters")
    return value


VISIBLE = AfterValidator(_visible)
"""Refuses what cannot be seen, by which a name could be empty or look like another."""

Name = Annotated[str, Field(min_length=1, max_length=100), ONE_LINE, VISIBLE]
"""What somebody or something is called: one readable line of 1 to 100 characters."""

Description = Annotated[str, Field(max_length=1000), MANY_LINES]
"""What somebody writes to go with a thing; perhaps nothing."""

Meta = Annotated[str, Field(max_length=10_000), MANY_LINES]
"""Text that the client owns, usually JSON; not looked into."""

# People.

Pin = Annotated[str, Field(pattern=_PIN, json_schema_extra={"format": "password"})]
"""4 to 8 ASCII digits."""


def _phone(value: str) -> str:
    number = phones.normalised(value)
    return number or wrong(
        "invalid", "must be an international phone number, such as +44 7911 123456"
    )


Phone = Annotated[
    str,
    AfterValidator(_phone),
    WithJsonSchema({"type": "string", "pattern": r"^\+", "examples": ["+44 7911 123456"]}),
]
"""An international phone number, with punctuation if need be; becomes E.164 (`+447911123456`)."""


def _email(value: str) -> str:
    if len(value) > emails.LONGEST:
        wrong("too_long", Message("must have at most {most} characters", most=emails.LONGEST))
    address = emails.normalised(value)
    return address or wrong("invalid", "must be an email address, such as john@example.com")


Email = Annotated[
    str,
    AfterValidator(_email),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": 254}),
]
"""An email address, by its form only; becomes lower case, an international domain ASCII."""

_COUNTRY_CODES = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR"
    " BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ"
    " EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW"
    " GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY"
    " KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV"
    " MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY"
    " QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG"
    " TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM"
    " ZW UK"
)
COUNTRIES = frozenset(_COUNTRY_CODES.split())
"""ISO 3166-1 alpha-2, and UK, which the documents write for GB."""


def _country(value: str) -> str:
    # Some letters become two in capitals: a German sharp s would be South Sudan.
    if not value.isascii() or value.upper() not in COUNTRIES:
        wrong("invalid", "must be a two-letter ISO 3166-1 code, such as IS")
    return value.upper()


Country = Annotated[
    str,
    AfterValidator(_country),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z]{2}$", "examples": ["IS"]}),
]
"""A two-letter country code; becomes capitals, and UK stays UK."""


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


def _timezone(value: str) -> str:
    if value not in _timezones():
        wrong("invalid", "must be the name of a time zone, such as Europe/London")
    return value


Timezone = Annotated[
    str,
    AfterValidator(_timezone),
    WithJsonSchema({"type": "string", "examples": ["Europe/London"]}),
]
"""A name of the time zone database."""

_LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8}){0,3}")


def _locale(value: str) -> str:
    return (
        value if _LOCALE.fullmatch(value) else wrong("invalid", "must be a locale, such as en-GB")
    )


Locale = Annotated[
    str,
    AfterValidator(_locale),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z]{2,3}", "examples": ["en-GB"]}),
]
"""A language and perhaps what narrows it down; kept as given."""

# Times.

# A zone's plus arrives as a space where nobody escaped it: it is put back.
_TIME_TEXT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?)?)"
    r"(Z|[-+ ][0-9]{2}:?[0-9]{2})?",
    re.ASCII,
)


def parse_time(text: str) -> datetime:
    """A time as clients write it, in UTC: `YYYY-MM-DD`, `YYYY-MM-DD HH:MM[:SS]` or ISO 8601.

    Without a zone it is UTC. Raises ValueError.
    """
    match = _TIME_TEXT.fullmatch(text)
    if match is None:
        raise ValueError("not a time")
    local, zone = match.groups()
    try:
        time = datetime.fromisoformat(local + (zone or "").replace(" ", "+"))
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except OverflowError as error:  # 0001-01-01 in a zone ahead of UTC
        raise ValueError("not a time") from error


def _time(value: object) -> datetime:
    if value is None:
        wrong("required", "is required")
    try:
        return parse_time(value if isinstance(value, str) else "")
    except ValueError:
        wrong("invalid", "must be a time, such as 2017-12-20 16:00:00 or 2017-12-20T16:00:00Z")


Time = Annotated[
    datetime,
    PlainValidator(_time),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A time; becomes UTC (`parse_time`)."""
