"""Logging in, in one step or two; what can be known and guessed, and how often."""

import asyncio
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any
from uuid import UUID

import pytest
from argon2 import PasswordHasher
from uuid_utils.compat import uuid7

from tests.people import (
    PIN,
    find_session,
    hash_of,
    last_code,
    log_in,
    make_user,
    new_device,
    new_email,
    new_phone,
)
from whipround.db.database import Database
from whipround.domain import credentials, devices, sessions, tokens, verifications
from whipround.domain.credentials import InvalidCredentials
from whipround.domain.sessions import TokenRefused
from whipround.domain.tokens import CODE_LIFE, CODE_TRIES, IssuedToken, Login, TokenNotFound
from whipround.domain.users import person
from whipround.domain.users.person import User
from whipround.domain.users.proofs import Proven
from whipround.errors import Throttled
from whipround.keyring import Keyring

pytestmark = pytest.mark.anyio

PASSWORD = "m0ney-p00l"


class Door:
    """Logs in as a client would, each time from another address."""

    def __init__(self, db: Database, keyring: Keyring, now: datetime) -> None:
        self.db, self.keyring, self.now = db, keyring, now

    async def make_user(self, **given: Any) -> User:
        hashed = hash_of(PASSWORD)
        return await make_user(
            self.db, keyring=self.keyring, now=self.now, password_hash=hashed, **given
        )

    async def log_in(
        self, identity: str, *, address: str = "192.0.2.1", multiplier: int = 1, **given: Any
    ) -> IssuedToken:
        said: dict[str, Any] = {
            "identity_type": "phone" if identity.startswith("+") else "username",
            "identity": identity,
            "authenticator": "password",
            "secret": PASSWORD,
            "device": new_device(),
        }
        return await tokens.log_in(
            self.db,
            login=Login(**{**said, **given}),
            address=address,
            keyring=self.keyring,
            now=self.now,
            limit_multiplier=multiplier,
        )

    async def prove(
        self, id_: UUID, code: str, *, pin: str = PIN, now: datetime | None = None
    ) -> IssuedToken:
        return await tokens.prove(
            self.db, token_id=id_, code=code, pin=pin, keyring=self.keyring, now=now or self.now
        )

    async def status(self, id_: UUID, *, now: datetime | None = None) -> tuple[str, str]:
        async with self.db.transaction() as tx:
            token = await tokens.status(tx, token_id=id_, now=now or self.now)
        return token.status, token.error_code

    async def opens(self, secret: str) -> bool:
        async with self.db.transaction() as tx:
            try:
                await sessions.open_session(tx, token_secret=secret, now=self.now)
            except TokenRefused:
                return False
        return True

    async def messages(self) -> list[Any]:
        async with self.db.transaction() as tx:
            cursor = await tx.execute("select channel, recipient, kind from outbox")
            return await cursor.fetchall()


@pytest.fixture
def door(db: Database, keyring: Keyring, now: datetime) -> Door:
    return Door(db, keyring, now)


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


async def test_password_on_a_known_device_is_enough(door: Door) -> None:
    user = await door.make_user()
    device = new_device()
    await log_in(door.db, user, now=door.now, device=device)

    issued = await door.log_in(user.username.upper(), device=device)

    assert issued.token.status == "approved"
    assert issued.token.expires_at == door.now + timedelta(days=90)
    assert await door.opens(issued.secret)
    assert await door.messages() == []


async def test_new_device_needs_code_and_pin(door: Door) -> None:
    user = await door.make_user()
    device = new_device(apn_device_token="apn")
    assert user.phone is not None

    issued = await door.log_in(user.username, device=device)
    opened_before = await door.opens(issued.secret)
    proven = await door.prove(issued.token.id, await last_code(door.db, user.phone))

    assert issued.token.status == "pending"
    assert issued.token.expires_at == door.now + CODE_LIFE
    assert await door.messages() == [("sms", user.phone, "login_code")]
    assert not opened_before
    assert proven.token.id == issued.token.id
    assert proven.token.status == "approved"
    assert await door.status(issued.token.id) == ("approved", "")
    # Whoever lost the second answer still has the secret of the first.
    assert await door.opens(proven.secret)
    assert await door.opens(issued.secret)
    again = await door.log_in(user.username, device=device)
    assert again.token.status == "approved"


