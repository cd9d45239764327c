"""A server of all dialects, the people of the documents, and the line through which they call."""

from collections import defaultdict, deque
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import NamedTuple

import httpx
from schemathesis.core.transport import Response

from tests.api.conftest import Shared
from tests.api.faces import root_of, seen_through
from tests.api.mobbr.client import basic
from tests.api.serving import new_directory, served
from tests.money import problems
from tests.outside import outside_here
from tests.torture.fuzz.mixing import KEPT, WHO, Good, mix, request_of
from tests.torture.fuzz.more_scenes import MORE
from tests.torture.fuzz.scenes import Play, Stage, new_rates, new_stage, printed
from tests.torture.fuzz.watching import Case, Operation, Watch, answer_of
from whipround.api.protocol import MAX_HEAD_BYTES

DOCUMENTS = {
    "memento": "/v1/openapi.json",
    "moneypool": "/api/openapi.json",
    "mobbr": "/api_v1/openapi.json",
}

REMEMBERED = 6
"""How many calls of a route that have succeeded."""

PLAYS_ON_A_STAGE = 60
"""After that, its people are worn out: locked, logged out, without money."""

FRESH = 0.1
"""How often a call is made amid a scene, rather than with what an earlier one has left."""

Kept = Collection[tuple[str, str | None]]


@dataclass(frozen=True, slots=True)
class Trial:
    """A case that is to be mixed with a good call, but for what it is to `keep`.

    It is made on behalf of the `caller` (as a header says it), if there is one.
    """

    case: Case
    keep: Kept = ()
    caller: str | None = None


class Sent(NamedTuple):
    """How a case was answered, and on whose behalf it was sent."""

    answer: Response
    caller: str | None


class Line(httpx.AsyncBaseTransport):
    """Hands calls on, holds each answer against its document, and remembers what has succeeded."""

    def __init__(self, chance: Random) -> None:
        self.watches: dict[str, Watch] = {}
        self.good: dict[str, deque[Good]] = defaultdict(lambda: deque(maxlen=REMEMBERED))
        self.called: set[str] = set()
        self.trial: Trial | None = None
        self.sent: Sent | None = None
        self.failed: list[str] = []
        self._chance = chance
        self._network = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Hand on a call of a scene, but before the first like the trial, the trial."""
        await request.aread()
        found = self._operation_of(request)
        trial = self.trial
        if trial and found and found[0] == trial.case.operation.label:
            self.trial = None
            good = Good.of(request, found[1])
            self.sent = await self.attempt(trial, good, str(request.url.copy_with(path="/")))
        answer = await self.send(request)
        if found is not None and answer.is_success:
            self.called.add(found[0])
            self.good[found[0]].append(Good.of(request, found[1]))
        return answer

    async def attempt(self, trial: Trial, good: Good | None, address: str) -> Sent | None:
        """Send a case, mixed with what has succeeded; None where no client could send it."""
        case = trial.case
        if good is not None:
            mix(case, good, self._chance, keep=trial.keep)
        if trial.caller is not None and self._chance.random() < KEPT[WHO]:
            case.headers[WHO] = trial.caller
        request = request_of(case, address.partition("?")[0].rstrip("/"), good, self._chance)
        try:
            answer = await self.send(request)
        except (httpx.LocalProtocolError, httpx.InvalidURL):
            return None
        return Sent(answer_of(request, answer), request.headers.get(WHO))

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and look at its answer."""
        answer = await self._network.handle_async_request(request)
        await answer.aread()
        if answer.status_code >= 500:  # of whatever: an odd path may be that of no route
            self.failed.append(f"{request.method} {request.url}: {answer.status_code}")
        head = request.url.raw_path, *(it for pair in request.headers.raw for it in pair)
        if answer.status_code == 431 and sum(map(len, head)) > MAX_HEAD_BYTES:
            return answer  # before any dialect has seen it (docs/operating.md)
        for watch in self.watches.values():
            found = watch.operation_of(request)
            if found is not None:
                watch.see(found[0], request, answer_of(request, answer))
        return answer

    def _operation_of(self, request: httpx.Request) -> tuple[str, Mapping[str, str]] | None:
        for watch in self.watches.values():
            found = watch.operation_of(request)
            if found is not None:
                return str(found[0]), found[1]
        return None

    async def aclose(self) -> None:
        """Hang up."""
        await self._network.aclose()


