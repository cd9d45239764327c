"""The sites that profiles can be proven at, by the settings."""

from typing import Any

import pytest

from tests.gateways.oauth.login_server import CLIENT_ID, SECRET
from whipround.gateways.messages.protocol import GatewayMisconfigured
from whipround.gateways.oauth.github import GitHubProvider
from whipround.gateways.oauth.live import open_providers, providers_of
from whipround.gateways.oauth.protocol import CodeRefused
from whipround.settings import Settings

pytestmark = pytest.mark.anyio

APP = {"github_client_id": CLIENT_ID, "github_client_secret": SECRET}


async def test_with_an_app_and_without() -> None:
    async with open_providers(Settings(**APP), sandbox=False) as providers:  # type: ignore[arg-type]
        [(name, provider)] = providers.items()
        assert (name, type(provider)) == ("github", GitHubProvider)
        address = provider.address(state="wos_1", verifier="v" * 43)
        assert address.startswith("https://github.com/login/oauth/authorize?")
    assert providers_of(Settings(), sandbox=False) == {}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"github_client_secret": None}, "WHIPROUND_GITHUB_CLIENT_SECRET"),
        ({"github_client_id": None}, "WHIPROUND_GITHUB_CLIENT_ID"),
        ({"github_client_id": "a b"}, "WHIPROUND_GITHUB_CLIENT_ID"),
        ({"github_client_secret": "short"}, "WHIPROUND_GITHUB_CLIENT_SECRET"),
        ({"github_url": "http://github.test"}, "WHIPROUND_GITHUB_URL"),
        ({"github_api_url": "http://github.test"}, "WHIPROUND_GITHUB_API_URL"),
    ],
    ids=range(6),
)
def test_settings_that_are_wrong_name_themselves(given: dict[str, Any], named: str) -> None:
    with pytest.raises(GatewayMisconfigured, match=named) as wrong:
        providers_of(Settings(**{**APP, **given}), sandbox=False)
    assert SECRET not in str(wrong.value)


async def test_a_sandbox_takes_peoples_word() -> None:
    provider = providers_of(Settings(**APP), sandbox=True)["github"]  # type: ignore[arg-type]

    assert provider.address(state="wos_1", verifier="v").endswith("&state=wos_1")
    url = await provider.profile(code="oauth_test_Jane-Roe", verifier="v")
    assert url == "https://github.com/jane-roe"
    for code in (
        "",
        "jane",
        "oauth_test_",
        "oauth_test_-x",
        "oauth_test_a/b",
        "oauth_test_settings",
    ):
        with pytest.raises(CodeRefused):
            await provider.profile(code=code, verifier="v")
