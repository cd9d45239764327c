"""Setting a new password by a mailed token, for who has forgotten theirs or never had one."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from tests import people
from tests.api.conftest import Shared
from tests.api.moneypool.client import Client, said, wrong
from tests.mails import last_reset_token, mailed
from tests.money import rows
from tests.people import find_session, new_email
from whipround.api.moneypool.passwords import ANSWERED_AFTER_SECONDS
from whipround.domain.users.proofs import Proven

pytestmark = pytest.mark.anyio

PASSWORDS = "/api/passwords"


def _new(token: str, password: str = "brand new", again: str | None = None) -> dict[str, object]:
    confirmation = password if again is None else again
    return {
        "user": {
            "reset_token": token,
            "password": password,
            "password_confirmation": confirmation,
        }
    }


async def _ask(client: Client, email: str) -> None:
    answer = await client.post(PASSWORDS, {"user": {"email": email}})
    assert (answer.status_code, answer.content) == (204, b"")


async def test_somebody_from_memento_gets_a_password(client: Client, shared: Shared) -> None:
    """Who has none there is mailed a token all the same, and comes in here with it."""
    now, email = datetime.now(UTC), new_email()
    user = await people.make_user(
        shared.db, keyring=shared.keyring, now=now, proven=Proven(email=email), first_name="Ann"
    )
    there = await people.log_in(shared.db, user, now=now)
    here = await client.of(user)
    await _ask(client, email.upper())
    token = await last_reset_token(client.db, email)

    done = await client.patch(PASSWORDS, _new(token))

    assert (done.status_code, done.content) == (204, b"")
    assert wrong(await here.post("/api/confirmations"), 401)
    async with shared.db.transaction() as tx:
        assert await find_session(tx, there.opened.secret, now=now) is None
    entered = await client.post(
        "/api/sessions", {"user": {"email": email, "password": "brand new"}}
    )
    assert said(entered, 201)["user"]["id"] == user.number
    assert wrong(await client.patch(PASSWORDS, _new(token))) == {"reset_token": ["is invalid"]}


async def test_the_answer_tells_nobody_whose_an_address_is(client: Client) -> None:
    unproven, nobody = new_email(), new_email()
    await client.join(email=unproven, is_proven=False)
    known = (await client.join()).email

    for email in (unproven, nobody, known):
        started = time.perf_counter()
        await _ask(client, email)
        assert time.perf_counter() - started >= ANSWERED_AFTER_SECONDS * 0.9

    assert [len(await mailed(client.db, it, "password_reset")) for it in (unproven, nobody)] == [
        0,
        0,
    ]
    assert len(await mailed(client.db, known, "password_reset")) == 1


async def test_what_sets_no_password(client: Client) -> None:
    jane = await client.join()
    await _ask(client, jane.email)
    await _ask(client, jane.email)
    first, token = [it["token"] for it in await mailed(client.db, jane.email, "password_reset")]
    await rows(
        client.db,
        "update mailed_token set expires_at = %s where user_id = %s"
        " and id = (select min(id::text)::uuid from mailed_token where user_id = %s) returning 1",
        datetime.now(UTC) - timedelta(seconds=1),
        jane.person.id,
        jane.person.id,
    )

    for body, fields in (
        ({}, {"user"}),
        ({"user": {}}, {"reset_token", "password", "password_confirmation"}),
        (_new(token, "short"), {"password"}),
        (_new(token, "brand new", "brand old"), {"password_confirmation"}),
        (_new(first), {"reset_token"}),
        (_new("wml_unknown"), {"reset_token"}),
        (_new(token[:-1]), {"reset_token"}),
    ):
        assert wrong(await client.patch(PASSWORDS, body)).keys() == fields
    for asked, told in (({}, "user"), ({"user": {"email": "jane"}}, "email")):
        assert wrong(await client.post(PASSWORDS, asked)).keys() == {told}
    assert wrong(await client.post(PASSWORDS, {}, headers={"Accept": "*/*"}), 406)
    assert (await jane.post("/api/confirmations")).status_code == 422  # still logged in
    assert (await client.patch(PASSWORDS, _new(token))).status_code == 204


async def test_tokens_are_limited_alike_for_everybody(limited_client: Client) -> None:
    known, nobody = (await limited_client.join()).email, new_email()
    for email in (known, nobody):
        for _ in range(5):
            await _ask(limited_client, email)
        refused = await limited_client.post(PASSWORDS, {"user": {"email": email}})
        assert wrong(refused, 429).keys() == {"base"}
