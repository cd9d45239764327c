"""Changing oneself: what is free to change, and what a stolen session cannot."""

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from tests.mails import mailed
from tests.people import (
    PIN,
    LoggedIn,
    find_session,
    hash_of,
    log_in,
    make_user,
    make_verification,
    new_email,
    new_phone,
)
from whipround.db.database import Database
from whipround.domain import credentials, devices, external_logins, password_resets, payees
from whipround.domain.credentials import (
    PIN_TRIES,
    InvalidCredentials,
    InvalidPin,
    UserLocked,
    judge_pin,
)
from whipround.domain.devices import DeviceChange
from whipround.domain.external_logins import ExternalLoginRefused, Identity
from whipround.domain.payees import Address
from whipround.domain.users import person, update
from whipround.domain.users.person import User
from whipround.domain.users.proofs import Proof, Proven
from whipround.domain.users.update import SessionEnded, UserChange
from whipround.errors import Invalid, Throttled
from whipround.keyring import Keyring

pytestmark = pytest.mark.anyio

PASSWORD = "m0ney-p00l"


class Home:
    """A user at home, changing things."""

    def __init__(self, db: Database, keyring: Keyring, now: datetime, me: LoggedIn) -> None:
        self.db, self.keyring, self.now, self.me = db, keyring, now, me

    async def update(self, **given: Any) -> User | InvalidPin | UserLocked:
        async with self.db.transaction() as tx:
            session = await find_session(tx, self.me.opened.secret, now=self.now)
        assert session is not None
        change = UserChange(**given)
        passwords = await update.check_passwords(
            self.db, user=session.user, change=change, keyring=self.keyring, now=self.now
        )
        async with self.db.transaction() as tx:
            return await update.update(
                tx,
                session=session,
                change=change,
                passwords=passwords,
                keyring=self.keyring,
                now=self.now,
            )

    async def changed(self, **given: Any) -> User:
        outcome = await self.update(**given)
        assert isinstance(outcome, User)
        assert await self.now_me() == outcome
        return outcome

    async def refused(self, **given: Any) -> Sequence[tuple[str, str]]:
        before = await self.now_me()
        with pytest.raises(Invalid) as refused:
            await self.update(**given)
        assert await self.now_me() == before
        return [(error.field, error.code) for error in refused.value.errors]

    async def now_me(self) -> User:
        async with self.db.transaction() as tx:
            return await person.find(tx, user_id=self.me.user.id)

    async def prove(self, recipient: str) -> Proof:
        approved = await make_verification(
            self.db,
            keyring=self.keyring,
            now=self.now,
            recipient=recipient,
            user_id=self.me.user.id,
        )
        return Proof("email" if "@" in recipient else "phone", approved)

    async def owner(self, address: Address) -> object:
        async with self.db.transaction() as tx:
            [payee] = await payees.lock_payees(tx, [address], now=self.now)
        return payee.user_id

    def is_pin(self, user: User, pin: str) -> bool:
        given = self.keyring.pin(user.id, pin)
        return judge_pin(user.pin_state, given, self.now).error is None


@pytest.fixture
async def home(db: Database, keyring: Keyring, now: datetime) -> Home:
    hashed = hash_of(PASSWORD)
    user = await make_user(db, keyring=keyring, now=now, password_hash=hashed)
    return Home(db, keyring, now, await log_in(db, user, now=now))


NEEDS_PROOF = [("current_pin", "required")]


async def test_plain_fields_need_no_proof(home: Home) -> None:
    said: dict[str, Any] = {
        "first_name": "Ása",
        "last_name": "",
        "username": "asa.jonsdottir",
        "country": "IS",
        "timezone": "Asia/Kathmandu",
        "locale": "is",
        "date_of_birth": date(1985, 9, 4),
        "preferences": '{"a": 1}',
        "meta": "x",
    }

    user = await home.changed(**said)

    assert {name: getattr(user, name) for name in said} == said
    assert user.full_name == "Ása"
    assert user.utc_offset_hours(home.now) == 5  # 5:45
    assert (user.phone, user.phone_verified_at) == (home.me.user.phone, home.now)


async def test_what_is_unset_stays(home: Home) -> None:
    before = await home.changed(date_of_birth=date(1985, 9, 4))

    assert await home.changed() == before
    cleared = await home.changed(date_of_birth=None)
    assert cleared.date_of_birth is None


async def test_what_is_not_changing_needs_no_proof(home: Home) -> None:
    me = home.me.user

    user = await home.changed(phone=me.phone, email=None, username=me.username.upper())

    assert user.phone_verified_at == home.now


async def test_stolen_session_takes_over_nothing(home: Home) -> None:
    for change in (
        {"email": new_email()},
        {"phone": new_phone()},
        {"phone": None},
        {"password": "an0ther-one"},
    ):
        assert await home.refused(**change) == NEEDS_PROOF


