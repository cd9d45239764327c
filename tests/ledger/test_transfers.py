"""Transfers in the database: written whole, kept for ever, and guarded there once more."""

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import psycopg
import pytest
from uuid_utils.compat import uuid7

from tests.ledger.books import (
    balances_of,
    chain,
    moving,
    open_outside,
    open_wallets,
    post,
    transfer,
)
from whipround.db.database import Database
from whipround.ledger.accounts import NewAccount, lock_accounts
from whipround.ledger.audit import audit
from whipround.ledger.transfers import (
    Book,
    InsufficientFunds,
    Leg,
    Transfer,
    TransferNotFound,
    Unbalanced,
    reverse,
)

pytestmark = pytest.mark.anyio


async def _count(db: Database) -> tuple[int, int]:
    """How many transfers and entries there are."""
    async with db.transaction() as tx:
        cursor = await tx.execute(
            "select (select count(*) from transfer), (select count(*) from entry)"
        )
        [(transfers, entries)] = await cursor.fetchall()
    return transfers, entries


async def _refused(db: Database, sql: str, *parameters: object) -> type[Exception]:
    """The error that PostgreSQL answers a statement with."""
    with pytest.raises(psycopg.Error) as caught:
        async with db.transaction() as tx:
            await tx.execute(sql.encode(), parameters)
    return type(caught.value)


# Posting.


async def test_each_leg_leaves_an_entry_with_the_balance_after_it(
    db: Database, now: datetime
) -> None:
    payer, payee, fees = await open_wallets(db, "20.00", "0.00", "0.00", now=now)

    await post(
        db,
        transfer((payer, "-6.50"), (payee, "6.00"), (fees, "0.50")),
        moving("1.00", source=payee, target=payer),
        now=now,
    )

    assert await balances_of(db, [payer, payee, fees]) == [
        Decimal("14.50"),
        Decimal("5.00"),
        Decimal("0.50"),
    ]
    assert await chain(db, payer) == [
        (1, Decimal("20.00"), Decimal("20.00")),
        (2, Decimal("-6.50"), Decimal("13.50")),
        (3, Decimal("1.00"), Decimal("14.50")),
    ]
    assert await chain(db, fees) == [(1, Decimal("0.50"), Decimal("0.50"))]
    assert (await audit(db)).ok


async def test_a_transfer_may_have_many_legs(db: Database, now: datetime) -> None:
    payer, *others = await open_wallets(db, "100.00", *["0.00"] * 99, now=now)

    await post(db, transfer((payer, "-99.00"), *[(it, "1.00") for it in others]), now=now)

    assert await balances_of(db, [payer, *others]) == [Decimal(1)] * 100
    assert (await audit(db)).ok


async def test_an_account_may_have_several_legs(db: Database, now: datetime) -> None:
    one, other = await open_wallets(db, "10.00", "0.00", now=now)

    await post(db, transfer((one, "-12.00"), (other, "9.00"), (one, "3.00")), now=now)

    assert [balance for _, _, balance in await chain(db, one)] == [
        Decimal("10.00"),
        Decimal("-2.00"),
        Decimal("1.00"),
    ]
    assert (await audit(db)).ok


async def test_eight_decimals_are_kept(db: Database, now: datetime) -> None:
    one, other = await open_wallets(db, "0.00000003", "0.00", now=now)

    await post(db, moving("0.00000001", source=one, target=other), now=now)

    assert await balances_of(db, [one, other]) == [Decimal("0.00000002"), Decimal("0.00000001")]


async def test_one_that_is_refused_leaves_nothing_of_its_company(
    db: Database, now: datetime
) -> None:
    one, other = await open_wallets(db, "10.00", "0.00", now=now)
    before = await _count(db)
    good = moving("6.00", source=one, target=other)

    with pytest.raises(InsufficientFunds):
        await post(db, good, moving("6.00", source=one, target=other), now=now)
    with pytest.raises(Unbalanced):
        await post(db, good, transfer((one, "-1.00"), (other, "0.99")), now=now)

    assert await balances_of(db, [one, other]) == [Decimal(10), Decimal(0)]
    assert await _count(db) == before


