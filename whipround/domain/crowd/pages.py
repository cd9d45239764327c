"""What has been paid and pledged to a page of the web, or to all those of a host."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from psycopg.rows import class_row

from whipround.db.database import Tx
from whipround.db.listing import Slice
from whipround.domain.crowd.listing import STANDS
from whipround.domain.crowd.naming import Named, named

MOST_NAMED = 25
"""How many of those who share a payment a list names; `inspecting` has all of them."""


class PaidToHost(NamedTuple):
    """A crowd payment as everybody may know of it."""

    url: str
    happened_at: datetime
    amount: Decimal
    currency: str
    title: str | None


class PaidToPage(NamedTuple):
    """A crowd payment or a pledge, who paid it, and the first MOST_NAMED of who have a part in it.

    Nobody has a part in a pledge before it is claimed, nor in what was returned.
    """

    id: UUID
    url: str
    happened_at: datetime
    amount: Decimal
    currency: str
    is_pledge: bool
    sender: Named
    receivers: Sequence[Named]


class Claimable(NamedTuple):
    """A pledge, or what waits in a payment for somebody: `amount` of `currency`."""

    id: UUID
    url: str | None
    title: str | None
    description: str | None
    is_invoiced: bool
    referrer: str | None
    amount: Decimal
    currency: str


_OF_HOST = f"""
    select url, created_at as happened_at, amount, currency, nullif(title, '') as title
    from crowd_payment as crowd
    where host = %(host)s and status in ('pledged', 'paid') and {STANDS}
    order by created_at desc, id desc
    limit %(limit)s offset %(offset)s
"""  # noqa: S608 (our own SQL)

_OF_PAGE = f"""
    select crowd.id, crowd.url, crowd.created_at, crowd.amount, crowd.currency,
        crowd.status = 'pledged', users.username,
        case when users.email_verified_at is not null then users.email end
    from crowd_payment as crowd join users on users.id = crowd.owner_id
    where crowd.url = %(url)s and crowd.status in ('pledged', 'paid') and {STANDS}
    order by crowd.created_at desc, crowd.id desc
    limit %(limit)s offset %(offset)s
"""  # noqa: S608 (our own SQL)

_RECEIVERS = """
    select crowd.id, share.recipient, users.username,
        case when users.email_verified_at is not null then users.email end
    from unnest(%(ids)s::uuid[]) as crowd (id)
        cross join lateral (
            select recipient, recipient_user_id
            from crowd_share join payment on payment.id = crowd_share.payment_id
            where crowd_share.crowd_id = crowd.id and payment.recipient_status <> 'cancelled'
            order by position
            limit %(most)s
        ) as share
        left join users on users.id = share.recipient_user_id
"""

_PLEDGES = """
    select id, url, nullif(title, '') as title, nullif(description, '') as description,
        is_invoiced, referrer, amount, currency
    from crowd_payment
    where url = %(url)s and status = 'pledged' and expires_at > %(now)s
    order by id
    limit %(limit)s offset %(offset)s
"""


async def of_host(tx: Tx, *, host: str, part: Slice) -> list[PaidToHost]:
    """What was paid and pledged to pages of a host, newest first (Mobbr, List payments for domain).

    `host` is in its normal form, without a port.
    """
    async with tx.cursor(row_factory=class_row(PaidToHost)) as cursor:
        await cursor.execute(_OF_HOST, {**part.parameters, "host": host})
        return await cursor.fetchall()


async def of_page(tx: Tx, *, url: str, part: Slice) -> list[PaidToPage]:
    """What was paid and pledged to a page, newest first (Mobbr, List payments for URL).

    `url` is in its normal form. Whoever is not here yet is named as far as everybody may see.
    """
    rows = await (await tx.execute(_OF_PAGE, {**part.parameters, "url": url})).fetchall()
    receivers = await _receivers(tx, [row[0] for row in rows])
    return [
        PaidToPage._make(
            [*paid, named(username, username=username, email=email), receivers[paid[0]]]
        )
        for *paid, username, email in rows
    ]


async def _receivers(tx: Tx, ids: Sequence[UUID]) -> Mapping[UUID, Sequence[Named]]:
    found: dict[UUID, dict[Named, None]] = {id_: {} for id_ in ids}
    if not ids:
        return {}
    cursor = await tx.execute(_RECEIVERS, {"ids": list(ids), "most": MOST_NAMED})
    for id_, recipient, username, email in await cursor.fetchall():
        # Somebody may have several roles.
        found[id_][named(recipient, username=username, email=email)] = None
    return {id_: list(names) for id_, names in found.items()}


async def pledged_to(tx: Tx, *, url: str, part: Slice, now: datetime) -> list[Claimable]:
    """The pledges to a page, whoever has made them, the oldest first (Mobbr, List claimable
    payments).

    `url` is in its normal form.
    """
    async with tx.cursor(row_factory=class_row(Claimable)) as cursor:
        await cursor.execute(_PLEDGES, {**part.parameters, "url": url, "now": now})
        return await cursor.fetchall()
