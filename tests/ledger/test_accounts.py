"""Accounts: opened once, locked in one order, read now and as of a time."""

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from tests.ledger.books import moving, open_outside, open_wallets, post
from tests.money import until_waiting
from whipround.db.database import Database
from whipround.ledger.accounts import (
    PRODUCT,
    NewAccount,
    balance_at,
    balances,
    lock_accounts,
    open_accounts,
)
from whipround.ledger.transfers import post_now

pytestmark = pytest.mark.anyio


async def test_accounts_are_opened_once_and_given_in_the_order_asked_for(
    db: Database, now: datetime
) -> None:
    owner = uuid7()
    euros, pesos = NewAccount(owner, "wallet", "EUR"), NewAccount(owner, "wallet", "MXN")
    fees = NewAccount(PRODUCT, "fees", "EUR")

    async with db.transaction() as tx:
        await tx.execute("set local enable_nestloop = off")  # which happens to keep the order
        [first] = await open_accounts(tx, [pesos], now=now)
        second = await open_accounts(tx, [fees, pesos, euros, pesos], now=now)
        again = await open_accounts(tx, [euros, fees, pesos], now=now)
        rows = await (await tx.execute("select count(*) from account")).fetchall()

    assert second[1] == second[3] == first
    assert again == [second[2], second[0], second[1]]
    assert rows == [(3,)]


async def test_a_new_account_is_empty_and_has_its_floor(db: Database, now: datetime) -> None:
    wanted = [
        NewAccount(uuid7(), "wallet", "EUR"),
        NewAccount(uuid7(), "credit", "EUR", floor=Decimal("-50.00")),
        NewAccount(uuid7(), "outside", "MXN", floor=None),
    ]

    async with db.transaction() as tx:
        ids = await open_accounts(tx, wanted, now=now)
        locked = {account.id: account for account in await lock_accounts(tx, ids)}

    assert [locked[id_].floor for id_ in ids] == [Decimal(0), Decimal(-50), None]
    assert [locked[id_].currency for id_ in ids] == ["EUR", "EUR", "MXN"]
    assert {(account.balance, account.version) for account in locked.values()} == {(Decimal(0), 0)}


async def test_transactions_that_open_the_same_accounts_at_once_get_the_same_ones(
    db: Database, now: datetime
) -> None:
    owners = [uuid7() for _ in range(10)]

    async def open_all(step: int) -> dict[UUID, UUID]:
        wanted = [NewAccount(owner, "wallet", "EUR") for owner in owners[::step]]
        async with db.transaction() as tx:
            ids = await open_accounts(tx, wanted, now=now)
        return dict(zip(owners[::step], ids, strict=True))

    found = await asyncio.gather(*(open_all(step) for step in (1, -1) * 4))

    assert all(each == found[0] for each in found)
    assert len(set(found[0].values())) == len(owners)


async def test_a_lock_shows_what_was_committed_while_it_was_waited_for(
    db: Database, now: datetime
) -> None:
    one, other = await open_wallets(db, "10.00", "0.00", now=now)

    async def lock() -> dict[UUID, Decimal]:
        async with db.transaction() as tx:
            return {it.id: it.balance for it in await lock_accounts(tx, [other, one, one])}

    async with db.transaction() as tx:
        await post_now(tx, [moving("4.00", source=one, target=other)], now=now)
        locking = asyncio.create_task(lock())
        await until_waiting(db)

    assert await locking == {one: Decimal("6.00"), other: Decimal("4.00")}


async def test_balances_tell_what_came_in_and_went_out(db: Database, now: datetime) -> None:
    owner, later = uuid7(), now + timedelta(hours=1)
    async with db.transaction() as tx:
        euros, _ = await open_accounts(
            tx,
            [NewAccount(owner, "wallet", "EUR"), NewAccount(owner, "wallet", "MXN")],
            now=now,
        )
    outside = await open_outside(db, now=now)
    await post(
        db,
        moving("15.00", source=outside, target=euros),
        moving("5.00", source=euros, target=outside),
        moving("0.00000001", source=outside, target=euros),
        now=later,
    )

    async with db.transaction() as tx:
        found = await balances(tx, owner_ids=[owner, uuid7()])

    assert [(it.currency, it.amount, it.amount_in, it.amount_out) for it in found] == [
        ("EUR", Decimal("10.00000001"), Decimal("15.00000001"), Decimal("5.00")),
        ("MXN", Decimal(0), Decimal(0), Decimal(0)),
    ]
    assert [(it.created_at, it.updated_at) for it in found] == [(now, later), (now, now)]
    assert {it.owner_id for it in found} == {owner}


async def test_a_balance_as_of_a_time(db: Database, now: datetime) -> None:
    hour, second = timedelta(hours=1), timedelta(seconds=1)
    [wallet] = await open_wallets(db, "0.00", now=now)
    outside = await open_outside(db, now=now)
    await post(db, moving("10.00", source=outside, target=wallet), now=now)
    await post(db, moving("3.00", source=wallet, target=outside), now=now + hour)
    await post(
        db,
        moving("1.00", source=wallet, target=outside),
        moving("1.00", source=wallet, target=outside),
        now=now + 2 * hour,
    )

    moments = [now - second, now, now + hour - second, now + hour, now + 2 * hour, now + 9 * hour]
    async with db.transaction() as tx:
        found = [await balance_at(tx, account_id=wallet, at=moment) for moment in moments]
        nobody = await balance_at(tx, account_id=uuid7(), at=now)

    assert found == [Decimal(amount) for amount in (0, 10, 10, 7, 5, 5)]
    assert nobody == 0
