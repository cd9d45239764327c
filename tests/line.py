"""A line to PostgreSQL that falls silent, refuses, and breaks around a commit.

It understands as much of the wire protocol as it takes to know a COMMIT, and the answer to it.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Literal, TypeAlias

from psycopg.conninfo import conninfo_to_dict, make_conninfo

Cut: TypeAlias = Literal["before", "after"]
"""When a line breaks: before PostgreSQL has heard of a commit, or once it has answered it."""

_STARTUP_BYTES = 4
_PARSE, _BIND, _QUERY, _ENDS_REQUEST = b"P", b"B", b"Q", frozenset({b"S", b"Q"})
_DONE = frozenset({b"CCOMMIT\0", b"CROLLBACK\0"})
_READY = b"Z"


class Broken(Exception):
    """This connection ends here."""


class _Wire:
    """One connection through the line."""

    def __init__(
        self,
        line: "Line",
        here: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        there: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._line = line
        self._from_client, self._to_client = here
        self._from_server, self._to_server = there
        self._commits: set[bytes] = set()
        self._is_cut = False
        self._has_lost = False

    async def carry(self) -> None:
        """Carry what both say, until the connection ends or breaks."""
        length = await self._from_client.readexactly(_STARTUP_BYTES)
        rest = await self._from_client.readexactly(int.from_bytes(length) - _STARTUP_BYTES)
        self._send(self._to_server, length + rest)
        ways = [asyncio.create_task(way) for way in (self._forth(), self._back())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    def reset(self, *, whatever: bool) -> None:
        """Break it; or else, unless `whatever`, only if something that was said got lost."""
        if whatever or self._has_lost:
            for writer in (self._to_client, self._to_server):
                writer.transport.abort()

    async def _forth(self) -> None:
        while True:
            kind, message = await _message(self._from_client)
            if not self._is_cut and self._is_commit(kind, message):
                cut = self._line.choose()
                self._line.commits[cut or "whole"] += 1
                if cut == "before":
                    raise Broken
                self._is_cut = cut == "after"
            self._send(self._to_server, message)

    async def _back(self) -> None:
        while True:
            kind, message = await _message(self._from_server)
            if not self._is_cut:
                self._send(self._to_client, message)
            elif kind + message[5:] in _DONE or kind == _READY:
                raise Broken

    def _send(self, writer: asyncio.StreamWriter, message: bytes) -> None:
        if self._line.is_silent:
            self._has_lost = True
        else:
            writer.write(message)

    def _is_commit(self, kind: bytes, message: bytes) -> bool:
        """Whether a message has a COMMIT carried out, or prepares one (and then it follows)."""
        said = message[5:]
        if kind == _QUERY:
            return _says_commit(said.rstrip(b"\0"))
        if kind == _PARSE:
            name, statement, _ = said.split(b"\0", 2)
            if _says_commit(statement):
                self._commits.add(name)
            else:
                self._commits.discard(name)
        return kind == _BIND and said.split(b"\0", 2)[1] in self._commits


class Line:
    """A line to the PostgreSQL of a URL. `choose` says of each commit whether to break there.

    `commits` counts them by what became of them: "before", "after", or "whole".
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._there = conninfo_to_dict(url)
        self._wires: dict[_Wire, asyncio.Task[None]] = {}
        self._port = 0
        self._server: asyncio.Server | None = None
        self.is_silent = False
        self.choose: Callable[[], Cut | None] = lambda: None
        self.commits: Counter[str] = Counter()

    @property
    def url(self) -> str:
        """How to connect through the line."""
        port = str(self._port)
        return make_conninfo(
            self._url, host="127.0.0.1", port=port, sslmode="disable", gssencmode="disable"
        )

    async def fall_silent(self) -> None:
        """Carry nothing any more: whatever is said is lost."""
        self.is_silent = True

    async def speak(self) -> None:
        """Carry again; connections on which something got lost break, as TCP would have them."""
        self.is_silent = False
        for wire in self._wires:
            wire.reset(whatever=False)

    def break_all(self) -> None:
        """Break all connections."""
        for wire in self._wires:
            wire.reset(whatever=True)

    async def refuse(self) -> None:
        """Break all connections, and take none any more."""
        await self._stop()
        self.break_all()

    async def accept(self) -> None:
        """Take connections, where it did before."""
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Carry nothing any more, for ever."""
        await self._stop()
        tasks = [*self._wires.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = f"{self._there['host']}/.s.PGSQL.{self._there.get('port', 5432)}"
        there = writer
        try:
            back, there = await asyncio.open_unix_connection(path)
            wire = _Wire(self, (reader, writer), (back, there))
            task = asyncio.current_task()
            assert task is not None
            self._wires[wire] = task
            with suppress(asyncio.IncompleteReadError, asyncio.CancelledError):
                await wire.carry()
            del self._wires[wire]
        except OSError:  # there is nobody
            pass
        finally:
            for each in (writer, there):
                each.transport.abort()


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The next message, whole, and the letter that it begins with."""
    head = await reader.readexactly(5)
    return head[:1], head + await reader.readexactly(int.from_bytes(head[1:]) - 4)


def _says_commit(statement: bytes) -> bool:
    return statement.strip().lower() == b"commit"


@asynccontextmanager
async def line_to(url: str) -> AsyncIterator[Line]:
    """A line to the PostgreSQL of a URL, which is reached by its Unix socket."""
    line = Line(url)
    await line.accept()
    try:
        yield line
    finally:
        await line.close()
