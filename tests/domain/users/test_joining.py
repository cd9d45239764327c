"""Signing up with a name, an email and a password: who gets an account, and what is theirs."""

import asyncio
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.money import rows
from tests.people import CURRENCIES, PIN, make_user, new_email
from whipround.db.database import Database
from whipround.domain import credentials, mailed_tokens, payees, sessions, throttles
from whipround.domain.credentials import InvalidPin, check_pin
from whipround.domain.sessions import OpenedSession
from whipround.domain.throttles import Charge
from whipround.domain.users import joining
from whipround.domain.users.person import User
from whipround.domain.users.proofs import Proven
from whipround.errors import Invalid, Throttled
from whipround.keyring import Keyring

pytestmark = pytest.mark.anyio

URL = "https://pay.test/api/confirmations/"


class Counter:
    """Where people sign up."""

    def __init__(self, db: Database, keyring: Keyring, now: datetime) -> None:
        self.db, self.keyring, self.now = db, keyring, now

    async def join(self, **given: Any) -> tuple[User, OpenedSession]:
        said: dict[str, Any] = {
            "name": "John Doe",
            "email": new_email(),
            "password": "foobar123",
            "locale": "en-US",
            "address": "192.0.2.1",
        }
        return await joining.join(
            self.db,
            confirmation_url=URL,
            currencies=CURRENCIES,
            keyring=self.keyring,
            now=self.now,
            **{**said, **given},
        )


@pytest.fixture
def counter(db: Database, keyring: Keyring, now: datetime) -> Counter:
    return Counter(db, keyring, now)


async def test_new_person_has_a_wallet_a_session_and_nothing_proven(counter: Counter) -> None:
    email = new_email()

    user, opened = await counter.join(name="María José García", email=email, locale="es-MX")

    assert (user.first_name, user.last_name) == ("María", "José García")
    assert (user.username, user.status) == ("mariajosegarcia", "active")
    assert (user.email, user.email_verified_at, user.phone) == (email, None, None)
    assert (user.country, user.timezone, user.locale) == ("MX", "America/Mexico_City", "es-MX")
    assert user.pin_digest is None
    assert (await credentials.verify_password(user.password_hash, "foobar123")).ok
    digest = sessions.login_digest(opened.secret)
    assert digest is not None
    async with counter.db.transaction() as tx:
        found = await sessions.find(tx, [digest], now=counter.now)
        [payee] = await payees.lock_payees(tx, [("email", email)], now=counter.now)
        refused = await check_pin(
            tx, user_id=user.id, pin=PIN, keyring=counter.keyring, now=counter.now
        )
    assert found[digest].user == user
    assert payee.user_id is None
    assert isinstance(refused, InvalidPin)
    wallets = "select currency, balance from account where owner_id in (select id from"
    wallets += " funding_source where user_id = %s and type = 'virtual') order by currency"
    assert await rows(counter.db, wallets, user.id) == [("EUR", Decimal(0)), ("MXN", Decimal(0))]
    [[recipient, kind, locale, url]] = await rows(
        counter.db, "select recipient, kind, locale, data->>'url' from outbox"
    )
    assert (recipient, kind, locale) == (email, "email_confirmation", "es-MX")
    async with counter.db.transaction() as tx:
        confirmed = await mailed_tokens.confirm(tx, secret=url.removeprefix(URL), now=counter.now)
    assert (confirmed.id, confirmed.email_verified_at) == (user.id, counter.now)


async def test_email_is_taken_once_somebody_has_proven_it(counter: Counter) -> None:
    said, proven = new_email(), new_email()
    await make_user(
        counter.db, keyring=counter.keyring, now=counter.now, proven=Proven(email=proven)
    )
    await counter.join(email=said)

    assert await counter.join(email=said)
    with pytest.raises(Invalid) as refused:
        await counter.join(email=proven)

    assert [(it.field, it.code) for it in refused.value.errors] == [("email", "already_taken")]


async def test_people_of_one_name_at_once_all_get_usernames(counter: Counter) -> None:
    email = new_email()
    await make_user(
        counter.db, keyring=counter.keyring, now=counter.now, proven=Proven(email=email)
    )

    joined = await asyncio.gather(*(counter.join(name="Ann Lee") for _ in range(4)))
    with pytest.raises(Invalid) as refused:
        await counter.join(name="Ann Lee", email=email)

    usernames = {user.username for user, _ in joined}
    assert len(usernames) == 4
    assert "annlee" in usernames
    assert [it.field for it in refused.value.errors] == ["email"]


async def test_proven_email_is_theirs_at_once(counter: Counter) -> None:
    email = new_email()

    async with counter.db.transaction() as tx:
        user = await joining.create(
            tx,
            name="Li",
            email=email,
            is_proven=True,
            password_hash=None,
            locale="en",
            currencies=CURRENCIES,
            keyring=counter.keyring,
            now=counter.now,
        )
        [payee] = await payees.lock_payees(tx, [("email", email)], now=counter.now)

    assert user.email_verified_at == counter.now
    assert payee.user_id == user.id
    assert user.username.removeprefix("li").isdigit()


async def test_sign_ups_are_limited_per_address(counter: Counter) -> None:
    await throttles.charge_apart(
        counter.db,
        [Charge(throttles.SIGN_UPS_PER_ADDRESS, "192.0.2.1", count=20)],
        keyring=counter.keyring,
        now=counter.now,
    )

    with pytest.raises(Throttled):
        await counter.join()

    assert await counter.join(limit_multiplier=2)
