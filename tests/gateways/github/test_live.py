"""Which GitHub an installation asks."""

import pytest
from pydantic import SecretStr, ValidationError

from whipround.gateways.github.live import github_of, open_github
from whipround.gateways.messages.protocol import GatewayMisconfigured
from whipround.settings import Settings

pytestmark = pytest.mark.anyio

TOKEN = SecretStr("github_pat_11ABCDEFG0")


async def test_what_is_asked() -> None:
    async with open_github(Settings()) as github:
        assert github._client.address("/users/a") == "https://api.github.com/users/a"
        assert not github._client.has_token
    local = Settings(github_api_url="http://127.0.0.1:8080/api/v3/", github_token=TOKEN)
    async with open_github(local) as github:
        assert github._client.address("/users/a") == "http://127.0.0.1:8080/api/v3/users/a"
        assert github._client.has_token


@pytest.mark.parametrize(
    "settings",
    [
        Settings(github_api_url="http://github.example.com", github_token=TOKEN),
        Settings(github_token=SecretStr("a token")),
        Settings(github_token=SecretStr("a\r\nHost: b")),
        Settings(github_token=SecretStr("tokén")),
    ],
    ids=["in-clear", "space", "lines", "ascii"],
)
def test_a_token_that_would_be_told_or_is_none(settings: Settings) -> None:
    with pytest.raises(GatewayMisconfigured, match="WHIPROUND_GITHUB") as refused:
        github_of(settings)

    assert settings.github_token is not None
    assert settings.github_token.get_secret_value() not in str(refused.value)


def test_an_address_that_is_none() -> None:
    with pytest.raises(ValidationError):
        Settings(github_api_url="api.github.com")
