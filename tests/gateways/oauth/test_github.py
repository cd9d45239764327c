"""Asking GitHub whose profile it is, over real HTTP."""

import logging
import re
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.gateways.oauth.login_server import SECRET, GitHub, Said, login_server
from whipround.gateways.oauth.github import GitHubProvider
from whipround.gateways.oauth.protocol import CodeRefused, ProviderUnavailable

pytestmark = pytest.mark.anyio

VERIFIER = "v" * 43
TOKENS, USER = "/login/oauth/access_token", "/user"


@pytest.fixture
async def github() -> AsyncIterator[GitHub]:
    async with login_server() as server:
        yield server


@pytest.fixture
async def provider(github: GitHub) -> AsyncIterator[GitHubProvider]:
    asking = github.provider()
    yield asking
    await asking.close()


def _code(github: GitHub, provider: GitHubProvider, login: str = "OctoCat") -> str:
    address = provider.address(state="wos_1", verifier=VERIFIER)
    back = parse_qs(urlsplit(github.authorize(address, login)).query)
    assert back["state"] == ["wos_1"]
    return back["code"][0]


async def test_whose_profile_it_is(github: GitHub, provider: GitHubProvider) -> None:
    code = _code(github, provider)

    assert await provider.profile(code=code, verifier=VERIFIER) == "https://github.com/octocat"
    assert github.asked == [f"POST {TOKENS}", f"GET {USER}"]
    with pytest.raises(CodeRefused):
        await provider.profile(code=code, verifier=VERIFIER)


async def test_a_code_is_of_no_use_to_who_has_not_asked_for_it(
    github: GitHub, provider: GitHubProvider
) -> None:
    for code, verifier in ((_code(github, provider), "w" * 43), ("unknown & é", VERIFIER)):
        with pytest.raises(CodeRefused):
            await provider.profile(code=code, verifier=verifier)


async def test_an_app_that_github_does_not_know_is_told_to_the_operator(
    github: GitHub, provider: GitHubProvider, caplog: pytest.LogCaptureFixture
) -> None:
    other = github.provider(secret="another" * 4)
    code = _code(github, provider)

    with pytest.raises(ProviderUnavailable):
        await other.profile(code=code, verifier=VERIFIER)

    await other.close()
    assert "WHIPROUND_GITHUB_CLIENT_SECRET" in caplog.text
    assert "another" not in caplog.text


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (TOKENS, (500, {})),
        (TOKENS, (200, {})),
        (TOKENS, (200, {"access_token": "a\nb"})),
        (TOKENS, (200, {"access_token": 1})),
        (TOKENS, (302, {"access_token": "x"})),
        (TOKENS, (200, b"HTTP/1.1 200 OK\r\n\r\nnot json")),
        (TOKENS, (200, b"nothing of the kind")),
        (TOKENS, (200, {"access_token": "x" * 70_000})),
        (USER, (401, {"message": "Bad credentials"})),
        (USER, (200, {"login": "settings/profile", "type": "User"})),
        (USER, (200, {"login": "", "type": "User"})),
        (USER, (200, {"login": "org", "type": "Organization"})),
        (USER, (200, {"login": "x"})),
    ],
    ids=range(13),
)
async def test_what_is_no_answer(
    github: GitHub, provider: GitHubProvider, path: str, said: Said
) -> None:
    github.says[path] = said

    with pytest.raises(ProviderUnavailable) as unavailable:
        await provider.profile(code=_code(github, provider), verifier=VERIFIER)

    assert not re.search("gho_|vvv|xxx", str(unavailable.value))


async def test_slow_or_out_of_reach(github: GitHub, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    github.is_silent = True
    for asking in (github.provider(seconds=0.05), GitHub(port=9).provider()):
        with pytest.raises(ProviderUnavailable):
            await asking.profile(code="0123456789", verifier=VERIFIER)
        await asking.close()
    assert SECRET not in caplog.text
    assert "0123456789 " not in caplog.text
