"""Makers of accounts and transfers."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from uuid_utils.compat import uuid7

from whipround.db.database import Database
from whipround.ledger.accounts import NewAccount, open_accounts
from whipround.ledger.transfers import Leg, Transfer, post_now


def transfer(*legs: tuple[UUID, str], key: str | None = None) -> Transfer:
    """A transfer of these amounts."""
    id_ = uuid7()
    made = tuple(Leg(account_id, Decimal(amount)) for account_id, amount in legs)
    return Transfer(id_, "test", key or f"{id_}:test", made)


def moving(amount: str, *, source: UUID, target: UUID, key: str | None = None) -> Transfer:
    """A transfer of an amount from one account to another."""
    return transfer((source, f"-{amount}"), (target, amount), key=key)


async def open_wallets(
    db: Database, *amounts: str, currency: str = "EUR", now: datetime
) -> list[UUID]:
    """An account with a floor of zero for each amount, which the outside world has put there."""
    wanted = [NewAccount(uuid7(), "wallet", currency) for _ in amounts]
    async with db.transaction() as tx:
        accounts = await open_accounts(tx, wanted, now=now)
    outside = await open_outside(db, currency=currency, now=now)
    filled = [
        moving(amount, source=outside, target=account)
        for amount, account in zip(amounts, accounts, strict=True)
        if Decimal(amount)
    ]
    await post(db, *filled, now=now)
    return accounts


async def open_outside(db: Database, *, currency: str = "EUR", now: datetime) -> UUID:
    """An account of the outside world's."""
    async with db.transaction() as tx:
        new = NewAccount(uuid7(), "outside", currency, floor=None)
        [account] = await open_accounts(tx, [new], now=now)
    return account


async def post(db: Database, *transfers: Transfer, now: datetime) -> None:
    """Post the transfers in one transaction."""
    async with db.transaction() as tx:
        await post_now(tx, transfers, now=now)


async def balances_of(db: Database, accounts: Sequence[UUID]) -> list[Decimal]:
    """What the accounts hold, in the order given."""
    async with db.transaction() as tx:
        cursor = await tx.execute(
            "select id, balance from account where id = any(%s)", (list(accounts),)
        )
        found: dict[UUID, Decimal] = dict(await cursor.fetchall())
    return [found[account] for account in accounts]


async def chain(db: Database, account: UUID) -> list[tuple[int, Decimal, Decimal]]:
    """The entries of an account: version, amount and balance of each, in order."""
    async with db.transaction() as tx:
        cursor = await tx.execute(
            "select version, amount, balance from entry where account_id = %s order by version",
            (account,),
        )
        return await cursor.fetchall()
