"""Clients that take little of the machine away from the server, and measure it.

In a closed loop each asks as soon as it has its answer. In an open one requests are due by a clock,
whether or not earlier ones were answered, and what they took is counted from when they were due: so
nothing that stalls is left out because nobody was there to ask.
"""

import asyncio
from array import array
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from operator import add
from random import Random
from typing import cast

from bench.load import percentile
from tests.torture.load.asking import Ask

PATIENCE_SECONDS = 60
_MOST_TOLD = 5


@dataclass(slots=True)
class Heard:
    """When requests were due, and how long their answers took, in seconds; and what was wrong."""

    due: "array[float]" = field(default_factory=lambda: array("d"))
    took: "array[float]" = field(default_factory=lambda: array("d"))
    wrong: list[str] = field(default_factory=list)
    follow_ups: int = 0
    begun: float = 0.0
    ended: float = 0.0
    """When the first was due, and from when on nothing new was."""

    @property
    def seconds(self) -> float:
        """How long it was asked."""
        return self.ended - self.begun

    @property
    def per_second(self) -> float:
        """How many were answered per second, while it was asked."""
        return sum(it <= self.ended for it in self._answered()) / self.seconds

    @property
    def asked_per_second(self) -> float:
        """How many were due per second, while it was asked."""
        return sum(it <= self.ended for it in self.due) / self.seconds

    @property
    def first_share(self) -> float:
        """How many of the requests did not follow from the answer to another."""
        return 1 - self.follow_ups / self.count

    @property
    def backlog_seconds(self) -> float:
        """How long after the end all was answered."""
        return max(self._answered()) - self.ended

    def _answered(self) -> Iterator[float]:
        return map(add, self.due, self.took)

    @property
    def count(self) -> int:
        """How many answers there were."""
        return len(self.took)

    def p_ms(self, percent: int, *, part: int = 0, of: int = 1) -> float:
        """What so many per cent were quicker than, among those due in one `part` of the time."""
        first, last = min(self.due), max(self.due)
        begin = first + (last - first) * part / of
        end = first + (last - first) * (part + 1) / of
        took = (it for due, it in zip(self.due, self.took, strict=True) if begin <= due <= end)
        return percentile(sorted(took), percent) * 1000


class Clients:
    """Connections to one server, each of which carries one request at a time."""

    def __init__(self) -> None:
        self.heard = Heard()
        self.is_over = False
        self._ask: Callable[[], Ask] | None = None
        self._free: deque[_Client] = deque()
        self._waiting: deque[tuple[Ask, float]] = deque()
        self._unanswered = 0
        self._all_answered = asyncio.Event()

    @asynccontextmanager
    async def asking(self, ask: Callable[[], Ask]) -> AsyncIterator[Heard]:
        """Have every client ask one thing after the other; at the end, all was answered."""
        loop = asyncio.get_running_loop()
        self.heard, self._ask = Heard(begun=loop.time()), ask
        for _ in range(len(self._free)):
            self.send(ask(), self.heard.begun)
        try:
            yield self.heard
        finally:
            self._ask, self.heard.ended = None, loop.time()
            await self.answered()

    async def ask_on_time(
        self, ask: Callable[[], Ask], *, per_second: float, seconds: float, chance: Random
    ) -> Heard:
        """Ask so often, at random moments, for so long; until all was answered."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        end = due + seconds
        self.heard = Heard(begun=due)
        while due < end:
            while due <= loop.time():
                self.send(ask(), due)
                due += chance.expovariate(per_second)
            await asyncio.sleep(due - loop.time())
        self.heard.ended = loop.time()
        await self.answered()
        return self.heard

    def send(self, ask: Ask, due: float) -> None:
        """Send a request, as soon as a client is free."""
        self._unanswered += 1
        self._all_answered.clear()
        if self._free:
            self._free.popleft().send(ask, due)
        else:
            self._waiting.append((ask, due))

    async def answered(self) -> None:
        """Wait until nothing is unanswered. Raises TimeoutError."""
        if self._unanswered:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._all_answered.wait()

    def free(self, client: "_Client") -> None:
        """Have a client do what is to be done next."""
        if self._waiting:
            client.send(*self._waiting.popleft())
        else:
            self._free.append(client)

    def hear(self, client: "_Client", ask: Ask, due: float, answer: bytes, body: bytes) -> None:
        """Take an answer, and see to what follows from it."""
        now = asyncio.get_running_loop().time()
        self.heard.due.append(due)
        self.heard.took.append(now - due)
        follows = None
        if not answer.startswith(ask.expected):
            self.complain(f"{ask.sent.split(b' HTTP', 1)[0].decode()}: {answer.decode()}")
        elif ask.heard is not None:
            follows = ask.heard(body)
        self.heard.follow_ups += follows is not None
        if follows is None and self._ask is not None:
            follows = self._ask()
        self.free(client)
        if follows is not None:
            self.send(follows, now)
        self.lose_one()

    def complain(self, wrong: str) -> None:
        """Remember that something was not as it should be."""
        self.heard.wrong.append(wrong if len(self.heard.wrong) < _MOST_TOLD else "")

    def lose_one(self) -> None:
        """There is one less to wait for."""
        self._unanswered -= 1
        if not self._unanswered:
            self._all_answered.set()


class _Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._asked: tuple[Ask, float] | None = None
        self._received = b""
        self.transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.WriteTransport, transport)
        self._clients.free(self)

    def send(self, ask: Ask, due: float) -> None:
        self._asked = ask, due
        self.transport.write(ask.sent)

    def data_received(self, data: bytes) -> None:
        self._received += data
        body = whole_body(self._received)
        if body is None or self._asked is None:
            return
        (ask, due), answer = self._asked, self._received
        self._asked, self._received = None, b""
        self._clients.hear(self, ask, due, answer, body)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._clients.is_over:
            self._clients.complain(f"the server hung up: {exc}")
        if self._asked is not None:
            self._asked = None
            self._clients.lose_one()


def whole_body(received: bytes) -> bytes | None:
    """The body of an answer, once all of it has come."""
    head, blank, body = received.partition(b"\r\n\r\n")
    if not blank:
        return None
    _, _, rest = head.lower().partition(b"\r\ncontent-length:")
    return body if len(body) >= int(rest.partition(b"\r\n")[0]) else None


@asynccontextmanager
async def connected(address: tuple[str, int], count: int) -> AsyncIterator[Clients]:
    """So many clients of a server."""
    clients, loop = Clients(), asyncio.get_running_loop()
    made: Sequence[_Client] = [
        (await loop.create_connection(lambda: _Client(clients), *address))[1] for _ in range(count)
    ]
    try:
        yield clients
    finally:
        clients.is_over = True
        for each in made:
            each.transport.close()
