"""How much may go through a funding source, and what is counted of it."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from tests.money import EUR, MXN
from whipround.db.database import Database
from whipround.domain.limits import (
    RULES_SQL,
    USAGE_SQL,
    Direction,
    LimitExceeded,
    Limits,
    Period,
    Usage,
    day_of,
    give_back,
    of_source,
    prune,
    since,
    write,
)
from whipround.money import Money

SOURCE = UUID(int=1)
OTHER = UUID(int=2)
SIXTY = EUR("60.00")
WEDNESDAY = datetime(2026, 7, 15, 12, 0, tzinfo=UTC)

_numbers = count(1)


def _rule(
    amount: str = "100",
    period: Period = "day",
    *,
    source: str = "card",
    direction: Direction = "out",
    rolling: bool = False,
    verified: str | None = None,
    currency: str = "EUR",
) -> tuple[Any, ...]:
    """A row of RULES_SQL."""
    more = None if verified is None else Decimal(verified)
    number = next(_numbers)
    title = f"Limit {number}"
    id_ = UUID(int=number)
    return (id_, title, source, currency, direction, period, rolling, Decimal(amount), more)


def _take(
    limits: Limits,
    money: Money = SIXTY,
    *,
    source: UUID = SOURCE,
    types: tuple[str, ...] = ("gold_card", "card"),
    direction: Direction = "out",
    verified: bool = False,
    now: datetime = WEDNESDAY,
) -> bool:
    """Whether so much goes through."""
    try:
        limits.take(
            funding_source_id=source,
            types=types,
            direction=direction,
            money=money,
            is_verified=verified,
            now=now,
        )
    except LimitExceeded:
        return False
    return True


def test_a_limit_is_for_its_source_direction_and_currency() -> None:
    limits = Limits([_rule("100")])

    assert [_take(limits), _take(limits), _take(limits, EUR("40.00"))] == [True, False, True]
    assert not _take(limits, EUR("0.01"))
    assert _take(limits, source=OTHER)
    assert _take(limits, direction="in")
    assert _take(limits, MXN("1000"))
    assert _take(limits, types=("virtual", "virtual"))
    today = WEDNESDAY.date()
    assert limits.changed == [
        Usage(SOURCE, "EUR", "out", today, 2, Decimal("100.00")),
        Usage(OTHER, "EUR", "out", today, 1, Decimal("60.00")),
    ]


def test_the_payment_that_is_refused_is_named_by_its_limit_and_not_counted() -> None:
    rule = _rule("50", "payment")
    limits = Limits([rule, _rule("1000")])

    with pytest.raises(LimitExceeded, match=f"“{rule[1]}”") as refused:
        limits.take(
            funding_source_id=SOURCE,
            types=("card", "card"),
            direction="out",
            money=EUR("50.01"),
            is_verified=False,
            now=WEDNESDAY,
        )

    assert refused.value.code == "limit_exceeded"
    assert limits.changed == []
    assert _take(limits, EUR("50.00"))
    assert _take(limits, EUR("50.00"))


def test_who_is_verified_has_another_limit_or_none_and_is_counted_all_the_same() -> None:
    limits = Limits([_rule("10", verified="100"), _rule("10", "week")])

    assert not _take(limits)
    assert _take(limits, verified=True)
    assert not _take(limits, verified=True)
    [used] = limits.changed
    assert (used.count, used.amount) == (1, Decimal("60.00"))


def test_the_products_own_name_goes_before_what_a_source_is_at_bottom() -> None:
    own = [_rule("100", source="gold_card"), _rule("10"), _rule("70", "week")]

    assert _take(Limits(own))
    assert not _take(Limits(own), types=("card", "card"))
    # Period by period: the week is limited for all cards.
    assert not _take(Limits(own), EUR("71.00"))


@pytest.mark.parametrize(
    ("period", "rolling", "first", "last"),
    [
        ("day", False, date(2026, 7, 15), date(2026, 7, 15)),
        ("week", False, date(2026, 7, 13), date(2026, 7, 19)),
        ("month", False, date(2026, 7, 1), date(2026, 7, 31)),
        ("day", True, date(2026, 7, 15), date(2026, 7, 15)),
        ("week", True, date(2026, 7, 9), date(2026, 7, 15)),
        ("month", True, date(2026, 6, 16), date(2026, 7, 15)),
    ],
)
def test_periods(period: Period, rolling: bool, first: date, last: date) -> None:
    def fits(day: date) -> bool:
        used = Usage(SOURCE, "EUR", "out", day, 1, Decimal(60))
        row = (SOURCE, "EUR", "out", day, used.count, used.amount)
        return _take(Limits([_rule("100", period, rolling=rolling)], [row]))

    [limit] = Limits([_rule("100", period, rolling=rolling)]).of_source(
        funding_source_id=SOURCE, types=("card", "card"), is_verified=False, now=WEDNESDAY
    )
    assert (limit.first_day, limit.last_day) == (first, last)
    assert not fits(first)
    assert not fits(WEDNESDAY.date())
    assert fits(first - timedelta(days=1))
    assert since(WEDNESDAY) <= first


def test_days_are_utc() -> None:
    east = datetime.fromisoformat("2026-07-16T01:00:00+03:00")

    assert day_of(east) == date(2026, 7, 15)
    assert since(datetime(2026, 7, 31, 23, tzinfo=UTC)) == date(2026, 7, 1)


# In the database.

_INSERT = """
    insert into limit_rule (id, title, funding_source_type, currency, direction, period, is_rolling,
        amount, verified_amount)
    values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


