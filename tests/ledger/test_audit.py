"""The audit of the ledger: silent over true books, and each check finds what it is there for."""

import random
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

import pytest

from tests.ledger.books import moving, open_wallets, post, transfer
from whipround.db.database import Database
from whipround.ledger.audit import FINDINGS_SHOWN, LEDGER_CHECKS, Check, audit
from whipround.ledger.transfers import reverse

pytestmark = pytest.mark.anyio

SUMS, LEGS, BALANCES, CHAINS, FLOORS, TOTAL, REVERSALS = (check.claim for check in LEDGER_CHECKS)


class Books(NamedTuple):
    """A ledger in which everything has happened once."""

    one: UUID
    other: UUID
    first: UUID
    second: UUID
    reversal: UUID  # of a third one


@pytest.fixture
async def books(db: Database, now: datetime) -> Books:
    """Four wallets, and three transfers between two of them, the last of which was reversed."""
    one, other, _ = await open_wallets(db, "100.00", "50.00", "0.00", now=now)
    await open_wallets(db, "700.00", currency="MXN", now=now)
    first = moving("10.00", source=one, target=other)
    second = moving("2.50", source=one, target=other)
    third = moving("5.00", source=one, target=other)
    await post(db, first, second, third, now=now)
    async with db.transaction() as tx:
        reversal = await reverse(tx, transfer_id=third.id, now=now)
    return Books(one, other, first.id, second.id, reversal.id)


async def _tamper(db: Database, books: Books, statements: Sequence[str]) -> None:
    """Change the books behind the back of every guard."""
    async with db.transaction() as tx:
        await tx.execute("set local session_replication_role = replica")
        for statement in statements:
            await tx.execute(statement.encode(), books._asdict())


async def _broken(db: Database) -> set[str]:
    report = await audit(db)
    assert report.ok == (not any(finding.problems for finding in report.findings))
    return {finding.claim for finding in report.findings if finding.problems}


async def test_true_books_have_no_problems(db: Database, books: Books) -> None:
    report = await audit(db)

    assert report.ok
    assert [finding.claim for finding in report.findings] == [it.claim for it in LEDGER_CHECKS]
    assert not any(finding.problems for finding in report.findings)
    assert (report.transfers, report.entries, report.accounts) == (7, 14, 6)


async def test_an_empty_ledger_has_no_problems(db: Database) -> None:
    report = await audit(db)

    assert report.ok
    assert (report.transfers, report.entries, report.accounts) == (0, 0, 0)


async def test_a_busy_ledger_has_no_problems(db: Database, now: datetime) -> None:
    wallets = await open_wallets(db, *["1000.00"] * 20, now=now)
    choose = random.Random(2)
    transfers = []
    for _ in range(500):
        source, target, fees = choose.sample(wallets, 3)
        amount = Decimal(choose.randrange(1, 200)).scaleb(-2)
        legs = [(source, f"-{amount}"), (target, f"{amount - Decimal('0.01')}"), (fees, "0.01")]
        transfers.append(transfer(*legs))
    await post(db, *transfers, now=now)

    report = await audit(db)

    assert report.ok
    assert report.transfers == 520


_NO_FLOORS = "alter table account drop constraint account_above_floor"
_SWAP_LEGS = """
    update entry
    set transfer_id = case when transfer_id = %(first)s then %(second)s::uuid
        else %(first)s::uuid end
    where account_id = %(one)s and transfer_id in (%(first)s, %(second)s)
"""
_EMPTY_TRANSFER = """
    insert into transfer (id, kind, key, posted_at) values (gen_random_uuid(), 'x', 'x', now())
"""
_LEGS_NOWHERE = """
    insert into entry (account_id, version, transfer_id, amount, balance)
    values (gen_random_uuid(), 1, %(first)s, 1, 1), (gen_random_uuid(), 1, %(first)s, -1, -1)
"""
_LEGS_WITHOUT_TRANSFER = """
    with forged as (select gen_random_uuid() as id)
    insert into entry (account_id, version, transfer_id, amount, balance)
    select account.id, version + 1, forged.id, amount, balance + amount
    from account, forged, (values (%(one)s::uuid, 1), (%(other)s::uuid, -1)) as leg (id, amount)
    where account.id = leg.id
"""
_APPLY_LEGS = """
    update account
    set balance = entry.balance, version = entry.version,
        credited = credited + greatest(amount, 0), debited = debited - least(amount, 0)
    from entry
    where account_id = account.id and entry.version > account.version
"""
_MORE = """
    update account set balance = balance + 1, credited = credited + 1 where id = %(one)s
"""
_LESS = """
    update account set balance = balance - 1, debited = debited + 1 where id = %(other)s
"""
_MORE_LEGS = """
    insert into entry (account_id, version, transfer_id, amount, balance)
    select account.id, version + 1, %(reversal)s, amount, balance + amount
    from account, (values (%(one)s::uuid, 1), (%(other)s::uuid, -1)) as leg (id, amount)
    where account.id = leg.id
"""
_SKIP_A_VERSION = """
    update entry set version = version + 1
    where account_id = %(one)s
        and version = (select max(version) from entry where account_id = %(one)s)
"""


