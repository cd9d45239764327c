"""Payments as they are read: one, and lists of those made or received."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from whipround.db.database import Tx
from whipround.db.listing import EQ, EQ_IN, TIMES, Column, ListQuery, fragments
from whipround.domain import relationships
from whipround.domain.images import reading as images
from whipround.domain.images.reading import Image
from whipround.domain.legs import Part
from whipround.domain.payees import Holding
from whipround.domain.payments.commands import Participant, Payment
from whipround.domain.payments.shares import ShareState
from whipround.domain.relationships import Relationship
from whipround.domain.users import person
from whipround.domain.users.person import User
from whipround.errors import NotFound


class PaymentNotFound(NotFound):
    """There is no such payment."""


FILTERS: Mapping[str, Column] = {
    "owner": Column(None, bool, EQ),
    "status": Column("payment.status", str, EQ_IN, choices=("open", "closed")),
    "created_at": replace(TIMES["created_at"], expression="payment.created_at"),
    "updated_at": replace(TIMES["updated_at"], expression="payment.updated_at"),
}
"""Memento, "Get a list of payments"."""

_COLUMNS = """
    payment.*, users.parent_user_id, users.full_name, users.username, users.verified,
    users.official, users.image_id, transaction.in_funding_source_id, transaction.error_code,
    holding.id as holding_id, holding.kind as holding_kind, holding.payee_id, account_id,
    source_account_id, source_id, holding.amount as held_amount,
    holding.currency as held_currency, pays_amount, pays_currency,
    holding.status as holding_status, holding.error_code as holding_error,
    holding.expires_at as held_until, holding.created_at as held_at,
    holding.updated_at as held_updated_at
"""

_TABLES = """
    payment
        join transaction on transaction.id = payment.transaction_id
        left join users on users.id = payment.recipient_user_id
        left join holding on holding.object_id = payment.id
"""

_SELECT = f"select {_COLUMNS} from {_TABLES}"  # noqa: S608 (our own column names)

_MANY = f"""
    select {_COLUMNS},
        coalesce(asked.status, contributor.status) as share_status,
        coalesce(asked.meta, contributor.meta) as share_meta,
        coalesce(asked.created_at, contributor.created_at) as share_created_at,
        coalesce(asked.updated_at, contributor.updated_at) as share_updated_at
    from {_TABLES}
        left join request_participant as asked on asked.id = payment.participant_id
        left join pool_participant as contributor on contributor.id = payment.participant_id
    where payment.id = any(%(ids)s)
"""  # noqa: S608

# What the outside has yet to move, or would not, is nothing that the recipient has received.
# Each side of the union walks its own index in the order asked for, no further than the page
# reaches, so that a person with a hundred thousand payments waits no longer than another.
_PAGE = """
    with mine as (
        select * from (
            {sides}
        ) as payment
        order by {order} limit %(limit)s offset %(offset)s
    )
    {select}
    where payment.id in (select id from mine)
    order by {order}
"""


# Each has an index of its own.
_PLAIN = "kind in ('payment', 'top_up', 'withdrawal')"
_SHARES = "kind in ('request', 'contribution', 'payout')"
_RECEIVED = "%(received)s and recipient_user_id = %(user_id)s and recipient_status = 'paid'"
_SIDES = (
    f"%(made)s and owner_id = %(user_id)s and {_PLAIN}",
    f"%(made)s and owner_id = %(user_id)s and {_SHARES}",
    f"{_RECEIVED} and kind = 'payment' and owner_id <> %(user_id)s",
    f"{_RECEIVED} and kind = 'request'",
)

_SIDE = """(
                select payment.id, payment.created_at, payment.updated_at
                from payment
                where {side} and {where}
                order by {order} limit %(reach)s
            )"""


@dataclass(frozen=True, slots=True)
class Seen:
    """Payments as one person sees them: with their owners, and how the viewer stands to those.

    `images` are the payments' own pictures, of those that may have one.
    """

    payments: list[Payment]
    owners: dict[UUID, User]
    relationships: dict[UUID, list[Relationship]]
    images: Mapping[UUID, Sequence[Image]]


async def find(tx: Tx, *, user_id: UUID, payment_id: UUID) -> Seen:
    """The one payment of this id that the user made or received. Raises PaymentNotFound."""
    found = await _read(
        tx,
        f"{_SELECT} where payment.id = %(id)s and (owner_id = %(user_id)s"
        " or recipient_user_id = %(user_id)s and recipient_status = 'paid')",
        {"id": payment_id, "user_id": user_id},
    )
    if not found:
        raise PaymentNotFound
    return await _seen(tx, found, user_id)


async def many(tx: Tx, *, payment_ids: Sequence[UUID]) -> dict[UUID, Payment]:
    """Payments by their ids, whoever made them, with the shares that they pay."""
    found = await _read(tx, _MANY, {"ids": payment_ids})
    return {payment.id: payment for payment in found}


async def page(tx: Tx, *, user_id: UUID, query: ListQuery) -> Seen:
    """The user's payments that `query` asks for, and one more if there is a next page."""
    part = fragments(query, FILTERS, tie_break="payment.id")
    owner = query.value("owner")
    parameters = {
        **part.parameters,
        "user_id": user_id,
        "made": owner is not False,
        # What has been received is closed.
        "received": owner is not True and query.value("status") != "open",
    }
    sides = " union all ".join(
        _SIDE.format(side=side, where=part.where, order=part.order) for side in _SIDES
    )
    sql = _PAGE.format(sides=sides, order=part.order, select=_SELECT)
    return await _seen(tx, await _read(tx, sql, parameters), user_id)


