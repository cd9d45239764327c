"""Transfers: legs that sum to zero per currency, posted onto locked accounts, written once."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from whipround.db.database import Tx
from whipround.errors import Declined, NotFound
from whipround.ledger.accounts import Account, NewAccount, insert_accounts, lock_accounts
from whipround.money import EXACT, SCALE

_FINEST = Decimal(1).scaleb(-SCALE)


_NOTHING = Decimal(0)


class Leg(NamedTuple):
    """What one account gains, or loses if negative, in its own currency."""

    account_id: UUID
    amount: Decimal


class Transfer(NamedTuple):
    """Money moved in one piece.

    `key` is made from our own row id and step ("<id>:pay"): the same step posts only once.
    """

    id: UUID
    kind: str
    key: str
    legs: tuple[Leg, ...]
    reverses: UUID | None = None


class InsufficientFunds(Declined):
    """There is not enough money in the account for this and its fee."""

    code = "insufficient_funds"


class Unbalanced(Exception):
    """A transfer was built whose legs do not sum to zero: an error of ours, never of a client."""


class Book:
    """Locked accounts, and what is posted onto them until it is written.

    Pure: no database. Postings apply in order, each wholly or not at all.
    """

    def __init__(self, accounts: Iterable[Account]) -> None:
        self._accounts = {account.id: account for account in accounts}
        self._opened: list[tuple[UUID, NewAccount]] = []
        self._transfers: list[Transfer] = []
        self._entries: list[tuple[UUID, int, UUID, Decimal, Decimal]] = []

    def balance(self, account_id: UUID) -> Decimal:
        """What the account holds after the postings so far."""
        return self._accounts[account_id].balance

    def add(self, accounts: Iterable[Account]) -> None:
        """Take in further locked accounts."""
        self._accounts |= {account.id: account for account in accounts}

    def open(self, new: NewAccount) -> UUID:
        """An account for an owner that has none; opened if anything is posted to it."""
        account = Account(uuid7(), new.currency, Decimal(0), new.floor, 0)
        self._accounts[account.id] = account
        self._opened.append((account.id, new))
        return account.id

    def post(self, transfer: Transfer) -> None:
        """Post a transfer. Legs of zero leave no entry.

        Raises InsufficientFunds when an account would fall below its floor, Unbalanced, and Inexact
        for a leg finer than what the ledger keeps; and then changes nothing.
        """
        # Each account is looked up once: this runs for every leg of every payment.
        legs = [(self._accounts[id_], amount) for id_, amount in transfer.legs if amount]
        _check_sums(transfer, legs)
        before = [account.balance for account, _ in legs]
        for account, amount in legs:
            account.balance = EXACT.add(account.balance, amount)
        if any(_fell_too_low(account, was) for (account, _), was in zip(legs, before, strict=True)):
            for (account, _), was in zip(legs, before, strict=True):
                account.balance = was
            raise InsufficientFunds
        self._enter(transfer, legs, before)

    def _enter(
        self, transfer: Transfer, legs: list[tuple[Account, Decimal]], before: list[Decimal]
    ) -> None:
        """Keep the entries of a transfer that was posted, each with the balance after it."""
        self._transfers.append(transfer)
        running: dict[UUID, Decimal] = {}
        for (account, amount), was in zip(legs, before, strict=True):
            balance = EXACT.add(running.get(account.id, was), amount)
            running[account.id] = balance
            account.version += 1
            if amount > 0:
                account.credited = EXACT.add(account.credited, amount)
            else:
                account.debited = EXACT.subtract(account.debited, amount)
            self._entries.append((account.id, account.version, transfer.id, amount, balance))

    async def write(self, tx: Tx, *, now: datetime) -> None:
        """Write all that was posted: a statement each for transfers, entries and accounts."""
        opened = [(id_, new) for id_, new in self._opened if self._accounts[id_].version]
        if opened:
            await insert_accounts(tx, opened, now=now)
        if not self._transfers:
            return
        await tx.execute(
            _INSERT_TRANSFERS,
            {
                "ids": [transfer.id for transfer in self._transfers],
                "kinds": [transfer.kind for transfer in self._transfers],
                "keys": [transfer.key for transfer in self._transfers],
                "reverses": [transfer.reverses for transfer in self._transfers],
                "now": now,
            },
        )
        accounts, versions, transfers, amounts, balances = zip(*self._entries, strict=True)
        await tx.execute(
            _INSERT_ENTRIES,
            {
                "accounts": list(accounts),
                "versions": list(versions),
                "transfers": list(transfers),
                "amounts": numerics(amounts),
                "balances": numerics(balances),
            },
        )
        moved = [account for account in self._accounts.values() if account.has_moved]
        await tx.execute(
            _UPDATE_ACCOUNTS,
            {
                "ids": [account.id for account in moved],
                "balances": numerics(account.balance for account in moved),
                "credited": numerics(account.credited for account in moved),
                "debited": numerics(account.debited for account in moved),
                "versions": [account.version for account in moved],
                "now": now,
            },
        )


def _check_sums(transfer: Transfer, legs: list[tuple[Account, Decimal]]) -> None:
    sums: dict[str, Decimal] = {}
    for account, amount in legs:
        exact = EXACT.quantize(amount, _FINEST)  # or PostgreSQL would round it, and not tell
        sums[account.currency] = EXACT.add(sums.get(account.currency, _NOTHING), exact)
    if len(legs) < 2 or any(sums.values()):
        raise Unbalanced(f"transfer {transfer.key} has legs {transfer.legs}")


def _fell_too_low(account: Account, before: Decimal) -> bool:
    """Whether the account fell below its floor; one that is below it may still receive."""
    return (
        account.floor is not None and account.balance < before and account.balance < account.floor
    )


_INSERT_TRANSFERS = """
    insert into transfer (id, kind, key, reverses, posted_at)
    select id, kind, key, reverses, %(now)s
    from unnest(%(ids)b::uuid[], %(kinds)b::text[], %(keys)b::text[], %(reverses)b::uuid[])
        as posted (id, kind, key, reverses)
