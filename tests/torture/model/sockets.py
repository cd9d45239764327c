"""A transport for httpx that takes little time: plain HTTP/1.1 over sockets that are kept open."""

import asyncio
from typing import TypeAlias

import httpx

from whipround.api.protocol import KEEP_ALIVE_SECONDS

_Line: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Sockets(httpx.AsyncBaseTransport):
    """To a server on this machine whose answers say how long they are."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[float, _Line]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and read the answer."""
        lines = [f"{request.method} ".encode() + request.url.raw_path + b" HTTP/1.1"]
        lines += [name + b": " + value for name, value in request.headers.raw]
        sent = b"\r\n".join([*lines, b"", await request.aread()])
        # Nothing is sent twice: whatever breaks off is told.
        return await self._exchange(self._rested() or await self._opened(), sent)

    def _rested(self) -> _Line | None:
        """One that the server cannot have closed by now."""
        while self._idle:
            since, line = self._idle.pop()
            if asyncio.get_running_loop().time() - since < KEEP_ALIVE_SECONDS / 2:
                return line
            line[1].close()
        return None

    async def _opened(self) -> _Line:
        return await asyncio.open_connection("127.0.0.1", self._port)

    async def _exchange(self, line: _Line, sent: bytes) -> httpx.Response:
        reader, writer = line
        try:
            writer.write(sent)
            first, *rest = (await reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
            headers = httpx.Headers([(it[0], it[2]) for it in (it.partition(b": ") for it in rest)])
            body = await reader.readexactly(int(headers.get("content-length", 0)))
        except BaseException:
            writer.close()
            raise
        if headers.get("connection") == "close":
            writer.close()
        else:
            self._idle.append((asyncio.get_running_loop().time(), line))
        return httpx.Response(int(first.split(b" ")[1]), headers=headers, content=body)

    async def aclose(self) -> None:
        """Hang up."""
        for _, (_, writer) in self._idle:
            writer.close()
            await writer.wait_closed()
        self._idle.clear()
