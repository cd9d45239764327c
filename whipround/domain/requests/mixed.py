"""What waits to be paid, by somebody and to them: requests, and invitations to pools, in one list.

Moneypool, List Payment Requests: there each participant of a request is a request of their own.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from psycopg.rows import class_row

from whipround.db.database import Tx
from whipround.db.listing import Page

MixedType = Literal["to_user", "from_user", "pool"]


@dataclass(frozen=True, slots=True)
class Mixed:
    """A request that somebody has made (`to_user`) or is asked by, or a pool they are invited to.

    `number` is that of the participant, or of the pool. `party` is whom they ask, who asks them, or
    the pool's title, and `party_email` that person's proven email, or empty. `amount` is what is
    asked for, of a pool the least that it takes, which may be 0. `created_at` is in UTC, of a pool
    when they were invited. `liability_number`, that of the invitation, is None of a request.
    """

    type: MixedType
    number: int
    created_at: datetime
    amount: Decimal
    description: str
    party: str
    party_email: str
    is_rejected: bool
    liability_number: int | None


# Each side of the union walks its own index, no further than the page reaches. A participant is as
# old as the request, whose age the index of participants so has.
#
# What somebody asks, they see until it is paid, also while it is being paid and once it was
# rejected; what they are asked, until they answer. What a number of their own is asked, they owe
# nobody. Into a pool that has not started, or has ended, nothing can be paid. Where nothing but the
# options of a pool can be, the least is the least of those, else the minimum of one's own amounts.
_PAGE = """
    with mine as (
        select * from (
            (
                select 'to_user' as type, asked.id, request.created_at
                from payment_request as request
                    join request_participant as asked on asked.request_id = request.id
                where request.owner_id = %(user_id)s and request.currency = %(currency)s
                    and (request.status = 'open' or request.rejected_count > 0)
                    and asked.status in ('pending', 'rejected')
                order by request.created_at desc, asked.id desc limit %(reach)s
            ) union all (
                select 'from_user', asked.id, asked.created_at
                from request_participant as asked
                    join payment_request as request on request.id = asked.request_id
                where asked.user_id = %(user_id)s and asked.status = 'pending'
                    and asked.payment_id is null and request.owner_id <> %(user_id)s
                    and request.currency = %(currency)s
                order by asked.created_at desc, asked.id desc limit %(reach)s
            ) union all (
                select 'pool', invited.id, invited.created_at
                from pool_participant as invited join pool on pool.id = invited.pool_id
                where invited.user_id = %(user_id)s and invited.is_first
                    and invited.status = 'invited' and pool.currency = %(currency)s
                    and pool.status = 'open' and coalesce(pool.start_at <= %(now)s, true)
                    and coalesce(pool.end_at > %(now)s, true)
                order by invited.created_at desc, invited.id desc limit %(reach)s
            )
        ) as mixed
        order by created_at desc, id desc limit %(limit)s offset %(offset)s
    )
    select mine.type, coalesce(asked.number, pool.number) as number, mine.created_at,
        coalesce(asked.amount, least_of.amount) as amount,
        coalesce(request.description, '') as description,
        coalesce(party.full_name, nullif(asked.name, ''), payee.address, pool.description)
            as party,
        case when party.email_verified_at is null then '' else party.email end as party_email,
        coalesce(asked.status = 'rejected', false) as is_rejected,
        invited.number as liability_number
    from mine
        left join request_participant as asked on asked.id = mine.id
        left join payment_request as request on request.id = asked.request_id
        left join users as party on party.id = case mine.type
            when 'to_user' then asked.user_id else request.owner_id end
        left join payee on payee.id = asked.payee_id
        left join pool_participant as invited on invited.id = mine.id
        left join pool on pool.id = invited.pool_id
        left join lateral (
            select coalesce(case when not pool.allows_optional_amount then min(amount) end,
                pool.minimum_user_amount, min(amount), 0) as amount
            from contribution_option
            where pool_id = pool.id
        ) as least_of on true
    order by mine.created_at desc, mine.id desc
"""


async def page(tx: Tx, *, user_id: UUID, currency: str, page: Page, now: datetime) -> list[Mixed]:
    """What waits in a currency at `now`, newest first, and one more if there is a next page."""
    values = {
        **page.parameters,
        "user_id": user_id,
        "currency": currency,
        "now": now,
    }
    # Planned for how far the page reaches.
    async with tx.cursor(row_factory=class_row(Mixed)) as cursor:
        await cursor.execute(_PAGE.encode(), values, prepare=False)
        return await cursor.fetchall()