async def test_device_is_nobodys_until_the_login_is_approved(door: Door) -> None:
    user = await door.make_user()
    device = new_device()

    await door.log_in(user.username, device=device)

    async with door.db.transaction() as tx:
        assert await devices.find(tx, user_id=user.id, device_id=device.id) is None


async def test_code_goes_to_the_email_of_who_has_no_phone(door: Door) -> None:
    email = new_email()
    user = await door.make_user(proven=Proven(email=email))

    await door.log_in(user.username)

    assert await door.messages() == [("email", email, "login_code")]


async def test_sms_needs_no_secret_but_always_the_second_step(door: Door) -> None:
    user = await door.make_user()
    assert user.phone is not None
    device = new_device()
    await log_in(door.db, user, now=door.now, device=device)

    issued = await door.log_in(user.phone, authenticator="sms", secret="", device=device)

    assert issued.token.status == "pending"
    proven = await door.prove(issued.token.id, await last_code(door.db, user.phone))
    assert await door.opens(proven.secret)


async def test_unproven_phone_logs_nobody_in(door: Door) -> None:
    phone = new_phone()
    user = await door.make_user(proven=Proven(email=new_email()), phone=phone)

    for authenticator in ("sms", "password"):
        with pytest.raises(InvalidCredentials):
            await door.log_in(phone, authenticator=authenticator)
    with pytest.raises(InvalidCredentials):
        await door.log_in(user.username, authenticator="sms")


async def test_wrong_password_and_nobody_are_answered_alike(door: Door) -> None:
    user = await door.make_user()
    without = await make_user(door.db, keyring=door.keyring, now=door.now)

    messages = set()
    for identity, secret in [
        (user.username, "wrong"),
        ("nobody.at.all", PASSWORD),
        (new_phone(), PASSWORD),
        (without.username, PASSWORD),
    ]:
        with pytest.raises(InvalidCredentials) as refused:
            await door.log_in(identity, secret=secret)
        messages.add(refused.value.message)

    assert len(messages) == 1
    assert await door.messages() == []


async def test_nobody_is_refused_no_faster_than_somebody(door: Door) -> None:
    user = await door.make_user()

    async def seconds(identity: str) -> float:
        start = perf_counter()
        with pytest.raises(InvalidCredentials):
            await door.log_in(identity, secret="wrong")
        return perf_counter() - start

    # By turns, so that whatever else the machine does slows both.
    tries = [(await seconds("nobody.at.all"), await seconds(user.username)) for _ in range(8)]

    # Without the check of a password it would be several times faster.
    nobody, somebody = (min(each) for each in zip(*tries, strict=True))
    assert nobody > 0.5 * somebody


