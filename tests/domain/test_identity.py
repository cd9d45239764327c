"""A document is sent once, looked at by an operator, and gone."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from tests.money import rows, until_waiting
from tests.people import make_user, make_verification, new_email, new_phone
from whipround.db.database import Database, Tx
from whipround.domain import identity, verifications
from whipround.domain.identity import DECIDED_WITHIN, NO_REASON
from whipround.domain.users import person
from whipround.domain.users.person import User
from whipround.domain.users.proofs import Proven
from whipround.domain.verifications import (
    KEPT_FOR,
    DataNotExpected,
    Verification,
    VerificationFinished,
    VerificationNotFound,
)
from whipround.errors import Invalid, Throttled
from whipround.keyring import Keyring

pytestmark = pytest.mark.anyio

NUMBER = "01234567890123456789"


class Office:
    """Where documents come in and are decided about; `user` has a proven phone."""

    def __init__(self, db: Database, keyring: Keyring, now: datetime, user: User) -> None:
        self.db, self.keyring, self.now, self.user = db, keyring, now, user

    async def submit(self, **given: Any) -> Verification:
        sent: dict[str, Any] = {
            "user_id": self.user.id,
            "kind": "passport",
            "data": NUMBER,
            "event": "user_kyc",
            "keyring": self.keyring,
            "now": self.now,
        }
        async with self.db.transaction() as tx:
            return await identity.submit(tx, **{**sent, **given})

    async def decide(self, tx: Tx, id_: UUID, reason: str | None, **given: Any) -> None:
        said = {"verification_id": id_, "now": self.now, **given}
        if reason is None:
            await identity.approve(tx, **said)
        else:
            await identity.reject(tx, reason=reason, **said)

    async def approve(self, id_: UUID, **given: Any) -> None:
        async with self.db.transaction() as tx:
            await self.decide(tx, id_, None, **given)

    async def reject(self, id_: UUID, reason: str = "It is blurred.", **given: Any) -> None:
        async with self.db.transaction() as tx:
            await self.decide(tx, id_, reason, **given)

    async def get(self, id_: UUID, **given: Any) -> Verification:
        wanted = {"verification_id": id_, "user_id": self.user.id, "now": self.now}
        async with self.db.transaction() as tx:
            return await verifications.get(tx, **{**wanted, **given})

    async def undecided(self, **given: Any) -> list[UUID]:
        async with self.db.transaction() as tx:
            return [it.id for it in await identity.undecided(tx, **{"now": self.now, **given})]

    async def data(self, id_: UUID) -> str | None:
        """What an operator can still read of it; nothing of it is anywhere in clear."""
        assert NUMBER not in str(await rows(self.db, "select verification::text from verification"))
        async with self.db.transaction() as tx:
            found = await identity.get(tx, verification_id=id_, now=self.now)
        assert NUMBER not in repr(found)
        return found.data(self.keyring)

    async def is_verified(self) -> bool:
        async with self.db.transaction() as tx:
            return (await person.find(tx, user_id=self.user.id)).verified

    async def told(self) -> list[tuple[Any, ...]]:
        return await rows(self.db, "select channel, recipient, kind, data from outbox order by id")


@pytest.fixture
async def office(db: Database, keyring: Keyring, now: datetime) -> Office:
    return Office(db, keyring, now, await make_user(db, keyring=keyring, now=now))


async def test_approval_makes_the_user_verified(office: Office) -> None:
    sent = await office.submit()
    assert (sent.type, sent.status, sent.attempts, sent.recipient) == ("passport", "pending", 1, "")
    assert sent.expires_at == office.now + DECIDED_WITHIN
    assert await office.data(sent.id) == NUMBER

    await office.approve(sent.id)

    seen = await office.get(sent.id)
    assert (seen.status, seen.error_code, seen.error_message) == ("approved", "", "")
    assert await office.is_verified()
    assert await office.data(sent.id) is None
    assert await rows(office.db, "select sealed, decided_at from verification") == [
        (None, office.now)
    ]
    data = {"type": "passport", "approved": True, "reason": ""}
    assert await office.told() == [("sms", office.user.phone, "verification_decided", data)]


@pytest.mark.parametrize(
    ("given", "shown"), [("It is\n blurred.", "It is blurred."), (" ", NO_REASON)]
)
async def test_rejection_tells_why_and_changes_nothing(
    office: Office, given: str, shown: str
) -> None:
    sent = await office.submit(kind="drivers_license")

    await office.reject(sent.id, given)

    seen = await office.get(sent.id)
    assert (seen.status, seen.error_code, seen.error_message) == ("rejected", "rejected", shown)
    assert not await office.is_verified()
    assert await office.data(sent.id) is None
    [[*_, data]] = await office.told()
    assert data == {"type": "drivers_license", "approved": False, "reason": shown}


async def test_whoever_can_be_mailed_is_mailed_and_who_cannot_be_reached_is_decided_about(
    office: Office,
) -> None:
    email = new_email()
    for proven in (Proven(email=email, phone=new_phone()), Proven()):
        user = await make_user(
            office.db, keyring=office.keyring, now=office.now, proven=proven, phone=new_phone()
        )
        await office.approve((await office.submit(user_id=user.id)).id)

    [[channel, recipient, *_]] = await office.told()
    assert (channel, recipient) == ("email", email)


async def test_what_is_decided_stays_so(office: Office) -> None:
    for first, then in ((office.approve, office.reject), (office.reject, office.approve)):
        sent = await office.submit()
        await first(sent.id)
        decided = await office.get(sent.id)

        with pytest.raises(VerificationFinished):
            await then(sent.id)

        assert await office.get(sent.id) == decided


async def test_what_is_no_document_is_not_there(office: Office) -> None:
    by_code = await make_verification(
        office.db, keyring=office.keyring, now=office.now, recipient=new_phone()
    )

    for id_ in (uuid7(), by_code):
        for act in (office.approve, office.reject, office.data):
            with pytest.raises(VerificationNotFound):
                await act(id_)


@pytest.mark.parametrize("approved", [True, False], ids=["approved", "rejected"])
async def test_of_two_operators_one_wins(office: Office, approved: bool) -> None:
    sent = await office.submit()
    one, other = (office.approve, office.reject) if approved else (office.reject, office.approve)

    async with office.db.transaction() as tx:
        await office.decide(tx, sent.id, None if approved else "No.")
        late = asyncio.create_task(other(sent.id))
        again = asyncio.create_task(one(sent.id))
        await until_waiting(office.db, 2)
    outcomes = await asyncio.gather(late, again, return_exceptions=True)

    assert [type(it) for it in outcomes] == [VerificationFinished] * 2
    assert (await office.get(sent.id)).status == ("approved" if approved else "rejected")
    assert await office.is_verified() is approved
    assert len(await office.told()) == 1


async def test_a_newer_one_of_the_type_cancels_what_waits(office: Office) -> None:
    other = await make_user(office.db, keyring=office.keyring, now=office.now)
    licence = await office.submit(kind="drivers_license")
    of_another = await office.submit(user_id=other.id)
    old = await office.submit()

    new = [it.id for it in await asyncio.gather(office.submit(), office.submit())]

    waiting = await office.undecided()
    assert waiting[:2] == [licence.id, of_another.id]
    [last] = waiting[2:]
    assert last in new
    for id_ in {old.id, *new} - {last}:
        assert (await office.get(id_)).status == "cancelled"
        assert await office.data(id_) is None
        with pytest.raises(VerificationFinished):
            await office.approve(id_)
    assert not await office.is_verified()


async def test_nobody_decided_in_time(office: Office) -> None:
    old, late = await office.submit(), office.now + DECIDED_WITHIN
    assert await office.undecided(now=late - timedelta(seconds=1)) == [old.id]

    assert await office.undecided(now=late) == []
    for act in (office.approve, office.reject):
        with pytest.raises(VerificationFinished):
            await act(old.id, now=late)
    await office.submit(now=late)
    seen = await office.get(old.id, now=late)
    assert (seen.status, seen.error_code) == ("failed", "expired")


async def test_prune_erases_what_nobody_decided_about_and_keeps_what_was(office: Office) -> None:
    decided, expired = await office.submit(kind="drivers_license"), await office.submit()
    await office.approve(decided.id)
    late = office.now + DECIDED_WITHIN

    async with office.db.transaction() as tx:
        early = await identity.prune(tx, now=late - timedelta(seconds=1), limit=10)
        erased = await identity.prune(tx, now=late, limit=10)
        again = await identity.prune(tx, now=late, limit=10)
        deleted = await verifications.prune(tx, now=late + 2 * KEPT_FOR, limit=10)

    assert (early, erased, again, deleted) == (0, 1, 0, 0)
    seen = await office.get(expired.id, now=late)
    assert (seen.status, seen.error_code) == ("failed", "expired")
    assert await office.data(expired.id) is None
    assert (await office.get(decided.id)).status == "approved"


async def test_prune_overtaken_by_a_decision_leaves_it(office: Office) -> None:
    sent = await office.submit()
    late = office.now + DECIDED_WITHIN

    async def prune() -> int:
        async with office.db.transaction() as tx:
            return await identity.prune(tx, now=late, limit=10)

    async with office.db.transaction() as tx:
        await office.decide(tx, sent.id, None, now=late - timedelta(seconds=1))
        pruning = asyncio.create_task(prune())
        await until_waiting(office.db)

    assert await pruning == 0
    assert (await office.get(sent.id, now=late)).status == "approved"


async def test_a_document_is_its_users_and_proves_no_address(office: Office) -> None:
    sent = await office.submit()

    for other in (None, uuid7()):
        with pytest.raises(VerificationNotFound):
            await office.get(sent.id, user_id=other)
    async with office.db.transaction() as tx:
        with pytest.raises(DataNotExpected):
            await verifications.provide(
                tx,
                verification_id=sent.id,
                user_id=office.user.id,
                code="123456",
                keyring=office.keyring,
                now=office.now,
            )
        with pytest.raises(Invalid, match="does not prove this kind of address"):
            await verifications.consume(
                tx,
                verification_id=sent.id,
                kind="phone",
                user_id=office.user.id,
                field="id",
                now=office.now,
            )


async def test_a_few_a_day(office: Office) -> None:
    other = await make_user(office.db, keyring=office.keyring, now=office.now)
    for _ in range(5):
        last = await office.submit()

    with pytest.raises(Throttled):
        await office.submit()

    assert await office.undecided() == [last.id]
    await office.submit(user_id=other.id)
    await office.submit(limit_multiplier=1000)
    await office.submit(now=office.now + timedelta(days=1))