"""

_INSERT_ENTRIES = """
    insert into entry (account_id, version, transfer_id, amount, balance)
    select * from unnest(%(accounts)b::uuid[], %(versions)b::bigint[], %(transfers)b::uuid[],
        %(amounts)s::numeric[], %(balances)s::numeric[])
"""

_UPDATE_ACCOUNTS = """
    update account
    set balance = moved.balance, credited = account.credited + moved.credited,
        debited = account.debited + moved.debited, version = moved.version, updated_at = %(now)s
    from unnest(%(ids)b::uuid[], %(balances)s::numeric[], %(credited)s::numeric[],
        %(debited)s::numeric[], %(versions)b::bigint[])
        as moved (id, balance, credited, debited, version)
    where account.id = moved.id
"""

_LEGS = """
    select account_id, amount from entry where transfer_id = %(transfer_id)s
"""


class TransferNotFound(NotFound):
    """There is no such transfer."""


async def post_now(tx: Tx, transfers: Iterable[Transfer], *, now: datetime) -> None:
    """Lock the accounts of the transfers, post them in order and write them.

    Raises InsufficientFunds, having written nothing.
    """
    posted = list(transfers)
    moved = {leg.account_id for transfer in posted for leg in transfer.legs if leg.amount}
    book = Book(await lock_accounts(tx, moved))
    for transfer in posted:
        book.post(transfer)
    await book.write(tx, now=now)


async def reverse(tx: Tx, *, transfer_id: UUID, now: datetime) -> Transfer:
    """Correct a transfer by a further one with every leg turned round; what was posted.

    A transfer is reversed at most once (the database refuses a second). Raises TransferNotFound,
    and InsufficientFunds when an account no longer holds what it got.
    """
    cursor = await tx.execute(_LEGS, {"transfer_id": transfer_id})
    legs = tuple(Leg(account_id, -amount) for account_id, amount in await cursor.fetchall())
    if not legs:
        raise TransferNotFound
    correction = Transfer(uuid7(), "reversal", f"{transfer_id}:reverse", legs, transfer_id)
    await post_now(tx, [correction], now=now)
    return correction


def numerics(values: Iterable[Decimal | None]) -> str:
    """A PostgreSQL array literal of exact numbers: several times cheaper to send than a list."""
    return "{" + ",".join(map(str, values)).replace("None", "null") + "}"
