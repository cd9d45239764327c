"""A code is sent, comes back, and proves one address once."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from tests.people import last_code, make_user, make_verification, new_email, new_phone
from whipround.db.database import Database
from whipround.domain import verifications
from whipround.domain.verifications import (
    CODE_LIFE,
    CODE_TRIES,
    FRESH_FOR,
    Verification,
    VerificationFinished,
    VerificationNotFound,
)
from whipround.errors import FieldError, Invalid, Throttled
from whipround.keyring import Keyring

pytestmark = pytest.mark.anyio


class Desk:
    """Asks for verifications and brings codes, as a caller would."""

    def __init__(self, db: Database, keyring: Keyring, now: datetime) -> None:
        self.db, self.keyring, self.now = db, keyring, now

    async def ask(self, recipient: str, **given: Any) -> Verification:
        asked: dict[str, Any] = {
            "user_id": None,
            "address": "192.0.2.1",
            "kind": "email" if "@" in recipient else "sms",
            "recipient": recipient,
            "event": "signup",
            "locale": "en",
            "keyring": self.keyring,
            "now": self.now,
        }
        async with self.db.transaction() as tx:
            return await verifications.request(tx, **{**asked, **given})

    async def bring(self, id_: UUID, code: str, **given: Any) -> Verification:
        brought: dict[str, Any] = {
            "verification_id": id_,
            "user_id": None,
            "code": code,
            "keyring": self.keyring,
            "now": self.now,
        }
        async with self.db.transaction() as tx:
            return await verifications.provide(tx, **{**brought, **given})

    async def get(self, id_: UUID, **given: Any) -> Verification:
        wanted: dict[str, Any] = {"verification_id": id_, "user_id": None, "now": self.now}
        async with self.db.transaction() as tx:
            return await verifications.get(tx, **{**wanted, **given})

    async def consume(self, id_: UUID, **given: Any) -> str:
        wanted: dict[str, Any] = {
            "verification_id": id_,
            "kind": "phone",
            "user_id": None,
            "field": "verifications[0].id",
            "now": self.now,
        }
        async with self.db.transaction() as tx:
            return await verifications.consume(tx, **{**wanted, **given})

    async def useless(self, id_: UUID, **given: Any) -> FieldError:
        with pytest.raises(Invalid) as refused:
            await self.consume(id_, **given)
        [error] = refused.value.errors
        assert error.field == "verifications[0].id"
        return error


@pytest.fixture
def desk(db: Database, keyring: Keyring, now: datetime) -> Desk:
    return Desk(db, keyring, now)


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


@pytest.mark.parametrize("channel", ["sms", "call", "email"])
async def test_code_goes_out_by_the_channel_asked_for(desk: Desk, channel: str) -> None:
    recipient = new_email() if channel == "email" else new_phone()

    asked = await desk.ask(recipient, kind=channel, locale="is-IS")

    assert (asked.status, asked.attempts, asked.error_code) == ("pending", 1, "")
    assert asked.expires_at == desk.now + CODE_LIFE
    async with desk.db.transaction() as tx:
        cursor = await tx.execute("select channel, recipient, kind, locale, data from outbox")
        [message] = await cursor.fetchall()
    code = message[4]["code"]
    assert message[:4] == (channel, recipient, "verification_code", "is-IS")
    assert message[4] == {"code": code, "event": "signup"}
    assert asked.code_digest is not None
    assert code.encode() not in asked.code_digest


async def test_right_code_approves(desk: Desk) -> None:
    recipient = new_phone()
    asked = await desk.ask(recipient)

    brought = await desk.bring(asked.id, await last_code(desk.db, recipient))

    assert (brought.status, brought.error_code) == ("approved", "")
    assert await desk.get(asked.id) == brought
    with pytest.raises(VerificationFinished):
        await desk.bring(asked.id, await last_code(desk.db, recipient))


async def test_five_wrong_codes_fail_it_for_good(desk: Desk) -> None:
    recipient = new_phone()
    asked = await desk.ask(recipient)
    code = await last_code(desk.db, recipient)

    brought = [await desk.bring(asked.id, wrong(code)) for _ in range(CODE_TRIES)]

    assert [it.attempts for it in brought] == [2, 3, 4, 5, 5]
    assert [it.status for it in brought] == ["pending"] * 4 + ["failed"]
    assert [it.error_code for it in brought] == ["invalid_code"] * 4 + ["too_many_attempts"]
    with pytest.raises(VerificationFinished):
        await desk.bring(asked.id, code)


async def test_fifth_try_may_be_the_right_one(desk: Desk) -> None:
    recipient = new_phone()
    asked = await desk.ask(recipient)
    code = await last_code(desk.db, recipient)
    for _ in range(CODE_TRIES - 1):
        await desk.bring(asked.id, wrong(code))

    assert (await desk.bring(asked.id, code)).status == "approved"


async def test_concurrent_guesses_are_all_counted(desk: Desk) -> None:
    recipient = new_phone()
    asked = await desk.ask(recipient)
    code = await last_code(desk.db, recipient)

    outcomes = await asyncio.gather(
        *(desk.bring(asked.id, wrong(code)) for _ in range(12)), return_exceptions=True
    )

    refused = [it for it in outcomes if isinstance(it, VerificationFinished)]
    assert len(refused) == 12 - CODE_TRIES


async def test_ten_minutes_are_enough_but_no_more(desk: Desk) -> None:
    recipient = new_phone()
    asked = await desk.ask(recipient)
    late = desk.now + CODE_LIFE

    seen = await desk.get(asked.id, now=late)
    brought = await desk.bring(asked.id, await last_code(desk.db, recipient), now=late)

    assert (seen.status, seen.error_code) == ("failed", "expired")
    assert (brought.status, brought.error_code) == ("failed", "expired")
    with pytest.raises(VerificationFinished):
        await desk.bring(asked.id, await last_code(desk.db, recipient))


async def test_new_one_cancels_what_the_same_user_had_pending(desk: Desk, keyring: Keyring) -> None:
    recipient = new_phone()
    user = await make_user(desk.db, keyring=keyring, now=desk.now)
    other = await make_user(desk.db, keyring=keyring, now=desk.now)
    to_another = await desk.ask(new_phone(), user_id=user.id)
    of_another = await desk.ask(recipient, user_id=other.id)
    of_nobody = await desk.ask(recipient)
    old = await desk.ask(recipient, user_id=user.id)

    new = await desk.ask(recipient, user_id=user.id, kind="call")

    assert (await desk.get(old.id, user_id=user.id)).status == "cancelled"
    assert (await desk.get(new.id, user_id=user.id)).status == "pending"
    assert (await desk.get(to_another.id, user_id=user.id)).status == "pending"
    assert (await desk.get(of_another.id, user_id=other.id)).status == "pending"
    assert (await desk.get(of_nobody.id)).status == "pending"


async def test_nobody_cancels_what_others_had_pending_without_a_session(desk: Desk) -> None:
    recipient = new_phone()
    asked = await desk.ask(recipient)
    code = await last_code(desk.db, recipient)

    others = [await desk.ask(recipient, address=f"192.0.2.{number}") for number in range(2, 6)]

    assert (await desk.bring(asked.id, code)).status == "approved"
    assert {(await desk.get(it.id)).status for it in others} == {"pending"}


async def test_only_its_user_sees_it(desk: Desk, keyring: Keyring) -> None:
    user = await make_user(desk.db, keyring=keyring, now=desk.now)
    recipient = new_phone()
    asked = await desk.ask(recipient, user_id=user.id)
    code = await last_code(desk.db, recipient)

    for other in (None, uuid7()):
        with pytest.raises(VerificationNotFound):
            await desk.get(asked.id, user_id=other)
        with pytest.raises(VerificationNotFound):
            await desk.bring(asked.id, code, user_id=other)
    assert (await desk.bring(asked.id, code, user_id=user.id)).status == "approved"


async def test_what_nobody_was_logged_in_for_is_open_to_all_who_know_its_id(desk: Desk) -> None:
    asked = await desk.ask(new_phone())

    assert (await desk.get(asked.id, user_id=uuid7())).id == asked.id
    with pytest.raises(VerificationNotFound):
        await desk.get(uuid7())


async def test_codes_are_limited_per_recipient(desk: Desk) -> None:
    recipient = new_phone()
    for number in range(5):
        await desk.ask(recipient, address=f"192.0.2.{number}")

    with pytest.raises(Throttled):
        await desk.ask(recipient, address="192.0.2.99")

    await desk.ask(new_phone(), address="192.0.2.99")
    await desk.ask(recipient, now=desk.now + timedelta(hours=1))


async def test_codes_are_limited_per_caller(desk: Desk, keyring: Keyring) -> None:
    user = await make_user(desk.db, keyring=keyring, now=desk.now)
    for _ in range(20):
        await desk.ask(new_phone())
        await desk.ask(new_phone(), user_id=user.id)

    with pytest.raises(Throttled):
        await desk.ask(new_phone())
    with pytest.raises(Throttled):
        await desk.ask(new_phone(), user_id=user.id, address="192.0.2.99")
    await desk.ask(new_phone(), address="192.0.2.99")


async def test_one_verification_proves_one_thing(desk: Desk, keyring: Keyring) -> None:
    recipient = new_phone()
    approved = await make_verification(desk.db, keyring=keyring, now=desk.now, recipient=recipient)

    assert await desk.consume(approved) == recipient

    error = await desk.useless(approved)
    assert (error.code, "has been used" in error.message) == ("invalid", True)


async def test_two_at_once_use_it_once(desk: Desk, keyring: Keyring) -> None:
    approved = await make_verification(
        desk.db, keyring=keyring, now=desk.now, recipient=new_phone()
    )

    outcomes = await asyncio.gather(
        *(desk.consume(approved) for _ in range(5)), return_exceptions=True
    )

    assert len([it for it in outcomes if isinstance(it, str)]) == 1


async def test_what_does_not_prove_the_address(desk: Desk, keyring: Keyring) -> None:
    user = await make_user(desk.db, keyring=keyring, now=desk.now)
    pending = await desk.ask(new_phone())
    approved = await make_verification(
        desk.db, keyring=keyring, now=desk.now, recipient=new_phone()
    )
    of_user = await make_verification(
        desk.db, keyring=keyring, now=desk.now, recipient=new_phone(), user_id=user.id
    )

    assert (await desk.useless(uuid7())).code == "not_found"
    assert (await desk.useless(of_user)).code == "not_found"
    assert (await desk.useless(of_user, user_id=uuid7())).code == "not_found"
    assert (await desk.useless(approved, user_id=user.id)).code == "not_found"
    assert "not been approved" in (await desk.useless(pending.id)).message
    assert "kind of address" in (await desk.useless(approved, kind="email")).message
    assert "too long ago" in (await desk.useless(approved, now=desk.now + FRESH_FOR)).message
    await desk.consume(of_user, user_id=user.id)
    await desk.consume(approved)


async def test_call_proves_a_phone(desk: Desk, keyring: Keyring) -> None:
    approved = await make_verification(
        desk.db, keyring=keyring, now=desk.now, recipient=new_phone(), kind="call"
    )

    assert (await desk.consume(approved)).startswith("+")


async def test_prune_deletes_what_expired_a_day_ago(desk: Desk) -> None:
    asked = await desk.ask(new_phone())
    gone_at = asked.expires_at + verifications.KEPT_FOR + timedelta(seconds=1)

    async with desk.db.transaction() as tx:
        early = await verifications.prune(tx, now=asked.expires_at, limit=10)
        late = await verifications.prune(tx, now=gone_at, limit=10)

    assert (early, late) == (0, 1)
    with pytest.raises(VerificationNotFound):
        await desk.get(asked.id)
