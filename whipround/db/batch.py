"""Group commit: while one batch is being committed, new commands wait, then go all together.

No timer and no delay when idle. A viral account is the fast case here: a thousand commands that
touch it cost one lock and one commit.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import psycopg

from whipround.db.database import Database, Tx
from whipround.errors import Unavailable

Command = TypeVar("Command")
Result = TypeVar("Result")

logger = logging.getLogger(__name__)

MAX_COMMANDS = 512
MAX_WEIGHT = 4096
MAX_WAITING = 8192
DEADLINE_SECONDS = 10.0
_FIRST_PAUSE_SECONDS = 0.01
_LONGEST_PAUSE_SECONDS = 0.5

# A lost connection, a deadlock, a server that is restarting: the same batch may well succeed.
TRANSIENT = (psycopg.OperationalError, psycopg.InterfaceError, Unavailable)


class Overloaded(Unavailable):
    """Too many requests are waiting; it is safe to repeat this one."""


@dataclass(slots=True)
class _Waiting(Generic[Command, Result]):
    command: Command
    weight: int
    deadline: float
    answer: "asyncio.Future[Result]"


class Batcher(Generic[Command, Result]):
    """Runs commands of one kind over lists, each list in one transaction.

    `work(tx, commands)` returns one result per command, in order; an exception in place of a result
    is raised to its submitter alone and disturbs no other. What `work` raises fails the batch: a
    transient database error is tried again with the same commands until a deadline, and then
    answered with Unavailable; after any other error the commands run one at a time, so that a
    poisonous one fails alone. `work` must therefore be safe to run twice with the same commands.
    With `reads_only` it may send statements up to the first result it awaits, in one round trip.
    """

    def __init__(
        self,
        db: Database,
        work: Callable[[Tx, Sequence[Command]], Awaitable[Sequence[Result | Exception]]],
        *,
        reads_only: bool = False,
        weigh: Callable[[Command], int] = lambda _: 1,
        max_commands: int = MAX_COMMANDS,
        max_weight: int = MAX_WEIGHT,
        max_waiting: int = MAX_WAITING,
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> None:
        self._open = db.reading if reads_only else db.pipeline
        self._work = work
        self._weigh = weigh
        self._max_commands = max_commands
        self._max_weight = max_weight
        self._max_waiting = max_waiting
        self._deadline_seconds = deadline_seconds
        self._line: deque[_Waiting[Command, Result]] = deque()
        self._runner: asyncio.Task[None] | None = None
        self._abandoned: set[asyncio.Task[Sequence[Result | Exception]]] = set()

    async def submit(self, command: Command) -> Result:
        """Run one command with whatever else is waiting; what it came to.

        Cancelling the caller does not cancel the command. Raises Overloaded when the line is full,
        Unavailable when the database stayed out of reach, and what `work` gave for this command.
        """
        if len(self._line) >= self._max_waiting:
            raise Overloaded
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._deadline_seconds
        waiting = _Waiting[Command, Result](
            command, self._weigh(command), deadline, loop.create_future()
        )
        self._line.append(waiting)
        if self._runner is None:
            self._runner = loop.create_task(self._run())
        timer = loop.call_at(deadline, _answer, waiting, Unavailable())
        try:
            return await waiting.answer
        finally:
            timer.cancel()

    async def drain(self) -> None:
        """Wait until everything submitted so far, and meanwhile, has been answered."""
        while self._runner is not None:
            await asyncio.wait([self._runner])

    async def _run(self) -> None:
        try:
            while self._line:
                if batch := self._next_batch():
                    await self._settle(batch, deadline=batch[-1].deadline)
        finally:
            self._runner = None

    def _next_batch(self) -> list[_Waiting[Command, Result]]:
        """The head of the line, as much as one batch may hold; nothing that has waited too long."""
        batch: list[_Waiting[Command, Result]] = []
        weight, now = 0, asyncio.get_running_loop().time()
        while self._line and len(batch) < self._max_commands:
            if self._line[0].deadline <= now:  # nothing is begun that nobody waits for
                self._line.popleft()
                continue
            weight += self._line[0].weight
            if batch and weight > self._max_weight:
                break
            batch.append(self._line.popleft())
        return batch

    async def _settle(self, batch: list[_Waiting[Command, Result]], deadline: float) -> None:
        """Give every command of the batch its answer, whatever happens."""
        try:
            results = await self._attempt([waiting.command for waiting in batch], deadline)
        except Exception as error:
            if isinstance(error, Unavailable) or len(batch) == 1:
                if not isinstance(error, Unavailable):
                    logger.exception("a command failed")
                for waiting in batch:
                    _answer(waiting, error)
                return
            logger.warning("a batch of %d failed; one at a time now: %r", len(batch), error)
            for waiting in batch:
                await self._settle([waiting], deadline)
            return
        for waiting, result in zip(batch, results, strict=True):
            _answer(waiting, result)

    async def _attempt(
        self, commands: Sequence[Command], deadline: float
    ) -> Sequence[Result | Exception]:
        """One transaction, repeated after transient errors until the deadline.

        Raises Unavailable at the deadline, even if the database neither answers nor fails.
        """
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE_SECONDS
        while True:
            if loop.time() >= deadline:  # nothing is begun that nobody waits for
                raise Unavailable
            attempt = loop.create_task(self._once(commands))
            await asyncio.wait({attempt}, timeout=deadline - loop.time())
            if not attempt.done():
                # Not cancelled: that would have to wait for the database too. What it may yet
                # commit, a repeat of the request finds by its key.
                self._abandoned.add(attempt)
                attempt.add_done_callback(self._forget)
                raise Unavailable
            try:
                return attempt.result()
            except TRANSIENT as error:
                if loop.time() + pause > deadline:
                    raise Unavailable from error
                logger.warning("a batch of %d is tried again: %r", len(commands), error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def _once(self, commands: Sequence[Command]) -> Sequence[Result | Exception]:
        async with self._open() as tx:
            results = await self._work(tx, commands)
            if len(results) != len(commands):  # seen before anything is committed
                raise ValueError(f"{len(results)} results for {len(commands)} commands")
            return results

    def _forget(self, attempt: "asyncio.Task[Sequence[Result | Exception]]") -> None:
        self._abandoned.discard(attempt)
        if not attempt.cancelled() and attempt.exception() is not None:
            logger.warning("an abandoned batch failed: %r", attempt.exception())


def _answer(waiting: _Waiting[Command, Result], result: Result | Exception) -> None:
    """Hand over a result, unless the submitter has gone."""
    if waiting.answer.done():
        return
    if isinstance(result, Exception):
        waiting.answer.set_exception(result)
    else:
        waiting.answer.set_result(result)
