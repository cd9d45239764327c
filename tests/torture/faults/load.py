"""Load in all three dialects, and what must be true of it whatever failed meanwhile."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import NamedTuple, TypeAlias
from uuid import UUID

import httpx
import psycopg

from tests.money import problems, rows
from tests.torture.faults.acts import (
    AMOUNT,
    NAMED,
    Act,
    Townsperson,
    act,
    dialect_of,
    is_clear,
    look,
)
from whipround.db.database import Database

Tell = Callable[[str, object], None]

Purse: TypeAlias = tuple[UUID, str]
"""A wallet, and one of the currencies in it."""

CLIENTS, QUICK_CLIENTS = 12, 5
MOST_CONNECTIONS = 10
TOLD_WITHIN_SECONDS = 30
"""How long an answer may take, whatever fails: a wait for the database is ten seconds."""
PATIENCE_SECONDS = 60
"""How long anything may take: whoever needs longer hangs."""

_HAS = """
    select owner_id, currency, balance from account where kind = 'wallet' and owner_id = any(%s)
"""

_LOOKS_PERCENT = 20
_PAUSE_SECONDS = 0.05


class Heard(NamedTuple):
    """An answer: when its request was sent, when it came, and its status; None if none came."""

    sent_at: float
    came_at: float
    status: int | None
    dialect: str = ""


@dataclass(slots=True)
class Load:
    """People who pay and ask each other, see what they have, and remember all that they sent."""

    db: Database
    people: Sequence[Townsperson]
    chance: Random = field(default_factory=Random)
    acts: list[Act] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    _had: Mapping[Purse, Decimal] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def forget(self, chance: Random) -> None:
        """Begin anew, by this chance."""
        self.chance = chance
        for each in (self.acts, self.heard, self.unclear):
            each.clear()

    @asynccontextmanager
    async def running(self, clients: int = CLIENTS) -> AsyncIterator[None]:
        """So many of them at once; whoever is under way at the end ends it."""
        if not self.acts:
            self._had = await self._wallets()
        stopped = asyncio.Event()
        going = [asyncio.create_task(self._go_on(stopped)) for _ in range(clients)]
        try:
            yield
        finally:
            stopped.set()
            async with asyncio.timeout(PATIENCE_SECONDS):
                await asyncio.gather(*going)

    async def done(self, many: int = 1) -> None:
        """Wait until so many more requests of each dialect were sent and have succeeded."""
        now = time.monotonic()

        def are_done() -> bool:
            found = Counter(it.dialect for it in self.heard if it.sent_at > now and _is_done(it))
            return len(found) == 3 and min(found.values()) >= many

        await self._until(are_done)

    async def heard_of(self) -> None:
        """Wait until any further request was answered."""
        before = len(self.heard)
        await self._until(lambda: len(self.heard) > before)

    async def refused(self, many: int = 1) -> None:
        """Wait until so many more requests were refused."""
        before = self._refused()
        await self._until(lambda: self._refused() >= before + many)

    async def settled(self) -> None:
        """Repeat all: what was answered is there once, and what was not is settled by that.

        Everybody was told, and soon; and has what that leaves them with.
        """
        assert self.unclear == [], self.unclear
        slowest = max((it.came_at - it.sent_at for it in self.heard), default=0.0)
        assert slowest < TOLD_WITHIN_SECONDS, slowest
        await self._reach()
        answered = {it.name for it in self.acts if it.answer}
        made = await self._made()
        assert answered <= made.keys(), f"lost: {answered - made.keys()}"
        assert set(made.values()) <= {1}, f"done twice: {made}"
        line = list(self.acts)
        await asyncio.gather(*(self._repeat(line) for _ in range(CLIENTS)))
        made = await self._made()
        assert made == dict.fromkeys(_names(self.acts), 1), f"not once, though repeated: {made}"
        assert await self._wallets() == self._expected()
        found = await problems(self.db)
        assert found == [], found

    def tell(self, tell: Tell, fault: str, *, began: float, ended: float) -> None:
        """The figures of one fault, which `began` and `ended` at these times."""
        during = [it for it in self.heard if it.came_at > began and it.sent_at < ended]
        refusals = [it.came_at for it in during if not _is_done(it)]
        after = [it.came_at for it in self.heard if it.sent_at > ended and _is_done(it)]
        if refusals:
            tell(f"{fault}: seconds until the first refusal", round(min(refusals) - began, 2))
        slowest = max((it.came_at - it.sent_at for it in during), default=0.0)
        tell(f"{fault}: slowest answer in seconds", round(slowest, 2))
        if after:
            tell(f"{fault}: seconds until the first success", round(min(after) - ended, 2))
        kinds = Counter("unanswered" if it.status is None else it.status // 100 for it in during)
        unsettled = sum(not it.answer for it in self.acts)
        tell(f"{fault}: done, 503, unanswered", f"{kinds[2]}, {kinds[5]}, {kinds['unanswered']}")
        tell(f"{fault}: settled by a repeat", unsettled)

    async def _go_on(self, stopped: asyncio.Event) -> None:
        while not stopped.is_set():
            sent_at = time.monotonic()
            if self.chance.randrange(100) < _LOOKS_PERCENT:
                heard = await self._hear(
                    sent_at, look(self.chance.choice(self.people), self.chance)
                )
            else:
                heard = await self._try(sent_at)
            self.heard.append(heard)
            self._news.set()
            if not _is_done(heard):
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _try(self, sent_at: float) -> Heard:
        """Do something new, or try again what was not settled."""
        trying = act(self.people, self.chance)
        self.acts.append(trying)
        return await self._hear(sent_at, trying.send(), trying)

    async def _hear(self, sent_at: float, sending: object, trying: Act | None = None) -> Heard:
        try:
            answer: httpx.Response = await sending  # type: ignore[misc]
        except httpx.TransportError as error:  # nobody kills who is asked: this is no answer
            self.unclear.append(repr(error))
            return Heard(sent_at, time.monotonic(), None)
        if not is_clear(answer):
            self.unclear.append(f"{answer.request.url.path} {answer.status_code} {answer.text}")
        if trying is not None and answer.is_success:
            trying.answer = answer
        return Heard(sent_at, time.monotonic(), answer.status_code, dialect_of(answer))

    async def _repeat(self, line: list[Act]) -> None:
        while line:
            again = line.pop()
            answer = await again.send()
            assert answer.status_code == 201, (answer.status_code, answer.text)
            if again.answer is not None:
                assert answer.content == again.answer.content

    async def _made(self) -> dict[str, int]:
        """How often each act was done."""
        found = Counter(name for (name,) in await rows(self.db, NAMED))
        return {name: times for name, times in found.items() if name in {*_names(self.acts)}}

    async def _wallets(self) -> dict[Purse, Decimal]:
        """What everybody has, in each currency."""
        owners = [it.memento.wallet_id for it in self.people]
        return {
            (id_, currency): amount for id_, currency, amount in await rows(self.db, _HAS, owners)
        }

    def _expected(self) -> dict[Purse, Decimal]:
        """The same, once every act was done once: so little costs no fee."""
        expected = dict(self._had)
        for it in self.acts:
            if it.pays:
                expected[it.who.memento.wallet_id, it.pays] -= Decimal(AMOUNT)
                expected[it.whom.memento.wallet_id, it.pays] += Decimal(AMOUNT)
        return expected

    async def _reach(self) -> None:
        """Give up what connections of ours broke too."""
        for _ in range(MOST_CONNECTIONS):
            with suppress(psycopg.OperationalError):
                await rows(self.db, "select 1")

    def _refused(self) -> int:
        return sum(not _is_done(it) for it in self.heard)

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():
                self._news.clear()
                await self._news.wait()


def _is_done(heard: Heard) -> bool:
    return heard.status is not None and heard.status < 300


def _names(acts: Sequence[Act]) -> set[str]:
    return {it.name for it in acts}
