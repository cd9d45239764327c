"""The limits of funding sources (Memento, later revisions)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from uuid import UUID

import msgspec

from whipround.api.memento.shapes_base import Amount, Shape, amount
from whipround.api.shapes import doc
from whipround.domain.limits import Direction, Period, SourceLimit


class LimitType(Shape):
    """What a limit is on."""

    id: Annotated[int, doc("1 for what goes out of the source, 2 for what you put into it.")]
    title: Annotated[str, doc("The same in words.")]


class LimitUsage(Shape):
    """What of a limit is used."""

    count: Annotated[int, doc("How many payments there were in the period.")]
    amount: Annotated[Amount, doc("What they came to.")]


class LimitPeriod(Shape):
    """What time a limit is for."""

    id: Annotated[int, doc("1 for each payment by itself, 2 a day, 3 a week, 4 a month.")]
    title: Annotated[str, doc("The same in words.")]
    is_rolling_period: Annotated[
        bool, doc("Whether it is the last 1, 7 or 30 days, today included.")
    ]
    from_: Annotated[
        datetime | None, doc("When the period began; null where it is one payment.")
    ] = msgspec.field(name="from")
    to: Annotated[datetime | None, doc("When it ends; null where it is one payment.")]


class Limit(Shape):
    """How much may go through a funding source."""

    id: Annotated[UUID, doc("The unique identifier of the limit.")]
    title: Annotated[str, doc("What it is called.")]
    currency: Annotated[str, doc("The ISO 4217 code of the currency.")]
    amount: Annotated[Amount, doc("The most that may go through in the period.")]
    type: Annotated[LimitType, doc("What it is on.")]
    usage: Annotated[LimitUsage, doc("What of it is used.")]
    period: Annotated[LimitPeriod, doc("What time it is for.")]


class CurrencyLimits(Shape):
    """The limits in one currency."""

    currency: Annotated[str, doc("The ISO 4217 code of the currency.")]
    limits: Annotated[list[Limit], doc("The limits.")]


_TYPES: Mapping[Direction, LimitType] = {
    "out": LimitType(id=1, title="Outgoing"),
    "in": LimitType(id=2, title="Incoming"),
}

_PERIODS: Mapping[Period, tuple[int, str]] = {
    "payment": (1, "Payment"),
    "day": (2, "Day"),
    "week": (3, "Week"),
    "month": (4, "Month"),
}


def limits(found: Sequence[SourceLimit]) -> list[CurrencyLimits]:
    """The limits of a funding source, by currency."""
    by_currency: dict[str, list[Limit]] = {}
    for each in found:
        by_currency.setdefault(each.rule.currency, []).append(_limit(each))
    return [CurrencyLimits(currency=it, limits=those) for it, those in by_currency.items()]


def _limit(found: SourceLimit) -> Limit:
    rule = found.rule
    id_, title = _PERIODS[rule.period]
    return Limit(
        id=rule.id,
        title=rule.title,
        currency=rule.currency,
        amount=amount(found.amount, rule.currency),
        type=_TYPES[rule.direction],
        usage=LimitUsage(count=found.count, amount=amount(found.used, rule.currency)),
        period=LimitPeriod(
            id=id_,
            title=title,
            is_rolling_period=rule.is_rolling,
            from_=_midnight(found.first_day),
            to=_midnight(found.last_day, after=1),
        ),
    )


def _midnight(day: date | None, *, after: int = 0) -> datetime | None:
    """When a day begins, or the one so many days after it."""
    if day is None:
        return None
    return datetime.combine(day + timedelta(days=after), time(), UTC)