@dataclass
class World:
    """All that is served, what is known of it, and the people who use it."""

    line: Line
    address: str
    chance: Random
    scenes: Mapping[str, list[Play]]
    stage: Stage
    leads_to: dict[str, list[Play]] = field(default_factory=lambda: defaultdict(list))
    failed: list[str] = field(default_factory=list)
    """Why scenes broke off amid which a made-up call was made."""
    plays: int = 0
    """How many such scenes were played."""

    @property
    def port(self) -> int:
        """Where it is served, on this machine."""
        return httpx.URL(self.address).port or 0

    @property
    def product_id(self) -> str:
        """The product that calls are for."""
        return self.stage.memento.john.client.product_id

    def callers(self) -> list[str]:
        """Headers that say who is calling, one of each dialect."""
        stage = self.stage
        return [
            f"Bearer {stage.memento.john.client.session}",
            f"Token token={stage.moneypool.john.token}",
            basic("", stage.mobbr.patrick.token or ""),
        ]

    async def watch(self, dialect: str) -> Watch:
        """Hold answers against the document of a dialect, from now on."""
        if dialect not in self.line.watches:
            async with httpx.AsyncClient(base_url=self.address) as http:
                document = (await http.get(DOCUMENTS[dialect])).json()
            self.line.watches[dialect] = Watch.of(document)
        return self.line.watches[dialect]

    async def walk(self, dialect: str, *, most: int | None = None) -> None:
        """Play all scenes of a dialect once; or so many of them, by chance."""
        plays = self.scenes[dialect]
        if most is not None and most < len(plays):
            plays = self.chance.sample(plays, most)
        for play in plays:
            self.line.called.clear()
            await play(self.stage)
            for label in sorted(self.line.called):
                if play not in self.leads_to[label]:
                    self.leads_to[label].append(play)

    def in_turn(self, operations: Sequence[Operation]) -> Iterator[Operation]:
        """All of them in some order, and again in another."""
        while True:
            yield from self.chance.sample(operations, len(operations))

    async def attempt(self, trial: Trial) -> Sent | None:
        """Send a case, where it may get far; None where no client could send it."""
        label, line = trial.case.operation.label, self.line
        good, plays = line.good[label], self.leads_to[label]
        if plays and not trial.keep and (not good or self.chance.random() < FRESH):
            line.trial, line.sent = trial, None
            await self._play(self.chance.choice(plays))
            if line.trial is None:
                return line.sent
            line.trial = None
        known = self.chance.choice(good) if good else None
        return await line.attempt(trial, known, self.address)

    async def _play(self, play: Play) -> None:
        """Play a scene, which may fail: the trial may have done what it was about to do."""
        self.plays += 1
        if self.plays % PLAYS_ON_A_STAGE == 0:
            self.stage = await new_stage(self.stage.faces, self.stage.mobbr.outside)
        try:
            await play(self.stage)
        except (AssertionError, LookupError, TypeError, ValueError) as error:
            self.failed.append(repr(error))


@asynccontextmanager
async def world_of(shared: Shared, chance: Random) -> AsyncIterator[World]:
    """A world with everything in it; its books are proven in the end."""
    product = replace(shared.product, currencies=("EUR", "MXN", "GBP", "USD", "JPY"))
    async with outside_here() as outside:
        directory = new_directory(shared.installation_db, shared.keyring, web=outside.web)
        directory.set([product])
        line = Line(chance)
        async with served(root_of(directory)) as port:
            address = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(transport=line, base_url=address) as http:
                faces = seen_through(http, shared)
                await new_rates(shared.db)
                await faces.mobbr.join(username="Ernesto")
                stage = await new_stage(faces, outside)
                scenes = {name: plays + MORE[name] for name, plays in printed().items()}
                yield World(line, address, chance, scenes, stage)
        await directory.drain()
    assert await problems(shared.db) == []
