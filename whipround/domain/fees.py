"""Fees: what a product charges for payments, and the files that say so."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from whipround.db.database import Tx
from whipround.domain import fx, rule_files
from whipround.domain.funding.wallet import BANK_ACCOUNT, CARD, WALLET
from whipround.domain.rule_files import About, Currency, Fixed, Title, TypeName, fits
from whipround.money import ROUNDING, Money, round_to_currency

_SOURCES = {
    "payment": (WALLET, CARD, BANK_ACCOUNT),
    "top_up": (CARD, BANK_ACCOUNT),
    "withdrawal": (WALLET,),
}
"""What each kind of payment can be paid from."""


@dataclass(frozen=True, slots=True)
class FeeRule:
    """What one kind of payment from one type of funding source costs in one currency.

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


@dataclass(frozen=True, slots=True)
class Tariff:
    """All that a product charges. The spread is in per cent of an exchange rate."""

    rules: Sequence[FeeRule]
    spread_percent: Decimal


FeeRules = Mapping[tuple[str, str, str], FeeRule]
"""A product's rules by kind, funding source type and currency."""


def find(rules: FeeRules, *, kind: str, types: Sequence[str], currency: str) -> FeeRule | None:
    """The rule for moving money of a kind: the first of the types that has one counts.

    `types` are what the product calls a funding source, then what it is at bottom.
    """
    for type_ in types:
        rule = rules.get((kind, type_, currency))
        if rule is not None:
            return rule
    return None


def charge(rule: FeeRule, amount: Money) -> Money:
    """What the rule makes of an amount of its currency, rounded half-even to the ISO digits."""
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

# Two loads at once come one after the other; whoever only reads waits for neither.
_LOCK = """
    lock table fee_rule in share row exclusive mode
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
    await tx.execute(_LOCK)
    await tx.execute("delete from fee_rule")
    for rule in new:
        await tx.execute(
            _INSERT, {field: getattr(rule, field) for field in FeeRule.__dataclass_fields__}
        )


async def replace(tx: Tx, tariff: Tariff) -> None:
    """Have the product charge so much from the next payment on, and nothing else.

    Raises Invalid naming every rule for a type of funding source that there is not, or that no
    such payment can be made from.
    """
    about = [About(rule.funding_source_type, rule.kind) for rule in tariff.rules]
    await rule_files.check_types(tx, "fee", about, allowed=_SOURCES)
    await replace_rules(tx, tariff.rules)
    await fx.write_spread(tx, tariff.spread_percent)


class _RuleInput(BaseModel):
    """One `[[fee]]` table of a fee file."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["payment", "top_up", "withdrawal"]
    funding_source_type: TypeName
    currency: Currency
    title: Title = "Fee"
    percent: Decimal = Field(Decimal(0), ge=0, le=100, max_digits=12)
    fixed: Fixed = Decimal(0)
    minimum: Fixed = Decimal(0)
    maximum: Fixed | None = None

    @field_validator("fixed", "minimum", "maximum")
    @classmethod
    def _fits(cls, value: Decimal | None, info: ValidationInfo) -> Decimal | None:
        return fits(value, info)

    @field_validator("maximum")
    @classmethod
    def _reachable(cls, value: Decimal | None, info: ValidationInfo) -> Decimal | None:
        if value is not None and value < info.data.get("minimum", 0):
            raise PydanticCustomError("too_small", "must not be below the minimum")
        return value


class _Exchange(BaseModel):
    """The `[exchange]` table of a fee file."""

    model_config = ConfigDict(extra="forbid")

    spread_percent: Decimal = Field(Decimal(0), ge=0, lt=100, max_digits=12)


class _FeeFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    fee: list[_RuleInput] = []
    exchange: _Exchange = _Exchange()


def read_file(path: Path) -> Tariff:
    """What a TOML file of `[[fee]]` tables, and an `[exchange]` table, says.

    Raises Invalid naming every wrong entry, OSError when the file cannot be read.
    """
    parsed = rule_files.read(path, _FeeFile)
    found = [FeeRule(**rule.model_dump()) for rule in parsed.fee]
    rule_files.refuse_repeated(
        "fee", [(rule.kind, rule.funding_source_type, rule.currency) for rule in found]
    )
    return Tariff(found, parsed.exchange.spread_percent)
