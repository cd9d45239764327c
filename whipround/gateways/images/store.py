"""Where the files of pictures are: a folder of this machine, or a bucket at S3, Google or Azure.

A file has the path that the address of its picture ends with, so that a proxy can serve it too.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final, NoReturn
from urllib.parse import parse_qsl, urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError, UnknownConfigurationKeyError
from obstore.store import LocalStore, ObjectStore, from_url

from whipround.errors import Unavailable
from whipround.gateways.images.renditions import Renditions
from whipround.gateways.messages.protocol import GatewayMisconfigured
from whipround.settings import Settings

FOLDER = "images"
"""In the data folder."""

CACHE_CONTROL = "public, max-age=31536000, immutable"
"""What is under a name stays what it is."""

_ATTRIBUTES = {"Content-Type": "image/jpeg", "Cache-Control": CACHE_CONTROL}

_BUCKETS = frozenset({"s3", "gs", "az"})

# Somebody waits.
_CLIENT: Final = {"timeout": "10s", "connect_timeout": "5s"}
_RETRIES: Final = {"max_retries": 2, "retry_timeout": timedelta(seconds=20)}

# The options are an operator's: which there are is for obstore to say, not for its types.
_open: Callable[..., Any] = from_url

_MISSING = (NotFoundError, FileNotFoundError)
_FAILURES = (BaseError, OSError)


logger = logging.getLogger(__name__)


class StoreUnavailable(Unavailable):
    """Pictures cannot be stored right now; it is safe to repeat this request."""


class Store:
    """The files of all pictures. Every method raises StoreUnavailable if it cannot be reached."""

    def __init__(self, open_objects: Callable[[], ObjectStore]) -> None:
        """`open_objects` is called when something is first stored, or asked for."""
        self._open = open_objects

    @cached_property
    def _objects(self) -> ObjectStore:
        return self._open()

    @cached_property
    def _attributes(self) -> dict[str, str] | None:
        # A folder has no place for them.
        return None if isinstance(self._objects, LocalStore) else _ATTRIBUTES

    async def put(self, name: str, renditions: Renditions) -> None:
        """Store the files of a picture of this name, in the place of those that are there."""
        for rendition, content in renditions._asdict().items():
            try:
                await obstore.put_async(
                    self._objects,
                    _path(name, rendition),
                    content,
                    attributes=self._attributes,
                )
            except _FAILURES as error:
                _failed(error)

    async def get(self, name: str, rendition: str) -> bytes | None:
        """A JPEG file; None if there is none."""
        try:
            found = await obstore.get_async(self._objects, _path(name, rendition))
            return bytes(await found.bytes_async())
        except _MISSING:
            return None
        except _FAILURES as error:
            _failed(error)

    async def remove(self, name: str) -> None:
        """Delete the files of this name, if there are any."""
        for rendition in Renditions._fields:
            try:
                await obstore.delete_async(self._objects, _path(name, rendition))
            except _MISSING:
                continue
            except _FAILURES as error:
                _failed(error)

    async def prune(self, folder: str, *, before: datetime) -> int:
        """Delete the files of a folder that were stored before then; how many there were."""
        total = 0
        try:
            async for found in obstore.list(self._objects, folder):
                old = [each["path"] for each in found if each["last_modified"] < before]
                if old:
                    await obstore.delete_async(self._objects, old)
                total += len(old)
        except _MISSING:  # somebody else deletes it too
            return total
        except _FAILURES as error:
            _failed(error)
        return total


def _failed(error: Exception) -> NoReturn:
    logger.warning("the store of pictures cannot be used: %s", str(error).partition("\n")[0])
    raise StoreUnavailable from error


def _path(name: str, rendition: str) -> str:
    return f"{name}/{rendition}.jpg"


def open_store(settings: Settings) -> Store:
    """The store of an installation, of which nothing is asked yet. Raises GatewayMisconfigured."""
    if settings.images_url is None:
        return Store(partial(_folder, settings.data_dir.resolve() / FOLDER))
    bucket = _bucket(settings.images_url.get_secret_value())
    return Store(lambda: bucket)


def _folder(path: Path) -> ObjectStore:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return LocalStore(path, automatic_cleanup=True)


def _bucket(url: str) -> Any:
    parts = urlsplit(url)
    if parts.scheme not in _BUCKETS or not parts.netloc:
        raise GatewayMisconfigured("WHIPROUND_IMAGES_URL must begin with s3://, gs:// or az://")
    options = dict(parse_qsl(parts.query))
    # Of a server that is one's own.
    plain = options.get("endpoint", "").startswith("http://")
    try:
        return _open(
            parts._replace(query="").geturl(),
            config=options,
            client_options={**_CLIENT, "allow_http": plain},
            retry_config=_RETRIES,
        )
    except UnknownConfigurationKeyError as error:
        why = str(error).partition(".")[0]
        raise GatewayMisconfigured(f"WHIPROUND_IMAGES_URL: {why}") from error
    except (BaseError, ValueError) as error:
        # Not what it says: that may quote a secret.
        why = "the options are wrong, or not all there"
        raise GatewayMisconfigured(f"WHIPROUND_IMAGES_URL: {why}") from error