async def test_the_same_step_posts_only_once(db: Database, now: datetime) -> None:
    one, other = await open_wallets(db, "10.00", "0.00", now=now)
    await post(db, moving("1.00", source=one, target=other, key="4711:pay"), now=now)

    with pytest.raises(psycopg.errors.UniqueViolation):
        await post(db, moving("1.00", source=one, target=other, key="4711:pay"), now=now)

    assert await balances_of(db, [one, other]) == [Decimal(9), Decimal(1)]
    assert (await audit(db)).ok


async def test_a_hold_is_settled_or_released_by_a_second_transfer(
    db: Database, now: datetime
) -> None:
    payer, payee = await open_wallets(db, "10.00", "0.00", now=now)
    holdings = await open_wallets(db, "0.00", "0.00", now=now)

    await post(db, *(moving("4.00", source=payer, target=it) for it in holdings), now=now)
    held = await balances_of(db, [payer, payee, *holdings])
    with pytest.raises(InsufficientFunds):
        await post(db, moving("3.00", source=payer, target=payee), now=now)
    await post(
        db,
        moving("4.00", source=holdings[0], target=payee),
        moving("4.00", source=holdings[1], target=payer),
        now=now,
    )

    assert held == [Decimal(2), Decimal(0), Decimal(4), Decimal(4)]
    assert await balances_of(db, [payer, payee, *holdings]) == [
        Decimal(6),
        Decimal(4),
        Decimal(0),
        Decimal(0),
    ]
    with pytest.raises(InsufficientFunds):
        await post(db, moving("4.00", source=holdings[0], target=payee), now=now)
    assert (await audit(db)).ok


async def test_an_exchange_goes_through_the_positions_of_both_currencies(
    db: Database, now: datetime
) -> None:
    [payer] = await open_wallets(db, "10.00", now=now)
    [payee] = await open_wallets(db, "0.00", currency="MXN", now=now)
    euros = await open_outside(db, now=now)
    pesos = await open_outside(db, currency="MXN", now=now)

    await post(
        db,
        transfer((payer, "-1.00"), (euros, "1.00"), (pesos, "-20.53"), (payee, "20.53")),
        now=now,
    )
    with pytest.raises(Unbalanced):
        await post(db, moving("1.00", source=payer, target=payee), now=now)

    assert await balances_of(db, [payer, euros, pesos, payee]) == [
        Decimal("9.00"),
        Decimal("1.00"),
        Decimal("-20.53"),
        Decimal("20.53"),
    ]
    assert (await audit(db)).ok


async def test_an_account_opened_in_the_book_is_written_only_if_money_moved(
    db: Database, now: datetime
) -> None:
    [payer] = await open_wallets(db, "10.00", now=now)
    used, unused = NewAccount(uuid7(), "holding", "EUR"), NewAccount(uuid7(), "holding", "EUR")

    async with db.transaction() as tx:
        book = Book(await lock_accounts(tx, [payer]))
        opened = book.open(used)
        book.open(unused)
        book.post(moving("4.00", source=payer, target=opened))
        await book.write(tx, now=now)
        cursor = await tx.execute("select id, owner_id, balance from account where kind='holding'")
        found = await cursor.fetchall()

    assert found == [(opened, used.owner_id, Decimal(4))]
    assert (await audit(db)).ok


async def test_a_book_without_postings_writes_nothing(db: Database, now: datetime) -> None:
    [wallet] = await open_wallets(db, "10.00", now=now)
    before = await _count(db)

    async with db.transaction() as tx:
        await Book(await lock_accounts(tx, [wallet])).write(tx, now=now)

    assert await _count(db) == before


# Reversal.


async def test_a_reversal_turns_every_leg_round_and_names_its_transfer(
    db: Database, now: datetime
) -> None:
    payer, payee, fees = await open_wallets(db, "20.00", "0.00", "0.00", now=now)
    mistake = transfer((payer, "-6.50"), (payee, "6.00"), (fees, "0.50"))
    await post(db, mistake, now=now)

    async with db.transaction() as tx:
        correction = await reverse(tx, transfer_id=mistake.id, now=now)

    assert correction.reverses == mistake.id
    assert await balances_of(db, [payer, payee, fees]) == [Decimal(20), Decimal(0), Decimal(0)]
    assert [len(await chain(db, it)) for it in (payer, payee, fees)] == [3, 2, 2]
    assert (await audit(db)).ok


