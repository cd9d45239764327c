"""What people were shown: kept, found again by its hash, and forgotten."""

import re
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from tests.crowd import plan
from tests.money import EUR, rows
from tests.people import new_email
from whipround.db.database import Database
from whipround.domain.crowd import previews
from whipround.domain.crowd.commands import PreviewRefused
from whipround.domain.crowd.plan import Plan
from whipround.domain.crowd.previews import Preview
from whipround.keyring import Keyring

pytestmark = pytest.mark.anyio

PLAN = plan(EUR("6.00"), ("email", new_email()))
ANN, BEN = uuid7(), uuid7()


class Desk:
    """Where previews are kept."""

    def __init__(self, db: Database, keyring: Keyring, now: datetime) -> None:
        self.db, self.keyring, self.now = db, keyring, now

    async def write(self, user_id: UUID | None = ANN, shown: Plan = PLAN) -> str:
        async with self.db.transaction() as tx:
            return await previews.write(
                tx, user_id=user_id, plan=shown, keyring=self.keyring, now=self.now
            )

    async def find(
        self, text: str, person_id: UUID = ANN, *, later: timedelta = timedelta()
    ) -> Preview:
        async with self.db.transaction() as tx:
            return await previews.find(
                tx, text=text, person_id=person_id, keyring=self.keyring, now=self.now + later
            )

    async def use(self) -> None:
        await rows(self.db, "update crowd_preview set used_at = %s returning 1", self.now)

    async def prune(self, *, later: timedelta, limit: int = 1000) -> int:
        async with self.db.transaction() as tx:
            return await previews.prune(tx, now=self.now + later, limit=limit)


@pytest.fixture
def desk(db: Database, keyring: Keyring, now: datetime) -> Desk:
    return Desk(db, keyring, now)


async def test_it_is_found_by_its_hash(desk: Desk) -> None:
    text = await desk.write()

    found = await desk.find(text, later=timedelta(minutes=9))

    assert re.fullmatch("[0-9a-f]{32}", text)
    assert (found.plan, found.user_id, found.used_at) == (PLAN, ANN, None)
    assert found.expires_at == desk.now + timedelta(minutes=10)


async def test_of_the_hash_only_a_digest_is_kept(desk: Desk) -> None:
    text = await desk.write()

    [[kept]] = await rows(desk.db, "select crowd_preview::text from crowd_preview")

    assert text not in kept


async def test_the_same_shown_twice_has_two_hashes(desk: Desk) -> None:
    assert await desk.write() != await desk.write()


async def test_one_that_nobody_has_asked_for_is_anybodys(desk: Desk) -> None:
    text = await desk.write(None)

    assert (await desk.find(text, ANN)).id == (await desk.find(text, BEN)).id


@pytest.mark.parametrize("text", ["", "x", "0" * 32, "0" * 31, "G" * 32, "\u0661" * 32, "0" * 33])
async def test_of_no_hash_nothing_is_found(desk: Desk, text: str) -> None:
    await desk.write()

    with pytest.raises(PreviewRefused):
        await desk.find(text)


async def test_nothing_is_found_of_anothers_and_of_what_has_expired(desk: Desk) -> None:
    text = await desk.write()

    with pytest.raises(PreviewRefused):
        await desk.find(text, BEN)
    with pytest.raises(PreviewRefused):
        await desk.find(text.upper().replace("0", "O"))
    with pytest.raises(PreviewRefused):
        await desk.find(text, later=timedelta(minutes=10))


async def test_what_was_used_is_found_again_by_who_repeats_a_request(desk: Desk) -> None:
    text = await desk.write()
    await desk.use()

    found = await desk.find(text, later=timedelta(days=29))

    assert found.used_at == desk.now
    with pytest.raises(PreviewRefused):
        await desk.find(text, BEN)


async def test_the_hash_is_of_what_was_shown_and_of_no_other_key(desk: Desk) -> None:
    text, other = (
        await desk.write(),
        await desk.write(ANN, plan(EUR("7.00"), ("email", new_email()))),
    )
    await rows(
        desk.db,
        "update crowd_preview set plan = (select plan from crowd_preview order by id limit 1)"
        " where id = (select max(id::text)::uuid from crowd_preview) returning 1",
    )
    elsewhere = Desk(desk.db, Keyring(bytes(32)), desk.now)

    assert await desk.find(text)
    with pytest.raises(PreviewRefused):
        await desk.find(other)
    with pytest.raises(PreviewRefused):
        await elsewhere.find(text)


async def test_they_are_forgotten_once_they_cannot_be_confirmed_or_repeated(desk: Desk) -> None:
    await desk.write()
    await desk.use()
    await desk.write()
    await desk.write()

    assert await desk.prune(later=timedelta(minutes=9)) == 0
    assert await desk.prune(later=timedelta(minutes=10), limit=1) == 1
    assert await desk.prune(later=timedelta(minutes=10)) == 1
    assert await desk.prune(later=timedelta(days=30)) == 0
    assert await desk.prune(later=timedelta(days=30, minutes=10)) == 1
    assert await rows(desk.db, "select id from crowd_preview") == []
