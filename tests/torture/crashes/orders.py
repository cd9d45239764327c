"""What clients order: who, what, under which key, and how it shows whether it was done."""

import asyncio
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import httpx

from bench.people import Payer
from tests.api.serving import VERSION

Dialect = Literal["memento", "moneypool", "mobbr"]

IN_PROGRESS, UNAVAILABLE = 409, 503

TRIES = 3
"""Of what is asked when nothing is in the way any more."""

PATIENCE_SECONDS = 60
_PAUSE_SECONDS = 0.2


class Answer(NamedTuple):
    """An answer as it came."""

    status: int
    body: bytes

    @property
    def is_done(self) -> bool:
        """Whether it says that what was ordered is done."""
        return 200 <= self.status < 300

    @property
    def is_final(self) -> bool:
        """Whether it says what became of the order."""
        return self.status not in {IN_PROGRESS, UNAVAILABLE}


class Shelf(NamedTuple):
    """A list of the API in which what somebody has ordered is found, `of` something if need be."""

    name: str
    whose: Payer
    of: str = ""


@dataclass(slots=True)
class Order:
    """A write that moves money, or is about to, and what it was answered at last.

    It shows on the `shelf` under its `mark`: there once it was done; or, where it `takes_away`,
    gone. `refusals` are words, one of which a refusal that may be has. Where what was refused
    `leaves_a_trace`, it may be on the shelf all the same.
    """

    kind: str
    payer: Payer
    dialect: Dialect
    method: str
    path: str
    body: Mapping[str, Any]
    key: str
    shelf: Shelf
    mark: str
    takes_away: bool = False
    refusals: Sequence[str] = ()
    leaves_a_trace: bool = False
    answer: Answer | None = None

    def was_told(self, answer: Answer) -> None:
        """Take an answer, which is the same as any earlier one that said what became of it.

        Nothing fails but what may be refused.
        """
        about = f"{self.kind} {self.key}: {answer}"
        if not answer.is_final:
            assert self.answer is None, f"{about}, after {self.answer}"
            return
        assert answer.is_done or self._may_be(answer), about
        assert self.answer in {None, answer}, f"{about}, after {self.answer}"
        self.answer = answer

    def was_repeated(self, answer: Answer) -> None:
        """Take the answer to a repeat, when nothing is in the way of one."""
        assert answer.status != UNAVAILABLE, f"{self.kind} {self.key}: {answer}"
        self.was_told(answer)

    def _may_be(self, refusal: Answer) -> bool:
        words = refusal.body.decode()
        return 400 <= refusal.status < 500 and any(word in words for word in self.refusals)


def headers_of(payer: Payer, dialect: Dialect) -> dict[str, str]:
    """How somebody is known to a dialect."""
    match dialect:
        case "memento":
            return {"Authorization": f"Bearer {payer.session}"}
        case "moneypool":
            return {"Authorization": f"Token token={payer.auth_token}", "Accept": VERSION}
        case "mobbr":
            login = b64encode(f":{payer.login_token}".encode()).decode()
            return {"Authorization": f"Basic {login}"}


async def send(http: httpx.AsyncClient, order: Order, *, tries: int = 1) -> Answer:
    """Send an order, for the first time or again. Raises httpx.TransportError."""
    headers = headers_of(order.payer, order.dialect) | {"Idempotency-Key": order.key}
    given = {"params" if order.method == "DELETE" else "json": order.body, "headers": headers}
    answer = await _request(http, order.method, order.path, tries=tries, **given)
    return Answer(answer.status_code, answer.content)


async def ask(
    http: httpx.AsyncClient, payer: Payer, dialect: Dialect, path: str, **params: Any
) -> httpx.Response:
    """Read something, which succeeds. Raises httpx.TransportError."""
    given = {"params": params or None, "headers": headers_of(payer, dialect)}
    answer = await _request(http, "GET", path, tries=TRIES, **given)
    assert answer.status_code == 200, (path, answer.status_code, answer.text)
    return answer


async def _request(
    http: httpx.AsyncClient, method: str, path: str, *, tries: int, **given: Any
) -> httpx.Response:
    """Make a request, and again where it says that it is safe to, as of a lost connection."""
    while True:
        answer = await http.request(method, path, **given)
        tries -= 1
        if answer.status_code != UNAVAILABLE or not tries:
            return answer
        await asyncio.sleep(_PAUSE_SECONDS)


def client(url: str, *, product_id: str, connections: int) -> httpx.AsyncClient:
    """A client of the server that has a connection for everybody who sends at the same time."""
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    return httpx.AsyncClient(
        base_url=url,
        headers={"Product-ID": product_id},
        limits=limits,
        timeout=PATIENCE_SECONDS,
    )
