"""uvicorn's HTTP protocol, with the limits it lacks: on headers, and on slow clients.

Also it knows who has hung up, and who has only said all: that one gets an answer.
"""

import asyncio
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from whipround.api.bodies import Malformed
from whipround.api.context import correlation_id

MAX_HEAD_BYTES = 32 * 1024
"""A request's target and headers together."""

REQUEST_SECONDS = 20.0
"""How long a client may take to send a whole request, once connected or once begun."""

SLOWEST_BYTES_PER_SECOND = 32 * 1024
"""How fast a body must come that takes longer, as a picture from a phone may."""

KEEP_ALIVE_SECONDS = 65
"""How long a connection may idle between requests: longer than proxies keep theirs."""


_MALFORMED = msgspec.json.encode(
    {"errors": [{"code": Malformed.code, "message": Malformed().message}]}
)
"""In the form of Memento: which dialect was meant cannot be known."""


class _HeadTooLarge(Exception):
    """Stops the parser."""


class LimitedProtocol(HttpToolsProtocol):
    """Answers 431 to a head without end, and hangs up on a request that does not get finished."""

    _in_head = True
    _head_bytes = 0
    _large_read = False
    _body_bytes = 0
    _reading_since: float | None = None
    _look_later: asyncio.TimerHandle | None = None
    _answering: RequestResponseCycle | None = None
    _no_more_to_come = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to watch."""
        super().connection_made(transport)
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
        super().data_received(data)
        if self._in_head:
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
        super().on_body(body)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        if self._large_read:
            self._head_bytes = len(self.url) + sum(len(name) + len(it) for name, it in self.headers)
            if self._head_bytes > MAX_HEAD_BYTES:
                raise _HeadTooLarge
        self._in_head = False
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
        """Hang up if the request that is being sent has taken too long, else look again later."""
        since = self._reading_since
        if since is not None and not self.pipeline:
            allowed = REQUEST_SECONDS + self._body_bytes / SLOWEST_BYTES_PER_SECOND
            left = since + allowed - self.loop.time()
            if left <= 0:
                self.transport.close()
                return
        else:
            left = REQUEST_SECONDS
        self._look_later = self.loop.call_later(left, self._look)
