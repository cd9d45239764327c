"""Accounts: opening, finding, locking, and reading balances now and as of a time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias
from uuid import UUID

from psycopg import AsyncCursor
from psycopg.rows import TupleRow, class_row
from uuid_utils.compat import uuid7

from whipround.db.database import Tx


@dataclass(slots=True)
class Account:
    """An account as it stands in a transaction that holds its lock; postings move it.

    `credited` and `debited` are what the postings of this transaction have moved in and out.
    """

    id: UUID
    currency: str
    balance: Decimal
    floor: Decimal | None
    version: int
    credited: Decimal = Decimal(0)
    debited: Decimal = Decimal(0)

    @property
    def has_moved(self) -> bool:
        """Whether anything was posted onto it."""
        return bool(self.credited or self.debited)


PRODUCT = UUID(int=0)
"""The owner of the accounts that are the product's own."""


AccountName: TypeAlias = tuple[UUID, str, str]
"""What an account is found by: its owner, kind and currency. There is one of each name."""


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to be opened, empty. A `floor` of None is the outside world's: no limit."""

    owner_id: UUID
    kind: str
    currency: str
    floor: Decimal | None = Decimal(0)

    @property
    def name(self) -> AccountName:
        """What it is found by."""
        return (self.owner_id, self.kind, self.currency)


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account holds, and all that ever came in and went out. Amounts in `currency`."""

    id: UUID
    owner_id: UUID
    currency: str
    amount: Decimal
    amount_in: Decimal
    amount_out: Decimal
    created_at: datetime
    updated_at: datetime


_OPEN = """
    insert into account (id, owner_id, kind, currency, floor, created_at, updated_at)
    select id, owner_id, kind, currency, floor, %(now)s, %(now)s
    from unnest(%(ids)b::uuid[], %(owner_ids)b::uuid[], %(kinds)b::text[], %(currencies)b::text[],
        %(floors)s::numeric[]) as wanted (id, owner_id, kind, currency, floor)
    order by owner_id, kind, currency
    on conflict on constraint account_owner do nothing
"""

_FIND = """
    select account.id
    from unnest(%(owner_ids)b::uuid[], %(kinds)b::text[], %(currencies)b::text[])
            with ordinality as wanted (owner_id, kind, currency, position)
        join account on account.owner_id = wanted.owner_id
            and account.kind = wanted.kind and account.currency = wanted.currency
    order by position
"""

_LOCK = """
    select id, currency, balance, floor, version
    from account
    where id = any(%(ids)b)
    order by id
    for no key update
"""

_LOCK_NAMED = """
    select account.id, account.currency, balance, floor, version, account.owner_id, account.kind
    from unnest(%(owner_ids)b::uuid[], %(kinds)b::text[], %(currencies)b::text[])
            as wanted (owner_id, kind, currency)
        join account on account.owner_id = wanted.owner_id
            and account.kind = wanted.kind and account.currency = wanted.currency
    order by account.id
    for no key update of account
"""

_BALANCES = """
    select id, owner_id, currency, balance as amount, credited as amount_in, debited as amount_out,
        created_at, updated_at
    from account
    where owner_id = any(%(owner_ids)s)
    order by owner_id, currency
"""

_BALANCE_AT = """
    select entry.balance
    from entry join transfer on transfer.id = entry.transfer_id
    where entry.account_id = %(account_id)s and transfer.posted_at <= %(at)s
    order by entry.version desc
    limit 1
"""


async def open_accounts(tx: Tx, wanted: Sequence[NewAccount], *, now: datetime) -> list[UUID]:
    """Open those accounts that do not exist yet; the ids of all, in the order given.

    Safe when several transactions open the same ones at once.
    """
    await insert_accounts(tx, [(uuid7(), new) for new in wanted], now=now)
    cursor = await tx.execute(
        _FIND,
        {
            "owner_ids": [new.owner_id for new in wanted],
            "kinds": [new.kind for new in wanted],
            "currencies": [new.currency for new in wanted],
        },
    )
    return [id_ for (id_,) in await cursor.fetchall()]


async def insert_accounts(
    tx: Tx, opened: Sequence[tuple[UUID, NewAccount]], *, now: datetime
) -> None:
    """Insert accounts under the ids given, but for owners that have theirs already."""
    await tx.execute(
        _OPEN,
        {
            "ids": [id_ for id_, _ in opened],
            "owner_ids": [new.owner_id for _, new in opened],
            "kinds": [new.kind for _, new in opened],
            "currencies": [new.currency for _, new in opened],
            "floors": [new.floor for _, new in opened],
            "now": now,
        },
    )


async def lock_accounts(tx: Tx, ids: Iterable[UUID]) -> list[Account]:
    """Lock the accounts, in the order of their ids so that two transactions cannot embrace.

    What is returned is the state after any wait for the lock.
    """
    async with tx.cursor(row_factory=class_row(Account)) as cursor:
        await cursor.execute(_LOCK, {"ids": list(set(ids))})
        return await cursor.fetchall()


@dataclass(frozen=True, slots=True)
class LockedAccounts:
    """Locked accounts, and their ids by name."""

    accounts: Sequence[Account]
    ids: dict[AccountName, UUID]


class LockingAccounts:
    """Accounts being locked: the statement is on its way, other statements may follow it."""

    def __init__(
        self, wanted: dict[AccountName, NewAccount], cursor: AsyncCursor[TupleRow]
    ) -> None:
        self._wanted = wanted
        self._cursor = cursor

    async def locked(self, tx: Tx, *, now: datetime) -> LockedAccounts:
        """All that were asked for; what did not exist is opened."""
        rows = await self._cursor.fetchall()
        accounts = [Account(*row[:5]) for row in rows]
        ids = {(row[5], row[6], row[1]): row[0] for row in rows}
        missing = [new for name, new in self._wanted.items() if name not in ids]
        if missing:
            opened = await open_accounts(tx, missing, now=now)
            accounts += await lock_accounts(tx, opened)
            ids |= {new.name: id_ for new, id_ in zip(missing, opened, strict=True)}
        return LockedAccounts(accounts, ids)


async def lock_named(tx: Tx, wanted: Iterable[NewAccount]) -> LockingAccounts:
    """Lock accounts by their names, in the order of their ids."""
    named = {new.name: new for new in wanted}
    cursor = await tx.execute(
        _LOCK_NAMED,
        {
            "owner_ids": [owner_id for owner_id, _, _ in named],
            "kinds": [kind for _, kind, _ in named],
            "currencies": [currency for _, _, currency in named],
        },
    )
    return LockingAccounts(named, cursor)


async def balances(tx: Tx, *, owner_ids: Sequence[UUID]) -> list[Balance]:
    """The balances of all accounts of the owners, by owner and currency."""
    async with tx.cursor(row_factory=class_row(Balance)) as cursor:
        await cursor.execute(_BALANCES, {"owner_ids": list(owner_ids)})
        return await cursor.fetchall()


async def balance_at(tx: Tx, *, account_id: UUID, at: datetime) -> Decimal:
    """What the account held at a moment: zero before its first entry."""
    cursor = await tx.execute(_BALANCE_AT, {"account_id": account_id, "at": at})
    row = await cursor.fetchone()
    return Decimal(row[0]) if row else Decimal(0)
