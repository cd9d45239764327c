"""uvicorn's HTTP protocol, with the limits it lacks: on headers, and on slow clients."""

import asyncio

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

MAX_HEAD_BYTES = 32 * 1024
"""A request's target and headers together."""

REQUEST_SECONDS = 20.0
"""How long a client may take to send a whole request, once connected or once begun."""

KEEP_ALIVE_SECONDS = 65
"""How long a connection may idle between requests: longer than proxies keep theirs."""


class _HeadTooLarge(Exception):
    """Stops the parser."""


class LimitedProtocol(HttpToolsProtocol):
    """Answers 431 to a head without end, and hangs up on a request that does not get finished."""

    _in_head = True
    _head_bytes = 0
    _large_read = False
    _reading_since: float | None = None
    _look_later: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to watch."""
        super().connection_made(transport)
        self._reading_since = self.loop.time()
        self._look_later = self.loop.call_later(REQUEST_SECONDS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Watch no more."""
        if self._look_later is not None:
            self._look_later.cancel()
        super().connection_lost(exc)

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
        self._reading_since = self.loop.time()

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

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser could not read, or was not let read."""
        if self._head_bytes <= MAX_HEAD_BYTES:
            super().send_400_response(msg)
            return
        self.transport.write(STATUS_LINE[431] + b"content-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()

    def _look(self) -> None:
        """Hang up if the request that is being sent has taken too long, else look again later."""
        since = self._reading_since
        if since is not None and not self.pipeline:
            left = since + REQUEST_SECONDS - self.loop.time()
            if left <= 0:
                self.transport.close()
                return
        else:
            left = REQUEST_SECONDS
        self._look_later = self.loop.call_later(left, self._look)
