"""Names and passwords in each call: what is remembered of them, what ends that, what is counted."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher

from tests.domain.test_sessions import lock_out
from tests.people import make_user, new_email
from whipround.db.batch import Batcher
from whipround.db.database import Database, Tx
from whipround.domain import basic_auth, credentials, sessions, throttles, token_logins, tokens
from whipround.domain.basic_auth import BasicAuth
from whipround.domain.credentials import InvalidCredentials
from whipround.domain.sessions import Session
from whipround.domain.throttles import Charge
from whipround.domain.users.person import User
from whipround.domain.users.proofs import Proven
from whipround.errors import Throttled
from whipround.keyring import Keyring

pytestmark = pytest.mark.anyio

PASSWORD = "foobar123"


def weak(password: str = PASSWORD) -> str:
    """An outdated hash, which takes no time."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(password)


class Door:
    """Two processes that check the credentials of calls."""

    def __init__(self, db: Database, keyring: Keyring, now: datetime) -> None:
        self.db, self.keyring, self.now = db, keyring, now

        async def find(tx: Tx, digests: Sequence[bytes]) -> list[Session | None]:
            found = await sessions.find(tx, digests, now=self.now)
            return [found.get(digest) for digest in digests]

        self.here, self.there = (
            BasicAuth(db, keyring, sessions=Batcher(db, find, reads_only=True)) for _ in "12"
        )

    async def make_user(self, **given: Any) -> User:
        given = {"password_hash": weak(), "proven": Proven(email=new_email()), **given}
        return await make_user(self.db, keyring=self.keyring, now=self.now, **given)

    async def check(
        self, name: str, password: str = PASSWORD, *, at: BasicAuth | None = None
    ) -> Session:
        return await (at or self.here).check(name, password, address="192.0.2.1", now=self.now)

    async def refused(self, *args: Any, **given: Any) -> None:
        with pytest.raises(InvalidCredentials):
            await self.check(*args, **given)

    async def set_password(self, user: User, password: str) -> None:
        async with self.db.transaction() as tx:
            await tx.execute(
                "update users set password_hash = %s where id = %s", (weak(password), user.id)
            )

    async def tries(self, name: str) -> int:
        """How many tries are counted against a name."""
        limit = throttles.LOGINS_PER_IDENTITY
        async with self.db.transaction() as tx:
            cursor = await tx.execute(
                "select coalesce(sum(count), 0) from throttle where subject = %s",
                (self.keyring.throttle(limit.kind, f"username {name}"),),
            )
            [[count]] = await cursor.fetchall()
        return int(count)


