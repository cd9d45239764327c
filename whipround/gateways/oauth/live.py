"""The sites that profiles can be proven at, as the settings of an installation have them."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from whipround.gateways.addresses import keeps_secrets
from whipround.gateways.messages.protocol import GatewayMisconfigured
from whipround.gateways.oauth.protocol import Provider
from whipround.gateways.oauth.sandbox import SandboxProvider
from whipround.settings import Settings

_CLIENT_ID = re.compile(r"[0-9A-Za-z._-]{1,100}", re.ASCII)
_SECRET = re.compile(r"[0-9A-Za-z._~-]{16,200}", re.ASCII)


def providers_of(settings: Settings, *, sandbox: bool) -> Mapping[str, Provider]:
    """The sites by the word that stands for each. Raises GatewayMisconfigured."""
    if sandbox:
        return {"github": SandboxProvider()}
    client_id, secret = settings.github_client_id, settings.github_client_secret
    if (client_id is None) != (secret is None):
        raise GatewayMisconfigured(
            "WHIPROUND_GITHUB_CLIENT_ID and WHIPROUND_GITHUB_CLIENT_SECRET belong together"
        )
    if client_id is None or secret is None:
        return {}
    if not _CLIENT_ID.fullmatch(client_id):
        raise GatewayMisconfigured("WHIPROUND_GITHUB_CLIENT_ID must be the app's client ID")
    if not _SECRET.fullmatch(secret.get_secret_value()):
        raise GatewayMisconfigured("WHIPROUND_GITHUB_CLIENT_SECRET must be the app's client secret")
    for name, url in (
        ("WHIPROUND_GITHUB_URL", settings.github_url),
        ("WHIPROUND_GITHUB_API_URL", settings.github_api_url),
    ):
        if url is not None and not keeps_secrets(url):
            raise GatewayMisconfigured(f"{name} must be https://, or http:// to this host")
    # With an HTTP client: only where it is needed.
    from whipround.gateways.oauth.github import GitHubProvider  # noqa: PLC0415

    github = GitHubProvider(
        client_id=client_id,
        client_secret=secret.get_secret_value(),
        url=settings.github_url,
        api_url=settings.github_api_url,
    )
    return {"github": github}


@asynccontextmanager
async def open_providers(
    settings: Settings, *, sandbox: bool
) -> AsyncIterator[Mapping[str, Provider]]:
    """The same for as long as they are needed. Raises GatewayMisconfigured."""
    providers = providers_of(settings, sandbox=sandbox)
    try:
        yield providers
    finally:
        for provider in providers.values():
            await provider.close()
