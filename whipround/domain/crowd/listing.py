"""What somebody has paid and pledged, and what they have received: one list of all faces' payments.

A crowd payment is one line of it, for who pays it and for each who gets a part: its shares, which
are payments of their own, are not listed beside it. What came to nothing is no line at all.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from psycopg.rows import kwargs_row

from whipround.db.database import Tx
from whipround.db.listing import Slice, containing


class Entry(NamedTuple):
    """A line of the list: `amount` of `currency`, below zero where it was paid; `fee` came on top.

    `id` is that of the crowd payment, or of the payment where it is no share of one. `url`, `memo`,
    `copyright` and `language` are those of a script, and None where it has none, as `title` and
    `description` are where nobody gave any. `is_new` is what came about since its reader had logged
    in the time before this one.
    """

    id: UUID
    url: str | None
    happened_at: datetime
    amount: Decimal
    fee: Decimal
    currency: str
    title: str | None
    description: str | None
    memo: str | None
    is_invoiced: bool
    copyright: str | None
    language: str | None
    is_new: bool


class Wanted(NamedTuple):
    """Which lines are asked for: from one time (inclusive) until another (exclusive), aware.

    `search` is what is part of a keyword, of the name or address of who is on the other side, or of
    the time, as `2014-11-20 13:36:22` in UTC.
    """

    search: str | None = None
    since: datetime | None = None
    until: datetime | None = None


STANDS = """
    (crowd.status = 'pledged' or (
        select true
        from crowd_share as share join payment as its on its.id = share.payment_id
        where share.crowd_id = crowd.id and its.recipient_status <> 'cancelled'
        limit 1
    ))
"""
"""Whether a crowd payment, pledged or paid, has not come to nothing: not all of it was returned."""

# What each of the person's sides has, no further than the page reaches. Each walks an index of its
# own. Who pays a thousand people at once has a thousand payments of it among their own: those are
# walked over, no further than the last crowd payment that could be on the page.
#
# What of a share is asked for in brackets, and not joined: a row is to be looked up in its index,
# however many there are. All shares of a crowd payment are made at one time; of those that a person
# has, the last stands for all.
_PAGE = """
    with paid_to_crowds as (
        select crowd.id, crowd.created_at
        from crowd_payment as crowd
        where owner_id = %(user_id)s and status in ('pledged', 'paid')
            and {time_of_crowd} and {stands} and {found_in_crowd}
        order by crowd.created_at desc, crowd.id desc
        limit %(reach)s
    ), reached as materialized (
        select case when count(*) = %(reach)s then min(created_at) end as at from paid_to_crowds
    ), page as (
        select * from (
            (
                select true as is_crowd, id, created_at from paid_to_crowds
            ) union all (
                select false, payment.id, payment.created_at
                from payment
                where owner_id = %(user_id)s and kind in ('payment', 'top_up', 'withdrawal')
                    and (recipient_status = 'paid'
                        or recipient_status = 'pending' and kind <> 'top_up')
                    and created_at >= coalesce((select at from reached), '-infinity')
                    and {time_of_payment}
                    and (select crowd_id from crowd_share where payment_id = payment.id) is null
                    and {found_as_paid}
                order by created_at desc, id desc
                limit %(reach)s
            ) union all (
                select false, payment.id, payment.created_at
                from payment
                where owner_id = %(user_id)s and kind in ('request', 'contribution', 'payout')
                    and (recipient_status = 'paid'
                        or recipient_status = 'pending' and kind <> 'payout')
                    and {time_of_payment} and {found_as_paid}
                order by created_at desc, id desc
                limit %(reach)s
            ) union all (
                select false, payment.id, payment.created_at
                from payment
                where recipient_user_id = %(user_id)s and kind = 'payment'
                    and recipient_status = 'paid' and owner_id <> %(user_id)s
                    and {time_of_payment}
                    and (
                        select other.id
                        from crowd_share as share
                            join payment as other on {others_of_the_share}
                                and other.id > payment.id
                            join crowd_share as beside on beside.payment_id = other.id
                                and beside.crowd_id = share.crowd_id
                        where share.payment_id = payment.id
                        limit 1
                    ) is null
                    and {found_as_received}
                order by created_at desc, id desc
                limit %(reach)s
            ) union all (
                select false, payment.id, payment.created_at
                from payment
                where recipient_user_id = %(user_id)s and kind = 'request'
                    and recipient_status = 'paid' and {time_of_payment} and {found_as_received}
                order by created_at desc, id desc
                limit %(reach)s
            )
        ) as mine
        order by created_at desc, id desc
        limit %(limit)s offset %(offset)s
    )
    select shown.*,
        happened_at > coalesce((
            select previous_login_at from users where id = %(user_id)s
        ), '-infinity') as is_new
    from (
        select crowd.id, url, crowd.created_at as happened_at, -amount as amount, fee,
            currency, nullif(title, '') as title, nullif(description, '') as description,
            nullif(message, '') as memo, is_invoiced, copyright, language,
            crowd.id as line_id
        from page join crowd_payment as crowd on crowd.id = page.id
        where is_crowd
        union all
        select coalesce(crowd.id, payment.id), url, payment.created_at,
            case when crowd.id is not null then (
                    select sum(other.amount)
                    from payment as other
                        join crowd_share as beside on beside.payment_id = other.id
                    where {others_of_the_share} and beside.crowd_id = crowd.id
                ) else {moved} end,
            {moved_fee}, {moved_currency},
            nullif(coalesce(crowd.title, payment.description), ''), nullif(crowd.description, ''),
            nullif(message, ''), coalesce(is_invoiced, false), copyright, language, payment.id
        from page
            join payment on payment.id = page.id
            left join crowd_share on crowd_share.payment_id = payment.id
            left join crowd_payment as crowd on crowd.id = crowd_share.crowd_id
        where not is_crowd
    ) as shown
    order by happened_at desc, line_id desc
