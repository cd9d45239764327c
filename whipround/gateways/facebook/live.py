"""Facebook as the settings of an installation have it."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from whipround.gateways.addresses import keeps_secrets
from whipround.gateways.facebook.protocol import Facebook, FacebookPerson, NotConfigured
from whipround.gateways.facebook.sandbox import SandboxFacebook
from whipround.gateways.messages.protocol import GatewayMisconfigured
from whipround.settings import Settings

_APP_ID = re.compile(r"[0-9]{1,20}", re.ASCII)
_SECRET = re.compile(r"[0-9A-Za-z]{16,128}", re.ASCII)


class Unconfigured:
    """Stands for Facebook where no app is set up."""

    async def person(self, token: str, *, now: datetime) -> FacebookPerson:  # noqa: ARG002
        """Raises NotConfigured."""
        raise NotConfigured("WHIPROUND_FACEBOOK_APP_ID is not set")

    async def close(self) -> None:
        """Nothing is open."""


def facebook_of(settings: Settings, *, sandbox: bool) -> Facebook:
    """What checks the tokens of an installation. Raises GatewayMisconfigured."""
    if sandbox:
        return SandboxFacebook()
    app_id, secret, url = (
        settings.facebook_app_id,
        settings.facebook_app_secret,
        settings.facebook_graph_url,
    )
    if (app_id is None) != (secret is None):
        raise GatewayMisconfigured(
            "WHIPROUND_FACEBOOK_APP_ID and WHIPROUND_FACEBOOK_APP_SECRET belong together"
        )
    if url is not None and not keeps_secrets(url):
        raise GatewayMisconfigured(
            "WHIPROUND_FACEBOOK_GRAPH_URL must be https://, or http:// to this host"
        )
    if app_id is None or secret is None:
        return Unconfigured()
    if not _APP_ID.fullmatch(app_id):
        raise GatewayMisconfigured("WHIPROUND_FACEBOOK_APP_ID must be the app's number")
    if not _SECRET.fullmatch(secret.get_secret_value()):
        raise GatewayMisconfigured("WHIPROUND_FACEBOOK_APP_SECRET must be the app's secret")
    # With an HTTP client: only where it is needed.
    from whipround.gateways.facebook.graph import GraphFacebook  # noqa: PLC0415

    return GraphFacebook(app_id=app_id, app_secret=secret.get_secret_value(), url=url)


@asynccontextmanager
async def open_facebook(settings: Settings, *, sandbox: bool) -> AsyncIterator[Facebook]:
    """The same for as long as it is needed. Raises GatewayMisconfigured."""
    facebook = facebook_of(settings, sandbox=sandbox)
    try:
        yield facebook
    finally:
        await facebook.close()