async def test_stolen_session_cannot_vouch_for_itself(home: Home) -> None:
    """A phone of the thief's may be proven, but a proof of that one sets no new PIN."""
    thiefs = new_phone()
    home.now += timedelta(minutes=1)
    await home.changed(proofs=[await home.prove(thiefs)])

    assert (
        await home.refused(proofs=[await home.prove(thiefs)], password="an0ther-one") == NEEDS_PROOF
    )
    outcome = await home.update(proofs=[await home.prove(thiefs)], pin="4321")
    assert isinstance(outcome, InvalidPin)


async def test_address_that_a_session_brought_lets_nobody_in(home: Home) -> None:
    """Else a thief would bring their own, and have a new password mailed to it."""
    thiefs = new_email()
    await home.changed(proofs=[await home.prove(thiefs)])

    async def is_let_in() -> bool:
        async with home.db.transaction() as tx:
            await password_resets.ask(
                tx, email=thiefs, address="192.0.2.1", keyring=home.keyring, now=home.now
            )
        return bool(await mailed(home.db, thiefs, "password_reset"))

    assert not await is_let_in()
    with pytest.raises(ExternalLoginRefused):
        await external_logins.log_in(
            home.db,
            identity=Identity("facebook", "1", "Thief", thiefs),
            locale="en",
            confirmation_url="https://pay.test/",
            currencies=("MXN",),
            address="192.0.2.1",
            keyring=home.keyring,
            now=home.now,
        )
    await home.changed(first_name="Ann")
    assert not await is_let_in()
    await home.changed(current_pin=PIN)
    assert await is_let_in()


async def test_pin_alone_is_the_current_one(home: Home) -> None:
    phone, email = new_phone(), new_email()

    user = await home.changed(pin=PIN, phone=phone, email=email)

    assert (user.phone, user.phone_verified_at) == (phone, None)
    assert (user.email, user.email_verified_at) == (email, None)
    assert home.is_pin(user, PIN)
    assert home.me.user.phone is not None
    assert await home.owner(("phone", home.me.user.phone)) is None
    assert await home.owner(("phone", phone)) is None


async def test_wrong_pin_counts_and_changes_nothing(home: Home) -> None:
    proof = await home.prove(new_email())

    outcomes = [
        await home.update(pin="9999", first_name="Eve", proofs=[proof]) for _ in range(PIN_TRIES)
    ]

    assert [type(outcome) for outcome in outcomes] == [InvalidPin] * PIN_TRIES
    me = await home.now_me()
    assert me.status_at(home.now) == "locked"
    assert (me.first_name, me.email) == ("John", None)


async def test_concurrent_wrong_pins_are_all_counted(home: Home) -> None:
    async with home.db.transaction() as tx:
        session = await find_session(tx, home.me.opened.secret, now=home.now)
    assert session is not None

    async def guess(pin: str) -> type[object]:
        async with home.db.transaction() as tx:
            return type(
                await update.update(
                    tx,
                    session=session,
                    change=UserChange(pin=pin),
                    passwords=update.Passwords(),
                    keyring=home.keyring,
                    now=home.now,
                )
            )

    outcomes = await asyncio.gather(*(guess(f"{number:04}") for number in range(9)))

    assert outcomes.count(InvalidPin) == PIN_TRIES
    assert outcomes.count(UserLocked) == 9 - PIN_TRIES


async def test_right_pin_forgets_the_wrong_ones(home: Home) -> None:
    await home.update(pin="9999")

    assert (await home.changed(pin=PIN)).pin_failures == 0


@pytest.mark.parametrize("proof", [{"current_pin": PIN}, {"current_password": PASSWORD}])
async def test_new_pin_by_the_current_pin_or_password(home: Home, proof: dict[str, str]) -> None:
    user = await home.changed(pin="4321", **proof)

    assert home.is_pin(user, "4321")
    assert not home.is_pin(user, PIN)


async def test_new_pin_and_password_by_reading_ones_own_messages(home: Home) -> None:
    assert home.me.user.phone is not None

    user = await home.changed(
        pin="4321", password="an0ther-one", proofs=[await home.prove(home.me.user.phone)]
    )

    assert home.is_pin(user, "4321")
    assert (await credentials.verify_password(user.password_hash, "an0ther-one")).ok


async def test_reading_ones_own_messages_moves_no_address(home: Home) -> None:
    assert home.me.user.phone is not None

    refused = await home.refused(email=new_email(), proofs=[await home.prove(home.me.user.phone)])

    assert refused == NEEDS_PROOF


