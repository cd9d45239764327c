"""Funding sources as they are read: one, lists of them, and what they hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from whipround.db.database import Tx
from whipround.db.listing import EQ, EQ_IN, TIMES, Column, ListQuery, fragments
from whipround.errors import Declined, NotFound
from whipround.ledger.accounts import Balance, balances


class FundingSourceNotFound(NotFound):
    """There is no such funding source."""


class FundingSourceDisabled(Declined):
    """This funding source cannot be used for payments."""

    code = "funding_source_disabled"


@dataclass(frozen=True, slots=True)
class FundingSource:
    """A funding source of a person. Times are UTC."""

    id: UUID
    user_id: UUID
    type: str
    description: str
    meta: str
    gateway: str
    allows_in: bool
    allows_out: bool
    status: str
    verified_at: datetime | None
    created_at: datetime
    updated_at: datetime


FILTERS: Mapping[str, Column] = {
    "owner": Column(None, bool, EQ),
    "status": Column("status", str, EQ_IN, choices=("pending", "enabled", "disabled", "rejected")),
    "type": Column("type", str, EQ_IN, choices=("bank_account", "card", "virtual")),
    **TIMES,
}
"""Memento, "Get a list of funding sources"."""

_SELECT = """
    select id, user_id, type, description, meta, gateway, allows_in, allows_out, status,
        verified_at, created_at, updated_at
    from funding_source
    where user_id = %(user_id)s
"""


async def get(tx: Tx, *, user_id: UUID, id_: UUID) -> FundingSource:
    """One of the person's funding sources. Raises FundingSourceNotFound."""
    found = await _read(tx, f"{_SELECT} and id = %(id)s", {"user_id": user_id, "id": id_})
    if not found:
        raise FundingSourceNotFound
    return found[0]


async def page(tx: Tx, *, user_id: UUID, query: ListQuery) -> list[FundingSource]:
    """The person's funding sources that `query` asks for, and one more if there is a next page."""
    if query.value("owner") is False:
        return []  # nobody sees another's
    part = fragments(query, FILTERS)
    sql = f"""{_SELECT} and {part.where}
        order by {part.order} limit %(limit)s offset %(offset)s"""
    return await _read(tx, sql, {**part.parameters, "user_id": user_id})


async def balances_of(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, list[Balance]]:
    """What the funding sources hold, one balance per currency, by funding source."""
    found: dict[UUID, list[Balance]] = {id_: [] for id_ in ids}
    for balance in await balances(tx, owner_ids=ids):
        found[balance.owner_id].append(balance)
    return found


async def _read(tx: Tx, sql: str, parameters: dict[str, object]) -> list[FundingSource]:
    async with tx.cursor(row_factory=class_row(FundingSource)) as cursor:
        await cursor.execute(sql.encode(), parameters)
        return await cursor.fetchall()
