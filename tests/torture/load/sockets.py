"""Sockets by the thousand, of which some do not do what a client should."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any, cast

from tests.torture.load.asking import Ask
from tests.torture.load.clients import whole_body

PATIENCE_SECONDS = 60
_SMALL_BUFFER = 4096


class Socket(asyncio.Protocol):
    """A connection that says what it is told to, and knows when it is answered, and hung up on."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.answered: asyncio.Future[bytes] = loop.create_future()
        self.closed: asyncio.Future[float] = loop.create_future()
        self._received = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Know where to write."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Take what arrived, up to the end of one answer."""
        if not self.answered.done():
            self._received += data
            if whole_body(self._received) is not None:
                self.answered.set_result(self._received)

    def connection_lost(self, exc: Exception | None) -> None:
        """Remember when that was."""
        self.closed.set_result(asyncio.get_running_loop().time())
        if not self.answered.done():
            self.answered.set_result(self._received)

    def send(self, data: bytes) -> None:
        """Say something, unless nobody listens any more."""
        if not self.closed.done() and not self._transport.is_closing():
            self._transport.write(data)

    def read_nothing(self) -> None:
        """Take nothing of what comes, from now on."""
        self._transport.pause_reading()

    def read_again(self) -> None:
        """Take what comes."""
        self._transport.resume_reading()

    def hang_up(self, *, rudely: bool = False) -> None:
        """End the connection; rudely, so that the other side learns of it by an error."""
        if rudely and not self.closed.done():
            line: socket.socket = self._transport.get_extra_info("socket")
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    async def ask(self, ask: Ask) -> bytes:
        """Send a request, and wait for its answer; what is wrong with it, if anything."""
        self.send(ask.sent)
        answer = await self.answered
        if not answer.startswith(ask.expected):
            return answer or b"hung up"
        if ask.heard is not None:
            ask.heard(whole_body(answer) or b"")
        return b""


@asynccontextmanager
async def opened(address: tuple[str, int], count: int) -> AsyncIterator[list[Socket]]:
    """So many sockets, opened at once; in the end nobody's."""
    loop = asyncio.get_running_loop()
    made = await asyncio.gather(*(loop.create_connection(Socket, *address) for _ in range(count)))
    try:
        yield [each for _, each in made]
    finally:
        await _closed(each for _, each in made)


@asynccontextmanager
async def opened_narrow(address: tuple[str, int], count: int) -> AsyncIterator[list[Socket]]:
    """So many sockets of which the kernel keeps next to nothing that they do not read."""
    loop = asyncio.get_running_loop()
    made = []
    for _ in range(count):
        line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
        line.setblocking(False)
        await loop.sock_connect(line, address)
        made.append((await loop.create_connection(Socket, sock=line))[1])
    try:
        yield made
    finally:
        await _closed(made)


async def answered(sockets: Iterable[Socket], count: int) -> None:
    """Wait until so many of them are answered, whichever they are."""
    for first in islice(asyncio.as_completed([each.answered for each in sockets]), count):
        await first


async def _closed(sockets: Iterable[Socket]) -> None:
    waiting: list[Any] = []
    for each in sockets:
        each.hang_up()
        waiting.append(each.closed)
    if waiting:
        await asyncio.wait(waiting, timeout=PATIENCE_SECONDS)
