"""Addresses people are paid at before anybody has proven to own them, and the money that waits.

One mechanism for all dialects. Money for an unproven address waits in an account of its own, a
holding, amount and fee together. Proving the address moves it to the person's wallet; expiry
returns it to where it came from. Paying and proving both lock the payee's row, made if absent: a
payment to a number that is signing up at that moment arrives.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal
from uuid import UUID

from psycopg.rows import class_row
from uuid_utils.compat import uuid7

from whipround.db.database import Tx
from whipround.domain.funding.wallet import FEES_ACCOUNT, WALLET_ACCOUNT
from whipround.domain.legs import Accounts, Ends, Worth, positions, set_aside, through
from whipround.ledger.accounts import PRODUCT, NewAccount
from whipround.ledger.transfers import Transfer, numerics

PayeeKind = Literal["phone", "email", "profile"]
Address = tuple[PayeeKind, str]
"""A kind and the normalised address: an E.164 number, an email address in lower case, or that of a
profile somewhere else, as `gateways.profiles` writes it."""

HOLDING_ACCOUNT = "holding"

MOST_TOLD = 3
TOLD_WITHIN = timedelta(days=1)
"""An address that is nobody's is told so often in this time that money waits for it: the money
itself may come as often as it likes."""


@dataclass(frozen=True, slots=True)
class Payee:
    """An address, and whose it is once proven.

    `told` is how many messages it got since `told_since` that money waits for it.
    """

    id: UUID
    kind: PayeeKind
    address: str
    user_id: UUID | None
    told: int = 0
    told_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Holding:
    """Money waiting for a payee in `account_id`: `amount` and `fee`, in `currency`.

    Whoever claims it gets `pays_amount` of `pays_currency` for the amount, or the amount itself
    where those are None. `source_id` and `source_account_id` are the wallet it returns to and its
    account; `kind` and `object_id` name what waits: a payment, or a share of one.
    """

    id: UUID
    payee_id: UUID
    account_id: UUID
    source_account_id: UUID
    source_id: UUID
    kind: str
    object_id: UUID
    transaction_id: UUID
    amount: Decimal
    fee: Decimal
    currency: str
    status: Literal["held", "claimed", "returned"]
    error_code: str
    expires_at: datetime
    created_at: datetime
    updated_at: datetime
    pays_amount: Decimal | None = None
    pays_currency: str | None = None

    @property
    def worth(self) -> Worth:
        """What it is worth to the payer and to whoever claims it."""
        return Worth(
            self.amount if self.pays_amount is None else self.pays_amount,
            self.pays_currency or self.currency,
            self.amount,
            self.currency,
            self.fee,
        )


_ADD_PAYEES = """
    insert into payee (id, kind, address, created_at, updated_at)
    select id, kind, address, %(now)s, %(now)s
    from unnest(%(ids)b::uuid[], %(kinds)b::text[], %(addresses)b::text[])
        as wanted (id, kind, address)
    order by kind, address
    on conflict (kind, address) do nothing
"""

_LOCK_PAYEES = """
    select payee.id, payee.kind, payee.address, payee.user_id, payee.told, payee.told_since
    from payee join unnest(%(kinds)b::text[], %(addresses)b::text[]) as wanted (kind, address)
        on payee.kind = wanted.kind and payee.address = wanted.address
    order by payee.kind, payee.address
    for no key update of payee
"""

_OWNER = """
    select user_id from payee where kind = %(kind)s and address = %(address)s
"""

_BIND = """
    update payee set user_id = %(user_id)s, updated_at = %(now)s where id = %(id)s
"""

_HOLDING_COLUMNS = """id, payee_id, account_id, source_account_id, source_id, kind, object_id,
    transaction_id, amount, fee, currency, status, error_code, expires_at, created_at, updated_at,
    pays_amount, pays_currency"""

_LOCK_HELD = f"""
    select {_HOLDING_COLUMNS}
    from holding
    where payee_id = any(%(payee_ids)s) and status = 'held' and expires_at > %(now)s
    order by id
    limit %(limit)s
    for no key update
"""  # noqa: S608 - our own constant

_LOCK_EXPIRED = f"""
    select {_HOLDING_COLUMNS}
    from holding
    where status = 'held' and expires_at <= %(now)s and payee_id = any(%(payee_ids)s)
    order by id
    limit %(limit)s
    for no key update
"""  # noqa: S608 - our own constant

_LOCK_THOSE_HELD = f"""
    select {_HOLDING_COLUMNS}
    from holding
    where id = any(%(ids)s) and status = 'held'
    order by id
    for no key update