async def test_new_password_by_the_pin(home: Home) -> None:
    user = await home.changed(password="an0ther-one", pin=PIN)

    assert home.is_pin(user, PIN)
    assert (await credentials.verify_password(user.password_hash, "an0ther-one")).ok


async def test_wrong_password_changes_nothing(home: Home) -> None:
    with pytest.raises(InvalidCredentials):
        await home.update(current_password="wrong", pin="4321", first_name="Eve")

    assert await home.now_me() == home.me.user


async def test_password_guesses_are_limited(home: Home) -> None:
    for _ in range(10):
        with pytest.raises(InvalidCredentials):
            await home.update(current_password="wrong")

    with pytest.raises(Throttled):
        await home.update(current_password=PASSWORD)


@pytest.mark.parametrize(
    "change", [{"pin": "4321", "current_pin": PIN}, {"password": "an0ther-one", "pin": PIN}]
)
async def test_new_secret_ends_other_sessions(home: Home, change: dict[str, str]) -> None:
    other = await log_in(home.db, home.me.user, now=home.now)

    await home.changed(**change)

    async with home.db.transaction() as tx:
        assert await find_session(tx, other.opened.secret, now=home.now) is None
        assert await find_session(tx, home.me.opened.secret, now=home.now) is not None


async def test_session_that_was_just_ended_changes_nothing(home: Home) -> None:
    other = await log_in(home.db, home.me.user, now=home.now)
    await home.changed(pin="4321", current_pin=PIN)

    async with home.db.transaction() as tx:
        with pytest.raises(SessionEnded):
            await update.update(
                tx,
                session=other.session,
                change=UserChange(first_name="Eve"),
                passwords=update.Passwords(),
                keyring=home.keyring,
                now=home.now,
            )


async def test_plain_change_ends_no_session(home: Home) -> None:
    other = await log_in(home.db, home.me.user, now=home.now)

    await home.changed(pin=PIN, first_name="Ása")

    async with home.db.transaction() as tx:
        assert await find_session(tx, other.opened.secret, now=home.now) is not None


async def test_proven_address_is_verified_and_the_old_one_released(home: Home) -> None:
    phone, old = new_phone(), home.me.user.phone
    assert old is not None

    user = await home.changed(phone=phone, proofs=[await home.prove(phone)])

    assert (user.phone, user.phone_verified_at) == (phone, home.now)
    assert await home.owner(("phone", phone)) == user.id
    assert await home.owner(("phone", old)) is None


async def test_unproven_address_can_be_proven_later(home: Home) -> None:
    email = new_email()
    await home.changed(email=email, pin=PIN)

    user = await home.changed(proofs=[await home.prove(email)])

    assert (user.email, user.email_verified_at) == (email, home.now)
    assert await home.owner(("email", email)) == user.id


async def test_verification_must_be_ones_own_and_of_that_address(home: Home) -> None:
    anybodys = await make_verification(
        home.db, keyring=home.keyring, now=home.now, recipient=new_email()
    )

    for proof, code in [
        (Proof("email", anybodys), "not_found"),
        (Proof("email", uuid7()), "not_found"),
        (await home.prove(new_email()), "invalid"),
    ]:
        refused = await home.refused(email=new_email(), proofs=[proof])
        assert refused == [("verifications[0].id", code)]


async def test_everything_taken_is_named(home: Home) -> None:
    email, phone = new_email(), new_phone()
    await make_user(
        home.db,
        keyring=home.keyring,
        now=home.now,
        proven=Proven(email=email, phone=phone),
        username="taken.name",
    )

    refused = await home.refused(username="Taken.Name", email=email, phone=phone, pin=PIN)

    assert refused == [
        ("username", "already_taken"),
        ("email", "already_taken"),
        ("phone", "already_taken"),
    ]


async def test_address_lost_to_its_owner_does_not_stop_other_changes(home: Home) -> None:
    email = new_email()
    await home.changed(email=email, pin=PIN)
    await make_user(home.db, keyring=home.keyring, now=home.now, proven=Proven(email=email))

    user = await home.changed(first_name="Ása", email=email)

    assert (user.email, user.email_verified_at) == (email, None)


async def test_current_device_can_be_changed_along(home: Home) -> None:
    device_id = home.me.session.device

    await home.changed(device=DeviceChange(id=device_id, os_version="9.0"))

    async with home.db.transaction() as tx:
        device = await devices.get(tx, user_id=home.me.user.id, device_id=device_id)
    assert device.os_version == "9.0"
    assert await home.refused(device=DeviceChange(id=uuid7())) == [("device.id", "invalid")]


def test_secrets_are_not_shown_in_logs() -> None:
    change = UserChange(
        pin="13579", current_pin="13579", password="13579", current_password="13579"
    )

    assert "13579" not in repr(change)
