"""Where pictures come from and go: what their flows work with."""

from dataclasses import dataclass

from whipround.domain.images.gallery import Gallery
from whipround.gateways.images.darkroom import Darkroom
from whipround.gateways.images.store import Store, open_store
from whipround.gateways.pages.fetcher import Fetches
from whipround.gateways.pages.live import fetcher_of
from whipround.keyring import Keyring
from whipround.settings import Settings


@dataclass(frozen=True, slots=True)
class Studio:
    """How pictures are fetched, worked on, kept, and named; the same for all products."""

    fetcher: Fetches
    darkroom: Darkroom
    store: Store
    gallery: Gallery


def open_studio(settings: Settings, *, keyring: Keyring, sandbox: bool) -> Studio:
    """The studio of an installation. Raises GatewayMisconfigured."""
    return Studio(
        fetcher=fetcher_of(settings, sandbox=sandbox),
        darkroom=Darkroom(),
        store=open_store(settings),
        # Without an address nothing is served, and nobody is shown one.
        gallery=Gallery(settings.public_url or "", keyring),
    )