"""  # noqa: S608 - our own constant

_WRITE_TOLD = """
    update payee set told = now.told, told_since = now.told_since
    from unnest(%(ids)s::uuid[], %(told)s::smallint[], %(since)s::timestamptz[])
        as now (id, told, told_since)
    where payee.id = now.id
"""

_PROVEN_PAYEES = """
    select kind, address
    from payee
    where user_id is not null and id in (
        select payee_id from holding where status = 'held' and expires_at > %(now)s
    )
    order by kind, address
    limit %(limit)s
"""

_EXPIRED_PAYEES = """
    select distinct kind, address
    from payee
    where id in (
        select payee_id from holding
        where status = 'held' and expires_at <= %(now)s
        order by expires_at
        limit %(limit)s
    )
"""

_INSERT_HOLDINGS = """
    insert into holding (id, payee_id, account_id, source_account_id, source_id, kind, object_id,
        transaction_id, amount, fee, currency, status, expires_at, created_at, updated_at,
        pays_amount, pays_currency)
    select id, payee_id, account_id, source_account_id, source_id, kind, object_id,
        transaction_id, amount, fee, currency, 'held', expires_at, %(now)s, %(now)s,
        pays_amount, pays_currency
    from unnest(%(ids)b::uuid[], %(payee_ids)b::uuid[], %(account_ids)b::uuid[],
        %(source_account_ids)b::uuid[], %(source_ids)b::uuid[], %(kinds)b::text[],
        %(object_ids)b::uuid[], %(transaction_ids)b::uuid[], %(amounts)s::numeric[],
        %(fees)s::numeric[], %(currencies)b::text[], %(expires_at)b::timestamptz[],
        %(pays_amounts)s::numeric[], %(pays_currencies)b::text[])
        as held (id, payee_id, account_id, source_account_id, source_id, kind, object_id,
            transaction_id, amount, fee, currency, expires_at, pays_amount, pays_currency)
"""

_FINISH = """
    update holding set status = %(status)s, error_code = %(error_code)s, updated_at = %(now)s
    where id = any(%(ids)s)
