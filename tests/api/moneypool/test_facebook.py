"""Logging in with Facebook: over HTTP, against a server that answers as its Graph API does."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import datetime

import httpx
import pytest

from tests.api.conftest import Shared
from tests.api.moneypool.client import Client, said, wrong
from tests.api.serving import moneypool
from tests.gateways.facebook.graph_server import SECRET, Graph, failure, graph_server
from tests.mails import last_link, mailed
from tests.money import rows
from tests.people import new_email
from whipround.domain import throttles
from whipround.domain.throttles import Charge
from whipround.gateways.facebook.live import Unconfigured

pytestmark = pytest.mark.anyio

FACEBOOK = "/api/fb_sessions"


@pytest.fixture
async def graph(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Graph]:
    """A Graph API that knows nobody yet."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with graph_server() as graph:
        yield graph


@pytest.fixture
async def here(shared: Shared, graph: Graph) -> AsyncIterator[Client]:
    """A client of a real installation, which asks that Graph API."""
    facebook = graph.facebook()
    async with moneypool(shared, facebook=facebook, sandbox=False) as http:
        yield Client(http, shared.db, shared.keyring)
    await facebook.close()


async def _log_in(client: Client, token: object) -> httpx.Response:
    return await client.post(FACEBOOK, {"user": {"oauth_token": token}})


async def test_a_new_user_comes_back_confirms_and_brings_another_login(
    here: Client, graph: Graph
) -> None:
    email = new_email()
    token = graph.knows("Jane Mary Roe", email.capitalize())

    made = said(await _log_in(here, token), 201)["user"]
    again = said(await _log_in(here, token), 201)["user"]

    assert made == {
        "id": made["id"],
        "name": "Jane Mary Roe",
        "email": email,
        "avatar_url": "",
        "auth_token": made["auth_token"],
        "bank": "",
        "clabe": "",
        "wallet": "0.0",
        "email_confirmed": False,
        "username": made["username"],
    }
    assert made["auth_token"].startswith("wmp_")
    assert again == {**made, "auth_token": again["auth_token"]}
    assert again["auth_token"] != made["auth_token"]
    link = await last_link(here.db, email)
    assert wrong(await here.patch("/api/passwords", _reset(link["token"]))).keys() == {
        "reset_token"
    }
    path = httpx.URL(link["url"]).raw_path.decode()
    assert said(await here.get(path))["user"]["id"] == made["id"]
    assert wrong(await here.bearing(again["auth_token"]).post("/api/confirmations"), 422)
    # Another Facebook account of hers, with the address that is proven to be hers.
    linked = said(await _log_in(here, graph.knows("J. Roe", email)), 201)["user"]
    assert (linked["id"], linked["email_confirmed"]) == (made["id"], True)


def _reset(token: str) -> dict[str, object]:
    return {
        "user": {
            "reset_token": token,
            "password": "brand new",
            "password_confirmation": "brand new",
        }
    }


async def test_an_unproven_address_lets_nobody_in(here: Client, graph: Graph) -> None:
    squatter = await here.join(is_proven=False)
    owner = await here.join()

    new = said(await _log_in(here, graph.knows("Ann", squatter.email)), 201)["user"]
    old = said(await _log_in(here, graph.knows("Bob", owner.email)), 201)["user"]

    assert new["id"] != squatter.id
    assert (old["id"], old["name"]) == (owner.id, "John Doe")
    assert await mailed(here.db, owner.email, "email_confirmation") == []


async def test_first_logins_at_once_make_one_account(here: Client, graph: Graph) -> None:
    for email in (new_email(), None):
        token = graph.knows("Jane Roe", email)

        answers = await asyncio.gather(*(_log_in(here, token) for _ in range(5)))

        users = [said(it, 201)["user"] for it in answers]
        assert len({it["id"] for it in users}) == 1
        assert {it["email"] for it in users} == {email or ""}


async def test_who_is_locked_and_what_is_no_token(here: Client, graph: Graph) -> None:
    token = graph.knows()
    user = said(await _log_in(here, token), 201)["user"]
    await rows(
        here.db,
        "update users set locked_until = now() + interval '1 hour' where number = %s returning 1",
        user["id"],
    )
    for refused in (
        token,
        "EAABunknown",
        graph.knows(app_id="1"),
        graph.knows(is_valid=False),
        graph.knows(type="PAGE"),
    ):
        assert wrong(await _log_in(here, refused), 401) == {"authorization": ["is invalid"]}
    assert wrong(await here.post(FACEBOOK, {})).keys() == {"user"}
    for token_of_no_form in ("", 7, None, "x" * 5000):
        assert wrong(await _log_in(here, token_of_no_form)).keys() == {"oauth_token"}


async def test_facebook_out_of_reach(
    here: Client, graph: Graph, shared: Shared, caplog: pytest.LogCaptureFixture
) -> None:
    token = graph.knows()
    graph.says["/me"] = failure(2, "Service temporarily unavailable", status=500)

    with caplog.at_level(logging.DEBUG):
        down = await _log_in(here, token)
    async with moneypool(shared, facebook=Unconfigured()) as http:
        unset = await _log_in(Client(http, shared.db, shared.keyring), token)

    assert wrong(down, 503) == {
        "base": ["Facebook cannot be asked right now; it is safe to repeat this request."]
    }
    assert wrong(unset, 503) == {"base": ["Logging in with Facebook is not set up here."]}
    assert "Facebook cannot be asked" in caplog.text
    for secret in (token[:16], SECRET):
        assert secret not in caplog.text
    assert graph.asked[-1][1]["access_token"] == token


async def test_a_sandbox_knows_the_documents_own_token(client: Client) -> None:
    john = said(await _log_in(client, "FACEBOOK_OAUTH_TOKEN"), 201)["user"]
    jane = said(await _log_in(client, "fb_test_jane.roe"), 201)["user"]

    assert (john["name"], john["email"]) == ("John Doe", "user@example.com")
    assert (jane["name"], jane["email"]) == ("Jane Roe", "jane.roe@example.com")
    assert wrong(await _log_in(client, "EAAB"), 401)


async def test_logins_are_limited(limited_client: Client, now: datetime) -> None:
    await throttles.charge_apart(
        limited_client.db,
        [Charge(throttles.LOGINS_PER_ADDRESS, "127.0.0.1", count=100)],
        keyring=limited_client.keyring,
        now=now,
        multiplier=1000,  # others have logged in from here already
    )

    assert wrong(await _log_in(limited_client, "fb_test_jane"), 429).keys() == {"base"}