async def _seen(tx: Tx, found: list[Payment], user_id: UUID) -> Seen:
    owners = await person.many(tx, user_ids=(payment.owner_id for payment in found))
    others = [owner for owner in owners if owner != user_id]
    between = await relationships.between(tx, user_id=user_id, other_user_ids=others)
    pictures = await images.of(tx, (payment.id for payment in found))
    return Seen(found, owners, between, pictures)


async def _read(tx: Tx, sql: str, parameters: dict[str, Any]) -> list[Payment]:
    async with tx.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(sql.encode(), parameters)
        return [_payment(row) for row in await cursor.fetchall()]


def _payment(row: dict[str, Any]) -> Payment:
    user_id = row["recipient_user_id"]
    return Payment(
        id=row["id"],
        kind=row["kind"],
        owner_id=row["owner_id"],
        funding_source_id=row["funding_source_id"],
        amount=row["amount"],
        fee=row["fee"],
        currency=row["currency"],
        source_amount=row["source_amount"] or row["amount"],
        source_currency=row["source_currency"] or row["currency"],
        exchange_rate=row["exchange_rate"],
        refunded=row["refunded"],
        description=row["description"],
        meta=row["meta"],
        status=row["status"],
        fulfillment_status=row["fulfillment_status"],
        recipient=Participant(
            id=row["recipient_id"],
            user_id=user_id,
            parent_user_id=row["parent_user_id"],
            status=row["recipient_status"],
            full_name=row["full_name"] if user_id else row["recipient_name"],
            username=row["username"] or "",
            verified=bool(row["verified"]),
            official=bool(row["official"]),
            meta=row["recipient_meta"],
            image_id=row["image_id"],
        ),
        payee_id=row["recipient_payee_id"],
        transaction_id=row["transaction_id"],
        in_funding_source_id=row["in_funding_source_id"],
        holding=_holding(row) if row["holding_id"] else None,
        error_code=row["error_code"],
        expires_at=row["expires_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        request_id=row["request_id"],
        pool_id=row["pool_id"],
        share=_share(row) if row.get("share_status") else None,
        part=Part(row["wallet_amount"], row["wallet_fee"]) if row["wallet_amount"] else None,
        number=row["number"],
    )


def _share(row: dict[str, Any]) -> ShareState:
    return ShareState(
        participant_id=row["participant_id"],
        status=row["share_status"],
        meta=row["share_meta"],
        created_at=row["share_created_at"],
        updated_at=row["share_updated_at"],
    )


def _holding(row: dict[str, Any]) -> Holding:
    return Holding(
        id=row["holding_id"],
        payee_id=row["payee_id"],
        account_id=row["account_id"],
        source_account_id=row["source_account_id"],
        source_id=row["source_id"],
        kind=row["holding_kind"],
        object_id=row["id"],
        transaction_id=row["transaction_id"],
        amount=row["held_amount"],
        fee=row["fee"],
        currency=row["held_currency"],
        status=row["holding_status"],
        error_code=row["holding_error"],
        expires_at=row["held_until"],
        created_at=row["held_at"],
        updated_at=row["held_updated_at"],
        pays_amount=row["pays_amount"],
        pays_currency=row["pays_currency"],
    )
