"""Funding sources: where a person's money comes from and goes to. Here: the wallet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row
from uuid_utils.compat import uuid7

from whipround.db.database import Tx
from whipround.db.listing import EQ, EQ_IN, TIMES, Column, ListQuery, fragments
from whipround.errors import Declined, NotFound
from whipround.ledger.accounts import PRODUCT, Balance, NewAccount, balances, open_accounts
from whipround.ledger.transfers import Leg, Transfer, post_now
from whipround.money import Money

WALLET = "virtual"
"""The type of the funding source that each person gets at sign-up."""

WALLET_ACCOUNT = "wallet"
FEES_ACCOUNT = "fees"
GRANTS_ACCOUNT = "grants"
"""The outside world's account that the sandbox's money comes from."""


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

_INSERT_WALLET = """
    insert into funding_source (id, user_id, type, description, allows_in, allows_out, status,
        verified_at, created_at, updated_at)
    values (%(id)s, %(user_id)s, %(type)s, %(description)s, true, true, 'enabled',
        %(now)s, %(now)s, %(now)s)
"""


async def open_wallet(tx: Tx, *, user_id: UUID, currencies: Sequence[str], now: datetime) -> UUID:
    """Open the person's wallet, with an empty account in each currency; its id."""
    wallet_id = uuid7()
    await tx.execute(
        _INSERT_WALLET,
        {
            "id": wallet_id,
            "user_id": user_id,
            "type": WALLET,
            "description": "Wallet",
            "now": now,
        },
    )
    accounts = [NewAccount(wallet_id, WALLET_ACCOUNT, currency) for currency in currencies]
    await open_accounts(tx, accounts, now=now)
    return wallet_id


async def get(tx: Tx, *, user_id: UUID, id_: UUID) -> FundingSource:
    """One of the person's funding sources. Raises FundingSourceNotFound."""
    found = await _read(tx, f"{_SELECT} and id = %(id)s", {"user_id": user_id, "id": id_})
    if not found:
        raise FundingSourceNotFound
    return found[0]


async def wallet_of(tx: Tx, *, user_id: UUID) -> FundingSource:
    """The wallet of a person, who always has one."""
    found = await _read(tx, f"{_SELECT} and type = 'virtual'", {"user_id": user_id})
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


async def grant(
    tx: Tx, *, wallet_id: UUID, amounts: Sequence[Money], key: str, now: datetime
) -> None:
    """Put money from the outside world into a wallet: how a sandbox's demo users get theirs.

    `key` makes it happen once.
    """
    for amount in amounts:
        outside, wallet = await open_accounts(
            tx,
            [
                NewAccount(PRODUCT, GRANTS_ACCOUNT, amount.currency, floor=None),
                NewAccount(wallet_id, WALLET_ACCOUNT, amount.currency),
            ],
            now=now,
        )
        legs = (Leg(outside, -amount.amount), Leg(wallet, amount.amount))
        transfer = Transfer(uuid7(), "grant", f"{key}:{amount.currency}", legs)
        await post_now(tx, [transfer], now=now)


async def _read(tx: Tx, sql: str, parameters: dict[str, object]) -> list[FundingSource]:
    async with tx.cursor(row_factory=class_row(FundingSource)) as cursor:
        await cursor.execute(sql.encode(), parameters)
        return await cursor.fetchall()
