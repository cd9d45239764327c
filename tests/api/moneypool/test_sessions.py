"""Moneypool, Sessions, over HTTP."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from tests.api.moneypool.client import Client, Json, said, wrong
from tests.money import MXN
from tests.people import new_email
from whipround.domain import credentials, sessions, throttles
from whipround.domain.throttles import Charge

pytestmark = pytest.mark.anyio

PASSWORD = "foobar123"


def logging_in(email: str, password: str = PASSWORD) -> Json:
    return {"user": {"email": email, "password": password}}


@pytest.fixture(scope="module")
async def password_hash(anyio_backend: object) -> str:
    return await credentials.hash_password(PASSWORD)


async def test_login_answers_the_user_with_a_token(client: Client, password_hash: str) -> None:
    ann = await client.join(MXN("1000"), name="Ann Lee", password_hash=password_hash)
    stale = client.bearing("wmp_stale")

    first = said(await stale.post("/api/sessions", logging_in(ann.email.upper())), 201)
    second = said(await client.post("/api/sessions", logging_in(ann.email)), 201)

    token = first["user"].pop("auth_token")
    assert first["user"] == {
        "id": ann.id,
        "name": "Ann Lee",
        "email": ann.email,
        "avatar_url": "",
        "bank": "",
        "clabe": "",
        "wallet": "1000.0",
        "email_confirmed": True,
        "username": ann.person.user.username,
    }
    assert second["user"]["auth_token"] != token
    for each in (token, second["user"]["auth_token"]):
        assert said(await client.bearing(each).get(ann.own("")))["user"]["auth_token"] == each


async def test_wrong_credentials_are_refused_alike(client: Client, password_hash: str) -> None:
    ann = await client.join(password_hash=password_hash)
    without = await client.join()

    refused = [
        wrong(await client.post("/api/sessions", logging_in(email, password)), 401)
        for email, password in (
            (ann.email, "foobar124"),
            (new_email(), PASSWORD),
            (without.email, PASSWORD),
        )
    ]

    assert refused == [{"authorization": ["is invalid"]}] * 3


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"user"}),
        ({"user": {}}, {"email", "password"}),
        ({"user": {"email": "john", "password": ""}}, {"email", "password"}),
        ({"user": {"email": ["a@b.mx"], "password": 1}}, {"email", "password"}),
        ({"user": "john@example.com"}, {"user"}),
    ],
)
async def test_login_names_every_wrong_field(client: Client, body: Any, fields: set[str]) -> None:
    assert wrong(await client.post("/api/sessions", body)).keys() == fields


async def test_logins_are_limited(limited_client: Client, now: datetime) -> None:
    email = new_email()
    await throttles.charge_apart(
        limited_client.db,
        [Charge(throttles.LOGINS_PER_IDENTITY, f"email {email}", count=10)],
        keyring=limited_client.keyring,
        now=now,
    )

    answer = await limited_client.post("/api/sessions", logging_in(email.upper()))

    assert wrong(answer, 429).keys() == {"base"}
    assert int(answer.headers["Retry-After"]) > 0


async def test_logout_ends_this_session_only_and_once(client: Client) -> None:
    ann = await client.join()
    other = await client.of(ann.person)

    answers = await asyncio.gather(*(ann.delete("/api/sessions") for _ in range(3)))

    # Whoever was looked up before the session ended has ended it, too.
    assert {each.status_code for each in answers} <= {204, 401}
    assert 204 in {each.status_code for each in answers}
    assert all(not each.content for each in answers if each.status_code == 204)
    assert wrong(await ann.delete("/api/sessions"), 401) == {"authorization": ["is invalid"]}
    assert (await ann.get(ann.own(""))).status_code == 401
    assert (await other.get(ann.own(""))).status_code == 200


async def test_login_is_never_repeated_by_its_key(client: Client, password_hash: str) -> None:
    """The answer is a credential: no copy of it is kept."""
    ann = await client.join(password_hash=password_hash)
    key = uuid4().hex

    tokens = {
        said(await client.post("/api/sessions", logging_in(ann.email), key=key), 201)["user"][
            "auth_token"
        ]
        for _ in range(2)
    }

    assert len(tokens) == 2
    assert all(sessions.login_digest(token) for token in tokens)
