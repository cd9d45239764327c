"""What is new for somebody, in numbers.

Memento, Activity summary; and in the first draft, Activity updates.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from whipround.db.database import Tx
from whipround.db.listing import Column

MOST_COUNTED = 1000
"""How far is counted, so that nobody waits for it: beyond that, it is this number."""

FILTERS: Mapping[str, Column] = {"start_at": Column(None, datetime, frozenset({"gt"}))}
"""Memento, "Activity summary": since when."""


class Activity(NamedTuple):
    """What waits for somebody now, and what has come since a time; each up to 1,000."""

    unpaid_requests: int
    payments_received: int
    requests_received: int
    has_news: bool


# Each part walks its own index, no further than is counted. What is under way is paid as far as its
# payer is concerned; what somebody paid or asked of themselves is nothing that they received.
_COUNT = f"""
    select (
        select count(*) from (
            select request_id, payment_id from request_participant
            where user_id = %(user_id)s and status = 'pending'
            order by created_at desc limit {MOST_COUNTED}
        ) as asked join payment_request on payment_request.id = request_id
        where payment_id is null and owner_id <> %(user_id)s
    ), (
        select count(*) from (
            (
                select owner_id from payment
                where recipient_user_id = %(user_id)s and recipient_status = 'paid'
                    and kind = 'payment' and created_at > %(since)s
                order by created_at desc limit {MOST_COUNTED}
            ) union all (
                select owner_id from payment
                where recipient_user_id = %(user_id)s and recipient_status = 'paid'
                    and kind = 'request' and created_at > %(since)s
                order by created_at desc limit {MOST_COUNTED}
            )
            limit {MOST_COUNTED}
        ) as received
        where owner_id <> %(user_id)s
    ), (
        select count(*) from (
            select request_id from request_participant
            where user_id = %(user_id)s and created_at > %(since)s
            order by created_at desc limit {MOST_COUNTED}
        ) as asked join payment_request on payment_request.id = request_id
        where owner_id <> %(user_id)s
    ), coalesce((
        select created_at > %(since)s from notification
        where user_id = %(user_id)s
        order by created_at desc limit 1
    ), false)
"""  # noqa: S608 (our own number)


async def count(tx: Tx, *, user_id: UUID, since: datetime | None) -> Activity:
    """What is new for the user after `since`, by when it was made; None: of all times."""
    values = {"user_id": user_id, "since": since or "-infinity"}
    [row] = await (await tx.execute(_COUNT, values)).fetchall()
    return Activity(*row)
