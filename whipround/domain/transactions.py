"""Transactions: what went out of and into a person's funding sources."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from psycopg.rows import class_row

from whipround.db.database import Tx
from whipround.db.listing import (
    EQ,
    EQ_IN,
    TIMES,
    Column,
    CurrencyCode,
    ListQuery,
    fragments,
)
from whipround.errors import NotFound


class TransactionNotFound(NotFound):
    """There is no such transaction."""


TransactionStatus = Literal["active", "approved", "rejected", "cancelled", "failed"]


@dataclass(frozen=True, slots=True)
class GatewayResponse:
    """What a processor said of the money it moved, or is moving. The amount is in `currency`."""

    id: UUID
    amount: Decimal
    currency: str
    authorization_code: str
    reference_code: str
    tracking_code: str
    processed_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Transaction:
    """Money moved from one funding source to another.

    `amount` of `currency` is what arrives. The payer paid `source_amount` of `source_currency` for
    it, the same where those are None, and the `fee` on top. The receiving side is None while nobody
    has proven the address that was paid; what a pool gives or gets has no funding source.
    `response` is there where the outside was asked.
    """

    id: UUID
    kind: Literal["payment", "refund"]
    payment_id: UUID
    out_user_id: UUID
    in_user_id: UUID | None
    out_funding_source_id: UUID | None
    in_funding_source_id: UUID | None
    status: TransactionStatus
    amount: Decimal
    fee: Decimal
    currency: str
    source_amount: Decimal | None
    source_currency: str | None
    exchange_rate: Decimal | None
    tracking_code: str
    meta: str
    error_code: str
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime
    response: GatewayResponse | None = None


_TIMES = {name: replace(column, expression=f"transaction.{name}") for name, column in TIMES.items()}

FILTERS: Mapping[str, Column] = {
    "funding_source_id": Column(None, UUID, EQ_IN),
    **_TIMES,
}
"""Memento, "Get a list of transactions"."""

SOURCE_FILTERS: Mapping[str, Column] = {
    "currency": Column("transaction.currency", CurrencyCode, EQ),
    "deposits_only": Column(None, bool, EQ),
    **_TIMES,
}
"""Memento, "Get funding source transactions"."""

_SELECT = """
    select transaction.id, kind, payment_id, out_user_id, in_user_id, out_funding_source_id,
        in_funding_source_id, status, amount, fee, currency, source_amount, source_currency,
        exchange_rate, tracking_code, meta, error_code, expires_at, created_at, updated_at
    from transaction
"""

# What the outside has yet to move, or would not, is nothing that came in; a refund is awaited.
_CAME_IN = "(status = 'approved' or kind = 'refund')"

# What came into a source of the payer's own: from another of theirs, or since it got no further.
_ENDS_HERE = "(in_user_id = %(user_id)s or status in ('cancelled', 'failed'))"

# As with payments: one index for what went out, one for what came in, each walked no further than
# the page reaches. A transaction between two of a person's own sources is in the first part only.
# Of deposits the third has what got no further than the payer's own wallet.
_PAGE = """
    select * from (
        (
            {select}
            where %(withdrawals)s and out_user_id = %(user_id)s
                and (%(sources)s::uuid[] is null or out_funding_source_id = any(%(sources)s)
                    or ({ends_here} and in_funding_source_id = any(%(sources)s)))
                and {where}
            order by {order} limit %(reach)s
        ) union all (
            {select}
            where in_user_id = %(user_id)s and (out_user_id <> %(user_id)s or not %(withdrawals)s)
                and {came_in}
                and (%(sources)s::uuid[] is null or in_funding_source_id = any(%(sources)s))
                and {where}
            order by {order} limit %(reach)s
        ) union all (
            {select}
            where not %(withdrawals)s and out_user_id = %(user_id)s
                and status in ('cancelled', 'failed') and in_funding_source_id = any(%(sources)s)
                and in_user_id is distinct from %(user_id)s and {where}
            order by {order} limit %(reach)s
        )
    ) as transaction
    order by {order} limit %(limit)s offset %(offset)s
"""

_RESPONSES = """
    select transaction_id, id, amount, currency, authorization_code, reference_code, tracking_code,
        processed_at, created_at, updated_at
    from gateway_call
    where transaction_id = any(%(ids)s)
"""


async def find(tx: Tx, *, user_id: UUID, transaction_id: UUID) -> Transaction:
    """A transaction of the user's. Raises TransactionNotFound."""
    found = await _read(
        tx,
        f"{_SELECT} where id = %(id)s"
        f" and (out_user_id = %(user_id)s or in_user_id = %(user_id)s and {_CAME_IN})",
        {"id": transaction_id, "user_id": user_id},
    )
    if not found:
        raise TransactionNotFound
    return found[0]


async def page(tx: Tx, *, user_id: UUID, query: ListQuery) -> list[Transaction]:
    """The user's transactions, in and out, and one more if there is a next page."""
    sources = query.value("funding_source_id")
    wanted = None if sources is None else list(sources if isinstance(sources, tuple) else [sources])
    return await _page(tx, query, FILTERS, user_id, wanted, withdrawals=True)


async def page_of_source(
    tx: Tx, *, user_id: UUID, funding_source_id: UUID, query: ListQuery
) -> list[Transaction]:
    """What went through one funding source of the user's, and one more if there is a next page."""
    deposits_only = query.value("deposits_only") is True
    return await _page(
        tx, query, SOURCE_FILTERS, user_id, [funding_source_id], withdrawals=not deposits_only
    )


async def _page(
    tx: Tx,
    query: ListQuery,
    filters: Mapping[str, Column],
    user_id: UUID,
    sources: list[Any] | None,
    *,
    withdrawals: bool,
) -> list[Transaction]:
    part = fragments(query, filters, tie_break="transaction.id")
    parameters = {
        **part.parameters,
        "user_id": user_id,
        "sources": sources,
        "withdrawals": withdrawals,
    }
    sql = _PAGE.format(
        select=_SELECT, where=part.where, order=part.order, came_in=_CAME_IN, ends_here=_ENDS_HERE
    )
    return await _read(tx, sql, parameters)


async def _read(tx: Tx, sql: str, parameters: dict[str, Any]) -> list[Transaction]:
    async with tx.cursor(row_factory=class_row(Transaction)) as cursor:
        await cursor.execute(sql.encode(), parameters)
        found = await cursor.fetchall()
    cursor_of_calls = await tx.execute(_RESPONSES, {"ids": [each.id for each in found]})
    responses = {row[0]: GatewayResponse(*row[1:]) for row in await cursor_of_calls.fetchall()}
    return [replace(each, response=responses.get(each.id)) for each in found]
