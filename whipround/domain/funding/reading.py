"""Funding sources as they are read: one, lists of them, and what they hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from whipround.db.database import Tx
from whipround.db.listing import EQ, EQ_IN, TIMES, Column, ListQuery, fragments
from whipround.domain.funding.types import Base
from whipround.errors import Declined, NotFound
from whipround.ledger.accounts import Balance, balances

SourceStatus = Literal["pending", "enabled", "disabled", "rejected"]
CardType = Literal["debit", "credit"]


class FundingSourceNotFound(NotFound):
    """There is no such funding source."""


class FundingSourceDisabled(Declined):
    """This funding source cannot be used for payments."""

    code = "funding_source_disabled"


def has_expired(*, month: int, year: int, now: datetime) -> bool:
    """Whether a card that is good through a month is no longer so at `now`, by UTC."""
    return (year, month) < (now.year, now.month)


@dataclass(frozen=True, slots=True)
class Card:
    """A card. `last_digits` may be empty; what the processor knows it by is not read with it."""

    id: UUID
    status: Literal["active", "rejected", "cancelled"]
    type: CardType
    brand: str
    last_digits: str
    owner_id: str
    expiration_month: int
    expiration_year: int
    created_at: datetime
    updated_at: datetime

    def status_at(self, now: datetime) -> Literal["active", "expired", "rejected", "cancelled"]:
        """The status Memento shows: an active card may have expired."""
        month, year = self.expiration_month, self.expiration_year
        if self.status == "active" and has_expired(month=month, year=year, now=now):
            return "expired"
        return self.status

    @property
    def masked_number(self) -> str:
        """The number as far as it is known and may be shown."""
        return f"**** **** **** {self.last_digits or '****'}"


@dataclass(frozen=True, slots=True)
class BankAccount:
    """A bank account. It has an IBAN, or a number, or both; the other is empty.

    `country` is as it was given, so it may be UK. `owner_id` is the national identification number
    of its owner, or empty.
    """

    id: UUID
    country: str
    swift: str
    iban: str
    account_number: str
    owner_id: str
    enabled: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class CryptoAddress:
    """An address of a crypto currency, which is kept and shown only."""

    id: UUID
    currency: str
    address: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class FundingSource:
    """A funding source of a person, with what it connects to. Times are UTC.

    `type` is what it is at bottom, `type_name` what the product calls it.
    """

    id: UUID
    user_id: UUID
    type: Base
    type_name: str
    description: str
    meta: str
    gateway: str
    allows_in: bool
    allows_out: bool
    status: SourceStatus
    verified_at: datetime | None
    created_at: datetime
    updated_at: datetime
    card: Card | None
    bank_account: BankAccount | None
    crypto_address: CryptoAddress | None


FILTERS: Mapping[str, Column] = {
    "owner": Column(None, bool, EQ),
    "status": Column(
        "funding_source.status",
        str,
        EQ_IN,
        choices=("pending", "enabled", "disabled", "rejected"),
    ),
    "type": Column(
        "funding_source.type",
        str,
        EQ_IN,
        choices=("bank_account", "card", "crypto_address", "virtual"),
    ),
    **{
        name: replace(column, expression=f"funding_source.{name}") for name, column in TIMES.items()
    },
}
"""Memento, "Get a list of funding sources"; `crypto_address` is ours, as such sources exist."""

_TABLES: Mapping[str, type] = {
    "funding_source": FundingSource,
    "card": Card,
    "bank_account": BankAccount,
    "crypto_address": CryptoAddress,
}
_COLUMNS = {
    table: [each.name for each in fields(kind) if each.name not in _TABLES]
    for table, kind in _TABLES.items()
}
"""The columns of each table, which are called as the fields are."""

_SELECT = f"""
    select {", ".join(f"{table}.{name}" for table, names in _COLUMNS.items() for name in names)}
    from funding_source
        left join card on card.funding_source_id = funding_source.id
        left join bank_account on bank_account.funding_source_id = funding_source.id
        left join crypto_address on crypto_address.funding_source_id = funding_source.id
    where funding_source.user_id = %(user_id)s and funding_source.deleted_at is null
"""  # noqa: S608 (our own column names)

_LOCK = """
    select id
    from funding_source
    where id = %(id)s and user_id = %(user_id)s and deleted_at is null
    for update
"""


async def get(tx: Tx, *, user_id: UUID, id_: UUID) -> FundingSource:
    """One of the person's funding sources. Raises FundingSourceNotFound."""
    sql = f"{_SELECT} and funding_source.id = %(id)s"
    found = await _read(tx, sql, {"user_id": user_id, "id": id_})
    if not found:
        raise FundingSourceNotFound
    return found[0]


async def lock(tx: Tx, *, user_id: UUID, id_: UUID) -> FundingSource:
    """As `get`, and nobody else changes it, or begins to move its money, until `tx` ends."""
    await tx.execute(_LOCK, {"user_id": user_id, "id": id_})
    return await get(tx, user_id=user_id, id_=id_)


async def page(tx: Tx, *, user_id: UUID, query: ListQuery) -> list[FundingSource]:
    """The person's funding sources that `query` asks for, and one more if there is a next page."""
    if query.value("owner") is False:
        return []  # nobody sees another's
    part = fragments(query, FILTERS, tie_break="funding_source.id")
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
    cursor = await tx.execute(sql.encode(), parameters)
    return [_source(row) for row in await cursor.fetchall()]


def _source(row: Sequence[Any]) -> FundingSource:
    parts: dict[str, dict[str, Any]] = {}
    for table, names in _COLUMNS.items():
        parts[table] = dict(zip(names, row, strict=False))
        row = row[len(names) :]
    card, account, address = parts["card"], parts["bank_account"], parts["crypto_address"]
    return FundingSource(
        **parts["funding_source"],
        card=Card(**card) if card["id"] else None,
        bank_account=BankAccount(**account) if account["id"] else None,
        crypto_address=CryptoAddress(**address) if address["id"] else None,
    )
