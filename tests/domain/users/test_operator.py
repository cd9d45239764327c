"""What an operator does to people."""

from datetime import datetime

import pytest
from uuid_utils.compat import uuid7

from tests.people import PIN, make_user
from whipround.db.database import Database
from whipround.domain import relationships
from whipround.domain.credentials import PIN_TRIES, check_pin
from whipround.domain.relationships import PersonNotFound
from whipround.domain.users import operator, person
from whipround.domain.users.operator import GuardianRefused
from whipround.keyring import Keyring

pytestmark = pytest.mark.anyio


async def test_unlock_forgets_failures_and_locks(
    db: Database, keyring: Keyring, now: datetime
) -> None:
    user = await make_user(db, keyring=keyring, now=now)
    async with db.transaction() as tx:
        for _ in range(PIN_TRIES):
            await check_pin(tx, user_id=user.id, pin="9999", keyring=keyring, now=now)

    async with db.transaction() as tx:
        await operator.unlock(tx, user_id=user.id, now=now)
        found = await person.find_by_username(tx, username=user.username.upper())
        error = await check_pin(tx, user_id=user.id, pin=PIN, keyring=keyring, now=now)

    assert (found.pin_failures, found.locks, found.locked_until) == (0, 0, None)
    assert error is None


async def test_marks_are_set_and_taken_away(db: Database, keyring: Keyring, now: datetime) -> None:
    user = await make_user(db, keyring=keyring, now=now)

    marks = []
    async with db.transaction() as tx:
        for value in (True, False):
            await operator.set_official(tx, user_id=user.id, official=value, now=now)
            await operator.set_verified(tx, user_id=user.id, verified=value, now=now)
            found = await person.find(tx, user_id=user.id)
            marks.append((found.official, found.verified))

    assert marks == [(True, True), (False, False)]


async def test_guardian_is_one_at_a_time(db: Database, keyring: Keyring, now: datetime) -> None:
    ward, first, second = [await make_user(db, keyring=keyring, now=now) for _ in range(3)]

    async with db.transaction() as tx:
        for guardian in (first, second):
            await operator.set_guardian(tx, ward_id=ward.id, guardian_id=guardian.id, now=now)
        found = await person.find(tx, user_id=ward.id)
        seen = await relationships.between(
            tx, user_id=ward.id, other_user_ids=[first.id, second.id]
        )
        await operator.set_guardian(tx, ward_id=ward.id, guardian_id=None, now=now)
        freed = await person.find(tx, user_id=ward.id)

    assert found.parent_user_id == second.id
    assert ([*seen[first.id]], [it.type for it in seen[second.id]]) == ([], ["guardian"])
    assert freed.parent_user_id is None


async def test_nobody_guards_themselves(db: Database, keyring: Keyring, now: datetime) -> None:
    child, parent = [await make_user(db, keyring=keyring, now=now) for _ in range(2)]

    async with db.transaction() as tx:
        await operator.set_guardian(tx, ward_id=child.id, guardian_id=parent.id, now=now)
        for ward in (child, parent):
            with pytest.raises(GuardianRefused):
                await operator.set_guardian(tx, ward_id=ward.id, guardian_id=child.id, now=now)


async def test_unknown_user(db: Database, now: datetime) -> None:
    async with db.transaction() as tx:
        with pytest.raises(PersonNotFound):
            await operator.unlock(tx, user_id=uuid7(), now=now)
        with pytest.raises(PersonNotFound):
            await operator.set_guardian(tx, ward_id=uuid7(), guardian_id=None, now=now)
        with pytest.raises(PersonNotFound):
            await person.find_by_username(tx, username="nobody")