"""


async def lock_payees(tx: Tx, addresses: Iterable[Address], *, now: datetime) -> list[Payee]:
    """The payees of the addresses, made if absent and locked, in the order of their addresses."""
    unique = sorted(set(addresses))
    kinds = [kind for kind, _ in unique]
    values = [address for _, address in unique]
    await tx.execute(
        _ADD_PAYEES,
        {"ids": [uuid7() for _ in unique], "kinds": kinds, "addresses": values, "now": now},
    )
    async with tx.cursor(row_factory=class_row(Payee)) as cursor:
        await cursor.execute(_LOCK_PAYEES, {"kinds": kinds, "addresses": values})
        return await cursor.fetchall()


async def owner_of(tx: Tx, *, address: Address) -> UUID | None:
    """The user who has proven an address, if anybody has."""
    kind, value = address
    row = await (await tx.execute(_OWNER, {"kind": kind, "address": value})).fetchone()
    return row[0] if row else None


async def bind(tx: Tx, *, payee_id: UUID, user_id: UUID | None, now: datetime) -> None:
    """Make the (locked) payee the user's, or nobody's: money for it waits from then on."""
    await tx.execute(_BIND, {"id": payee_id, "user_id": user_id, "now": now})


async def write_told(tx: Tx, payees: Sequence[Payee]) -> None:
    """Keep what `told` made of (locked) payees."""
    await tx.execute(
        _WRITE_TOLD,
        {
            "ids": [payee.id for payee in payees],
            "told": [payee.told for payee in payees],
            "since": [payee.told_since for payee in payees],
        },
    )


async def lock_held(
    tx: Tx, *, payee_ids: Sequence[UUID], now: datetime, limit: int
) -> list[Holding]:
    """Up to `limit` of what waits, and has not expired, for payees that the transaction has locked.

    The oldest come first.
    """
    async with tx.cursor(row_factory=class_row(Holding)) as cursor:
        await cursor.execute(_LOCK_HELD, {"payee_ids": list(payee_ids), "now": now, "limit": limit})
        return await cursor.fetchall()


async def proven_with_money(tx: Tx, *, now: datetime, limit: int) -> list[Address]:
    """Addresses that somebody has proven, and for which money still waits."""
    cursor = await tx.execute(_PROVEN_PAYEES, {"now": now, "limit": limit})
    return [(kind, address) for kind, address in await cursor.fetchall()]


async def with_expired(tx: Tx, *, now: datetime, limit: int) -> list[Address]:
    """The addresses for which the `limit` holdings wait that expired first."""
    cursor = await tx.execute(_EXPIRED_PAYEES, {"now": now, "limit": limit})
    return [(kind, address) for kind, address in await cursor.fetchall()]


async def lock_expired(
    tx: Tx, *, payee_ids: Sequence[UUID], now: datetime, limit: int
) -> list[Holding]:
    """Up to `limit` of what has waited too long for payees that the transaction has locked."""
    async with tx.cursor(row_factory=class_row(Holding)) as cursor:
        await cursor.execute(
            _LOCK_EXPIRED, {"now": now, "payee_ids": list(payee_ids), "limit": limit}
        )
        return await cursor.fetchall()


async def lock_those_held(tx: Tx, *, ids: Sequence[UUID]) -> list[Holding]:
    """Those of the holdings that still wait, for payees that the transaction has locked."""
    async with tx.cursor(row_factory=class_row(Holding)) as cursor:
        await cursor.execute(_LOCK_THOSE_HELD, {"ids": list(ids)})
        return await cursor.fetchall()


async def insert_holdings(tx: Tx, holdings: Sequence[Holding], *, now: datetime) -> None:
    """Write new holdings; their money is moved by the hold transfers of the same transaction."""
    await tx.execute(
        _INSERT_HOLDINGS,
        {
            "ids": [held.id for held in holdings],
            "payee_ids": [held.payee_id for held in holdings],
            "account_ids": [held.account_id for held in holdings],
            "source_account_ids": [held.source_account_id for held in holdings],
            "source_ids": [held.source_id for held in holdings],
            "kinds": [held.kind for held in holdings],
            "object_ids": [held.object_id for held in holdings],
            "transaction_ids": [held.transaction_id for held in holdings],
            "amounts": numerics(held.amount for held in holdings),
            "fees": numerics(held.fee for held in holdings),
            "currencies": [held.currency for held in holdings],
            "expires_at": [held.expires_at for held in holdings],
            "pays_amounts": numerics(held.pays_amount for held in holdings),
            "pays_currencies": [held.pays_currency for held in holdings],
            "now": now,
        },
    )


async def finish(
    tx: Tx,
    holdings: Sequence[Holding],
    *,
    status: Literal["claimed", "returned"],
    error_code: str,
    now: datetime,
) -> None:
    """Record what became of holdings whose money the same transaction moves."""
    await tx.execute(
        _FINISH,
        {
            "ids": [held.id for held in holdings],
            "status": status,
            "error_code": error_code,
            "now": now,
        },
    )


def told(payee: Payee, *, now: datetime) -> Payee | None:
    """The payee once it has been told again that money waits; None if it was told enough today."""
    if payee.told_since is None or now - payee.told_since >= TOLD_WITHIN:
        return replace(payee, told=1, told_since=now)
    if payee.told >= MOST_TOLD:
        return None
    return replace(payee, told=payee.told + 1)


def hold_transfer(held: Holding, *, from_account_id: UUID) -> Transfer:
    """Money of the payer into the holding account."""
    legs = set_aside(held.worth, from_account_id, held.account_id)
    return Transfer(held.transaction_id, "hold", f"{held.transaction_id}:hold", legs)


def settle_transfer(held: Holding, *, to_source_id: UUID, accounts: Accounts) -> Transfer:
    """What was held to the wallet of who proved the address, and the fee to the product.

    `accounts` has those of `settle_accounts`.
    """
    wallet, fees = (new.name for new in settle_accounts(held, to_source_id=to_source_id)[:2])
    ends = Ends(source=held.account_id, destination=accounts[wallet], fee=accounts[fees])
    legs = through(held.worth, ends, accounts)
    return Transfer(uuid7(), "settle", f"{held.transaction_id}:settle", legs)


def settle_accounts(held: Holding, *, to_source_id: UUID) -> Sequence[NewAccount]:
    """The accounts that settling needs: the wallet's, the fees', and positions to convert by."""
    worth = held.worth
    converting = positions(worth) if worth.converts else ()
    return (
        NewAccount(to_source_id, WALLET_ACCOUNT, worth.currency),
        NewAccount(PRODUCT, FEES_ACCOUNT, worth.source_currency),
        *converting,
    )


def holding_account(held: Holding) -> NewAccount:
    """The account that it waits in."""
    return NewAccount(held.id, HOLDING_ACCOUNT, held.currency)


def release_transfer(held: Holding) -> Transfer:
    """What was held back to where it is to return, fee and all."""
    legs = set_aside(held.worth, held.account_id, held.source_account_id)
    return Transfer(uuid7(), "release", f"{held.transaction_id}:release", legs)
