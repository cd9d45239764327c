"""Blocking, and who sees which relationship."""

from datetime import datetime

import pytest
from uuid_utils.compat import uuid7

from tests.people import make_user
from whipround.db.database import Database
from whipround.domain import relationships
from whipround.domain.relationships import Blocked, PersonNotFound
from whipround.errors import Invalid
from whipround.keyring import Keyring

pytestmark = pytest.mark.anyio


async def test_block_and_unblock_can_be_repeated(
    db: Database, keyring: Keyring, now: datetime
) -> None:
    one = await make_user(db, keyring=keyring, now=now)
    other = await make_user(db, keyring=keyring, now=now)

    async with db.transaction() as tx:
        for _ in range(2):
            await relationships.block(tx, user_id=one.id, other_user_id=other.id, now=now)
        seen = await relationships.between(tx, user_id=one.id, other_user_ids=[other.id])
        for _ in range(2):
            await relationships.unblock(tx, user_id=one.id, other_user_id=other.id)
        unseen = await relationships.between(tx, user_id=one.id, other_user_ids=[other.id])

    assert [it.type for it in seen[other.id]] == ["blocked"]
    assert unseen == {other.id: []}


async def test_nobody_can_be_blocked_who_cannot_be_seen(
    db: Database, keyring: Keyring, now: datetime
) -> None:
    one = await make_user(db, keyring=keyring, now=now)
    other = await make_user(db, keyring=keyring, now=now)

    async with db.transaction() as tx:
        with pytest.raises(PersonNotFound):
            await relationships.block(tx, user_id=one.id, other_user_id=uuid7(), now=now)
        with pytest.raises(PersonNotFound):
            await relationships.unblock(tx, user_id=one.id, other_user_id=uuid7())
        await relationships.block(tx, user_id=other.id, other_user_id=one.id, now=now)
        with pytest.raises(PersonNotFound):
            await relationships.block(tx, user_id=one.id, other_user_id=other.id, now=now)
        with pytest.raises(PersonNotFound):
            await relationships.unblock(tx, user_id=one.id, other_user_id=other.id)


async def test_nobody_can_block_themselves(db: Database, keyring: Keyring, now: datetime) -> None:
    one = await make_user(db, keyring=keyring, now=now)

    async with db.transaction() as tx:
        with pytest.raises(Invalid):
            await relationships.block(tx, user_id=one.id, other_user_id=one.id, now=now)
        with pytest.raises(Invalid):
            await relationships.unblock(tx, user_id=one.id, other_user_id=one.id)


async def test_block_can_be_taken_back_from_whoever_blocked_back(
    db: Database, keyring: Keyring, now: datetime
) -> None:
    one = await make_user(db, keyring=keyring, now=now)
    other = await make_user(db, keyring=keyring, now=now)

    async with db.transaction() as tx:
        await relationships.block(tx, user_id=one.id, other_user_id=other.id, now=now)
        await relationships.add(tx, user_id=other.id, other_user_id=one.id, kind="blocked", now=now)
        await relationships.unblock(tx, user_id=one.id, other_user_id=other.id)
        asked = await relationships.ask_blocks(tx, pairs=[(one.id, other.id)])
        blocked = set(await asked.fetchall())

    assert blocked == {(one.id, other.id)}


async def test_block_of_either_side_counts_for_both(
    db: Database, keyring: Keyring, now: datetime
) -> None:
    one, two, three = [await make_user(db, keyring=keyring, now=now) for _ in range(3)]
    pairs = [(one.id, two.id), (two.id, one.id), (one.id, three.id), (one.id, uuid7())]

    async with db.transaction() as tx:
        await relationships.block(tx, user_id=two.id, other_user_id=one.id, now=now)
        await relationships.add(tx, user_id=one.id, other_user_id=three.id, kind="friend", now=now)
        asked = await relationships.ask_blocks(tx, pairs=pairs)
        blocked = set(await asked.fetchall())
        none = set(await (await relationships.ask_blocks(tx, pairs=[])).fetchall())
        for user, others in ((one, [three.id, two.id]), (two, [one.id])):
            with pytest.raises(Blocked):
                await relationships.check_blocks(tx, user_id=user.id, other_user_ids=others)
        await relationships.check_blocks(tx, user_id=one.id, other_user_ids=[three.id, uuid7()])

    assert blocked == {(one.id, two.id), (two.id, one.id)}
    assert none == set()


async def test_each_side_sees_its_own_and_both_see_a_guardian(
    db: Database, keyring: Keyring, now: datetime
) -> None:
    ward, guardian, other = [await make_user(db, keyring=keyring, now=now) for _ in range(3)]

    async with db.transaction() as tx:
        for kind in ("guardian", "contact"):
            await relationships.add(
                tx, user_id=ward.id, other_user_id=guardian.id, kind=kind, now=now
            )
        of_ward = await relationships.between(
            tx, user_id=ward.id, other_user_ids=[guardian.id, other.id]
        )
        of_guardian = await relationships.between(tx, user_id=guardian.id, other_user_ids=[ward.id])

    assert [it.type for it in of_ward[guardian.id]] == ["guardian", "contact"]
    assert of_ward[other.id] == []
    assert [it.type for it in of_guardian[ward.id]] == ["guardian"]