@pytest.mark.parametrize(
    ("statements", "claims"),
    [
        pytest.param([_SWAP_LEGS], {SUMS}, id="legs of two transfers swapped"),
        pytest.param(
            ["update entry set amount = amount + 1 where transfer_id = %(first)s and amount > 0"],
            {SUMS, BALANCES, CHAINS},
            id="a leg made larger",
        ),
        pytest.param([_EMPTY_TRANSFER], {LEGS}, id="a transfer without legs"),
        pytest.param([_LEGS_NOWHERE], {LEGS}, id="legs without accounts"),
        pytest.param([_LEGS_WITHOUT_TRANSFER, _APPLY_LEGS], {LEGS}, id="legs without a transfer"),
        pytest.param(
            [
                _MORE,
                _LESS,
            ],
            {BALANCES},
            id="money moved without entries",
        ),
        pytest.param(
            ["update account set credited = credited + 1, debited = debited + 1"],
            {BALANCES},
            id="more came in and went out than the entries say",
        ),
        pytest.param(
            [_MORE],
            {BALANCES, TOTAL},
            id="money made",
        ),
        pytest.param(
            ["update entry set balance = balance + 1 where account_id = %(one)s and version = 2"],
            {CHAINS},
            id="a balance in between",
        ),
        pytest.param(
            [
                _SKIP_A_VERSION,
                "update account set version = version + 1 where id = %(one)s",
            ],
            {CHAINS},
            id="an entry missing in between",
        ),
        pytest.param(
            ["update account set version = version + 1 where id = %(one)s"],
            {CHAINS},
            id="an entry missing at the end",
        ),
        pytest.param(
            ["update account set version = 1 where version = 0"],
            {CHAINS},
            id="a version without an entry",
        ),
        pytest.param(
            [_NO_FLOORS, "update account set floor = balance + 1 where id = %(one)s"],
            {FLOORS},
            id="below the floor",
        ),
        pytest.param(
            ["update transfer set reverses = %(first)s where id = %(reversal)s"],
            {REVERSALS},
            id="a reversal of another transfer",
        ),
        pytest.param([_MORE_LEGS, _APPLY_LEGS], {REVERSALS}, id="a reversal of too much"),
        pytest.param(
            [
                "delete from entry where transfer_id = %(reversal)s",
                "delete from transfer where id = %(reversal)s",
            ],
            {BALANCES, CHAINS},
            id="a transfer taken out",
        ),
    ],
)
async def test_each_check_finds_its_own(
    db: Database, books: Books, statements: Sequence[str], claims: set[str]
) -> None:
    await _tamper(db, books, statements)

    assert await _broken(db) == claims


async def test_a_problem_names_what_is_wrong(db: Database, books: Books) -> None:
    lifted = "update account set floor = 1000 where id = %(one)s"
    await _tamper(db, books, [_NO_FLOORS, lifted])

    report = await audit(db)

    assert [problem for finding in report.findings for problem in finding.problems] == [
        f"account {books.one} holds 87.50000000, its floor is 1000.00000000"
    ]


async def test_of_many_problems_some_are_shown(db: Database) -> None:
    many = Check("there is nothing", "select 'something' from generate_series(1, 1000)")
    none = Check("there is still nothing", "select 'something' where false")

    report = await audit(db, checks=[many, none])

    assert not report.ok
    assert [len(finding.problems) for finding in report.findings[-2:]] == [FINDINGS_SHOWN, 0]
