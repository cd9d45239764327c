"""The one way in which addresses that users give are fetched.

By http and https from public addresses, on every redirect, within five seconds in all, three
redirects, and a limit on what comes after decompression.
"""

import asyncio
import ssl
import zlib
from collections.abc import AsyncIterator, Collection, Sequence
from functools import cached_property
from typing import NamedTuple, Protocol

import httpcore
import httpx

from whipround import __version__
from whipround.gateways.pages.networks import Network
from whipround.gateways.pages.transport import GuardedTransport, NotPublic, Resolve, resolve
from whipround.gateways.quiet import keep_addresses_out_of_logs

SECONDS = 5.0
MAX_BYTES = 1024 * 1024
MAX_REDIRECTS = 3

_SCHEMES = ("http", "https")

_HEADERS = {"user-agent": f"whipround/{__version__}", "accept-encoding": "gzip"}

# What is asked for can also be told to come back later.
_NOT_NOW = frozenset({408, 425, 429})

_NOT_THERE = frozenset({404, 410})

_GZIP = frozenset({"gzip", "x-gzip"})

_NO_ADDRESS = "the address, or one it leads to, is not of the web"

_BROKEN = (
    httpx.HTTPError,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
)


class FetchError(Exception):
    """There is nothing to be had at the address; the text is one line for operators."""


class FetchFailed(FetchError):
    """Not this time; it may work later."""


class TooSlow(FetchFailed):
    """It was not all there in time."""


class Unreachable(FetchFailed):
    """The host is not known, takes no connection, breaks off, or speaks no HTTP."""


class NotNow(FetchFailed):
    """The answer is one of passing trouble; `status` says which."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(f"the answer is {status}")


class FetchRefused(FetchError):
    """Never: the address may not be asked, or what is there is not what was asked for."""


class AddressRefused(FetchRefused):
    """The address, or one that it leads to, is not of the web, or not of the public."""


class TooManyRedirects(FetchRefused):
    """One address leads to another, and on, and perhaps in a circle."""


class NotGiven(FetchRefused):
    """The answer is none that has a page; `status` says which."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(f"the answer is {status}")


class NotThere(NotGiven):
    """There is no such page, or no longer."""


class WrongType(FetchRefused):
    """What is at `url`, after all redirects, is of another type than those asked for.

    `content_type` is empty where none is told.
    """

    def __init__(self, url: str, content_type: str) -> None:
        self.url = url
        self.content_type = content_type
        super().__init__(f"it is {content_type or 'of no type'}")


class TooLarge(FetchRefused):
    """It is more than was asked for, after decompression."""


class Unreadable(FetchRefused):
    """It is compressed or written in a way that nobody asked for, or not as it says."""


class Page(NamedTuple):
    """What was at an address: `url` after all redirects, and its body as it is uncompressed.

    `content_type` is in lower case and empty where it is not told; `charset` is as told, if it is.
    """

    url: str
    content_type: str
    charset: str | None
    body: bytes


class Fetches(Protocol):
    """What fetches pages."""

    async def fetch(
        self,
        url: str,
        *,
        accept: Collection[str],
        max_bytes: int = MAX_BYTES,
        seconds: float = SECONDS,
    ) -> Page:
        """What is at `url`, had within so many seconds; its type must be one of `accept`.

        Raises FetchFailed, and FetchRefused where it is no use to try again.
        """
        ...


class Fetcher:
    """Fetches from public addresses, and from those in the `allowed` networks."""

    def __init__(
        self,
        *,
        allowed: Sequence[Network] = (),
        resolve: Resolve = resolve,
        seconds: float = SECONDS,
    ) -> None:
        keep_addresses_out_of_logs()
        self._allowed = allowed
        self._resolve = resolve
        self._seconds = seconds

    async def fetch(
        self,
        url: str,
        *,
        accept: Collection[str],
        max_bytes: int = MAX_BYTES,
        seconds: float = SECONDS,
    ) -> Page:
        """What is at `url`, had within so many seconds; its type must be one of `accept`.

        Raises FetchFailed, and FetchRefused where it is no use to try again.
        """
        seconds = min(seconds, self._seconds)
        try:
            async with asyncio.timeout(seconds), self._client(accept) as client:
                return await _get(client, url, accept, max_bytes)
        except TimeoutError as error:
            raise TooSlow(f"no answer within {seconds:g} seconds") from error
        except NotPublic as error:
            raise AddressRefused(str(error)) from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
            raise AddressRefused(_NO_ADDRESS) from error
        except _BROKEN as error:
            raise Unreachable(f"{type(error).__name__} {error}".strip()) from error

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return httpx.create_ssl_context(trust_env=False)

    def _client(self, accept: Collection[str]) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=GuardedTransport(allowed=self._allowed, resolve=self._resolve, tls=self._tls),
            trust_env=False,
            timeout=self._seconds,
            headers={**_HEADERS, "accept": ", ".join(accept)},
        )


async def _get(
    client: httpx.AsyncClient, url: str, accept: Collection[str], max_bytes: int
) -> Page:
    request: httpx.Request | None = client.build_request("GET", url)
    # Not left to httpx, which reads what comes along with a redirect, however much it is.
    for _ in range(1 + MAX_REDIRECTS):
        if request is None:
            break
        _check_address(request.url)
        answer = await client.send(request, stream=True)
        try:
            if not answer.has_redirect_location:
                return await _read(answer, accept, max_bytes)
            request = answer.next_request
        finally:
            await answer.aclose()
    raise TooManyRedirects(f"more than {MAX_REDIRECTS} redirects")


def _check_address(url: httpx.URL) -> None:
    if url.scheme not in _SCHEMES or not url.host or not 0 < (url.port or 80) < 65_536:
        raise AddressRefused(_NO_ADDRESS)
    if url.userinfo:
        raise AddressRefused("the address, or one it leads to, has a name and a password in it")


async def _read(answer: httpx.Response, accept: Collection[str], max_bytes: int) -> Page:
    _check_status(answer.status_code)
    content_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in accept:
        raise WrongType(str(answer.url), content_type)
    body = bytearray()
    async for part in _plain(answer, max_bytes):
        body += part
        if len(body) > max_bytes:
            raise TooLarge(f"it has more than {max_bytes} bytes")
    return Page(str(answer.url), content_type, answer.charset_encoding, bytes(body))


def _check_status(status: int) -> None:
    if status in _NOT_THERE:
        raise NotThere(status)
    if status in _NOT_NOW or status >= 500:
        raise NotNow(status)
    if status != httpx.codes.OK:
        raise NotGiven(status)


async def _plain(answer: httpx.Response, max_bytes: int) -> AsyncIterator[bytes]:
    """The body, uncompressed: at most one byte more than `max_bytes` at a time."""
    encoding = answer.headers.get("content-encoding", "identity").strip().lower()
    if encoding == "identity":
        async for part in answer.aiter_raw():
            yield part
    elif encoding in _GZIP:
        async for part in _inflated(answer.aiter_raw(), max_bytes):
            yield part
    else:  # it was not asked for, and can be one thing within the other
        raise Unreadable(f"it is compressed as {encoding}")


async def _inflated(body: AsyncIterator[bytes], max_bytes: int) -> AsyncIterator[bytes]:
    inflate = zlib.decompressobj(zlib.MAX_WBITS + 16)  # with a header of gzip
    try:
        async for part in body:
            yield inflate.decompress(part, max_bytes + 1)
    except zlib.error as error:
        raise Unreadable("it is not compressed as it says") from error
    if not inflate.eof:
        raise Unreachable("it ends before it is complete")
