"""Sessions open with an approved token, last a day, and are found many at a time."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from tests.people import find_session, log_in, make_user, new_device
from whipround.db.database import Database
from whipround.domain import sessions, tokens
from whipround.domain.credentials import FIRST_LOCK, PIN_TRIES, UserLocked, check_pin
from whipround.domain.sessions import TokenRefused
from whipround.domain.users import person
from whipround.keyring import Keyring

pytestmark = pytest.mark.anyio


async def lock_out(db: Database, user_id: UUID, keyring: Keyring, now: datetime) -> None:
    async with db.transaction() as tx:
        for _ in range(PIN_TRIES):
            await check_pin(tx, user_id=user_id, pin="9999", keyring=keyring, now=now)


async def test_session_brings_its_whole_user(db: Database, keyring: Keyring, now: datetime) -> None:
    user = await make_user(db, keyring=keyring, now=now)
    device = new_device()

    logged_in = await log_in(db, user, now=now, device=device)

    session = logged_in.session
    assert session.user == user
    assert session.device_id == device.id
    assert session.token_id == logged_in.token.token.id
    assert session.expires_at == now + timedelta(hours=24)
    assert session.user.pin_state.pin_digest == keyring.pin(user.id, "1234")


async def test_session_ends_after_a_day(db: Database, keyring: Keyring, now: datetime) -> None:
    logged_in = await log_in(db, await make_user(db, keyring=keyring, now=now), now=now)
    end = now + timedelta(hours=24)

    async with db.transaction() as tx:
        just_before = await find_session(
            tx, logged_in.opened.secret, now=end - timedelta(microseconds=1)
        )
        at_the_end = await find_session(tx, logged_in.opened.secret, now=end)

    assert just_before is not None
    assert at_the_end is None


async def test_session_never_outlives_its_token(
    db: Database, keyring: Keyring, now: datetime
) -> None:
    logged_in = await log_in(db, await make_user(db, keyring=keyring, now=now), now=now)
    late = now + tokens.LIFE - timedelta(hours=1)

    async with db.transaction() as tx:
        opened = await sessions.open_session(tx, token_secret=logged_in.token.secret, now=late)

    assert opened.expires_at == now + tokens.LIFE


async def test_unknown_expired_and_other_secrets_open_nothing(
    db: Database, keyring: Keyring, now: datetime
) -> None:
    logged_in = await log_in(db, await make_user(db, keyring=keyring, now=now), now=now)
    useless = ["", "wat_", "wat_" + "x" * 43, logged_in.opened.secret, "wst_é"]

    async with db.transaction() as tx:
        for secret in useless:
            with pytest.raises(TokenRefused):
                await sessions.open_session(tx, token_secret=secret, now=now)
        with pytest.raises(TokenRefused):
            await sessions.open_session(
                tx, token_secret=logged_in.token.secret, now=now + tokens.LIFE
            )


async def test_token_is_no_session(logged_in_secret: str) -> None:
    assert sessions.digest(logged_in_secret) is None


@pytest.fixture
async def logged_in_secret(db: Database, keyring: Keyring, now: datetime) -> str:
    user = await make_user(db, keyring=keyring, now=now)
    return (await log_in(db, user, now=now)).token.secret


async def test_locked_user_has_no_session_until_the_lock_ends(
    db: Database, keyring: Keyring, now: datetime
) -> None:
    user = await make_user(db, keyring=keyring, now=now)
    logged_in = await log_in(db, user, now=now)
    await lock_out(db, user.id, keyring, now)

    async with db.transaction() as tx:
        with pytest.raises(UserLocked):
            await sessions.open_session(tx, token_secret=logged_in.token.secret, now=now)
        locked = await find_session(tx, logged_in.opened.secret, now=now)
        unlocked = await find_session(tx, logged_in.opened.secret, now=now + FIRST_LOCK)

    assert locked is None
    assert unlocked is not None


async def test_rejected_user_has_no_session(db: Database, keyring: Keyring, now: datetime) -> None:
    user = await make_user(db, keyring=keyring, now=now)
    logged_in = await log_in(db, user, now=now)

    async with db.transaction() as tx:
        await tx.execute("update users set status = 'rejected' where id = %s", (user.id,))
        with pytest.raises(UserLocked):
            await sessions.open_session(tx, token_secret=logged_in.token.secret, now=now)
        assert await find_session(tx, logged_in.opened.secret, now=now) is None


async def test_many_are_found_at_once(db: Database, keyring: Keyring, now: datetime) -> None:
    people = [
        await log_in(db, await make_user(db, keyring=keyring, now=now), now=now) for _ in range(3)
    ]
    digests = {sessions.digest(each.opened.secret) or b"": each.user for each in people}

    async with db.transaction() as tx:
        found = await sessions.find(tx, [*digests, b"nobody's"], now=now)
        none = await sessions.find(tx, [], now=now)

    assert {digest: session.user for digest, session in found.items()} == digests
    assert none == {}


async def test_columns_and_fields_agree(db: Database, keyring: Keyring, now: datetime) -> None:
    user = await make_user(db, keyring=keyring, now=now, first_name="Ása", last_name="Jón")

    async with db.transaction() as tx:
        assert await person.find(tx, user_id=user.id) == user

    assert user.full_name == "Ása Jón"


async def test_prune_deletes_expired_sessions(
    db: Database, keyring: Keyring, now: datetime
) -> None:
    await log_in(db, await make_user(db, keyring=keyring, now=now), now=now)

    async with db.transaction() as tx:
        early = await sessions.prune(tx, now=now, limit=10)
        late = await sessions.prune(tx, now=now + sessions.LIFE, limit=10)

    assert (early, late) == (0, 1)