async def test_a_transfer_is_reversed_at_most_once(db: Database, now: datetime) -> None:
    payer, payee = await open_wallets(db, "20.00", "50.00", now=now)
    mistake = moving("6.00", source=payer, target=payee)
    await post(db, mistake, now=now)

    async def turn_round() -> Transfer:
        async with db.transaction() as tx:
            return await reverse(tx, transfer_id=mistake.id, now=now)

    outcomes = await asyncio.gather(*(turn_round() for _ in range(4)), return_exceptions=True)

    failures = [it for it in outcomes if isinstance(it, BaseException)]
    assert [type(it) for it in failures] == [psycopg.errors.UniqueViolation] * 3
    assert await balances_of(db, [payer, payee]) == [Decimal(20), Decimal(50)]
    assert (await audit(db)).ok


async def test_what_was_spent_meanwhile_cannot_be_reversed(db: Database, now: datetime) -> None:
    payer, payee = await open_wallets(db, "20.00", "0.00", now=now)
    mistake = moving("6.00", source=payer, target=payee)
    await post(db, mistake, moving("1.00", source=payee, target=payer), now=now)

    async with db.transaction() as tx:
        with pytest.raises(InsufficientFunds):
            await reverse(tx, transfer_id=mistake.id, now=now)
        with pytest.raises(TransferNotFound):
            await reverse(tx, transfer_id=uuid7(), now=now)

    assert await balances_of(db, [payer, payee]) == [Decimal(15), Decimal(5)]


# What PostgreSQL guards by itself.


_INSERT = """
    with posted as (
        insert into transfer (id, kind, key, posted_at) values (%s, 'test', 'forged', now())
    )
    insert into entry (account_id, version, transfer_id, amount, balance)
    select account_id, version, transfer_id, amount, balance
    from unnest(%s::uuid[], %s::bigint[], %s::uuid[], %s::numeric[], %s::numeric[])
        as forged (account_id, version, transfer_id, amount, balance)
"""


async def _forge(db: Database, id_: UUID, legs: Sequence[tuple[UUID, UUID, str]]) -> None:
    """Insert entries past all code of ours: their transfer, account and amount."""
    async with db.transaction() as tx:
        await tx.execute(
            _INSERT,
            (
                id_,
                [account for _, account, _ in legs],
                [100 + number for number in range(len(legs))],
                [posted for posted, _, _ in legs],
                [Decimal(amount) for _, _, amount in legs],
                [Decimal(0) for _ in legs],
            ),
        )


@pytest.mark.parametrize(
    "case", ["unbalanced", "across", "one of two", "no account", "no transfer"]
)
async def test_entries_that_do_not_sum_to_zero_over_known_accounts_are_refused(
    db: Database, now: datetime, case: str
) -> None:
    one, other = await open_wallets(db, "10.00", "10.00", now=now)
    [pesos] = await open_wallets(db, "10.00", currency="MXN", now=now)
    id_, unknown, second = uuid7(), uuid7(), transfer((one, "-1.00"), (other, "1.00"))
    await post(db, second, now=now)
    before = await _count(db)
    legs = {
        "unbalanced": [(id_, one, "-1.00"), (id_, other, "1.01")],
        "across": [(id_, one, "-1.00"), (id_, pesos, "1.00")],
        "one of two": [(id_, one, "-1.00"), (second.id, other, "1.00")],
        "no account": [(id_, one, "-1.00"), (id_, uuid7(), "1.00")],
        "no transfer": [(unknown, one, "-1.00"), (unknown, other, "1.00")],
    }

    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="does not sum to zero"):
        await _forge(db, id_, legs[case])

    assert await _count(db) == before


async def test_an_entry_of_an_unknown_account_and_transfer_is_refused(
    db: Database, now: datetime
) -> None:
    id_, known, unknown = uuid7(), uuid7(), uuid7()

    for legs in ([(id_, unknown, "1.00"), (id_, unknown, "-1.00")], [(known, unknown, "1.00")]):
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
            await _forge(db, id_, legs)


