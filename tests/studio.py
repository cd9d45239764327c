"""A studio that keeps its files in memory."""

from obstore.store import MemoryStore

from whipround.domain.images.gallery import Gallery
from whipround.flows.studio import Studio
from whipround.gateways.images.darkroom import Darkroom
from whipround.gateways.images.store import Store
from whipround.gateways.pages.fetcher import Fetcher
from whipround.gateways.pages.networks import LOOPBACK
from whipround.keyring import Keyring

PUBLIC_URL = "https://pictures.test"


def new_studio(keyring: Keyring) -> Studio:
    """A studio as of a sandbox, with nothing in it."""
    objects = MemoryStore()
    return Studio(
        fetcher=Fetcher(allowed=LOOPBACK),
        darkroom=Darkroom(),
        store=Store(lambda: objects),
        gallery=Gallery(PUBLIC_URL, keyring),
    )