async def _read(db: Database, source: UUID, *, now: datetime) -> Limits:
    async with db.transaction() as tx:
        rules = await (await tx.execute(RULES_SQL)).fetchall()
        asked = {"ids": [source], "since": since(now)}
        return Limits(rules, await (await tx.execute(USAGE_SQL, asked)).fetchall())


@pytest.mark.anyio
async def test_what_is_counted_is_written_shown_given_back_and_forgotten(
    db: Database, now: datetime
) -> None:
    source = uuid7()
    async with db.transaction() as tx:
        for rule in (_rule("100", "month", rolling=True), _rule("50", "payment", verified="60")):
            await tx.execute(_INSERT, rule)

    async def use(money: Money, at: datetime) -> list[Usage]:
        limits = await _read(db, source, now=at)
        assert _take(limits, money, source=source, now=at)
        async with db.transaction() as tx:
            await write(tx, limits.changed)
        return limits.changed

    async def shown(at: datetime, *, verified: bool = False) -> list[tuple[Any, ...]]:
        async with db.transaction() as tx:
            found = await of_source(
                tx, funding_source_id=source, types=("card",), is_verified=verified, now=at
            )
        return [(it.rule.period, it.amount, it.count, it.used) for it in found]

    week = now + timedelta(days=7)
    [first] = await use(EUR("30.00"), now)
    await use(EUR("30.00"), now)
    [later] = await use(EUR("40.00"), week)
    assert not _take(await _read(db, source, now=week), EUR("0.01"), source=source, now=week)
    assert await shown(week) == [("payment", 50, 0, 0), ("month", 100, 3, 100)]
    assert await shown(week, verified=True) == [("payment", 60, 0, 0)]

    # Once more than was counted, and of a source that never was.
    unknown = Usage(uuid7(), "EUR", "out", first.day, 1, Decimal(1))
    async with db.transaction() as tx:
        await give_back(tx, [later, first, unknown, later])

    assert await shown(week) == [("payment", 50, 0, 0), ("month", 100, 1, 30)]
    async with db.transaction() as tx:
        assert await prune(tx, now=now + timedelta(days=62), limit=10) == 0
        assert await prune(tx, now=now + timedelta(days=63), limit=10) == 1
        assert await prune(tx, now=now + timedelta(days=70), limit=10) == 1


@pytest.mark.anyio
async def test_counting_and_giving_back_at_once_loses_nothing(db: Database) -> None:
    days = [date(2026, 7, day) for day in range(1, 6)]
    used = [
        Usage(source, "EUR", direction, day, 2, Decimal("3.00"))
        for source in (SOURCE, OTHER)
        for direction in ("in", "out")
        for day in days
    ]

    async def count_(changes: list[Usage]) -> None:
        async with db.transaction() as tx:
            await write(tx, changes)

    async def uncount(changes: list[Usage]) -> None:
        async with db.transaction() as tx:
            await give_back(tx, changes)

    for _ in range(4):  # so that there is always enough to give back
        await count_(used)
    await asyncio.gather(
        *(count_(used[::-1]) for _ in range(4)), *(uncount(used) for _ in range(4))
    )

    async with db.transaction() as tx:
        rows = await (await tx.execute("select distinct count, amount from limit_usage")).fetchall()
    [(times, amount)] = rows
    assert (times, amount) == (8, Decimal(12))
