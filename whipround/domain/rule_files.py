"""What the TOML files of fees and of limits have in common: how they are read and checked."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, NamedTuple, TypeVar

from pydantic import AfterValidator, BaseModel, Field, ValidationError, ValidationInfo
from pydantic_core import PydanticCustomError

from whipround.db.database import Tx
from whipround.domain.funding import types
from whipround.errors import FieldError, Invalid, Message
from whipround.money import LARGEST, fits_currency, is_currency

Model = TypeVar("Model", bound=BaseModel)

_CODES = frozenset({"too_precise", "too_small"})
"""Errors of pydantic that have a code of their own; all others are `invalid`."""


def _known(value: str) -> str:
    if not is_currency(value):
        raise PydanticCustomError("invalid", "must be a three-letter ISO 4217 code")
    return value


Currency = Annotated[str, AfterValidator(_known)]
"""An ISO 4217 code in capitals."""

TypeName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
"""A type of funding source; whether there is one of that name is checked with the database."""

Title = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]{1,100}$")]
"""One line of 1 to 100 characters."""

Fixed = Annotated[Decimal, Field(ge=0, le=LARGEST, max_digits=20)]
"""An amount, no larger than any payment."""


def fits(value: Decimal | None, info: ValidationInfo) -> Decimal | None:
    """Refuse an amount with more decimals than the currency of its table, which comes before it."""
    currency = info.data.get("currency")  # None: wrong by itself
    if value is not None and currency is not None and not fits_currency(value, currency):
        raise PydanticCustomError(
            "too_precise", "has more decimals than {currency} has", {"currency": currency}
        )
    return value


def read(path: Path, model: type[Model]) -> Model:
    """A TOML file as a model; its numbers are exact.

    Raises Invalid naming every wrong entry (`fee.0.currency`), OSError when it cannot be read.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
        return model.model_validate(content)
    except ValidationError as error:
        raise Invalid(
            FieldError(
                ".".join(map(str, each["loc"])),
                each["type"] if each["type"] in _CODES else "invalid",
                each["msg"],
            )
            for each in error.errors()
        ) from error
    # Not UTF-8, not TOML, nested without end, numbers that Python will not read.
    except (ValueError, RecursionError, InvalidOperation) as error:
        message = Message("not a TOML file: {reason}", reason=error)
        raise Invalid.field(path.name, "invalid", message) from error


def refuse_repeated(table: str, keys: Sequence[tuple[str, ...]]) -> None:
    """Raise Invalid if two tables of a name, which begin with these keys, are about the same."""
    errors = [
        FieldError(
            f"{table}.{number}",
            "already_taken",
            Message("repeats the one for {subject}", subject=", ".join(key)),
        )
        for number, key in enumerate(keys)
        if key in keys[:number]
    ]
    if errors:
        raise Invalid(errors)


class About(NamedTuple):
    """What a rule is about: a type of funding source, and what is done with it."""

    funding_source_type: str
    act: str


async def check_types(
    tx: Tx, table: str, rules: Sequence[About], *, allowed: Mapping[str, Sequence[str]]
) -> None:
    """Raise Invalid naming every rule of a type that there is not, or that can never apply.

    `allowed` are the base types with which each act may be done.
    """
    bases = await types.bases(tx)
    errors = list(_wrong_types(table, rules, bases, allowed))
    if errors:
        raise Invalid(errors)


def _wrong_types(
    table: str,
    rules: Sequence[About],
    bases: Mapping[str, str],
    allowed: Mapping[str, Sequence[str]],
) -> Iterator[FieldError]:
    for number, rule in enumerate(rules):
        field = f"{table}.{number}.funding_source_type"
        name = rule.funding_source_type
        base = bases.get(name)
        if base is None:
            yield FieldError(field, "not_found", Message("there is no type {name}", name=name))
        elif base not in allowed[rule.act]:
            message = Message(
                "never applies: {act} and {name} do not go together", act=rule.act, name=name
            )
            yield FieldError(field, "unsupported", message)
