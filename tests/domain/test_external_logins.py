"""Logging in as who somebody is to Facebook: whose account that is, and that it is one."""

import asyncio
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from tests.mails import last_link, mailed
from tests.money import Scene, rows
from tests.people import make_user, new_email
from whipround.domain import external_logins, mailed_tokens, sessions
from whipround.domain.external_logins import ExternalLoginRefused, Identity, LoggedIn
from whipround.domain.users.proofs import Proven
from whipround.errors import Throttled

pytestmark = pytest.mark.anyio

URL = "https://pay.test/api/confirmations/"

_subjects = count(10_000_000)


def _identity(email: str | None = None, name: str = "Jane Mary Roe") -> Identity:
    return Identity("facebook", str(next(_subjects)), name, email)


async def _log_in(scene: Scene, identity: Identity, **given: Any) -> LoggedIn:
    said: dict[str, Any] = {
        "locale": "es-MX",
        "confirmation_url": URL,
        "currencies": ("MXN",),
        "address": "192.0.2.1",
        "keyring": scene.keyring,
        "now": scene.now,
    }
    return await external_logins.log_in(scene.db, identity=identity, **{**said, **given})


async def _proven(scene: Scene, email: str, **given: Any) -> Any:
    proven = Proven(email=email)
    return await make_user(scene.db, keyring=scene.keyring, now=scene.now, proven=proven, **given)


async def test_the_first_time_makes_an_account_and_the_next_finds_it(scene: Scene) -> None:
    email = new_email()
    jane = _identity(email.upper())

    made = await _log_in(scene, jane)
    again = await _log_in(scene, Identity("facebook", jane.subject, "Other", new_email()))

    user = made.user
    assert made.is_new
    assert (user.first_name, user.last_name, user.email) == ("Jane", "Mary Roe", email)
    assert (user.email_verified_at, user.password_hash, user.pin_digest) == (None, None, None)
    assert user.locale == "es-MX"
    assert (await last_link(scene.db, email))["name"] == "Jane Mary Roe"
    assert (again.user.id, again.is_new) == (user.id, False)
    async with scene.db.transaction() as tx:
        for opened in (made.opened, again.opened):
            digest = sessions.login_digest(opened.secret)
            assert digest is not None
            found = await sessions.find(tx, [digest], now=scene.now)
            assert found[digest].user.id == user.id
    assert await rows(
        scene.db, "select count(*) from funding_source where user_id = %s", user.id
    ) == [(1,)]


async def test_an_address_leads_only_to_who_has_proven_it(scene: Scene) -> None:
    email = new_email()
    said = await make_user(
        scene.db, keyring=scene.keyring, now=scene.now, email=email, proven=Proven()
    )

    before = await _log_in(scene, _identity(email))

    assert before.is_new
    assert before.user.id != said.id
    async with scene.db.transaction() as tx:
        token = (await last_link(scene.db, email))["token"]
        await mailed_tokens.confirm(tx, secret=token, now=scene.now)
    linked = _identity(email)
    after = await _log_in(scene, linked)
    assert (after.user.id, after.is_new) == (before.user.id, False)
    assert len(await mailed(scene.db, email, "email_confirmation")) == 1
    # Facebook may have another address of theirs by now: the link stays.
    later = await _log_in(scene, Identity("facebook", linked.subject, "", None))
    assert later.user.id == before.user.id


@pytest.mark.parametrize(
    ("name", "email", "called"),
    [
        ("Jane Roe", None, ("Jane", "Roe")),
        ("  Zoë\n\tRoe\x00\u202e ", "no address", ("Zoë", "Roe")),
        ("\u3164", "Jane@Example.com", ("jane", "")),
        ("", None, ("?", "")),
        ("x" * 300, "a" * 300 + "@example.com", ("x" * 100, "")),
    ],
    ids=["no-email", "control", "invisible", "nothing", "long"],
)
async def test_whatever_facebook_says_makes_an_account(
    scene: Scene, name: str, email: str | None, called: tuple[str, str]
) -> None:
    made = await _log_in(scene, _identity(email, name))

    assert (made.user.first_name, made.user.last_name) == called
    assert made.user.email == ("jane@example.com" if called[0] == "jane" else None)


@pytest.mark.parametrize("has_email", [True, False], ids=["email", "none"])
async def test_many_first_logins_at_once_make_one_account(scene: Scene, has_email: bool) -> None:
    jane = _identity(new_email() if has_email else None)

    ends = await asyncio.gather(*(_log_in(scene, jane) for _ in range(6)))

    assert len({it.user.id for it in ends}) == 1
    assert [it.is_new for it in ends].count(True) == 1
    assert await rows(scene.db, "select count(*) from users") == [(1,)]
    assert await rows(scene.db, "select count(*) from external_login") == [(1,)]


async def test_an_address_is_proven_while_its_owner_logs_in(scene: Scene) -> None:
    for _ in range(3):
        email = new_email()
        first = await _log_in(scene, _identity(email))
        token = (await last_link(scene.db, email))["token"]

        async def confirm(token: str = token) -> None:
            async with scene.db.transaction() as tx:
                await mailed_tokens.confirm(tx, secret=token, now=scene.now)

        second, _ = await asyncio.gather(_log_in(scene, _identity(email)), confirm())

        assert second.is_new == (second.user.id != first.user.id)
        [[count_]] = await rows(
            scene.db,
            "select count(*) from users where email = %s and email_verified_at is not null",
            email,
        )
        assert count_ == 1


async def test_who_is_locked_or_gone_stays_out(scene: Scene) -> None:
    email = new_email()
    jane = _identity(email)
    user = (await _log_in(scene, jane)).user
    until = scene.now + timedelta(hours=1)

    await rows(
        scene.db,
        "update users set locked_until = %s, email_verified_at = %s where id = %s returning 1",
        until,
        scene.now,
        user.id,
    )
    for identity in (jane, _identity(email)):
        with pytest.raises(ExternalLoginRefused):
            await _log_in(scene, identity)
    await rows(
        scene.db,
        "update users set locked_until = null, status = 'rejected' where id = %s returning 1",
        user.id,
    )
    with pytest.raises(ExternalLoginRefused):
        await _log_in(scene, jane)
    assert await rows(scene.db, "select count(*) from external_login") == [(1,)]
    assert await rows(scene.db, "select count(*) from session") == [(1,)]


async def test_new_accounts_are_limited_by_address(scene: Scene) -> None:
    known = _identity()
    await _log_in(scene, known)
    for _ in range(19):
        await _log_in(scene, _identity())

    with pytest.raises(Throttled):
        await _log_in(scene, _identity())

    assert not (await _log_in(scene, known)).is_new
