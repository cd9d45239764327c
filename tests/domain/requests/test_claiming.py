"""Requests of numbers that somebody proves: who was asked is that person from then on."""

from collections import Counter
from datetime import timedelta

import pytest

from tests.domain.requests.asking import Asking, ids
from tests.money import Person, Scene, new_address, problems, rows
from whipround.db.database import Database
from whipround.db.listing import Condition, ListQuery, Page
from whipround.domain import claims, relationships
from whipround.domain.payees import Address
from whipround.domain.requests import reading, responding
from whipround.domain.requests.claiming import MOST_TOLD

pytestmark = pytest.mark.anyio


async def prove(scene: Scene, person: Person, *addresses: Address) -> None:
    async with scene.db.transaction() as tx:
        await claims.prove(tx, user_id=person.id, addresses=addresses, now=scene.now)


async def told(db: Database, person: Person) -> Counter[str]:
    """Of what somebody was notified, and how often."""
    found = await rows(db, "select kind from notification where user_id = %s", person.id)
    return Counter(kind for (kind,) in found)


async def test_of_what_waits_for_a_number_its_owner_is_told(
    db: Database, scene: Scene, asking: Asking, ann: Person, ben: Person
) -> None:
    cat, one, two = await scene.person(), new_address(), new_address()
    made = [await asking.ask(ann, one) for _ in range(MOST_TOLD)]
    made.append(await asking.ask(ann, one, two, cat))
    of_cat = await asking.ask(cat, one)
    async with db.transaction() as tx:
        await relationships.block(tx, user_id=ben.id, other_user_id=cat.id, now=scene.now)

    await prove(scene, ben, one, two)

    assert await told(db, ben) == {"request_received": MOST_TOLD}
    newest = "select object_id from notification where user_id = %s"
    assert (made[-1].id,) in await rows(db, newest, ben.id)
    assert (of_cat.id,) not in await rows(db, newest, ben.id)
    async with db.transaction() as tx:
        seen = await reading.page(tx, user_id=ben.id, query=ListQuery(page=Page(1, 100)))
    # What they are asked for twice they see once, and answer one after the other.
    assert ids(seen.requests) == sorted([*ids(made), of_cat.id], reverse=True)
    assert [each.user_id for each in seen.participants(made[-1].id)] == [ben.id, ben.id, cat.id]
    first = seen.own(made[-1].id)
    async with db.transaction() as tx:
        answered = [
            await responding.reject(tx, user=ben.user, request_id=made[-1].id, now=scene.now)
            for _ in range(2)
        ]
    assert first is not None
    assert answered[0] == first.id != answered[1]
    assert await problems(db) == []


async def test_a_number_of_ones_own(
    db: Database, scene: Scene, asking: Asking, ann: Person, ben: Person
) -> None:
    address = new_address()
    made = await asking.ask(ann, address, ben)

    await prove(scene, ann, address)

    assert await told(db, ann) == {}
    async with db.transaction() as tx:
        seen = await reading.page(tx, user_id=ann.id, query=ListQuery())
        own = seen.own(made.id)
        assert own is not None
        await responding.cancel(
            tx, owner=ann.user, request_id=made.id, participant_id=own.id, now=scene.now
        )
    assert ids(seen.requests) == [made.id]
    assert await told(db, ann) == {}


async def test_a_list_of_both_sides_has_no_gaps(
    db: Database, scene: Scene, asking: Asking, ann: Person, ben: Person
) -> None:
    """Many made at the same time, read in pages of two, in any order."""
    expected: list[tuple[bool, timedelta, object]] = []
    for minutes in range(3):
        at = scene.now + timedelta(minutes=minutes)
        for owner, other in ((ann, ben), (ben, ann), (ann, ben)):
            made = await asking.ask(owner, other, at=at)
            expected.append((owner is ann, timedelta(minutes=minutes), made.id))
        await asking.ask(await scene.person(), ben, at=at)

    async def read(*conditions: Condition) -> list[object]:
        found: list[object] = []
        while True:
            page = Page(1 + len(found) // 2, 2)
            async with db.transaction() as tx:
                query = ListQuery(conditions, page=page)
                requests = (await reading.page(tx, user_id=ann.id, query=query)).requests
            found += ids(requests[:2])
            if len(requests) <= 2:
                return found

    for owned in (None, True, False):
        for status in (None, "open"):
            conditions = [
                *([] if owned is None else [Condition("owner", "eq", owned)]),
                *([] if status is None else [Condition("status", "eq", status)]),
            ]
            wanted = [it for it in expected if owned in {None, it[0]}]
            in_order = sorted(wanted, key=lambda it: (it[1], str(it[2])), reverse=True)
            assert await read(*conditions) == [it[2] for it in in_order]
    assert await read(Condition("status", "eq", "closed")) == []
