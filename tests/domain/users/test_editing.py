"""Changing oneself with nothing but a password: what proves what, and what it ends."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

from tests.money import rows
from tests.people import PIN, LoggedIn, find_session, hash_of, log_in, make_user, new_email
from whipround.db.database import Database
from whipround.domain import credentials, mailed_tokens, sessions, throttles
from whipround.domain.credentials import InvalidPin
from whipround.domain.sessions import OpenedSession, Session
from whipround.domain.throttles import Charge
from whipround.domain.users import editing, person, update
from whipround.domain.users.editing import Edit
from whipround.domain.users.person import User
from whipround.domain.users.proofs import Proven
from whipround.domain.users.update import Passwords, UserChange
from whipround.errors import Invalid, Throttled
from whipround.keyring import Keyring

pytestmark = pytest.mark.anyio

PASSWORD = "foobar123"
URL = "https://pay.test/api/confirmations/"


class Home:
    """Somebody without a PIN at home, changing things."""

    def __init__(
        self, db: Database, keyring: Keyring, now: datetime, user: User, opened: OpenedSession
    ) -> None:
        self.db, self.keyring, self.now = db, keyring, now
        self.user, self.opened = user, opened

    async def session(self, opened: OpenedSession) -> Session | None:
        digest = sessions.login_digest(opened.secret)
        assert digest is not None
        async with self.db.transaction() as tx:
            return (await sessions.find(tx, [digest], now=self.now)).get(digest)

    async def edit(self, **given: Any) -> User:
        session = await self.session(self.opened)
        assert session is not None
        checked = await editing.check(
            self.db, user=session.user, edit=Edit(**given), keyring=self.keyring, now=self.now
        )
        async with self.db.transaction() as tx:
            return await editing.carry_out(
                tx,
                session=session,
                checked=checked,
                confirmation_url=URL,
                keyring=self.keyring,
                now=self.now,
            )

    async def refused(self, **given: Any) -> Sequence[tuple[str, str]]:
        before = await self.now_me()
        with pytest.raises(Invalid) as refused:
            await self.edit(**given)
        assert await self.now_me() == before
        return [(error.field, error.code) for error in refused.value.errors]

    async def now_me(self) -> User:
        async with self.db.transaction() as tx:
            return await person.find(tx, user_id=self.user.id)

    async def elsewhere(self) -> tuple[OpenedSession, LoggedIn]:
        """A further session here, and one in Memento."""
        async with self.db.transaction() as tx:
            opened = await sessions.open_login(tx, user_id=self.user.id, now=self.now)
        return opened, await log_in(self.db, self.user, now=self.now)


@pytest.fixture
async def home(db: Database, keyring: Keyring, now: datetime) -> Home:
    hashed = hash_of(PASSWORD)
    user = await make_user(
        db,
        keyring=keyring,
        now=now,
        password_hash=hashed,
        pin=None,
        first_name="María José",
        last_name="García",
        proven=Proven(email=new_email()),
    )
    async with db.transaction() as tx:
        return Home(db, keyring, now, user, await sessions.open_login(tx, user_id=user.id, now=now))


LACKS_PASSWORD = [("current_password", "required")]
WRONG_PASSWORD = [("current_password", "invalid")]


async def test_name_needs_no_password(home: Home) -> None:
    same = await home.edit(name="María José García")
    assert (same.first_name, same.last_name) == ("María José", "García")

    user = await home.edit(name="Ana  López Ruiz")

    assert (user.first_name, user.last_name) == ("Ana", "López Ruiz")
    assert (user.email, user.password_hash) == (home.user.email, home.user.password_hash)


async def test_email_and_password_need_the_current_password(home: Home) -> None:
    for said in ({"email": new_email()}, {"password": "an0ther-one"}):
        assert await home.refused(name="Eve", **said) == LACKS_PASSWORD
        assert await home.refused(name="Eve", **said, current_password="wrong") == WRONG_PASSWORD
    assert await home.refused(name="Eve", current_password="wrong") == WRONG_PASSWORD


async def test_what_does_not_change_needs_no_other_proof(home: Home) -> None:
    other, memento = await home.elsewhere()

    user = await home.edit(name="Ana", email=home.user.email, password=PASSWORD)

    assert (user.email, user.email_verified_at) == (home.user.email, home.now)
    assert await home.session(other) is not None
    async with home.db.transaction() as tx:
        assert await find_session(tx, memento.opened.secret, now=home.now) is not None
    assert await rows(home.db, "select from outbox") == []


async def test_new_password_ends_all_other_sessions_and_resets(home: Home) -> None:
    other, memento = await home.elsewhere()
    assert home.user.email is not None
    async with home.db.transaction() as tx:
        reset = await mailed_tokens.make(
            tx, kind="password_reset", user_id=home.user.id, email=home.user.email, now=home.now
        )

    user = await home.edit(password="an0ther-one", current_password=PASSWORD)

    assert (await credentials.verify_password(user.password_hash, "an0ther-one")).ok
    assert await home.session(home.opened) is not None
    assert await home.session(other) is None
    async with home.db.transaction() as tx:
        assert await find_session(tx, memento.opened.secret, now=home.now) is None
        with pytest.raises(mailed_tokens.MailedTokenNotFound):
            await mailed_tokens.find(tx, kind="password_reset", secret=reset, now=home.now)


async def test_new_email_is_proven_by_its_link(home: Home) -> None:
    email = new_email()

    user = await home.edit(email=email, current_password=PASSWORD)

    assert (user.email, user.email_verified_at) == (email, None)
    [[recipient, token]] = await rows(home.db, "select recipient, data->>'token' from outbox")
    assert recipient == email
    async with home.db.transaction() as tx:
        confirmed = await mailed_tokens.confirm(tx, secret=token, now=home.now)
    assert (confirmed.email, confirmed.email_verified_at) == (email, home.now)


async def test_email_that_somebody_has_proven_is_taken(home: Home) -> None:
    email = new_email()
    await make_user(home.db, keyring=home.keyring, now=home.now, proven=Proven(email=email))

    refused = await home.refused(name="Eve", email=email, current_password=PASSWORD)

    assert refused == [("email", "already_taken")]


async def test_password_that_has_changed_since_it_was_checked(home: Home) -> None:
    session = await home.session(home.opened)
    assert session is not None
    checked = await editing.check(
        home.db,
        user=session.user,
        edit=Edit(email=new_email(), current_password=PASSWORD),
        keyring=home.keyring,
        now=home.now,
    )
    await home.edit(password="an0ther-one", current_password=PASSWORD)

    async with home.db.transaction() as tx:
        with pytest.raises(Invalid) as refused:
            await editing.carry_out(
                tx,
                session=session,
                checked=checked,
                confirmation_url=URL,
                keyring=home.keyring,
                now=home.now,
            )

    assert [(it.field, it.code) for it in refused.value.errors] == WRONG_PASSWORD


async def test_guesses_are_limited_however_they_are_called(home: Home) -> None:
    await throttles.charge_apart(
        home.db,
        [Charge(throttles.PASSWORDS_PER_USER, str(home.user.id), count=8)],
        keyring=home.keyring,
        now=home.now,
    )
    assert await home.refused(password="wrong1") == LACKS_PASSWORD
    assert await home.refused(current_password="wrong1") == WRONG_PASSWORD

    with pytest.raises(Throttled):
        await home.edit(password=PASSWORD)


async def test_pin_of_somebody_without_one_needs_the_password(home: Home) -> None:
    """A session alone, of any kind, sets none."""
    session = await home.session(home.opened)
    assert session is not None

    async def set_pin(checked_hash: str | None = None, **given: Any) -> object:
        async with home.db.transaction() as tx:
            return await update.update(
                tx,
                session=session,
                change=UserChange(pin=PIN, **given),
                passwords=Passwords(checked_hash=checked_hash),
                keyring=home.keyring,
                now=home.now,
            )

    assert isinstance(await set_pin(), InvalidPin)
    assert isinstance(await set_pin(current_pin=PIN), InvalidPin)
    assert (await home.now_me()).pin_digest is None

    chosen = await set_pin(home.user.password_hash, current_password=PASSWORD)

    assert isinstance(chosen, User)
    assert chosen.pin_digest == home.keyring.pin(chosen.id, PIN)


def test_secrets_are_not_shown_in_logs() -> None:
    assert "13579" not in repr(Edit(password="13579", current_password="13579"))
