"""Signing up, logging in and out: by password, token and link."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import httpx
import pytest

from tests.api.mobbr.client import Client, basic, refused, said, told
from tests.crowd import pay_crowd
from tests.mails import last_token, mailed
from tests.money import EUR, held, problems, rows
from tests.people import new_email
from whipround.api.mobbr.logins import ANSWERED_AFTER_SECONDS
from whipround.domain import mailed_tokens, sessions
from whipround.domain.users import person as person_row
from whipround.domain.users.person import User
from whipround.domain.users.proofs import Proven

pytestmark = pytest.mark.anyio

PASSWORD = "m0bbr2011"

REGISTER = "/user/register_user_send_login_link"

_numbers = count(1)


def new_person(**given: str) -> dict[str, str]:
    """What somebody says who signs up."""
    name = f"pietje{next(_numbers)}"
    return {"username": name, "email": new_email(), "password": PASSWORD, **given}


async def register(client: Client, **given: str) -> dict[str, str]:
    """Somebody who has just signed up."""
    person = new_person(**given)
    said(await client.put(REGISTER, person))
    return person


@pytest.fixture(scope="module")
async def ann(client: Client) -> Client:
    """Somebody with a password, who can pay."""
    return await client.join(EUR("100.00"))


async def _login_token(client: Client, email: str) -> str:
    return await last_token(client.db, email, "login_link")


async def test_signing_up_and_following_the_link(client: Client, ann: Client) -> None:
    person = new_person()
    await pay_crowd(
        client.db, ann.person, EUR("6.00"), ("email", person["email"]), now=datetime.now(UTC)
    )

    text = told(await client.put(REGISTER, person))

    assert text == f"Activation link sent to: {person['email']}"
    [mail] = await mailed(client.db, person["email"], "login_link")
    link = mail.pop("url")
    assert link.startswith("https://pictures.test/api_v1/user/login_link?")
    assert link.endswith(f"login_token={mail['token']}")
    assert mail == {
        "token": mail["token"],
        "name": person["username"],
        "is_new": True,
    }
    by_password = said(await client.put("/user/password_login", _credentials(person)))
    assert (by_password["status"], by_password["email_confirmed"]) == ("registered", False)
    assert by_password["id"] == [f"https://pictures.test/#/person/{person['username']}"]

    answer = await client.put("/user/link_login", {"login_token": mail["token"]})

    me = said(answer)
    assert (me["username"], me["status"]) == (person["username"], "activated")
    assert f"mailto:{person['email']}" in me["id"]
    assert me["token"].startswith("wmb_")
    there = client.bearing(me["token"])
    assert said(await there.get("/user")) == {
        name: value for name, value in me.items() if name != "token"
    }
    [[wallet_id]] = await rows(
        client.db,
        "select funding_source.id from funding_source join users on users.id = user_id"
        " where username = %s",
        person["username"],
    )
    [[balance]] = await rows(
        client.db, "select sum(balance) from account where owner_id = %s", wallet_id
    )
    assert balance == Decimal(6)
    assert refused(await client.put("/user/link_login", {"login_token": mail["token"]}), 403)
    assert await problems(client.db) == []


def _credentials(person: dict[str, str]) -> dict[str, str]:
    return {"username": person["username"], "password": person["password"]}


async def test_a_name_or_a_proven_email_that_is_taken(client: Client) -> None:
    person = await register(client)
    other = await client.join()

    taken = await client.put(REGISTER, new_person(username=person["username"].upper()))
    proven = await client.put(REGISTER, new_person(email=other.email.upper()))
    # Nobody has proven this one yet.
    said(await client.put(REGISTER, new_person(email=person["email"])))

    assert refused(taken) == "Invalid parameter: username. Username has already been taken."
    assert refused(proven) == "Invalid parameter: email. Email has already been taken."
    for bad in ({"username": "@x"}, {"email": "nobody"}, {"password": "short"}):
        name = next(iter(bad))
        text = refused(await client.put(REGISTER, new_person(**bad)))
        assert text.startswith(f"Invalid parameter: {name}. ")


async def test_two_who_sign_up_at_once_with_one_name(client: Client) -> None:
    name = new_person()["username"]

    answers = await asyncio.gather(
        *(client.put(REGISTER, new_person(username=name)) for _ in range(3))
    )

    assert sorted(answer.status_code for answer in answers) == [201, 400, 400]
    assert await rows(client.db, "select count(*) from users where username = %s", name) == [(1,)]


async def test_a_password_opens_all_calls_and_a_token(client: Client) -> None:
    person = await register(client)
    right: Any = {"headers": {"Authorization": basic(person["username"].upper(), PASSWORD)}}

    assert said(await client.call("GET", "/user/ping", **right)) is True
    first = await client.put("/user/password_login", _credentials(person))
    second = await client.put("/user/password_login", _credentials(person))

    assert told(first) == "Welcome"
    before = said(first)["lastlogindatetime"]
    assert told(second) == f"Welcome back, previous login: {before}"
    there = client.bearing(said(second)["token"])
    assert said(await there.get("/user/ping")) is True
    assert told(await there.delete("/user/logout")) == "Logged out"
    assert refused(await there.get("/user/ping"), 403)
    assert said(await client.bearing(said(first)["token"]).get("/user/ping")) is True
    # There is nothing to end for who shows a password.
    said(await client.call("DELETE", "/user/logout", **right))
    assert said(await client.call("GET", "/user/ping", **right)) is True


async def test_what_is_wrong_is_refused_alike(client: Client) -> None:
    person = await register(client)
    name, email = person["username"], person["email"]
    wrong = [(name, "wrong"), ("nobody.here", PASSWORD), (email, PASSWORD), ("a\0b", PASSWORD)]
    wrong += [("", PASSWORD), ("", "wmb_unknown"), ("", "wmp_unknown"), ("x" * 300, "x")]

    answers = [
        await client.call("GET", "/user/ping", headers={"Authorization": basic(*each)})
        for each in wrong
    ]

    assert len({refused(answer, 403) for answer in answers}) == 1
    for username, password in ((name, "wrong"), ("nobody.here", PASSWORD)):
        body = {"username": username, "password": password}
        refused(await client.put("/user/password_login", body), 403)
    # Those of other dialects open nothing here.
    session = await _moneypool_session(client, name)
    refused(await client.bearing(session).get("/user/ping"), 403)


async def _moneypool_session(client: Client, username: str) -> str:
    [[user_id]] = await rows(client.db, "select id from users where username = %s", username)
    async with client.db.transaction() as tx:
        opened = await sessions.open_login(tx, user_id=user_id, now=datetime.now(UTC))
    return opened.secret


async def test_a_token_lives_while_it_is_used(client: Client) -> None:
    person = await register(client)
    there = client.bearing(
        said(await client.put("/user/password_login", _credentials(person)))["token"]
    )
    now = datetime.now(UTC)

    async def expires(moment: datetime) -> datetime:
        await rows(
            client.db,
            "update session set expires_at = %s from users"
            " where users.id = user_id and username = %s returning 1",
            moment,
            person["username"],
        )
        said(await there.get("/user/ping"))
        [[found]] = await rows(
            client.db,
            "select expires_at from session join users on users.id = user_id where username = %s",
            person["username"],
        )
        assert isinstance(found, datetime)
        return found

    fresh = now + sessions.UNUSED_LIFE - timedelta(minutes=50)
    assert await expires(fresh) == fresh
    assert await expires(now + timedelta(minutes=1)) >= now + sessions.UNUSED_LIFE
    with pytest.raises(AssertionError):
        await expires(now - timedelta(seconds=1))


async def test_a_login_link_says_nothing_of_who_is_here(client: Client) -> None:
    email = new_email()
    eve = await client.join(proven=Proven(email=email))
    unproven = await register(client)
    asked = [eve.username, email.upper(), f"mailto:{email}"]
    asked += [f"https://pictures.test/#/person/{eve.username}"]
    nobody = ["nobody.here", new_email(), unproven["username"], unproven["email"], "no such thing"]
    nobody += ["https://github.com/nobody-here", "https://example.org", "tel:+31"]

    async def ask(whom: str) -> httpx.Response:
        started = time.monotonic()
        answer = await client.get("/user/send_login_link", username_or_email_or_id=whom)
        # The loop's own clock is coarser than this one.
        assert time.monotonic() - started >= ANSWERED_AFTER_SECONDS - 0.005, whom
        return answer

    answers = await asyncio.gather(*map(ask, [*asked, *nobody]))

    assert len({told(answer) for answer in answers}) == 1
    assert len(await mailed(client.db, email, "login_link")) == len(asked)
    assert len(await mailed(client.db, unproven["email"], "login_link")) == 1
    token = await _login_token(client, email)
    logged_in = await asyncio.gather(
        *(client.put("/user/link_login", {"login_token": token}) for _ in range(3))
    )
    assert sorted(answer.status_code for answer in logged_in) == [201, 403, 403]


async def test_a_login_link_is_no_good_once_its_address_or_the_password_has_changed(
    client: Client,
) -> None:
    email = new_email()
    eve = await client.join(proven=Proven(email=email))
    for change in ("email = 'x@example.org'", "email_vouched = false", "status = 'rejected'"):
        await client.get("/user/send_login_link", username_or_email_or_id=eve.username)
        tokens = len(await mailed(client.db, email, "login_link"))
        token = await _login_token(client, email)
        await rows(client.db, f"update users set {change} where id = %s returning 1", eve.person.id)
        if "vouched" in change:
            # Whoever has only a session must not be let in by an address that it has brought.
            await client.get("/user/send_login_link", username_or_email_or_id=email)
            assert len(await mailed(client.db, email, "login_link")) == tokens
        else:
            refused(await client.put("/user/link_login", {"login_token": token}), 403)
        await rows(
            client.db,
            "update users set email = %s, email_vouched = true, status = 'active'"
            " where id = %s returning 1",
            email,
            eve.person.id,
        )


async def test_signing_up_with_the_link_that_says_that_money_waits(
    client: Client, ann: Client
) -> None:
    email, now = new_email(), datetime.now(UTC)
    await pay_crowd(client.db, ann.person, EUR("6.00"), ("email", email), now=now)
    async with client.db.transaction() as tx:
        [first, second] = await mailed_tokens.make_claims(
            tx, emails=[email, email], expires_at=[now + timedelta(days=90)] * 2, now=now
        )

    other = await client.put(REGISTER, new_person(claim_token=first))
    unknown = await client.put(REGISTER, new_person(email=email, claim_token="wml_unknown"))
    person = await register(client, email=email, claim_token=first)
    again = await client.put(REGISTER, new_person(claim_token=second, email=email))

    for each in (other, unknown, again):
        assert refused(each).startswith("Invalid parameter: claim_token. ")
    assert await mailed(client.db, email, "login_link") == []
    me = said(await client.put("/user/password_login", _credentials({**person, "username": email})))
    assert (me["status"], me["email_confirmed"]) == ("activated", True)
    eve = await client.of(await _user(client, person["username"]))
    assert await held(client.db, eve.person) == Decimal(6)


async def _user(client: Client, username: str) -> User:
    async with client.db.transaction() as tx:
        return await person_row.find_by_username(tx, username=username)


async def test_what_is_tried_often_is_limited(limited_client: Client) -> None:
    client = limited_client
    await rows(client.db, "delete from throttle returning 1")  # the tries of other tests
    person = await register(client)

    async def tries(username: str, password: str) -> int:
        header = {"Authorization": basic(username, password)}
        return (await client.call("GET", "/user/ping", headers=header)).status_code

    name = person["username"]
    assert await tries(name, PASSWORD) == 200
    assert [await tries(name, f"wrong{n}") for n in range(11)] == [403] * 10 + [429]
    # Who was let in before is not kept out by who guesses.
    assert await tries(name, PASSWORD) == 200
    sent = [
        (await client.get("/user/send_login_link", username_or_email_or_id=name)).status_code
        for _ in range(6)
    ]
    assert sent == [200] * 5 + [429]


async def test_nobody_is_flooded_with_mail_by_who_signs_up(limited_client: Client) -> None:
    client, email = limited_client, new_email()
    await rows(client.db, "delete from throttle returning 1")
    for _ in range(7):
        await register(client, email=email)

    assert len(await mailed(client.db, email, "login_link")) == 5
