"""Lists of pools: what somebody owns, takes part in, or may, each once, however it is asked for."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product as combinations
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from tests.money import EUR, Person, Scene, rows
from tests.shares import into, make_pool, pay_shares, paying
from whipround.db.database import Database
from whipround.db.listing import NEWEST_FIRST, Condition, ListQuery, Order, Page
from whipround.domain.pools import closing, reading

pytestmark = pytest.mark.anyio

MINUTE = timedelta(minutes=1)


class Row(NamedTuple):
    """A pool, as far as lists tell one from another; `name` is its description."""

    id: UUID
    owner_id: UUID
    is_public: bool
    status: str
    name: str
    created_at: datetime
    updated_at: datetime


@pytest.fixture
async def everything(db: Database, scene: Scene, ann: Person, ben: Person) -> list[Row]:
    """Pools of three people, many at the same time; some public, some closed, some of several."""
    cat = await scene.person(EUR("20.00"))
    number = 0
    for at, owner, is_public in combinations(range(3), (ann, ben, cat), (True, False)):
        for others in ((), (ann, ben)):
            number += 1
            then = replace(scene, now=scene.now + at * MINUTE)
            pool_id = await make_pool(
                then,
                owner,
                is_public=is_public,
                description=f"{('Gift', 'Trip')[number % 2]} {number % 5}",
                detailed_description="for Joe" if number % 3 else "",
                invites=[it.id for it in others if it is not owner],
            )
            if number % 4 == 0:
                await pay_shares(then, paying(then, cat, into(pool_id, "0.10")))
            if number % 5 == 0:
                async with db.transaction() as tx:
                    later = then.now + number * MINUTE
                    await closing.close(tx, owner_id=owner.id, pool_id=pool_id, now=later)
    found = await rows(
        db,
        "select id, owner_id, is_public, status, description, created_at, updated_at from pool",
    )
    return [Row(*row) for row in found]


async def _all_pages(db: Database, viewer: Person, query: ListQuery) -> list[UUID]:
    """The ids of all pools, gathered page by page."""
    found: list[UUID] = []
    for number in range(1, 100):
        page = Page(number, query.page.limit)
        async with db.transaction() as tx:
            part = await reading.page(tx, user_id=viewer.id, query=replace(query, page=page))
        found += [it.id for it in part[: page.limit]]
        if len(part) <= page.limit:
            return found
    raise AssertionError("there is no end to it")


def _sorted(found: Sequence[Row], order: Sequence[Order]) -> list[UUID]:
    found = sorted(found, key=lambda it: it.id, reverse=order[-1].descending)
    for item in reversed(order):
        found = sorted(found, key=attrgetter(item.field), reverse=item.descending)
    return [it.id for it in found]


async def test_every_list_holds_what_it_should_in_order_and_without_gaps(
    db: Database, scene: Scene, ann: Person, ben: Person, everything: list[Row]
) -> None:
    stranger = await scene.person()
    joined = await rows(db, "select user_id, pool_id from pool_participant where is_first")
    about = {id_ for (id_,) in await rows(db, "select id from pool where words @@ 'joe'::tsquery")}
    asked: list[tuple[Condition | None, Any]] = [
        (None, lambda it: True),
        (Condition("status", "eq", "closed"), lambda it: it.status == "closed"),
        (Condition("status", "in", ("open",)), lambda it: it.status == "open"),
        (Condition("name", "like", "GIFT"), lambda it: "Gift" in it.name),
        (Condition("description", "eq", "Trip 1"), lambda it: it.name == "Trip 1"),
        (
            Condition("created_at", "gt", scene.now),
            lambda it: it.created_at > scene.now,
        ),
    ]
    orders = [
        NEWEST_FIRST,
        (Order("created_at"),),
        (Order("updated_at", descending=True), Order("created_at")),
        (Order("name"), Order("created_at", descending=True)),
    ]

    for viewer, owner, (condition, holds), search in combinations(
        (ann, ben, stranger), (None, True, False), asked, (None, "joe FOR")
    ):
        conditions = [condition] if condition else []
        if owner is not None:
            conditions.append(Condition("owner", "eq", owner))
        expected = [
            it
            for it in everything
            if (it.is_public or it.owner_id == viewer.id or (viewer.id, it.id) in joined)
            and owner in {None, it.owner_id == viewer.id}
            and holds(it)
            and (search is None or it.id in about)
        ]
        for order in orders if search is None else orders[:1]:
            query = ListQuery(tuple(conditions), order, Page(1, 7), search)

            found = await _all_pages(db, viewer, query)

            assert found == _sorted(expected, order), (viewer.user.first_name, query)


async def test_a_pool_reads_with_all_that_goes_with_it_however_many_there_are(
    db: Database, scene: Scene, ann: Person, ben: Person, everything: list[Row]
) -> None:
    """In as many statements for one as for a hundred."""
    async with db.transaction() as tx:
        pools = await reading.page(tx, user_id=ann.id, query=ListQuery(page=Page(1, 100)))
        together = await reading.see(tx, user_id=ann.id, pools=pools)
        alone = [await reading.see(tx, user_id=ann.id, pools=[pool]) for pool in pools]

    for pool, one in zip(pools, alone, strict=True):
        assert together.participants[pool.id] == one.participants[pool.id]
        shown = one.participants[pool.id]
        assert pool.participation(shown.first_names).total == len(shown.recent)
        assert together.owners[pool.owner_id] == one.owners[pool.owner_id]
