"""Finding people, and whom nobody finds."""

from datetime import datetime
from typing import Any

import pytest

from tests.people import make_user, new_email, new_phone
from whipround.db.database import Database
from whipround.domain import relationships
from whipround.domain.users import search as search_module
from whipround.domain.users.person import User
from whipround.domain.users.proofs import Proven
from whipround.domain.users.search import MOST_RESULTS, Wanted, search
from whipround.keyring import Keyring

pytestmark = pytest.mark.anyio


class Town:
    """People, and one who looks for others."""

    def __init__(self, db: Database, keyring: Keyring, now: datetime, me: User) -> None:
        self.db, self.keyring, self.now, self.me = db, keyring, now, me

    async def make(self, **given: Any) -> User:
        return await make_user(self.db, keyring=self.keyring, now=self.now, **given)

    async def find(self, *, show_current_friends: bool = False, **wanted: Any) -> list[User]:
        async with self.db.transaction() as tx:
            return await search(
                tx,
                user_id=self.me.id,
                wanted=Wanted(**wanted),
                show_current_friends=show_current_friends,
            )

    async def relate(self, one: User, other: User, kind: Any) -> None:
        async with self.db.transaction() as tx:
            await relationships.add(
                tx, user_id=one.id, other_user_id=other.id, kind=kind, now=self.now
            )


@pytest.fixture
async def town(db: Database, keyring: Keyring, now: datetime) -> Town:
    me = await make_user(db, keyring=keyring, now=now, first_name="Me", username="myself")
    return Town(db, keyring, now, me)


async def test_each_way_of_finding_somebody(town: Town) -> None:
    email, phone = new_email(), new_phone()
    ann = await town.make(first_name="Ann", last_name="Lee Smith", username="Ann.Lee")
    bob = await town.make(first_name="Bob", proven=Proven(email=email))
    cid = await town.make(first_name="Cid", proven=Proven(phone=phone))

    assert await town.find(usernames=["ann.LEE", "nobody"]) == [ann]
    assert await town.find(names=["smith ANN"]) == [ann]
    assert await town.find(names=["Ann Jones", "!!!", ""]) == []
    assert await town.find(emails=[email]) == [bob]
    assert await town.find(phones=[phone]) == [cid]
    assert await town.find(
        phones=[phone], emails=[email], usernames=["ann.lee"], names=["ann"]
    ) == [ann, bob, cid]
    assert await town.find() == []


async def test_unproven_address_finds_nobody(town: Town) -> None:
    email, phone = new_email(), new_phone()
    await town.make(email=email)
    await town.make(phone=phone, proven=Proven(email=new_email()))

    assert await town.find(emails=[email], phones=[phone]) == []


async def test_blocked_either_way_is_not_found(town: Town) -> None:
    blocking, blocked = await town.make(), await town.make()
    await town.relate(blocking, town.me, "blocked")
    await town.relate(town.me, blocked, "blocked")

    assert await town.find(usernames=[blocking.username, blocked.username]) == []


async def test_friends_are_found_only_when_asked_for(town: Town) -> None:
    friend, contact, follower = [await town.make() for _ in range(3)]
    await town.relate(town.me, friend, "friend")
    await town.relate(town.me, contact, "contact")
    await town.relate(follower, town.me, "contact")
    wanted = [friend.username, contact.username, follower.username]

    assert await town.find(usernames=wanted) == [follower]
    assert len(await town.find(usernames=wanted, show_current_friends=True)) == 3


async def test_only_active_people_and_not_oneself(town: Town) -> None:
    rejected = await town.make()
    async with town.db.transaction() as tx:
        await tx.execute("update users set status = 'rejected' where id = %s", (rejected.id,))

    assert await town.find(usernames=[rejected.username, "myself"]) == []


async def test_result_is_bounded_and_in_order(town: Town) -> None:
    async with town.db.transaction() as tx:
        await tx.execute(
            """
            insert into users (id, status, first_name, last_name, username, country, timezone,
                locale, pin_digest, created_at, updated_at)
            select gen_random_uuid(), 'active', 'Common', to_char(n, '0000'), 'common' || n, 'GB',
                'UTC', 'en', '', now(), now()
            from generate_series(1, 150) as n
            """
        )

    found = await town.find(names=["common"])

    assert len(found) == MOST_RESULTS
    assert [user.full_name for user in found] == sorted(user.full_name for user in found)


async def test_no_way_of_finding_reads_all_users(town: Town) -> None:
    async with town.db.transaction() as tx:
        # Of a few rows that fit one page, walking any index would cost the same.
        await tx.execute("set local enable_seqscan = off")
        await tx.execute("set local enable_indexscan = off")
        cursor = await tx.execute(
            f"explain {search_module._SEARCH}",
            {
                "user_id": town.me.id,
                "names": ["ann lee"],
                "usernames": ["ann"],
                "emails": ["a@example.com"],
                "phones": ["+442079460958"],
                "show_current_friends": False,
            },
        )
        plan = "\n".join(line for (line,) in await cursor.fetchall())

    assert "Seq Scan on users" not in plan
    for index in ("users_username", "users_email", "users_phone", "users_names"):
        assert index in plan
