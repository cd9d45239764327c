"""Limits: how much may go out of a person's funding source, and how much they may put into it.

What went through a source is counted in one bucket a day (UTC), and a period is the days it has.
The counting is part of the payments batch: there the user who owns the source is locked, so no two
payments can count on the same room.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, TypeAlias
from uuid import UUID

from whipround.db.database import Tx
from whipround.errors import Declined, Message
from whipround.ledger.transfers import numerics
from whipround.money import EXACT, Money

Direction = Literal["in", "out"]
"""What its own person puts into a source, by top-up or withdrawal; or all that leaves it."""

Period = Literal["payment", "day", "week", "month"]

_Bucket: TypeAlias = tuple[UUID, str, Direction, date]

KEPT_FOR = timedelta(days=62)
"""Twice as long as any period."""

_LONGEST = timedelta(days=30)
"""How many days before today a period may begin: the first of a month of 31."""

_ROLLING_DAYS = {"day": 1, "week": 7, "month": 30}


class LimitExceeded(Declined):
    """This is more than a limit of the funding source allows."""

    code = "limit_exceeded"


@dataclass(frozen=True, slots=True)
class LimitRule:
    """How much may go into or out of one type of funding source in a period, in one currency.

    `amount` is for anybody, `verified_amount` for people who are verified; None: no limit. A week
    is the last seven days where it is rolling, else it begins on Monday; a month likewise is thirty
    days, or begins on the first. Days are UTC.
    """

    id: UUID
    title: str
    funding_source_type: str
    currency: str
    direction: Direction
    period: Period
    is_rolling: bool
    amount: Decimal
    verified_amount: Decimal | None

    def amount_for(self, *, is_verified: bool) -> Decimal | None:
        """The limit for a person; None if there is none."""
        return self.verified_amount if is_verified else self.amount

    def days(self, today: date) -> tuple[date, date] | None:
        """The first and the last day of the period that `today` is in; None for one payment."""
        if self.period == "payment":
            return None
        if self.is_rolling:
            return today - timedelta(days=_ROLLING_DAYS[self.period] - 1), today
        if self.period == "day":
            return today, today
        if self.period == "week":
            monday = today - timedelta(days=today.weekday())
            return monday, monday + timedelta(days=6)
        first = today.replace(day=1)
        return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Usage:
    """What went through a funding source on a day: how many payments, and what they came to."""

    funding_source_id: UUID
    currency: str
    direction: Direction
    day: date
    count: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class SourceLimit:
    """A limit as it stands for one funding source of one person.

    `amount` is what may go through from `first_day` to `last_day` (None: in one payment), and
    `count` payments of `used` in all did so.
    """

    rule: LimitRule
    amount: Decimal
    first_day: date | None
    last_day: date | None
    count: int
    used: Decimal


RULES_SQL = """
    select id, title, funding_source_type, currency, direction, period, is_rolling, amount,
        verified_amount
    from limit_rule
    order by currency, funding_source_type, direction,
        array_position(array['payment', 'day', 'week', 'month'], period)
"""

# The ids are of funding sources, or of people, whose wallets are meant.
USAGE_SQL = """
    select funding_source_id, currency, direction, day, count, amount
    from limit_usage
    where funding_source_id = any(array(
            select id from funding_source where user_id = any(%(ids)b) and type = 'virtual'
        ) || %(ids)b::uuid[])
        -- Not by the index on days, which has everybody's: plans made over few rows stay.
        and day + 0 >= %(since)b
"""

# In the order of the key: whoever counts, and whoever gives back, locks the rows in the same order.
_ADD = """
    insert into limit_usage (funding_source_id, currency, direction, day, count, amount)
    select funding_source_id, currency, direction, day, count, amount
    from unnest(%(ids)b::uuid[], %(currencies)b::text[], %(directions)b::text[], %(days)b::date[],
        %(counts)b::integer[], %(amounts)s::numeric[])
        as used (funding_source_id, currency, direction, day, count, amount)
    order by funding_source_id, currency, direction, day
    on conflict (funding_source_id, currency, direction, day) do update
        set count = limit_usage.count + excluded.count,
            amount = limit_usage.amount + excluded.amount
