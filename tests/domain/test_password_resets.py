"""Setting a new password by a token that is mailed: who gets one, and what it ends."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.mails import last_reset_token, mailed
from tests.money import Scene, rows
from tests.people import log_in, make_user, new_email
from whipround.domain import credentials, password_resets, sessions
from whipround.domain.users.person import User
from whipround.domain.users.proofs import Proven
from whipround.errors import Invalid, Throttled

pytestmark = pytest.mark.anyio

HOURS = timedelta(hours=2)
CALLER = "192.0.2.1"


async def _user(scene: Scene, email: str) -> User:
    """Somebody who has proven the address, and has no password."""
    proven = Proven(email=email)
    return await make_user(scene.db, keyring=scene.keyring, now=scene.now, proven=proven)


async def _ask(scene: Scene, email: str, **given: Any) -> None:
    async with scene.db.transaction() as tx:
        await password_resets.ask(
            tx,
            email=email,
            keyring=scene.keyring,
            **{"address": CALLER, "now": scene.now, **given},
        )


async def _reset(
    scene: Scene, token: str, password: str = "new one", *, later: timedelta = timedelta()
) -> None:
    await password_resets.reset(
        scene.db, reset_token=token, password=password, now=scene.now + later
    )


async def _refused(scene: Scene, token: str, **given: Any) -> None:
    with pytest.raises(Invalid) as refused:
        await _reset(scene, token, **given)
    assert [(it.field, it.code) for it in refused.value.errors] == [("reset_token", "invalid")]


async def _has_password(scene: Scene, user: User, password: str) -> bool:
    [[kept]] = await rows(scene.db, "select password_hash from users where id = %s", user.id)
    return (await credentials.verify_password(kept, password)).ok


async def test_a_token_sets_a_password_once_and_ends_all_else(scene: Scene) -> None:
    email = new_email()
    user = await _user(scene, email)
    await log_in(scene.db, user, now=scene.now)
    linked = "insert into external_login values ('facebook', '1', %s, now()) returning 1"
    await rows(scene.db, linked, user.id)
    async with scene.db.transaction() as tx:
        await sessions.open_login(tx, user_id=user.id, now=scene.now)
    await _ask(scene, email)
    await _ask(scene, email)
    first, second = (it["token"] for it in await mailed(scene.db, email, "password_reset"))

    await _reset(scene, first, later=HOURS - timedelta(seconds=1))

    assert await _has_password(scene, user, "new one")
    ended = "select 1 from session union select 2 from token union select 3 from external_login"
    assert await rows(scene.db, ended) == []
    for token in (first, second, "", "wml_unknown", second.upper()):
        await _refused(scene, token)


async def test_only_who_has_proven_an_address_gets_a_token(scene: Scene) -> None:
    unproven, rejected, nobody = new_email(), new_email(), new_email()
    await make_user(scene.db, keyring=scene.keyring, now=scene.now, email=unproven, proven=Proven())
    gone = await _user(scene, rejected)
    await rows(scene.db, "update users set status = 'rejected' where id = %s returning 1", gone.id)

    for email in (unproven, rejected, nobody):
        await _ask(scene, email)

        assert await mailed(scene.db, email, "password_reset") == []
    assert await rows(scene.db, "select 1 from mailed_token") == []


async def test_a_token_is_good_for_its_address_and_two_hours(scene: Scene) -> None:
    email = new_email()
    user = await _user(scene, email)
    await _ask(scene, email)
    token = await last_reset_token(scene.db, email)

    await _refused(scene, token, later=HOURS)
    await rows(
        scene.db, "update users set email_verified_at = null where id = %s returning 1", user.id
    )
    await _refused(scene, token)
    await rows(
        scene.db, "update users set email = %s where id = %s returning 1", new_email(), user.id
    )
    await _refused(scene, token)

    assert not await _has_password(scene, user, "new one")


async def test_a_token_brought_twice_at_once(scene: Scene) -> None:
    email = new_email()
    user = await _user(scene, email)
    await _ask(scene, email)
    token = await last_reset_token(scene.db, email)

    ends = await asyncio.gather(
        _reset(scene, token, "the one"), _reset(scene, token, "the other"), return_exceptions=True
    )

    assert sorted(isinstance(it, Invalid) for it in ends) == [False, True]
    right = "the one" if ends[0] is None else "the other"
    assert await _has_password(scene, user, right)


async def test_limits_are_the_same_whether_or_not_there_is_somebody(scene: Scene) -> None:
    known, nobody = new_email(), new_email()
    await _user(scene, known)

    for email, caller in ((known, "192.0.2.2"), (nobody, "192.0.2.3")):
        for _ in range(5):
            await _ask(scene, email, address=caller)
        with pytest.raises(Throttled):
            await _ask(scene, email, address=caller)
    for _ in range(20):
        await _ask(scene, new_email())
    with pytest.raises(Throttled):
        await _ask(scene, new_email())
