"""HTTP that connects to public addresses only.

A name is looked up once for a connection, what was found is checked, and the connection goes to the
very address that was checked: a name that means something else a moment later changes nothing.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from types import TracebackType
from typing import Self, TypeAlias

import httpcore
import httpx
from httpcore import AsyncNetworkBackend, AsyncNetworkStream

from whipround.gateways.pages.networks import Network, may_ask, parse_address

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host, as text, by its name and a port. Raises OSError."""


class NotPublic(Exception):
    """The host has no address that may be asked."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a host as the system knows them, however the host is written."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


class GuardedBackend(AsyncNetworkBackend):
    """Opens connections to addresses that are public or `allowed`, and to no other."""

    def __init__(self, allowed: Sequence[Network], resolve: Resolve) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (httpcore's)
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """A connection to the first address of the host that answers. Raises NotPublic."""
        try:
            addresses = [parse_address(text) for text in await self._resolve(host, port)]
        except (OSError, UnicodeError, ValueError) as error:
            raise httpcore.ConnectError(f"{host} is not known") from error
        asked = [str(each) for each in addresses if may_ask(each, self._allowed)]
        if not asked:
            raise NotPublic(f"{host} is not public")
        for address in asked[:-1]:
            try:
                return await self._network.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._network.connect_tcp(
            asked[-1], port, timeout, local_address, socket_options
        )


class GuardedTransport(httpx.AsyncBaseTransport):
    """httpx's transport over a `GuardedBackend`; proxies are not asked, whatever names them."""

    def __init__(
        self, *, allowed: Sequence[Network], resolve: Resolve, tls: ssl.SSLContext
    ) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_keepalive_connections=0,
            network_backend=GuardedBackend(allowed, resolve),
        )

    async def __aenter__(self) -> Self:
        """Open the pool of connections."""
        await self._pool.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Close all connections."""
        await self._pool.__aexit__(kind, error, traceback)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry out one request, without its redirects. Raises httpcore's errors, NotPublic."""
        answer = await self._pool.handle_async_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(answer),
            extensions=answer.extensions,
        )


class _Body(httpx.AsyncByteStream):
    """The body of an httpcore answer."""

    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._answer.aiter_stream()

    async def aclose(self) -> None:
        await self._answer.aclose()
