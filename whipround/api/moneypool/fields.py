"""The types of request fields that several chapters of Moneypool share."""

import re
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, WithJsonSchema

from whipround.api.fields import Amount, check_decimals, wrong
from whipround.api.moneypool.call import CURRENCY
from whipround.api.people_fields import Secret

_NUMBER_TEXT = re.compile(r"[0-9]{1,19}", re.ASCII)


def _number(value: object) -> object:
    if isinstance(value, str) and _NUMBER_TEXT.fullmatch(value):
        return int(value)
    # True is no 1, nor is 1.0: whoever sends it means something else.
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        wrong("invalid", "must be a whole number")
    return value


Number = Annotated[
    int,
    Field(strict=True),
    BeforeValidator(_number),
    WithJsonSchema({"type": "integer", "minimum": 1, "examples": [2]}),
]
"""The id of something, as this dialect has it: a JSON number without a fraction, or its digits."""


def _pesos(value: Decimal) -> Decimal:
    return check_decimals(value, CURRENCY)


Pesos = Annotated[
    Amount,
    AfterValidator(_pesos),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": 10**12},
                {"type": "string", "pattern": r"^[0-9]+(\.[0-9]{1,2})?$"},
            ],
            "examples": ["108.5"],
        }
    ),
]
"""An amount in MXN: a decimal string, or a JSON number; above 0, at most 10^12, two decimals."""


def _the_same(value: str, info: ValidationInfo) -> str:
    if info.data.get("password") not in {None, value}:  # none that is wrong by itself
        wrong("invalid", "must be the same as password")
    return value


Confirmation = Annotated[Secret, AfterValidator(_the_same)]
"""The `password` that stands before it in the same body, again."""


def _if_asked_for(value: str | None, info: ValidationInfo) -> str | None:
    if value is None and info.data.get("password") is not None:
        wrong("required", "is required")
    return value


OptionalConfirmation = Annotated[
    Confirmation | None, AfterValidator(_if_asked_for), Field(validate_default=True)
]
"""The same, left out only where the `password` is."""