async def test_an_account_has_one_entry_per_version(db: Database, now: datetime) -> None:
    one, other = await open_wallets(db, "10.00", "0.00", now=now)

    # Two that read the same state without a lock: the second would lose the first one's update.
    async with db.transaction() as tx:
        stale = [Book(await lock_accounts(tx, [one, other])) for _ in range(2)]
    for book in stale:
        book.post(moving("6.00", source=one, target=other))
    async with db.transaction() as tx:
        await stale[0].write(tx, now=now)
    with pytest.raises(psycopg.errors.UniqueViolation):
        async with db.transaction() as tx:
            await stale[1].write(tx, now=now)

    assert await balances_of(db, [one, other]) == [Decimal(4), Decimal(6)]
    assert (await audit(db)).ok


async def test_what_was_posted_stays(db: Database, now: datetime) -> None:
    [wallet] = await open_wallets(db, "10.00", now=now)
    before = await _count(db)

    for sql in (
        "update transfer set kind = 'other'",
        "update entry set amount = amount",
        "update entry set amount = 1 where false",
        "delete from transfer",
        "delete from entry",
        "delete from account",
        "truncate entry",
        "truncate transfer cascade",
        "truncate account",
    ):
        assert await _refused(db, sql) is psycopg.errors.IntegrityConstraintViolation, sql

    assert await _count(db) == before
    assert await balances_of(db, [wallet]) == [Decimal(10)]


async def test_an_account_keeps_to_its_floor_and_adds_up_whoever_writes_it(
    db: Database, now: datetime
) -> None:
    [wallet] = await open_wallets(db, "10.00", now=now)

    for sql in (
        "update account set balance = -1, debited = 11 where id = %s",
        "update account set balance = 11 where id = %s",
        "update account set credited = -1 where id = %s",
        "update account set floor = 11 where id = %s",
    ):
        assert await _refused(db, sql, wallet) is psycopg.errors.CheckViolation, sql


async def test_a_zero_entry_and_a_second_account_of_an_owner_are_refused(
    db: Database, now: datetime
) -> None:
    one, other = await open_wallets(db, "10.00", "0.00", now=now)
    id_ = uuid7()

    with pytest.raises(psycopg.errors.CheckViolation):
        await _forge(db, id_, [(id_, one, "0.00"), (id_, other, "0.00")])
    twin = """
        insert into account (id, owner_id, kind, currency)
        select gen_random_uuid(), owner_id, kind, currency from account where id = %s
    """
    assert await _refused(db, twin, one) is psycopg.errors.UniqueViolation


async def test_a_reversal_of_nothing_is_refused(db: Database, now: datetime) -> None:
    one, other = await open_wallets(db, "10.00", "0.00", now=now)
    legs = (Leg(one, Decimal(-1)), Leg(other, Decimal(1)))

    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        await post(db, Transfer(uuid7(), "reversal", "forged", legs, uuid7()), now=now)


# All at once.


async def test_many_at_once_neither_deadlock_nor_lose_an_update(
    db: Database, now: datetime
) -> None:
    wallets = await open_wallets(db, *["100.00"] * 5, now=now)
    choose = random.Random(1)
    orders = [
        [
            moving("0.01", source=source, target=target)
            for source, target in (choose.sample(wallets, 2) for _ in range(3))
        ]
        for _ in range(80)
    ]

    async def clerk(number: int) -> None:
        for transfers in orders[number::8]:
            await post(db, *transfers, now=now)

    await asyncio.gather(*map(clerk, range(8)))

    expected = dict.fromkeys(wallets, Decimal(100))
    for leg in (leg for transfers in orders for each in transfers for leg in each.legs):
        expected[leg.account_id] += leg.amount
    assert await balances_of(db, wallets) == list(expected.values())
    assert await _count(db) == (5 + 240, 10 + 480)
    assert (await audit(db)).ok


async def test_the_last_euro_is_spent_once(db: Database, now: datetime) -> None:
    one, other = await open_wallets(db, "5.00", "0.00", now=now)

    outcomes = await asyncio.gather(
        *(post(db, moving("1.00", source=one, target=other), now=now) for _ in range(12)),
        return_exceptions=True,
    )

    assert [type(it) for it in outcomes if it is not None] == [InsufficientFunds] * 7
    assert await balances_of(db, [one, other]) == [Decimal(0), Decimal(5)]
    assert (await audit(db)).ok
