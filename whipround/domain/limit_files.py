"""A product's limits as a whole: the file they come from, and how they are replaced."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from uuid_utils.compat import uuid7

from whipround.db.database import Tx
from whipround.domain import rule_files
from whipround.domain.funding.wallet import BANK_ACCOUNT, CARD, WALLET
from whipround.domain.limits import RULES_SQL, Direction, LimitRule, Period
from whipround.domain.rule_files import About, Currency, Fixed, Title, TypeName, fits

_SOURCES = {"out": (WALLET, CARD, BANK_ACCOUNT), "in": (WALLET, BANK_ACCOUNT)}
"""What can go out of, and what its own person can put money into."""

# Two loads at once come one after the other; whoever only reads waits for neither.
_LOCK = """
    lock table limit_rule in share row exclusive mode
"""

_DELETE_OTHERS = """
    delete from limit_rule
    where (funding_source_type, currency, direction, period) not in (
        select * from unnest(%(types)b::text[], %(currencies)b::text[], %(directions)b::text[],
            %(periods)b::text[])
    )
"""

_WRITE = """
    insert into limit_rule (id, title, funding_source_type, currency, direction, period, is_rolling,
        amount, verified_amount)
    values (%(id)s, %(title)s, %(funding_source_type)s, %(currency)s, %(direction)s, %(period)s,
        %(is_rolling)s, %(amount)s, %(verified_amount)s)
    on conflict (funding_source_type, currency, direction, period) do update
        set title = excluded.title, is_rolling = excluded.is_rolling, amount = excluded.amount,
            verified_amount = excluded.verified_amount
"""


async def rules(tx: Tx) -> list[LimitRule]:
    """All limits of the product."""
    return [LimitRule(*row) for row in await (await tx.execute(RULES_SQL)).fetchall()]


async def replace_rules(tx: Tx, new: Sequence[LimitRule]) -> None:
    """Put `new` in the place of all limits: from the next payment on they apply.

    A limit for what there was one for already keeps the id it had. Raises Invalid naming every one
    for a type of funding source that there is not, or for which it could never apply.
    """
    about = [About(rule.funding_source_type, rule.direction) for rule in new]
    await rule_files.check_types(tx, "limit", about, allowed=_SOURCES)
    await tx.execute(_LOCK)
    kept = {
        "types": [rule.funding_source_type for rule in new],
        "currencies": [rule.currency for rule in new],
        "directions": [rule.direction for rule in new],
        "periods": [rule.period for rule in new],
    }
    await tx.execute(_DELETE_OTHERS, kept)
    for rule in new:
        await tx.execute(
            _WRITE, {field: getattr(rule, field) for field in LimitRule.__dataclass_fields__}
        )


class _LimitInput(BaseModel):
    """One `[[limit]]` table of a limits file."""

    model_config = ConfigDict(extra="forbid")

    funding_source_type: TypeName
    currency: Currency
    direction: Direction
    period: Period
    is_rolling: bool = Field(default=False, strict=True)
    title: Title = "Limit"
    amount: Fixed = Field(gt=0)
    verified_amount: Fixed | None = None
    verified_unlimited: bool = Field(default=False, strict=True)

    @field_validator("is_rolling")
    @classmethod
    def _of_days(cls, value: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 (pydantic's)
        if value and info.data.get("period") == "payment":
            raise PydanticCustomError("invalid", "is for periods of days, which a payment is not")
        return value

    @field_validator("amount", "verified_amount")
    @classmethod
    def _fits(cls, value: Decimal | None, info: ValidationInfo) -> Decimal | None:
        return fits(value, info)

    @field_validator("verified_amount")
    @classmethod
    def _more(cls, value: Decimal | None, info: ValidationInfo) -> Decimal | None:
        amount = info.data.get("amount")
        if value is not None and amount is not None and value < amount:
            raise PydanticCustomError("too_small", "must not be below the amount for everybody")
        return value

    @field_validator("verified_unlimited")
    @classmethod
    def _either(cls, value: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 (pydantic's)
        if value and info.data.get("verified_amount") is not None:
            raise PydanticCustomError("invalid", "and an amount exclude each other")
        return value

    def rule(self) -> LimitRule:
        """As the domain knows it."""
        verified = None if self.verified_unlimited else (self.verified_amount or self.amount)
        return LimitRule(
            id=uuid7(),
            title=self.title,
            funding_source_type=self.funding_source_type,
            currency=self.currency,
            direction=self.direction,
            period=self.period,
            is_rolling=self.is_rolling,
            amount=self.amount,
            verified_amount=verified,
        )


class _LimitFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: list[_LimitInput] = []


def read_file(path: Path) -> list[LimitRule]:
    """The limits of a TOML file of `[[limit]]` tables.

    Where a table has no amount for verified people, theirs is everybody's. Raises Invalid naming
    every wrong entry, OSError when the file cannot be read.
    """
    found = [each.rule() for each in rule_files.read(path, _LimitFile).limit]
    keys = [(it.funding_source_type, it.currency, it.direction, it.period) for it in found]
    rule_files.refuse_repeated("limit", keys)
    return found
