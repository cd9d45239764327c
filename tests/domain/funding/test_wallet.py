"""Wallets: one for each person, seen by that person only."""

from datetime import datetime
from decimal import Decimal

import psycopg
import pytest
from uuid_utils.compat import uuid7

from tests.money import EUR, MXN, Person, Scene, fund, held, held_by, problems
from tests.people import CURRENCIES
from whipround.db.database import Database
from whipround.db.listing import Condition, ListQuery, Page
from whipround.domain.funding import reading
from whipround.domain.funding.reading import FundingSourceNotFound
from whipround.domain.funding.wallet import GRANTS_ACCOUNT, grant, open_wallet, wallet_of
from whipround.ledger.accounts import PRODUCT

pytestmark = pytest.mark.anyio


async def test_a_new_person_has_an_empty_wallet_in_each_currency(
    db: Database, ben: Person, now: datetime
) -> None:
    async with db.transaction() as tx:
        wallet_id = await wallet_of(tx, user_id=ben.id)
        wallet = await reading.get(tx, user_id=ben.id, id_=wallet_id)
        balances = (await reading.balances_of(tx, ids=[wallet_id]))[wallet_id]

    assert (wallet.type, wallet.status, wallet.user_id) == ("virtual", "enabled", ben.id)
    assert (wallet.allows_in, wallet.allows_out, wallet.verified_at) == (True, True, now)
    assert [it.currency for it in balances] == list(CURRENCIES)
    assert {(it.amount, it.amount_in, it.amount_out) for it in balances} == {(Decimal(0),) * 3}


async def test_a_person_has_one_wallet(db: Database, ben: Person, now: datetime) -> None:
    async with db.transaction() as tx:
        with pytest.raises(psycopg.errors.UniqueViolation):
            await open_wallet(tx, user_id=ben.id, currencies=["EUR"], now=now)


async def test_balances_of_many_and_of_none(db: Database, ann: Person, ben: Person) -> None:
    unknown = uuid7()

    async with db.transaction() as tx:
        found = await reading.balances_of(tx, ids=[ann.wallet_id, unknown, ben.wallet_id])
        nothing = await reading.balances_of(tx, ids=[])

    assert nothing == {}
    assert list(found) == [ann.wallet_id, unknown, ben.wallet_id]
    assert found[unknown] == []
    assert [it.amount for it in found[ann.wallet_id]] == [Decimal(20), Decimal(0)]


async def test_only_the_owner_sees_a_source(db: Database, ann: Person, ben: Person) -> None:
    async with db.transaction() as tx:
        own = await reading.get(tx, user_id=ann.id, id_=ann.wallet_id)
        for other in (ben.wallet_id, uuid7()):
            with pytest.raises(FundingSourceNotFound):
                await reading.get(tx, user_id=ann.id, id_=other)

    assert own.id == ann.wallet_id


@pytest.mark.parametrize(
    ("conditions", "count"),
    [
        ([], 1),
        ([Condition("owner", "eq", True)], 1),
        ([Condition("owner", "eq", False)], 0),
        ([Condition("status", "eq", "enabled")], 1),
        ([Condition("status", "in", ("disabled", "pending"))], 0),
        ([Condition("type", "in", ("virtual", "card"))], 1),
        ([Condition("type", "eq", "card")], 0),
    ],
)
async def test_a_list_holds_ones_own_only(
    db: Database, ann: Person, ben: Person, conditions: list[Condition], count: int
) -> None:
    async with db.transaction() as tx:
        found = await reading.page(tx, user_id=ann.id, query=ListQuery(tuple(conditions)))
        next_page = await reading.page(
            tx, user_id=ann.id, query=ListQuery(tuple(conditions), page=Page(2, 1))
        )

    assert [it.id for it in found] == [ann.wallet_id] * count
    assert next_page == []


async def test_a_grant_comes_from_the_outside_world_once(
    db: Database, scene: Scene, ben: Person, now: datetime
) -> None:
    async def give() -> None:
        async with db.transaction() as tx:
            await grant(
                tx,
                wallet_id=ben.wallet_id,
                amounts=[EUR("1000.00"), MXN("10000.00")],
                key="sample:ben",
                now=now,
            )

    await give()
    with pytest.raises(psycopg.errors.UniqueViolation):
        await give()
    await fund(db, ben, EUR("0.50"), now=now)

    assert await held(db, ben) == Decimal("1000.50")
    assert await held(db, ben, "MXN") == Decimal(10000)
    assert await held_by(db, PRODUCT, kind=GRANTS_ACCOUNT) == Decimal("-1000.50")
    assert await problems(db) == []
