"""The fetcher of an installation, as its settings have it."""

from whipround.gateways.messages.protocol import GatewayMisconfigured
from whipround.gateways.pages.fetcher import Fetcher
from whipround.gateways.pages.networks import LOOPBACK, parse_networks
from whipround.settings import Settings


def fetcher_of(settings: Settings, *, sandbox: bool) -> Fetcher:
    """What fetches the addresses that users give; a sandbox may ask its own machine too.

    Raises GatewayMisconfigured.
    """
    try:
        allowed = parse_networks(settings.fetch_allow)
    except ValueError as error:
        raise GatewayMisconfigured(f"WHIPROUND_FETCH_ALLOW: {error}") from error
    return Fetcher(allowed=[*allowed, *LOOPBACK] if sandbox else allowed)
