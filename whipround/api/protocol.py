"""uvicorn's HTTP protocol, with the limits it lacks: on headers, slow clients, and how many.

Also it knows who has hung up, and who has only said all: that one gets an answer.
"""

import asyncio
import resource
import socket
import struct
import termios
from contextlib import suppress
from fcntl import ioctl
from typing import Any

import msgspec
import uvicorn
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from whipround.api.bodies import Malformed
from whipround.api.context import correlation_id
from whipround.api.types import App

MAX_HEAD_BYTES = 32 * 1024
"""A request's target and headers together."""

REQUEST_SECONDS = 20.0
"""How long a client may take to send a whole request, once connected or once begun."""

SLOWEST_BYTES_PER_SECOND = 32 * 1024
"""How fast a body must come that takes longer, as a picture from a phone may."""

KEEP_ALIVE_SECONDS = 65
"""How long a connection may idle between requests: longer than proxies keep theirs."""

UNREAD_SECONDS = 60.0
"""How long a client may take nothing of what waits for it."""

MOST_PIPELINED = 64
"""How many requests may wait for their turn on a connection."""

MOST_OPEN_FILES = 65_536
RESERVED_FILES = 128
"""Of the files that the process may have open, those that are not for clients."""


_MALFORMED = msgspec.json.encode(
    {"errors": [{"code": Malformed.code, "message": Malformed().message}]}
)
"""In the form of Memento: which dialect was meant cannot be known."""


_BUSY = b"\r\n".join(
    [
        STATUS_LINE[503].rstrip(),
        b"content-length: 0",
        b"retry-after: 1",
        b"connection: close",
        b"",
        b"",
    ]
)


class _HeadTooLarge(Exception):
    """Stops the parser."""


class _TooManyPipelined(Exception):
    """Stops the parser, too."""


def allow_many_files() -> None:
    """Have the process open as many files as it may, which may be more than it begins with."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(OSError, ValueError):  # macOS allows less than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def most_connections() -> int:
    """How many clients there may be at once: at their limit, the rest of us can still open files.

    At least half of the files are for clients.
    """
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if files == resource.RLIM_INFINITY:
        return MOST_OPEN_FILES
    return files - min(RESERVED_FILES, files // 2)


def config(app: App, *, proxy_headers: bool = False, **given: Any) -> uvicorn.Config:
    """How uvicorn serves an app of ours; `given` is what else it is told."""
    return uvicorn.Config(
        app,
        proxy_headers=proxy_headers,
        http=LimitedProtocol,
        ws="none",
        loop="none",
        interface="asgi3",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        **given,
    )


class LimitedProtocol(HttpToolsProtocol):
    """Answers 431 to a head without end, and 503 to one client too many.

    Hangs up on who does not finish a request, or does not take an answer.
    """

    _in_head = True
    _head_bytes = 0
    _large_read = False
    _body_bytes = 0
    _reading_since: float | None = None
    _look_later: asyncio.TimerHandle | None = None
    _answering: RequestResponseCycle | None = None
    _no_more_to_come = False
    _unread_bytes = 0
    _unread_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to watch."""
        super().connection_made(transport)
        if len(self.connections) > most_connections():
            transport.write(_BUSY)
            transport.close()
            return
        self._reading_since = self.loop.time()
        self._look_later = self.loop.call_later(REQUEST_SECONDS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Watch no more."""
        if self._look_later is not None:
            self._look_later.cancel()
        # uvicorn tells the newest request only. One before it may be the one that is carried out,
        # and its answer, written to a connection that is gone, would be an error.
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Leave the connection half open while whole requests wait for their answers."""
        self._no_more_to_come = True
        return self._owes_answers()

    def _owes_answers(self) -> bool:
        """Whether all requests are whole, and some unanswered."""
        newest: RequestResponseCycle | None = self.cycle
        return newest is not None and not newest.more_body and not newest.response_complete

    def on_response_complete(self) -> None:
        """Go on to the next request, or hang up if there will not be any."""
        super().on_response_complete()
        if self._no_more_to_come and not self._owes_answers():
            self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def data_received(self, data: bytes) -> None:
        """Parse what arrived."""
        # What one read brings is counted header by header only where it could be too much.
        self._large_read = len(data) > MAX_HEAD_BYTES
        cycle, body_bytes = self.cycle, self._body_bytes
        super().data_received(data)
        if self._reading_since is None:
            if not self._owes_answers():
                # A blank line before a request begins nothing, and yet ends the idling.
                self._reading_since = self.loop.time()
        elif self._in_head or (self.cycle is cycle and self._body_bytes == body_bytes):
            # After the last of a body there may be more headers, of the same request, without end.
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response("")

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0
        self._body_bytes = 0
        self._reading_since = self.loop.time()

    def on_body(self, body: bytes) -> None:
        """A part of the body has come."""
        self._body_bytes += len(body)
        self._head_bytes = 0
        super().on_body(body)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        if self._large_read:
            self._head_bytes = len(self.url) + sum(len(name) + len(it) for name, it in self.headers)
            if self._head_bytes > MAX_HEAD_BYTES:
                raise _HeadTooLarge
        self._in_head = False
        if len(self.pipeline) >= MOST_PIPELINED:
            raise _TooManyPipelined
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._reading_since = None
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """Refuse what the parser could not read, or was not let read."""
        if self._owes_answers():
            # What was whole before is answered as itself; then the connection ends.
            self._no_more_to_come = True
            self.flow.pause_reading()
            return
        too_large = self._head_bytes > MAX_HEAD_BYTES
        body = b"" if too_large else _MALFORMED
        lines = [
            STATUS_LINE[431 if too_large else 400].rstrip(),
            b"content-length: %d" % len(body),
            b"correlation-id: " + correlation_id(dict(self.headers or ())),
            b"connection: close",
            *([b"content-type: application/json"] if body else []),
        ]
        self.transport.write(b"\r\n".join([*lines, b"", body]))
        self.transport.close()

    def _look(self) -> None:
        """Hang up on a request or an answer that has taken too long, else look again later."""
        if self._leaves_unread():
            self.transport.abort()
            return
        left = REQUEST_SECONDS
        if self._reading_since is not None and not self.pipeline:
            allowed = REQUEST_SECONDS + self._body_bytes / SLOWEST_BYTES_PER_SECOND
            left = self._reading_since + allowed - self.loop.time()
            if left <= 0:
                # What was answered before is still on its way, and may not be taken.
                self.transport.close()
                left = REQUEST_SECONDS
        self._look_later = self.loop.call_later(left, self._look)

    def _leaves_unread(self) -> bool:
        """Whether the client has long taken nothing of what waits for it."""
        now, unread_bytes = self.loop.time(), self.transport.get_write_buffer_size()
        if unread_bytes:
            # The kernel asks for more only when much of what it holds itself is gone.
            unread_bytes += _held_by_kernel(self.transport.get_extra_info("socket"))
        if unread_bytes != self._unread_bytes:
            self._unread_bytes, self._unread_since = unread_bytes, now
        return unread_bytes > 0 and now - self._unread_since >= UNREAD_SECONDS


def _held_by_kernel(connection: socket.socket) -> int:
    """How many bytes are on their way to a client; none where the kernel does not tell."""
    try:
        (held,) = struct.unpack("i", ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4)))
    except OSError:
        return 0
    return int(held)
