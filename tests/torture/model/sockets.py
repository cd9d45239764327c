"""A transport for httpx that takes little time: plain HTTP/1.1 over sockets that are kept open."""

import asyncio
from typing import TypeAlias

import httpx

_Line: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Sockets(httpx.AsyncBaseTransport):
    """To a server on this machine whose answers say how long they are."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[_Line] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and read the answer."""
        lines = [f"{request.method} ".encode() + request.url.raw_path + b" HTTP/1.1"]
        lines += [name + b": " + value for name, value in request.headers.raw]
        sent = b"\r\n".join([*lines, b"", await request.aread()])
        while self._idle:
            try:
                return await self._exchange(self._idle.pop(), sent)
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                # What was idle for too long is closed before it is read from: try another.
                if isinstance(error, asyncio.IncompleteReadError) and error.partial:
                    raise
        return await self._exchange(await asyncio.open_connection("127.0.0.1", self._port), sent)

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
            self._idle.append(line)
        return httpx.Response(int(first.split(b" ")[1]), headers=headers, content=body)

    async def aclose(self) -> None:
        """Hang up."""
        for _, writer in self._idle:
            writer.close()
            await writer.wait_closed()
        self._idle.clear()
