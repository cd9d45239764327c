"""Invitations that are declined: who has declined still can contribute, and be invited again."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.money import MXN, Person, Scene, problems, rows
from tests.settlements import heard, intended, make_source, record, recorder
from tests.shares import into, make_pool, pay_shares, paying
from whipround.db.listing import Condition, ListQuery
from whipround.domain.pools import closing, declining, inviting, participants, reading
from whipround.domain.pools.declining import InvitationNotFound
from whipround.domain.pools.numbers import ids_of
from whipround.outcomes import Outcome

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ben(scene: Scene) -> Person:
    """Somebody who is invited, with money."""
    return await scene.person(MXN("50.00"), first_name="Ben")


async def invite(scene: Scene, owner: Person, *people: Person, **given: Any) -> UUID:
    said = {"invites": [it.id for it in people], "currency": "MXN", "is_public": False}
    return await make_pool(scene, owner, **{**said, **given})


async def invitation(scene: Scene, pool_id: UUID, person: Person) -> int:
    [[number]] = await rows(
        scene.db,
        "select number from pool_participant where pool_id = %s and user_id = %s and is_first",
        pool_id,
        person.id,
    )
    return int(number)


async def declines(scene: Scene, person: Person, number: int) -> bool:
    """Whether there was something to decline."""
    try:
        async with scene.db.transaction() as tx:
            await declining.decline(
                tx, user=person.user, number=number, currency="MXN", now=scene.now
            )
    except InvitationNotFound:
        return False
    return True


async def counts(scene: Scene, pool_id: UUID) -> tuple[Any, ...]:
    """Of a pool: who is invited, on the way, has paid, has declined."""
    [found] = await rows(
        scene.db,
        "select invited_count, pending_count, paid_count, rejected_count from pool where id = %s",
        pool_id,
    )
    return found


async def test_who_has_declined_may_be_invited_again_and_contribute(
    scene: Scene, ann: Person, ben: Person
) -> None:
    cat, dan = await scene.person(), await scene.person()
    pool_id = await invite(scene, ann, ben, cat)
    number = await invitation(scene, pool_id, ben)

    assert await declines(scene, ben, number)
    assert not await declines(scene, ben, number)
    assert await counts(scene, pool_id) == (1, 0, 0, 1)
    async with scene.db.transaction() as tx:
        pool = await reading.find(tx, user_id=ben.id, pool_id=pool_id)
        query = ListQuery((Condition("status", "eq", "rejected"),))
        [shown] = await participants.page(tx, viewer_id=ann.id, pool=pool, query=query)
        invited = [ben.id, cat.id, dan.id]
        await inviting.invite(
            tx,
            owner=ann.user,
            pool_id=pool_id,
            user_ids=invited,
            keyring=scene.keyring,
            now=scene.now,
        )
    assert (shown.user_id, shown.status, shown.amount) == (ben.id, "rejected", None)
    assert await counts(scene, pool_id) == (3, 0, 0, 0)
    assert await declines(scene, ben, number)
    await pay_shares(scene, paying(scene, ben, into(pool_id, "1.00")))
    assert await counts(scene, pool_id) == (2, 0, 1, 0)
    assert not await declines(scene, ben, number)
    told = await rows(
        scene.db, "select user_id, kind from notification where object_id = %s order by id", pool_id
    )
    assert [kind for user_id, kind in told if user_id == ann.id] == [
        "pool_rejected",
        "pool_rejected",
        "pool_contribution",
    ]
    assert sorted(kind for user_id, kind in told if user_id == ben.id) == ["pool_invited"] * 2
    assert await problems(scene.db) == []


async def test_a_contribution_that_fails_is_none(scene: Scene, ann: Person, ben: Person) -> None:
    card = await make_source(scene, ben)
    pool_id = await invite(scene, ann, ben)
    number = await invitation(scene, pool_id, ben)
    by_card = {"funding_source_id": card}

    async def fails() -> None:
        [tried] = await intended(scene, paying(scene, ben, into(pool_id, "1.00"), **by_card))
        assert not await declines(scene, ben, number)
        await record(recorder(scene.db, scene), heard(tried, Outcome("declined", "x")))

    await fails()
    assert await declines(scene, ben, number)
    async with scene.db.transaction() as tx:
        pool = await reading.find(tx, user_id=ann.id, pool_id=pool_id)
        [shown] = await participants.page(tx, viewer_id=ann.id, pool=pool, query=ListQuery())
    assert (shown.status, shown.amount, shown.transaction_id) == ("rejected", None, None)
    await fails()
    assert await counts(scene, pool_id) == (1, 0, 0, 0)
    assert await problems(scene.db) == []


async def test_only_one_s_own_invitation_to_an_open_pool_is_there_to_decline(
    scene: Scene, ann: Person, ben: Person
) -> None:
    hour = timedelta(hours=1)
    pool_id = await invite(scene, ann, ben)
    number = await invitation(scene, pool_id, ben)
    in_euros = await invitation(scene, await invite(scene, ann, ben, currency="EUR"), ben)
    ended = await invite(scene, ann, ben, end_at=scene.now + hour)
    early = await invite(scene, ann, ben, start_at=scene.now + hour)
    over = await invitation(scene, ended, ben)
    await rows(scene.db, "update pool set end_at = %s where id = %s returning id", scene.now, ended)

    assert not await declines(scene, ann, number)
    for other in (in_euros, over, 0, 2**62, 2**63, 10**30):
        assert not await declines(scene, ben, other)
    assert await declines(scene, ben, await invitation(scene, early, ben))
    async with scene.db.transaction() as tx:
        await closing.close(tx, owner_id=ann.id, pool_id=pool_id, now=scene.now)
    assert not await declines(scene, ben, number)
    assert await problems(scene.db) == []


async def test_declined_while_contributed(scene: Scene, ann: Person, ben: Person) -> None:
    pools = [await invite(scene, ann, ben) for _ in range(5)]

    for pool_id in pools:
        number = await invitation(scene, pool_id, ben)
        declined, again, _ = await asyncio.gather(
            declines(scene, ben, number),
            declines(scene, ben, number),
            pay_shares(scene, paying(scene, ben, into(pool_id, "1.00"))),
        )
        assert not (declined and again)
        assert await counts(scene, pool_id) == (0, 0, 1, 0)

    assert await problems(scene.db) == []


async def test_pools_are_found_by_their_numbers(scene: Scene, ann: Person) -> None:
    pool_id = await invite(scene, ann)
    [[number]] = await rows(scene.db, "select number from pool where id = %s", pool_id)

    async with scene.db.transaction() as tx:
        found = await ids_of(tx, [number, number + 1, 2**63, 0])

    assert found == {number: pool_id}
