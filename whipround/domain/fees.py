"""Fees: a product's rules, and the one pure function that quotes from them.

What is quoted is what is charged. The payer pays the fee on top of the amount.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from whipround.db.database import Tx
from whipround.errors import FieldError, Invalid
from whipround.money import ROUNDING, Money, fits_currency, is_currency, round_to_currency


@dataclass(frozen=True, slots=True)
class FeeRule:
    """What one kind of movement from one type of funding source costs in one currency.

    `percent` of the amount plus `fixed`, not below `minimum` nor above `maximum` (None: no limit).
    """

    kind: str
    funding_source_type: str
    currency: str
    title: str
    percent: Decimal
    fixed: Decimal
    minimum: Decimal
    maximum: Decimal | None


FeeRules = Mapping[tuple[str, str, str], FeeRule]
"""A product's rules by kind, funding source type and currency."""


def quote(rules: FeeRules, *, kind: str, funding_source_type: str, amount: Money) -> Money:
    """The fee for moving `amount`, in its currency and rounded half-even to its ISO digits.

    Zero where no rule applies.
    """
    rule = rules.get((kind, funding_source_type, amount.currency))
    if rule is None:
        return Money(Decimal(0), amount.currency)
    share = ROUNDING.multiply(amount.amount, ROUNDING.scaleb(rule.percent, -2))
    fee = max(ROUNDING.add(share, rule.fixed), rule.minimum)
    if rule.maximum is not None:
        fee = min(fee, rule.maximum)
    return Money(round_to_currency(fee, amount.currency), amount.currency)


RULES_SQL = """
    select kind, funding_source_type, currency, title, percent, fixed, minimum, maximum
    from fee_rule
    order by kind, funding_source_type, currency
"""

_INSERT = """
    insert into fee_rule
        (kind, funding_source_type, currency, title, percent, fixed, minimum, maximum)
    values (%(kind)s, %(funding_source_type)s, %(currency)s, %(title)s, %(percent)s, %(fixed)s,
        %(minimum)s, %(maximum)s)
"""


def by_kind(rows: Iterable[Sequence[Any]]) -> FeeRules:
    """The rules from rows of RULES_SQL."""
    found = (FeeRule(*row) for row in rows)
    return {(rule.kind, rule.funding_source_type, rule.currency): rule for rule in found}


async def rules(tx: Tx) -> FeeRules:
    """All rules of the product."""
    return by_kind(await (await tx.execute(RULES_SQL)).fetchall())


async def replace_rules(tx: Tx, new: Sequence[FeeRule]) -> None:
    """Put `new` in the place of all rules: from the next payment on they apply."""
    await tx.execute("delete from fee_rule")
    for rule in new:
        await tx.execute(
            _INSERT, {field: getattr(rule, field) for field in FeeRule.__dataclass_fields__}
        )


class _RuleInput(BaseModel):
    """One `[[fee]]` table of a fee file."""

    model_config = ConfigDict(extra="forbid")

    kind: str = Field(pattern=r"^[a-z_]{1,40}$")
    funding_source_type: str = Field(pattern=r"^[a-z_ ]{1,40}$")
    currency: str
    title: str = Field("Fee", min_length=1, max_length=100)
    percent: Decimal = Field(Decimal(0), ge=0, le=100, max_digits=12)
    fixed: Decimal = Field(Decimal(0), ge=0, max_digits=20)
    minimum: Decimal = Field(Decimal(0), ge=0, max_digits=20)
    maximum: Decimal | None = Field(None, ge=0, max_digits=20)

    @field_validator("currency")
    @classmethod
    def _known(cls, value: str) -> str:
        if not is_currency(value):
            raise PydanticCustomError("invalid", "must be a three-letter ISO 4217 code")
        return value

    @field_validator("fixed", "minimum", "maximum")
    @classmethod
    def _fits(cls, value: Decimal | None, info: ValidationInfo) -> Decimal | None:
        currency = info.data.get("currency")  # None: wrong by itself
        if value is not None and currency is not None and not fits_currency(value, currency):
            raise PydanticCustomError(
                "too_precise", "has more decimals than {currency} has", {"currency": currency}
            )
        return value

    @field_validator("maximum")
    @classmethod
    def _reachable(cls, value: Decimal | None, info: ValidationInfo) -> Decimal | None:
        if value is not None and value < info.data.get("minimum", 0):
            raise PydanticCustomError("too_small", "must not be below the minimum")
        return value


class _FeeFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    fee: list[_RuleInput] = []


def read_file(path: Path) -> list[FeeRule]:
    """The rules of a TOML file of `[[fee]]` tables.

    Raises Invalid naming every wrong entry, OSError when the file cannot be read.
    """
    try:
        parsed = _FeeFile.model_validate(
            tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
        )
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid.field(path.name, "invalid", f"not a TOML file: {error}") from error
    except ValidationError as error:
        raise Invalid(
            FieldError(
                ".".join(map(str, e["loc"])),
                e["type"] if e["type"] in {"too_precise", "too_small"} else "invalid",
                e["msg"],
            )
            for e in error.errors()
        ) from error
    found = [FeeRule(**rule.model_dump()) for rule in parsed.fee]
    keys = [(rule.kind, rule.funding_source_type, rule.currency) for rule in found]
    errors = [
        FieldError(f"fee.{number}", "already_taken", f"repeats the rule for {', '.join(key)}")
        for number, key in enumerate(keys)
        if key in keys[:number]
    ]
    if errors:
        raise Invalid(errors)
    return found