@pytest.fixture
def door(db: Database, keyring: Keyring, now: datetime) -> Door:
    return Door(db, keyring, now)


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that argon2 has worked on, and was not spared."""
    seen: list[str] = []
    verify = credentials.verify_password

    async def counted(password_hash: str | None, password: str) -> credentials.PasswordVerdict:
        seen.append(password)
        return await verify(password_hash, password)

    monkeypatch.setattr(credentials, "verify_password", counted)
    return seen


async def test_by_name_or_by_proven_email(door: Door) -> None:
    user = await door.make_user()
    assert user.email is not None

    for name in (user.username, user.username.upper(), user.email, user.email.upper()):
        session = await door.check(name)
        assert (session.id, session.user.id) == (user.id, user.id)
        assert (session.token_id, session.device_id) == (None, None)
    await door.here.drain()
    # The weak hash has been replaced, once for all.
    async with door.db.transaction() as tx:
        [[stored]] = await (
            await tx.execute("select password_hash from users where id = %s", (user.id,))
        ).fetchall()
    assert "m=19456" in stored


async def test_a_right_password_is_checked_once_a_minute(
    door: Door, checked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await door.make_user(password_hash=await credentials.hash_password(PASSWORD))

    await asyncio.gather(*(door.check(user.username) for _ in range(5)))
    await door.check(user.username)
    assert len(checked) == 1
    await door.check(user.username, at=door.there)
    assert len(checked) == 2
    monkeypatch.setattr(basic_auth, "REMEMBERED_SECONDS", 0.0)
    await door.check(user.username)
    assert len(checked) == 3
    assert await door.tries(user.username) == 0


async def test_a_new_password_ends_the_old_one_everywhere(door: Door) -> None:
    user = await door.make_user()
    for at in (door.here, door.there):
        await door.check(user.username, at=at)
        await door.check(user.username, at=at)  # the hash is another one by now

    await door.set_password(user, "another one")

    for at in (door.here, door.there):
        await door.refused(user.username, at=at)
        await door.check(user.username, "another one", at=at)


async def test_who_is_locked_or_not_active_is_refused_at_once(door: Door) -> None:
    user = await door.make_user()
    await door.check(user.username)

    await lock_out(door.db, user.id, door.keyring, door.now)

    await door.refused(user.username)
    door.now += credentials.FIRST_LOCK
    await door.check(user.username)
    async with door.db.transaction() as tx:
        await tx.execute("update users set status = 'rejected' where id = %s", (user.id,))
    await door.refused(user.username)


async def test_wrong_and_unknown_cost_the_same(door: Door, checked: list[str]) -> None:
    user = await door.make_user()
    nobody = await door.make_user(password_hash=None)
    unproven = await door.make_user(proven=Proven(), email=new_email())

    for name in (
        user.username,
        "nobody.here",
        nobody.username,
        unproven.email,
        "\0",
        "@",
        "x" * 500,
    ):
        before = len(checked)
        await door.refused(name, "wrong")
        await door.refused(name, "wrong")
        assert len(checked) == before + 2
    assert await door.tries(user.username) == 2
    assert await door.tries("nobody.here") == 2


async def test_guesses_are_limited_and_keep_nobody_out_who_was_in(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = await credentials.hash_password(PASSWORD)
    user = await door.make_user(password_hash=secret)
    await door.check(user.username)

    for number in range(throttles.LOGINS_PER_IDENTITY.count):
        await door.refused(user.username, f"wrong{number}")

    with pytest.raises(Throttled):
        await door.check(user.username, "wrong", at=door.there)
    with pytest.raises(Throttled):
        await door.check(user.username, at=door.there)
    monkeypatch.setattr(basic_auth, "REMEMBERED_SECONDS", 0.0)
    await door.check(user.username)
    # One address is limited, whomever it tries.
    limit = throttles.LOGINS_PER_ADDRESS
    charge = Charge(limit, "192.0.2.1", limit.count)
    with pytest.raises(Throttled):
        await throttles.charge_apart(door.db, [charge], keyring=door.keyring, now=door.now)
    with pytest.raises(InvalidCredentials):
        await door.there.check("somebody", "x", address="192.0.2.2", now=door.now)


async def test_who_hangs_up_takes_nothing_from_others(door: Door, checked: list[str]) -> None:
    user = await door.make_user()
    first = asyncio.create_task(door.check(user.username))
    second = asyncio.create_task(door.check(user.username))
    while not checked:  # noqa: ASYNC110 (nothing says so)
        await asyncio.sleep(0)
    first.cancel()

    assert (await second).user.id == user.id
    assert len(checked) == 1


async def test_few_are_remembered(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(basic_auth, "MOST_KNOWN", 2)
    for _ in range(4):
        await door.check((await door.make_user()).username)
    assert len(door.here._known) == 2


async def test_logging_in_for_a_token(door: Door) -> None:
    user = await door.make_user()

    async def log_in(password: str = PASSWORD) -> token_logins.LoggedIn:
        return await token_logins.log_in(
            door.db,
            door.here,
            username=user.username,
            password=password,
            address="192.0.2.1",
            now=door.now,
        )

    first = await log_in()
    assert first.previous_login_at is None
    opened_at = door.now
    session = await door.check("", first.opened.secret)
    assert (session.id, session.user.id) == (first.opened.id, user.id)
    door.now += timedelta(days=1)
    assert (await log_in()).previous_login_at == opened_at
    with pytest.raises(InvalidCredentials):
        await log_in("wrong")
    # Whoever sets a new one ends what the old one has opened.
    async with door.db.transaction() as tx:
        await tokens.end_others(tx, user_id=user.id, token_id=None, session_id=None)
    await door.refused("", first.opened.secret)


async def test_a_token_is_prolonged_once_an_hour(door: Door) -> None:
    user = await door.make_user()
    async with door.db.transaction() as tx:
        opened = await sessions.open_login(tx, user_id=user.id, kind="wmb", now=door.now)

    async def expires_at(later: timedelta) -> datetime:
        door.now += later
        return (await door.check("", opened.secret)).expires_at

    almost, hour = timedelta(minutes=59), timedelta(hours=1)
    assert await expires_at(almost) == opened.expires_at
    assert await expires_at(hour) == door.now + sessions.UNUSED_LIFE
    assert await expires_at(sessions.UNUSED_LIFE - hour) == door.now + sessions.UNUSED_LIFE
    door.now += sessions.UNUSED_LIFE
    await door.refused("", opened.secret)


async def test_a_password_that_changes_while_somebody_logs_in(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await door.make_user(password_hash=await credentials.hash_password(PASSWORD))
    check = door.here.check

    async def outrun(*args: Any, **given: Any) -> Session:
        session = await check(*args, **given)
        await door.set_password(user, "another one")
        return session

    monkeypatch.setattr(door.here, "check", outrun)

    with pytest.raises(InvalidCredentials):
        await token_logins.log_in(
            door.db,
            door.here,
            username=user.username,
            password=PASSWORD,
            address="192.0.2.1",
            now=door.now,
        )
