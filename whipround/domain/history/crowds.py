"""What a history tells of crowd payments: what is known of their shares as a whole."""

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from whipround.db.database import Tx
from whipround.domain.history.movements import Status

MOST_NAMES = 3
"""How many recipients a crowd payment is called by that has no other name."""


class Shares(NamedTuple):
    """All shares of a crowd payment: what of them was given back, and how far they have come.

    `names` are those of the first recipients, as they are called now, and of one more if there is.
    """

    refunded: Decimal
    is_waiting: bool
    has_returned: bool
    names: tuple[str, ...] = ()


NONE = Shares(Decimal(0), is_waiting=False, has_returned=False)
"""The shares of what is pledged."""

# There may be a thousand of each: only those are read that were given back, or wait, which indexes
# have by their payer and the time of the crowd payment; and the first that did not return. What is
# in brackets is looked up, however many there are.
_SHARES = """
    select crowd.id,
        coalesce((
            select sum(refunded) from payment
            where owner_id = crowd.owner_id and payment.created_at = crowd.paid_at and refunded > 0
                and (select crowd_id from crowd_share where payment_id = payment.id) = crowd.id
        ), 0),
        (
            select true from payment
            where owner_id = crowd.owner_id and payment.created_at = crowd.paid_at
                and payment.status = 'open'
                and (select crowd_id from crowd_share where payment_id = payment.id) = crowd.id
            limit 1
        ) is not null,
        (
            select true from crowd_share as share
            where crowd_id = crowd.id and (
                select recipient_status from payment where payment.id = share.payment_id
            ) <> 'cancelled'
            order by position
            limit 1
        ) is null
    from crowd_payment as crowd
    where id = any(%(ids)s) and status = 'paid'
"""

_NAMES = """
    select crowd_id,
        array_agg(coalesce(full_name, address, recipient_name) order by position)
    from unnest(%(ids)s::uuid[]) as crowd (id)
        cross join lateral (
            select * from crowd_share where crowd_id = crowd.id order by position limit %(most)s
        ) as share
        join payment on payment.id = payment_id
        left join users on users.id = recipient_user_id
        left join payee on payee.id = recipient_payee_id
    group by crowd_id
"""


async def shares_of(
    tx: Tx, *, crowd_ids: Collection[UUID], unnamed: Collection[UUID]
) -> dict[UUID, Shares]:
    """The shares of crowd payments that are paid; the names only of those that are `unnamed`."""
    if not crowd_ids:
        return {}
    cursor = await tx.execute(_SHARES, {"ids": list(crowd_ids)})
    found = {row[0]: Shares(*row[1:]) for row in await cursor.fetchall()}
    if unnamed:
        cursor = await tx.execute(_NAMES, {"ids": list(unnamed), "most": MOST_NAMES + 1})
        for crowd_id, names in await cursor.fetchall():
            found[crowd_id] = found[crowd_id]._replace(names=tuple(names))
    return found


def party(row: Mapping[str, Any], shares: Shares) -> str:
    """What a crowd payment is called: by its title, who alone is paid, its address, or by some."""
    if row["title"]:
        return str(row["title"])
    if row["url"] and len(shares.names) != 1:
        return str(row["url"])
    more = ", …" if len(shares.names) > MOST_NAMES else ""
    return ", ".join(shares.names[:MOST_NAMES]) + more


def status(row: Mapping[str, Any], shares: Shares) -> Status:
    """How far a crowd payment has come: as far as the last of its shares."""
    if row["crowd_status"] == "pledged" or shares.is_waiting:
        return "waiting"
    return "paid" if row["crowd_status"] == "paid" and not shares.has_returned else "returned"