"""

# Not below nothing: what is given back may be from before there was a limit, and never counted.
_TAKE_OFF = """
    with used as materialized (
        select funding_source_id, currency, direction, day, given.count, given.amount
        from limit_usage join unnest(%(ids)b::uuid[], %(currencies)b::text[],
            %(directions)b::text[], %(days)b::date[], %(counts)b::integer[],
            %(amounts)s::numeric[])
            as given (funding_source_id, currency, direction, day, count, amount)
            using (funding_source_id, currency, direction, day)
        order by funding_source_id, currency, direction, day
        for no key update of limit_usage
    )
    update limit_usage
    set count = greatest(limit_usage.count - used.count, 0),
        amount = greatest(limit_usage.amount - used.amount, 0)
    from used
    where limit_usage.funding_source_id = used.funding_source_id
        and limit_usage.currency = used.currency and limit_usage.direction = used.direction
        and limit_usage.day = used.day
"""

_PRUNE = """
    delete from limit_usage
    where (funding_source_id, currency, direction, day) in (
        select funding_source_id, currency, direction, day
        from limit_usage where day < %(before)s limit %(limit)s
    )
"""


def day_of(time: datetime) -> date:
    """The day that what happens at a time counts for."""
    return time.astimezone(UTC).date()


def since(now: datetime) -> date:
    """The first day that any period of now may have: the parameter of USAGE_SQL."""
    return day_of(now) - _LONGEST


class Limits:
    """A product's limits, and what of them is used up as commands are carried out one by one.

    Pure: no database.
    """

    def __init__(self, rules: Iterable[Sequence[Any]], usage: Iterable[Sequence[Any]] = ()) -> None:
        """From rows of RULES_SQL and of USAGE_SQL."""
        self._rules: dict[tuple[str, str, Direction], list[LimitRule]] = {}
        for row in rules:
            rule = LimitRule(*row)
            key = (rule.funding_source_type, rule.currency, rule.direction)
            self._rules.setdefault(key, []).append(rule)
        self._used: dict[tuple[UUID, str, Direction], dict[date, tuple[int, Decimal]]] = {}
        for source_id, currency, direction, day, count, amount in usage:
            days = self._used.setdefault((source_id, currency, direction), {})
            days[day] = (count, amount)
        self._taken: dict[_Bucket, tuple[int, Decimal]] = {}

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._rules)

    def check(
        self,
        *,
        funding_source_id: UUID,
        types: Sequence[str],
        direction: Direction,
        money: Money,
        is_verified: bool,
        now: datetime,
    ) -> None:
        """Raise LimitExceeded if so much may not go through the source now. Counts nothing.

        `types` are what the product calls the source, then what it is at bottom: of two rules for
        the same period the former's counts. `is_verified` is about the person.
        """
        for rule in self._of(types, money.currency, direction):
            amount = rule.amount_for(is_verified=is_verified)
            if amount is None:
                continue
            _, used = self._through(funding_source_id, rule, day_of(now))
            if EXACT.add(used, money.amount) > amount:
                message = Message("This is more than the limit “{title}” allows", title=rule.title)
                raise LimitExceeded(message)

    def take(
        self,
        *,
        funding_source_id: UUID,
        types: Sequence[str],
        direction: Direction,
        money: Money,
        is_verified: bool,
        now: datetime,
    ) -> None:
        """Have so much go through the source; whoever asks later finds it counted.

        Raises LimitExceeded, having counted nothing. What no rule is about is not counted.
        """
        self.check(
            funding_source_id=funding_source_id,
            types=types,
            direction=direction,
            money=money,
            is_verified=is_verified,
            now=now,
        )
        if not self._of(types, money.currency, direction):
            return
        day = day_of(now)
        days = self._used.setdefault((funding_source_id, money.currency, direction), {})
        days[day] = _more(days.get(day), 1, money.amount)
        bucket = (funding_source_id, money.currency, direction, day)
        self._taken[bucket] = _more(self._taken.get(bucket), 1, money.amount)

    @property
    def changed(self) -> list[Usage]:
        """What `take` has counted, to be written."""
        return [Usage(*bucket, *taken) for bucket, taken in self._taken.items()]

    def of_source(
        self, *, funding_source_id: UUID, types: Sequence[str], is_verified: bool, now: datetime
    ) -> list[SourceLimit]:
        """The limits there are for a source of a person, and what of them is used."""
        found = []
        for currency, direction in dict.fromkeys(key[1:] for key in self._rules):
            for rule in self._of(types, currency, direction):
                amount = rule.amount_for(is_verified=is_verified)
                if amount is None:
                    continue
                first, last = rule.days(day_of(now)) or (None, None)
                count, used = self._through(funding_source_id, rule, day_of(now))
                found.append(SourceLimit(rule, amount, first, last, count, used))
        return found

    def _of(self, types: Sequence[str], currency: str, direction: Direction) -> list[LimitRule]:
        """The rules for a source of these types: one for each period."""
        by_period: dict[str, LimitRule] = {}
        for type_ in types:
            for rule in self._rules.get((type_, currency, direction), ()):
                by_period.setdefault(rule.period, rule)
        return list(by_period.values())

    def _through(self, source_id: UUID, rule: LimitRule, today: date) -> tuple[int, Decimal]:
        """How many payments went through in the rule's period, and what they came to."""
        days = rule.days(today)
        used = self._used.get((source_id, rule.currency, rule.direction), {})
        if days is None:
            return 0, Decimal(0)
        sum_ = (0, Decimal(0))
        for day, through in used.items():
            if days[0] <= day <= days[1]:
                sum_ = _more(sum_, *through)
        return sum_


