"""Refunds as they are read: those of a payment, and what the outcome of one depends on."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from whipround.db.database import Tx
from whipround.db.listing import TIMES, Column, ListQuery, fragments
from whipround.domain.legs import Worth
from whipround.domain.payments.reading import PaymentNotFound
from whipround.domain.refunds.commands import Refund

FILTERS: Mapping[str, Column] = {
    name: replace(column, expression=f"refund.{name}") for name, column in TIMES.items()
}

COLUMNS = """
    refund.id, refund.payment_id, refund.transaction_id, payment.owner_id as payer_id,
    payment.recipient_user_id as recipient_id,
    case transaction.status when 'active' then 'pending' else 'approved' end as status,
    refund.amount, refund.currency, coalesce(refund.source_amount, refund.amount) as source_amount,
    coalesce(refund.source_currency, refund.currency) as source_currency, refund.fee,
    refund.description, refund.meta, refund.created_at, refund.updated_at
"""
"""What `made` reads, where refund, payment and transaction are joined."""

_SEES = """
    select from payment
    where id = %(payment_id)s and (
        owner_id = %(user_id)s or recipient_user_id = %(user_id)s and recipient_status = 'paid'
    )
"""

_PAGE = """
    select {columns}
    from refund
        join payment on payment.id = payment_id
        join transaction on transaction.id = refund.transaction_id
    where refund.payment_id = %(payment_id)s and {where}
    order by {order}
    limit %(limit)s offset %(offset)s
"""


async def page(tx: Tx, *, user_id: UUID, payment_id: UUID, query: ListQuery) -> list[Refund]:
    """The refunds of a payment that `query` asks for, and one more if there is a next page.

    Raises PaymentNotFound unless the user made or received the payment.
    """
    asked = {"payment_id": payment_id, "user_id": user_id}
    if await (await tx.execute(_SEES, asked)).fetchone() is None:
        raise PaymentNotFound
    part = fragments(query, FILTERS, tie_break="refund.id")
    sql = _PAGE.format(columns=COLUMNS, where=part.where, order=part.order)
    async with tx.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(sql.encode(), {**part.parameters, **asked})
        return [made(row) for row in await cursor.fetchall()]


def made(row: Mapping[str, Any]) -> Refund:
    """A refund from a row with the COLUMNS."""
    return Refund(
        id=row["id"],
        payment_id=row["payment_id"],
        transaction_id=row["transaction_id"],
        payer_id=row["payer_id"],
        recipient_id=row["recipient_id"],
        status=row["status"],
        worth=worth_of(row),
        description=row["description"],
        meta=row["meta"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def worth_of(row: Mapping[str, Any]) -> Worth:
    """The worth in the columns of that name."""
    return Worth(**{name: row[name] for name in Worth._fields})
