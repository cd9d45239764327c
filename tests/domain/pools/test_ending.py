"""Pools whose time is over are closed, each by itself."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.money import Person, Scene, held, problems, rows
from tests.shares import into, make_pool, pay_shares, paying
from whipround.db.database import Database
from whipround.domain.pools import ending

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)


async def test_a_pool_ends_once_and_one_that_cannot_keeps_no_other_open(
    db: Database, scene: Scene, ann: Person, ben: Person, caplog: pytest.LogCaptureFixture
) -> None:
    ended = [await make_pool(scene, ben, end_at=scene.now + HOUR) for _ in range(3)]
    for still in (None, scene.now + 3 * HOUR):
        await make_pool(scene, ben, end_at=still)
    orders = [paying(scene, ann, into(pool_id, "2.00")) for pool_id in ended]
    assert [it.error for it in await pay_shares(scene, *orders)] == [None] * 3
    stuck = ended[0]
    trigger = f"""
        create function refuse() returns trigger language plpgsql as 'begin raise ''no''; end';
        create trigger refuse before update on pool
            for each row when (old.id = '{stuck}') execute function refuse()
    """
    async with db.transaction() as tx:
        await tx.execute(trigger.encode())

    early = await ending.close_ended(db, now=scene.now)
    counts = await asyncio.gather(
        *(ending.close_ended(db, now=scene.now + 2 * HOUR) for _ in range(3))
    )

    assert (early, sum(counts)) == (0, 2)
    assert "cannot be closed" in caplog.text
    assert await held(db, ben) == Decimal(4)
    closed = await rows(db, "select id from pool where status = 'closed' order by id")
    assert [id_ for (id_,) in closed] == sorted(ended[1:])
    async with db.transaction() as tx:
        await tx.execute("drop trigger refuse on pool")
    assert await ending.close_ended(db, now=scene.now + 2 * HOUR) == 1
    assert await held(db, ben) == Decimal(6)
    assert await problems(db) == []