def _more(so_far: tuple[int, Decimal] | None, count: int, amount: Decimal) -> tuple[int, Decimal]:
    counted, sum_ = so_far or (0, Decimal(0))
    return counted + count, EXACT.add(sum_, amount)


async def write(tx: Tx, used: Sequence[Usage]) -> None:
    """Count what went through."""
    if used:
        await tx.execute(_ADD, _columns(used))


async def give_back(tx: Tx, used: Sequence[Usage]) -> None:
    """Count no longer what came to nothing: on the day, of the amount and as it was counted.

    Nobody's lock is needed beside it: room is only made.
    """
    if used:
        await tx.execute(_TAKE_OFF, _columns(_summed(used)))


def _summed(used: Sequence[Usage]) -> list[Usage]:
    """At most one for each row: an update takes no more."""
    sums: dict[_Bucket, tuple[int, Decimal]] = {}
    for each in used:
        bucket = (each.funding_source_id, each.currency, each.direction, each.day)
        sums[bucket] = _more(sums.get(bucket), each.count, each.amount)
    return [Usage(*bucket, *sum_) for bucket, sum_ in sums.items()]


def _columns(used: Sequence[Usage]) -> Mapping[str, object]:
    return {
        "ids": [each.funding_source_id for each in used],
        "currencies": [each.currency for each in used],
        "directions": [each.direction for each in used],
        "days": [each.day for each in used],
        "counts": [each.count for each in used],
        "amounts": numerics(each.amount for each in used),
    }


async def of_source(
    tx: Tx, *, funding_source_id: UUID, types: Sequence[str], is_verified: bool, now: datetime
) -> list[SourceLimit]:
    """The limits there are for a source of a person, and what of them is used, as of now."""
    rules = await tx.execute(RULES_SQL)
    usage = await tx.execute(USAGE_SQL, {"ids": [funding_source_id], "since": since(now)})
    found = Limits(await rules.fetchall(), await usage.fetchall())
    return found.of_source(
        funding_source_id=funding_source_id, types=types, is_verified=is_verified, now=now
    )


async def prune(tx: Tx, *, now: datetime, limit: int) -> int:
    """Forget up to `limit` days that no period looks back to; how many there were."""
    cursor = await tx.execute(_PRUNE, {"before": day_of(now) - KEPT_FOR, "limit": limit})
    return cursor.rowcount