"""

_OTHERS_OF_THE_SHARE = """
    other.recipient_user_id = %(user_id)s and other.kind = 'payment'
    and other.recipient_status = 'paid' and other.created_at = payment.created_at
"""

MOVED = """
    case when payment.owner_id = %(user_id)s and payment.kind not in ('top_up', 'payout')
        then -coalesce(payment.source_amount, payment.amount) else payment.amount end
"""
"""What a payment, which is no share, has moved for a user: below zero what they have paid."""

MOVED_FEE = """
    case when payment.owner_id = %(user_id)s and payment.kind not in ('top_up', 'payout')
        then payment.fee else 0 end
"""
"""The fee that the user has paid of it, on top."""

MOVED_CURRENCY = """
    case when payment.owner_id = %(user_id)s and payment.kind not in ('top_up', 'payout')
        then coalesce(payment.source_currency, payment.currency) else payment.currency end
"""
"""The currency of that."""

_TIMES: Mapping[str, str] = {
    "since": "{table}.created_at >= %(since)s",
    "until": "{table}.created_at < %(until)s",
}

_IN_TIME = """
    to_char({table}.created_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') like %(search)s
"""

_IN_KEYWORDS = """
    (select bool_or(keyword ilike %(search)s) from unnest(crowd.keywords) as keyword)
"""

_IN_NAMES = "users.username ilike %(search)s or users.full_name ilike %(search)s"

_FOUND: Mapping[str, str] = {
    "found_in_crowd": f"""
        ({_IN_TIME.format(table="crowd")} or {_IN_KEYWORDS} or (
            select true
            from crowd_share as share
                join payment on payment.id = share.payment_id
                left join users on users.id = payment.recipient_user_id
            where share.crowd_id = crowd.id and (share.recipient ilike %(search)s or {_IN_NAMES})
            limit 1
        ))
    """,  # noqa: S608 (our own SQL)
    "found_as_paid": f"""
        ({_IN_TIME.format(table="payment")} or payment.recipient_name ilike %(search)s
            or (select {_IN_NAMES} from users where id = payment.recipient_user_id)
            or (select address ilike %(search)s from payee where id = payment.recipient_payee_id))
    """,  # noqa: S608 (our own SQL)
    "found_as_received": f"""
        ({_IN_TIME.format(table="payment")}
            or (select {_IN_NAMES} from users where id = payment.owner_id)
            or (
                select {_IN_KEYWORDS}
                from crowd_share join crowd_payment as crowd on crowd.id = crowd_id
                where payment_id = payment.id
            ))
    """,  # noqa: S608 (our own SQL)
}


async def page(tx: Tx, *, user_id: UUID, wanted: Wanted, part: Slice) -> list[Entry]:
    """The part of the user's list that is asked for, newest first (Mobbr, List payments).

    What they have paid and pledged, as it was agreed on, and what has arrived: of a crowd payment
    all that came to them by it, in one sum. What a card or a bank would not pay, what nobody has
    claimed and what was revoked is not in it.
    """
    values: dict[str, object] = {**part.parameters, "user_id": user_id}
    times = [name for name in _TIMES if getattr(wanted, name) is not None]
    values |= {name: getattr(wanted, name) for name in times}
    if wanted.search is not None:
        values["search"] = containing(wanted.search)
    sql = _PAGE.format(
        time_of_crowd=_and(times, "crowd"),
        time_of_payment=_and(times, "payment"),
        stands=STANDS,
        others_of_the_share=_OTHERS_OF_THE_SHARE,
        moved=MOVED,
        moved_fee=MOVED_FEE,
        moved_currency=MOVED_CURRENCY,
        **(_FOUND if wanted.search is not None else dict.fromkeys(_FOUND, "true")),
    )
    async with tx.cursor(row_factory=kwargs_row(_entry)) as cursor:
        # How far the page reaches is what the plan depends on.
        await cursor.execute(sql.encode(), values, prepare=False)
        return await cursor.fetchall()


def _and(times: list[str], table: str) -> str:
    return " and ".join(_TIMES[name].format(table=table) for name in times) or "true"


def _entry(*, line_id: UUID, **row: object) -> Entry:  # noqa: ARG001 (what lines are ordered by)
    return Entry(**row)  # type: ignore[arg-type] # the columns are called as the fields are
