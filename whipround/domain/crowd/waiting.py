"""What of a person's payments waits: for somebody to prove who they are, or to be claimed."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from psycopg.rows import class_row, kwargs_row

from whipround.db.database import Tx
from whipround.db.listing import Slice
from whipround.domain.crowd.naming import recipient_of
from whipround.domain.crowd.pages import Claimable
from whipround.domain.payees import Address, PayeeKind


class Unclaimed(NamedTuple):
    """A payment, or a share of one, that waits: `amount` of `currency`, without the fee.

    `number` is that of the payment, `payment_id` the id of the crowd payment that it is a share of,
    or its own. `recipient` is the id of whom it waits for, as its payer may see it.
    """

    number: int
    recipient: str
    payment_id: UUID
    amount: Decimal
    currency: str
    url: str | None
    happened_at: datetime
    title: str | None
    description: str | None
    memo: str | None


class Pledge(NamedTuple):
    """A pledge of the person's own, that can be revoked."""

    id: UUID
    host: str | None
    url: str | None
    happened_at: datetime
    amount: Decimal
    fee: Decimal
    currency: str
    title: str | None
    description: str | None


# What waits returns to its payer's wallet, and is found there.
_UNCLAIMED = """
    select payment.number, coalesce(share.recipient, '') as recipient, payee.kind, payee.address,
        coalesce(crowd.id, payment.id) as payment_id, holding.amount, holding.currency, crowd.url,
        payment.created_at as happened_at,
        nullif(coalesce(crowd.title, payment.description), '') as title,
        nullif(crowd.description, '') as description, nullif(crowd.message, '') as memo
    from holding
        join payment on payment.id = holding.object_id
        join payee on payee.id = holding.payee_id
        left join crowd_share as share on share.payment_id = payment.id
        left join crowd_payment as crowd on crowd.id = share.crowd_id
    where holding.source_id = %(wallet_id)s and holding.status = 'held'
    order by payment.created_at desc, share.position, payment.id
"""

_PLEDGED = """
    select id, host, url, created_at as happened_at, amount, fee, currency,
        nullif(title, '') as title, nullif(description, '') as description
    from crowd_payment
    where owner_id = %(user_id)s and status = 'pledged'
    order by created_at desc, id desc
    limit %(limit)s offset %(offset)s
"""

# What waits for the profile of somebody in a payment to a page, everybody may know.
_FOR_ADDRESS = """
    select coalesce(crowd.id, payment.id) as id, crowd.url,
        nullif(coalesce(crowd.title, payment.description), '') as title,
        nullif(crowd.description, '') as description,
        coalesce(crowd.is_invoiced, false) as is_invoiced, crowd.referrer,
        sum(payment.amount) as amount, payment.currency
    from holding
        join payment on payment.id = holding.object_id
        left join crowd_share as share on share.payment_id = payment.id
        left join crowd_payment as crowd on crowd.id = share.crowd_id
    where holding.payee_id = (
            select id from payee where kind = %(kind)s and address = %(address)s
        )
        and holding.status = 'held' and holding.expires_at > %(now)s
        and (payment.owner_id = %(user_id)s or %(kind)s = 'profile' and crowd.url is not null)
    group by 1, 2, 3, 4, 5, 6, 8
    order by 1
    limit %(limit)s offset %(offset)s
"""


async def unclaimed(tx: Tx, *, wallet_id: UUID) -> list[Unclaimed]:
    """All that waits of what the owner of a wallet has paid (Mobbr, List unclaimed shares).

    Newest first: shares, and payments that were made elsewhere to an address that nobody has
    proven. Limits bound how many there can be.
    """
    async with tx.cursor(row_factory=kwargs_row(_unclaimed)) as cursor:
        await cursor.execute(_UNCLAIMED, {"wallet_id": wallet_id})
        return await cursor.fetchall()


def _unclaimed(*, kind: PayeeKind, address: str, recipient: str, **row: object) -> Unclaimed:
    recipient = recipient or recipient_of(kind, address)
    return Unclaimed(recipient=recipient, **row)  # type: ignore[arg-type] # called as the fields are


async def pledged_by(tx: Tx, *, user_id: UUID, part: Slice) -> list[Pledge]:
    """The user's pledges that nobody has claimed, newest first (Mobbr, List pledges)."""
    async with tx.cursor(row_factory=class_row(Pledge)) as cursor:
        await cursor.execute(_PLEDGED, {**part.parameters, "user_id": user_id})
        return await cursor.fetchall()


async def waiting_for(
    tx: Tx, *, user_id: UUID, address: Address, part: Slice, now: datetime
) -> list[Claimable]:
    """What waits for somebody, as the user may know of it (Mobbr, List claimable payments).

    Of anybody's address what the user has paid there; of a profile also what waits in payments to
    pages, which is public. Of each payment what waits of it, in one sum.
    """
    kind, value = address
    values = {"user_id": user_id, "kind": kind, "address": value, "now": now}
    async with tx.cursor(row_factory=class_row(Claimable)) as cursor:
        await cursor.execute(_FOR_ADDRESS, {**part.parameters, **values})
        return await cursor.fetchall()
