"""Logging in by email and password: whom an email denotes, what can be known and guessed."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher

from tests.domain.test_sessions import lock_out
from tests.people import make_user, new_email
from whipround.db.database import Database
from whipround.domain import credentials, logins, sessions, throttles, tokens
from whipround.domain.credentials import InvalidCredentials
from whipround.domain.sessions import MOST_LOGINS, OpenedSession, Session
from whipround.domain.throttles import Charge
from whipround.domain.users.person import User
from whipround.domain.users.proofs import Proven
from whipround.errors import Throttled
from whipround.keyring import Keyring

pytestmark = pytest.mark.anyio

PASSWORD = "foobar123"
WEAK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
"""An outdated hash, which takes no time."""


class Door:
    """Logs in as a client would."""

    def __init__(self, db: Database, keyring: Keyring, now: datetime) -> None:
        self.db, self.keyring, self.now = db, keyring, now

    async def make_user(self, *, later: int = 0, **given: Any) -> User:
        now = self.now + timedelta(seconds=later)
        given = {"password_hash": WEAK, "proven": Proven(), "pin": None, **given}
        return await make_user(self.db, keyring=self.keyring, now=now, **given)

    async def log_in(
        self, email: str, password: str = PASSWORD, **given: Any
    ) -> tuple[User, OpenedSession]:
        return await logins.log_in(
            self.db,
            email=email,
            password=password,
            keyring=self.keyring,
            now=self.now,
            **{"address": "192.0.2.1", **given},
        )

    async def refused(self, *args: Any, **given: Any) -> None:
        with pytest.raises(InvalidCredentials):
            await self.log_in(*args, **given)

    async def session(self, secret: str, *, later: timedelta = timedelta()) -> Session | None:
        digest = sessions.login_digest(secret)
        assert digest is not None
        async with self.db.transaction() as tx:
            return (await sessions.find(tx, [digest], now=self.now + later)).get(digest)


@pytest.fixture
def door(db: Database, keyring: Keyring, now: datetime) -> Door:
    return Door(db, keyring, now)


async def test_session_lasts_90_days_and_has_no_device(door: Door) -> None:
    user = await door.make_user(proven=Proven(email=new_email()))
    assert user.email is not None

    found, opened = await door.log_in(user.email)

    session = await door.session(opened.secret)
    assert session is not None
    assert (found.id, session.user.id) == (user.id, user.id)
    assert (session.token_id, session.device_id) == (None, None)
    almost = timedelta(days=90) - timedelta(microseconds=1)
    assert await door.session(opened.secret, later=almost) is not None
    assert await door.session(opened.secret, later=timedelta(days=90)) is None
    # The weak hash has been replaced, once for all.
    async with door.db.transaction() as tx:
        [kept] = await logins.find_users(tx, email=user.email)
    assert kept.password_hash != WEAK
    await door.log_in(user.email)


async def test_no_secret_passes_for_one_of_another_kind(door: Door) -> None:
    user = await door.make_user()
    async with door.db.transaction() as tx:
        opened = await sessions.open_login(tx, user_id=user.id, now=door.now)

    assert sessions.digest(opened.secret) is None
    assert sessions.login_digest(opened.secret.replace("wmp_", "wst_")) is None


async def test_email_denotes_who_has_proven_it_else_the_newest(door: Door) -> None:
    email = new_email()
    await door.make_user(email=email)
    newer = await door.make_user(email=email, later=1)
    await door.make_user(email=email, later=2, password_hash=None)
    assert (await door.log_in(email))[0].id == newer.id

    owner = await door.make_user(proven=Proven(email=email))

    assert (await door.log_in(email))[0].id == owner.id


async def test_who_says_the_same_later_keeps_nobody_out(door: Door) -> None:
    email, mine = new_email(), await credentials.hash_password("my very own")
    first = await door.make_user(email=email, password_hash=mine)
    for later in (1, 2):
        await door.make_user(email=email, later=later)
    newest = await door.make_user(email=email, later=3)

    assert (await door.log_in(email, "my very own"))[0].id == first.id
    assert (await door.log_in(email))[0].id == newest.id
    await door.refused(email, "foobar124")

    await door.make_user(proven=Proven(email=email))
    await door.refused(email, "my very own")


async def test_whoever_cannot_come_in_is_refused_alike(door: Door, keyring: Keyring) -> None:
    emails = [new_email() for _ in range(3)]
    # Somebody who says so does not come in for the owner, who has no password.
    await door.make_user(email=emails[2], later=1)
    passwords = (WEAK, WEAK, None)
    locked, rejected, _ = [
        await door.make_user(proven=Proven(email=email), pin="1234", password_hash=password_hash)
        for email, password_hash in zip(emails, passwords, strict=True)
    ]
    await lock_out(door.db, locked.id, keyring, door.now)
    async with door.db.transaction() as tx:
        await tx.execute("update users set status = 'rejected' where id = %s", (rejected.id,))

    for email in emails:
        await door.refused(email)
    await door.refused(new_email())
    await door.refused(emails[0], "foobar124")
    await door.refused(emails[0], "")


async def test_logins_are_limited_per_email_and_address(door: Door) -> None:
    email = new_email()
    await door.refused(email)
    spent = [
        Charge(throttles.LOGINS_PER_IDENTITY, f"email {email}", count=9),
        Charge(throttles.LOGINS_PER_ADDRESS, "192.0.2.2", count=100),
    ]
    await throttles.charge_apart(door.db, spent, keyring=door.keyring, now=door.now)

    with pytest.raises(Throttled):
        await door.log_in(email)
    with pytest.raises(Throttled):
        await door.log_in(new_email(), address="192.0.2.2")

    await door.refused(email, limit_multiplier=2)


async def test_password_that_changes_meanwhile_opens_nothing(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the change came in between: its end of all sessions would miss this one."""
    user = await door.make_user(proven=Proven(email=new_email()))
    assert user.email is not None
    verify = credentials.verify_password
    changed = await credentials.hash_password("an0ther-one")

    async def change_then_answer(stored: str | None, given: str) -> credentials.PasswordVerdict:
        verdict = await verify(stored, given)
        async with door.db.transaction() as tx:
            await tx.execute(
                "update users set password_hash = %s where id = %s", (changed, user.id)
            )
            await tokens.end_others(tx, user_id=user.id, token_id=None, session_id=None)
        return verdict

    monkeypatch.setattr(credentials, "verify_password", change_then_answer)

    await door.refused(user.email)


async def test_oldest_of_too_many_sessions_end(door: Door) -> None:
    user = await door.make_user()
    async with door.db.transaction() as tx:
        opened = [
            await sessions.open_login(tx, user_id=user.id, now=door.now + timedelta(seconds=number))
            for number in range(MOST_LOGINS + 1)
        ]

    assert await door.session(opened[0].secret) is None
    assert await door.session(opened[1].secret) is not None
    assert await door.session(opened[-1].secret) is not None


async def test_session_ends_once(door: Door) -> None:
    user = await door.make_user()
    async with door.db.transaction() as tx:
        opened = await sessions.open_login(tx, user_id=user.id, now=door.now)
        ended = [await sessions.end(tx, session_id=opened.id) for _ in range(2)]

    assert ended == [True, False]
    assert await door.session(opened.secret) is None
