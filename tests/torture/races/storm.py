"""Clients that do something at once: each request is ready, on a connection that is open."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple, TypeVar

import httpx

T = TypeVar("T")

CLIENTS = 32
"""How many want the same, at the least."""

HANGS_AFTER_SECONDS = 60

_SPREADS = (0, 0.002, 0.01, 0.05)
"""Within how many seconds of each other requests are sent, after the barrier."""

_LATE = (0, 0.1, 0.3, 0.6, 1)

_RESTS_SECONDS = 2


class _Held(NamedTuple):
    barrier: asyncio.Barrier
    seconds: float


_held: ContextVar[_Held | None] = ContextVar("_held", default=None)


async def _until_all_are_here() -> None:
    """Wait for everybody else, once, if there is anybody to be waited for."""
    held = _held.get()
    if held is not None:
        _held.set(None)
        await held.barrier.wait()
        await asyncio.sleep(held.seconds)


class Wire(httpx.AsyncBaseTransport):
    """HTTP/1.1 with a connection for each request that is under way, and each sent in one piece.

    A client of a storm waits here for all others: nothing is left to be done then but to send.
    """

    def __init__(self) -> None:
        self._idle: list[_Connection] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and read its answer, which has to say how long it is."""
        line = f"{request.method} {request.url.raw_path.decode()} HTTP/1.1\r\n".encode()
        headers = b"".join(b"%b: %b\r\n" % header for header in request.headers.raw)
        sent = line + headers + b"\r\n" + await request.aread()
        reader, writer, _ = self._rested() or await _connected(request.url)
        await _until_all_are_here()
        writer.write(sent)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        told = [tuple(each.split(": ", 1)) for each in head[1:] if each]
        length = int(httpx.Headers(told).get("content-length", 0))  # type: ignore[arg-type]
        content = await reader.readexactly(length)
        self._idle.append(_Connection(reader, writer, time.monotonic()))
        return httpx.Response(int(head[0].split()[1]), headers=told, content=content)  # type: ignore[arg-type]

    async def aclose(self) -> None:
        """Close all connections."""
        for connection in self._idle:
            connection.writer.close()

    def _rested(self) -> "_Connection | None":
        """One that nobody uses, and that the server has not been about to close for long."""
        while self._idle:
            connection = self._idle.pop()
            if time.monotonic() - connection.used_at < _RESTS_SECONDS:
                return connection
            connection.writer.close()
        return None


class _Connection(NamedTuple):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    used_at: float


async def _connected(url: httpx.URL) -> _Connection:
    assert url.port is not None
    return _Connection(*await asyncio.open_connection(url.host, url.port), time.monotonic())


def word(answer: httpx.Response) -> str:
    """What an answer says, in the words by which its dialect is documented: "ok", or why not.

    Fails for an answer that nobody could do anything with.
    """
    assert answer.status_code < 500, (answer.status_code, answer.text)
    if answer.is_success:
        return "ok"
    if not answer.content:
        return str(answer.status_code)
    said = json.loads(answer.content)
    if "message" in said:
        return f"{answer.status_code} {said['message']['text']}"
    return f"{answer.status_code} {'; '.join(_wrong(said['errors']))}"


def _wrong(errors: Any) -> list[str]:
    if isinstance(errors, dict):
        return [f"{name}: {' '.join(texts)}" for name, texts in errors.items()]
    return [f"{it['field']}: {it['code']}" if "field" in it else it["code"] for it in errors]


@dataclass(slots=True)
class Figures:
    """What has been measured: `slowest` is a round, in seconds; `came` what came of it all."""

    rounds: int = 0
    requests: int = 0
    slowest: float = 0
    came: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Figures") -> None:
        """Count what was measured elsewhere, too."""
        self.rounds += other.rounds
        self.requests += other.requests
        self.slowest = max(self.slowest, other.slowest)
        self.came.update(other.came)

    def __str__(self) -> str:
        """As few words as it can be told in."""
        came = ", ".join(f"{many} {what}" for what, many in sorted(self.came.items()))
        return f"{self.rounds} rounds, {self.requests} requests: {came}"


@dataclass(slots=True)
class Storm:
    """Has things happen at once, and counts what came of them."""

    chance: Random
    figures: Figures = field(default_factory=Figures)

    def late(
        self, *doing: Coroutine[Any, Any, T], most: float = 0.08
    ) -> list[Coroutine[Any, Any, T]]:
        """The same, up to `most` seconds later: so that those win, too, who take longer."""
        seconds = most * self.chance.choice(_LATE)

        async def later(each: Coroutine[Any, Any, T]) -> T:
            held = _held.get()
            assert held is not None
            _held.set(held._replace(seconds=held.seconds + seconds))
            return await each

        return [later(each) for each in doing]

    async def at_once(self, *doing: Coroutine[Any, Any, T]) -> list[T]:
        """Begin all of it at the same moment, or almost; what each came to, in order.

        Each begins with a request, or with `begin`. Fails where one hangs.
        """
        barrier = asyncio.Barrier(len(doing))
        spread = self.chance.choice(_SPREADS)

        async def one(each: Coroutine[Any, Any, T], seconds: float) -> T:
            _held.set(_Held(barrier, seconds))
            return await each

        places = self.chance.sample(range(len(doing)), len(doing))
        tasks: list[asyncio.Task[T] | None] = [None] * len(doing)
        began = time.perf_counter()
        async with asyncio.timeout(HANGS_AFTER_SECONDS), asyncio.TaskGroup() as group:
            for place in places:
                seconds = self.chance.uniform(0, spread) if spread else 0
                tasks[place] = group.create_task(one(doing[place], seconds))
        taken = time.perf_counter() - began
        self.figures.rounds += 1
        self.figures.slowest = max(self.figures.slowest, taken)
        return [task.result() for task in tasks if task is not None]

    async def answers(self, *asking: Coroutine[Any, Any, httpx.Response]) -> list[str]:
        """Have requests sent at once; what each was answered."""
        answers = await self.at_once(*asking)
        return self.count(answers)

    def count(self, answers: Sequence[httpx.Response]) -> list[str]:
        """What each answer says, which is counted."""
        words = [word(answer) for answer in answers]
        self.figures.requests += len(words)
        self.figures.came["done"] += words.count("ok")
        self.figures.came["refused"] += len(words) - words.count("ok")
        return words

    def tell(self, **came: int) -> None:
        """Tell who has won."""
        self.figures.came.update(came)


async def begin(doing: Callable[[], Awaitable[T]]) -> T:
    """Something of a storm that is no request: it, too, begins when all are here."""
    await _until_all_are_here()
    return await doing()