async def test_password_that_changes_meanwhile_gets_no_token(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the change came in between: its end of all tokens would miss this one."""
    user, device = await door.make_user(), new_device()
    await log_in(door.db, user, now=door.now, device=device)
    verify = credentials.verify_password

    async def answer_then_change(stored: str | None, given: str) -> credentials.PasswordVerdict:
        verdict = await verify(stored, given)
        async with door.db.transaction() as tx:
            await tx.execute("update users set password_hash = '' where id = %s", (user.id,))
        return verdict

    monkeypatch.setattr(credentials, "verify_password", answer_then_change)

    with pytest.raises(InvalidCredentials):
        await door.log_in(user.username, device=device)


async def test_wrong_code_and_wrong_pin_are_answered_alike(door: Door) -> None:
    user = await door.make_user()
    assert user.phone is not None
    issued = await door.log_in(user.username)
    code = await last_code(door.db, user.phone)

    for tried, pin in [(wrong(code), PIN), (wrong(code), "9999"), (code, "9999")]:
        with pytest.raises(InvalidCredentials):
            await door.prove(issued.token.id, tried, pin=pin)

    async with door.db.transaction() as tx:
        # Only with the right code was the PIN tried, and so counted.
        assert (await person.find(tx, user_id=user.id)).pin_failures == 1
    assert (await door.prove(issued.token.id, code)).token.status == "approved"


async def test_five_wrong_tries_reject_the_token(door: Door) -> None:
    user = await door.make_user()
    assert user.phone is not None
    issued = await door.log_in(user.username)
    code = await last_code(door.db, user.phone)

    for _ in range(CODE_TRIES):
        with pytest.raises(InvalidCredentials):
            await door.prove(issued.token.id, wrong(code))

    assert await door.status(issued.token.id) == ("rejected", "too_many_attempts")
    with pytest.raises(InvalidCredentials):
        await door.prove(issued.token.id, code)
    assert not await door.opens(issued.secret)


async def test_concurrent_guesses_are_all_counted(door: Door) -> None:
    user = await door.make_user()
    assert user.phone is not None
    issued = await door.log_in(user.username)
    code = await last_code(door.db, user.phone)

    async def guess(number: int) -> None:
        with pytest.raises(InvalidCredentials):
            await door.prove(issued.token.id, f"{(int(code) + number) % 1_000_000:06}")

    await asyncio.gather(*(guess(number) for number in range(1, 9)))

    async with door.db.transaction() as tx:
        cursor = await tx.execute("select attempts from token where id = %s", (issued.token.id,))
        assert await cursor.fetchall() == [(CODE_TRIES,)]


async def test_wrong_pins_at_the_second_step_lock_the_user(door: Door) -> None:
    user = await door.make_user()
    assert user.phone is not None
    issued = await door.log_in(user.username)
    code = await last_code(door.db, user.phone)

    for _ in range(CODE_TRIES):
        with pytest.raises(InvalidCredentials):
            await door.prove(issued.token.id, code, pin="9999")

    async with door.db.transaction() as tx:
        assert (await person.find(tx, user_id=user.id)).status_at(door.now) == "locked"
    second = await door.log_in(user.username)
    with pytest.raises(InvalidCredentials):
        await door.prove(second.token.id, await last_code(door.db, user.phone))


async def test_ten_minutes_are_enough_but_no_more(door: Door) -> None:
    user = await door.make_user()
    assert user.phone is not None
    issued = await door.log_in(user.username)
    code = await last_code(door.db, user.phone)
    late = door.now + CODE_LIFE

    assert await door.status(issued.token.id, now=late) == ("rejected", "expired")
    with pytest.raises(InvalidCredentials):
        await door.prove(issued.token.id, code, now=late)
    assert await door.status(issued.token.id) == ("rejected", "expired")


async def test_second_step_works_once(door: Door) -> None:
    user = await door.make_user()
    assert user.phone is not None
    issued = await door.log_in(user.username)
    code = await last_code(door.db, user.phone)

    outcomes = await asyncio.gather(
        *(door.prove(issued.token.id, code) for _ in range(4)), return_exceptions=True
    )

    assert len([it for it in outcomes if isinstance(it, IssuedToken)]) == 1


async def test_unknown_token(door: Door) -> None:
    with pytest.raises(TokenNotFound):
        await door.prove(uuid7(), "123456")
    with pytest.raises(TokenNotFound):
        await door.status(uuid7())


async def test_logins_are_limited_per_identity(door: Door) -> None:
    user = await door.make_user()
    device = new_device()
    await log_in(door.db, user, now=door.now, device=device)
    for number in range(10):
        with pytest.raises(InvalidCredentials):
            await door.log_in(user.username, secret="wrong", address=f"192.0.2.{number}")

    with pytest.raises(Throttled):
        await door.log_in(user.username.upper(), device=device, address="192.0.2.99")

    assert await door.log_in(user.username, device=device, multiplier=2)


async def test_no_spelling_of_a_username_has_tries_of_its_own(door: Door) -> None:
    """To PostgreSQL a dotted capital I is a plain one in capitals; to us it is another name."""
    user = await door.make_user(username="vivi.iris")

    for spelt in ("v\u0130vi.iris", "viv\u0130.iris", "V\u0130V\u0130.\u0130R\u0130S"):
        with pytest.raises(InvalidCredentials):
            await door.log_in(spelt)

    assert await door.log_in(user.username.upper())


async def test_logins_are_limited_per_address(door: Door) -> None:
    async def attempt(number: int) -> None:
        with pytest.raises(InvalidCredentials):
            await door.log_in(f"nobody{number}", authenticator="sms")

    for number in range(100):
        await attempt(number)

    with pytest.raises(Throttled):
        await door.log_in("somebody", authenticator="sms")


async def test_login_codes_are_limited_per_recipient(door: Door) -> None:
    user = await door.make_user()
    assert user.phone is not None
    for number in range(5):
        await door.log_in(user.phone, authenticator="sms", address=f"192.0.2.{number}")

    with pytest.raises(Throttled):
        await door.log_in(user.phone, authenticator="sms", address="192.0.2.99")

    assert len(await door.messages()) == 5


async def test_verification_codes_do_not_use_up_login_codes(door: Door) -> None:
    user = await door.make_user()
    phone = user.phone
    assert phone is not None
    async with door.db.transaction() as tx:
        for number in range(5):
            await verifications.request(
                tx,
                user_id=None,
                address=f"192.0.2.{number}",
                kind="sms",
                recipient=phone,
                event="signup",
                locale="en",
                keyring=door.keyring,
                now=door.now,
            )

    issued = await door.log_in(phone, authenticator="sms", address="192.0.2.99")

    assert issued.token.status == "pending"


async def test_codes_without_a_password_do_not_use_up_those_with_one(door: Door) -> None:
    user = await door.make_user()
    assert user.phone is not None
    for number in range(5):
        await door.log_in(user.phone, authenticator="sms", address=f"192.0.2.{number}")

    issued = await door.log_in(user.phone, address="192.0.2.98")

    assert issued.token.status == "pending"
    assert (await door.prove(issued.token.id, await last_code(door.db, user.phone))).secret


async def test_codes_after_a_password_are_limited_too(door: Door) -> None:
    user = await door.make_user()
    assert user.phone is not None
    for number in range(5):
        await door.log_in(user.username, address=f"192.0.2.{number}")

    with pytest.raises(Throttled):
        await door.log_in(user.username, address="192.0.2.99")

    assert len(await door.messages()) == 5


async def test_outdated_password_hash_is_replaced(door: Door) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    user = await make_user(door.db, keyring=door.keyring, now=door.now, password_hash=weak)

    await door.log_in(user.username)

    async with door.db.transaction() as tx:
        replaced = (await person.find(tx, user_id=user.id)).password_hash
    assert replaced != weak
    assert (await credentials.verify_password(replaced, PASSWORD)).ok


async def test_other_tokens_and_sessions_can_be_ended(door: Door) -> None:
    user = await door.make_user()
    kept = await log_in(door.db, user, now=door.now)
    other = await log_in(door.db, user, now=door.now)
    pending = await door.log_in(user.username)
    async with door.db.transaction() as tx:
        second = await sessions.open_session(tx, token_secret=kept.token.secret, now=door.now)
        await tokens.end_others(
            tx, user_id=user.id, token_id=kept.token.token.id, session_id=kept.session.id
        )
        good = [
            await find_session(tx, secret, now=door.now) is not None
            for secret in (kept.opened.secret, second.secret, other.opened.secret)
        ]

    assert good == [True, False, False]
    assert not await door.opens(other.token.secret)
    with pytest.raises(TokenNotFound):
        await door.status(pending.token.id)


async def test_prune_deletes_what_expired_a_day_ago(door: Door) -> None:
    user = await door.make_user()
    await log_in(door.db, user, now=door.now)
    pending = await door.log_in(user.username)
    gone_at = pending.token.expires_at + tokens.KEPT_FOR + timedelta(seconds=1)

    async with door.db.transaction() as tx:
        pruned = [
            await tokens.prune(tx, now=at, limit=10)
            for at in (pending.token.expires_at, gone_at, gone_at + tokens.LIFE)
        ]

    assert pruned == [0, 1, 1]


def test_secrets_are_not_shown_in_logs() -> None:
    token = tokens.Token(uuid7(), uuid7(), "approved", "", datetime.max.replace(tzinfo=UTC))
    issued = IssuedToken(token, "wat_secret")
    login = Login("username", "john", "password", new_device(), "secret")

    assert "secret" not in repr(issued)
    assert "secret'" not in repr(login)


async def test_first_pin_is_chosen_once(door: Door) -> None:
    """Whoever comes second, even at the same time, has to know it."""
    user = await door.make_user(pin=None)
    assert user.phone is not None
    logins = []
    for _ in range(3):
        issued = await door.log_in(user.username)
        logins.append((issued.token.id, await last_code(door.db, user.phone)))

    outcomes = await asyncio.gather(
        *(door.prove(id_, code, pin=f"{number}" * 4) for number, (id_, code) in enumerate(logins)),
        return_exceptions=True,
    )

    [chosen] = [n for n, it in enumerate(outcomes) if isinstance(it, IssuedToken)]
    async with door.db.transaction() as tx:
        found = await person.find(tx, user_id=user.id)
    assert found.pin_digest == door.keyring.pin(user.id, f"{chosen}" * 4)
    assert found.pin_failures == 2
