"""One payment with all that is known of it: a crowd payment, or one that another face has made."""

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.rows import class_row

from whipround.db.database import Tx
from whipround.domain.crowd.listing import MOVED, MOVED_CURRENCY, MOVED_FEE, STANDS
from whipround.domain.crowd.naming import Named, masked, named, own_ids, recipient_of
from whipround.domain.payments.reading import PaymentNotFound
from whipround.domain.users.person import User

_ALL = Decimal(100)


class Paid(NamedTuple):
    """A payment. `amount` of `currency` is below zero, as it has left its payer; of what is no
    crowd payment, what it has moved for its reader. `fee` came on top: None for who has not paid.

    `claimed_at` is when a pledge was claimed; it is None of what was paid at once. What a script
    has not said is None, and so is all of a script where there is none.
    """

    id: UUID
    is_crowd: bool
    owner_id: UUID
    kind: str
    url: str | None
    referrer: str | None
    image: str | None
    happened_at: datetime
    claimed_at: datetime | None
    amount: Decimal
    fee: Decimal | None
    currency: str
    is_invoiced: bool
    title: str | None
    description: str | None
    copyright: str | None
    language: str | None
    memo: str | None
    host: str | None
    favicon: str | None
    keywords: Sequence[str]


class Receiver(NamedTuple):
    """Who gets `amount`, `percentage` of the payment, in a role.

    `number` is that of the payment to them, which may be a share. `unclaimed` is the id of whom it
    waits for, as its reader may see it; None once it is theirs.
    """

    who: Named
    number: int
    amount: Decimal
    currency: str
    percentage: Decimal
    role: str
    unclaimed: str | None


class Sender(NamedTuple):
    """Who has paid: the amount is below zero."""

    who: Named
    amount: Decimal
    currency: str


# All shares of a crowd payment are made when it is paid.
_CROWD = f"""
    select id, true as is_crowd, owner_id, 'payment' as kind, url, referrer, image,
        created_at as happened_at, case when paid_at > created_at then paid_at end as claimed_at,
        -amount as amount, case when owner_id = %(user_id)s then fee end as fee, currency,
        is_invoiced, nullif(title, '') as title,
        nullif(description, '') as description, copyright, language,
        nullif(message, '') as memo, host, favicon, keywords
    from crowd_payment as crowd
    where id = %(id)s and (owner_id = %(user_id)s or status in ('pledged', 'paid') and (
        url is not null and {STANDS} or (
            select true
            from payment join crowd_share as share on share.payment_id = payment.id
            where payment.recipient_user_id = %(user_id)s and payment.kind = 'payment'
                and payment.recipient_status = 'paid' and payment.created_at = crowd.paid_at
                and share.crowd_id = crowd.id
            limit 1
        )
    ))
"""  # noqa: S608 (our own SQL)

_PLAIN = f"""
    select id, false as is_crowd, owner_id, kind, null as url, null as referrer, null as image,
        created_at as happened_at, null::timestamptz as claimed_at, {MOVED} as amount,
        case when owner_id = %(user_id)s then {MOVED_FEE} end as fee,
        {MOVED_CURRENCY} as currency, false as is_invoiced,
        nullif(description, '') as title, null as description, null as copyright,
        null as language, null as memo, null as host, null as favicon, '{{}}'::text[] as keywords
    from payment
    where id = %(id)s
        and (owner_id = %(user_id)s
            or recipient_user_id = %(user_id)s and recipient_status = 'paid')
        and not exists (select from crowd_share where payment_id = payment.id)
"""  # noqa: S608 (our own SQL)

_OF_USERS = """
    users.username, case when users.email_verified_at is not null then users.email end as email
"""

_SHARES = f"""
    select payment.number, payment.amount, payment.currency, share.percentage, share.role,
        share.recipient, payment.recipient_status = 'pending' as is_waiting, {_OF_USERS}
    from crowd_share as share
        join payment on payment.id = share.payment_id
        left join users on users.id = payment.recipient_user_id
    where share.crowd_id = %(id)s and payment.recipient_status <> 'cancelled'
    order by share.position
"""  # noqa: S608

# Into a pool nobody is paid.
_RECIPIENT = f"""
    select payment.number, payment.amount, payment.currency, payee.kind, payee.address,
        payment.recipient_status = 'pending' and payee.id is not null as is_waiting, {_OF_USERS}
    from payment
        left join users on users.id = payment.recipient_user_id
        left join payee on payee.id = payment.recipient_payee_id
    where payment.id = %(id)s and recipient_status <> 'cancelled'
        and (users.id is not null or payee.id is not null)
"""  # noqa: S608

_SENDER = f"select {_OF_USERS} from users where id = %(id)s"  # noqa: S608


async def find(tx: Tx, *, user: User | None, payment_id: UUID) -> Paid:
    """The payment, as the user may see it, or, where that is None, everybody (Mobbr, Inspect
    payment).

    One to a page is everybody's to see, but for what came to nothing; any other is that of its
    payer, and of those who have been paid by it. A share is found as the crowd payment that it is
    part of, and not by its own id. Raises PaymentNotFound.
    """
    values = {"id": payment_id, "user_id": None if user is None else user.id}
    for query in (_CROWD, _PLAIN):
        async with tx.cursor(row_factory=class_row(Paid)) as cursor:
            await cursor.execute(query.encode(), values)
            found = await cursor.fetchone()
        if found is not None:
            return found
    raise PaymentNotFound


async def receivers(tx: Tx, *, user: User | None, paid: Paid) -> list[Receiver]:
    """Who gets the payment, in the order of its script; what was returned is nobody's.

    The user is who reads it. Nobody gets anything of a pledge yet, or of what was paid into a pool.
    """
    own = own_ids(user) if user else frozenset()
    async with tx.cursor() as cursor:
        if paid.is_crowd:
            await cursor.execute(_SHARES.encode(), {"id": paid.id})
            return [_receiver(row, own) for row in await cursor.fetchall()]
        await cursor.execute(_RECIPIENT.encode(), {"id": paid.id})
        return [_recipient(row, own) for row in await cursor.fetchall()]


def _recipient(row: Sequence[Any], own: Collection[str]) -> Receiver:
    *shown, kind, address, is_waiting, username, email = row
    recipient = username or recipient_of(kind, address)
    return _receiver([*shown, _ALL, "", recipient, is_waiting, username, email], own)


def _receiver(row: Sequence[Any], own: Collection[str]) -> Receiver:
    *shown, recipient, is_waiting, username, email = row
    who = named(recipient, username=username, email=email, own=own)
    unclaimed = masked(recipient, own=own) if is_waiting else None
    return Receiver._make([who, *shown, unclaimed])


async def senders(tx: Tx, *, paid: Paid) -> list[Sender]:
    """Who has paid the payment: nobody where a pool has."""
    if paid.kind == "payout":
        return []
    [[username, email]] = await (
        await tx.execute(_SENDER.encode(), {"id": paid.owner_id})
    ).fetchall()
    who = named(username, username=username, email=email)
    return [Sender(who, -abs(paid.amount), paid.currency)]
