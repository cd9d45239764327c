"""GitHub as the settings of an installation have it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from whipround.gateways.addresses import keeps_secrets
from whipround.gateways.github.rest import GitHub
from whipround.gateways.messages.protocol import GatewayMisconfigured
from whipround.settings import Settings


def github_of(settings: Settings) -> GitHub:
    """What asks GitHub, of a sandbox too: it has none of its own. Raises GatewayMisconfigured."""
    url = settings.github_api_url
    token = settings.github_token.get_secret_value() if settings.github_token else None
    if token is not None:
        if not token.isascii() or not token.isprintable() or " " in token:
            raise GatewayMisconfigured("WHIPROUND_GITHUB_TOKEN must be without blanks")
        if url is not None and not keeps_secrets(url):
            raise GatewayMisconfigured(
                "WHIPROUND_GITHUB_API_URL must be https://, or http:// to this host:"
                " WHIPROUND_GITHUB_TOKEN is sent there"
            )
    return GitHub(url=url, token=token)


@asynccontextmanager
async def open_github(settings: Settings) -> AsyncIterator[GitHub]:
    """The same for as long as it is needed. Raises GatewayMisconfigured."""
    github = github_of(settings)
    try:
        yield github
    finally:
        await github.close()
