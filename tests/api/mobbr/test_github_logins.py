"""Proving a profile by logging in at a server that answers as GitHub does."""

from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.api.conftest import Shared
from tests.api.mobbr.client import Client, refused, said, told
from tests.api.serving import mobbr
from tests.gateways.oauth.login_server import GitHub, login_server

pytestmark = pytest.mark.anyio


@pytest.fixture
async def github() -> AsyncIterator[GitHub]:
    async with login_server() as server:
        yield server


@pytest.fixture
async def ben(shared: Shared, github: GitHub) -> AsyncIterator[Client]:
    """Somebody at an installation whose app GitHub knows."""
    provider = github.provider()
    async with mobbr(shared, sandbox=False, providers={"github": provider}) as http:
        yield await Client(http, shared.db, shared.keyring).join()
    await provider.close()


async def _back(ben: Client, github: GitHub, login: str) -> dict[str, str]:
    """What somebody comes back with who has logged in there."""
    address = said(await ben.get("/user/oauth_url", provider="github"))
    back = parse_qs(urlsplit(github.authorize(address, login)).query)
    return {"provider": "github", "code": back["code"][0], "state": back["state"][0]}


async def test_logging_in_there(ben: Client, github: GitHub) -> None:
    brought = await _back(ben, github, "Jane-Roe")

    answer = await ben.put("/user/oauth_id", brought)

    assert told(answer) == "https://github.com/jane-roe is yours"
    assert "https://github.com/jane-roe" in said(answer)["id"]
    assert refused(await ben.put("/user/oauth_id", brought)).startswith("Invalid parameter: state.")
    # A code that was used is refused there, whatever state it is brought with.
    again = {**await _back(ben, github, "Jane-Roe"), "code": brought["code"]}
    assert refused(await ben.put("/user/oauth_id", again)).startswith("Invalid parameter: code.")


async def test_codes_of_others_prove_nothing(ben: Client, github: GitHub) -> None:
    eve = await ben.join()
    victims, own = await _back(ben, github, "Jane-Roe"), await _back(eve, github, "Eve")

    mixed = {**own, "code": victims["code"]}

    assert refused(await eve.put("/user/oauth_id", victims)).startswith("Invalid parameter: state.")
    assert refused(await eve.put("/user/oauth_id", mixed)).startswith("Invalid parameter: code.")
    assert len(said(await eve.get("/user"))["id"]) == 2


async def test_github_is_down(ben: Client, github: GitHub) -> None:
    brought = await _back(ben, github, "Jane-Roe")
    github.says["/user"] = (502, {})

    refused(await ben.put("/user/oauth_id", brought), 503)

    github.says.clear()
    refused(await ben.put("/user/oauth_id", brought))
    said(await ben.put("/user/oauth_id", await _back(ben, github, "Jane-Roe")))
