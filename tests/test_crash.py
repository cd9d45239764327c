"""A server is killed, or stopped, in the midst of payments: none is lost, and none made twice.

With a real `whipround serve --sandbox`, its own PostgreSQL and real connections.
"""

import asyncio
import json
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from tests.nursery import Nursery
from tests.servers import Installation, Server

pytestmark = pytest.mark.processes

PATIENCE_SECONDS = 60
LOAD_SECONDS = 1.0
CLIENTS = 24

DEMO_PIN = "1234"
DEMO_PASSWORD = "m0ney-p00l"
PAYER, PAYER_PHONE = "jondough", "+447700900001"
RECIPIENT = "arnarpart"

_LOGIN = (PAYER, DEMO_PASSWORD)
_MOST_LISTED = 100


@pytest.fixture(scope="module")
def server(nursery: Nursery, short_dir: Path) -> Iterator[Server]:
    """The server of a sandbox whose books are proven when all is over."""
    installation = Installation(nursery, short_dir / "crash")
    yield installation.server()
    installation.close()


class Answer(NamedTuple):
    """An answer as it came."""

    status: int
    body: bytes


@dataclass(slots=True)
class Payer:
    """A demo user who pays another one over and over, and remembers every try.

    `answers` has what each key was answered, None where the server was gone before that.
    """

    session: str
    wallet_id: str
    recipient_id: str
    answers: dict[str, Answer | None] = field(default_factory=dict)

    def answered(self) -> dict[str, Answer]:
        """The answers that came."""
        return {key: answer for key, answer in self.answers.items() if answer is not None}

    async def pay(self, http: httpx.AsyncClient, key: str) -> Answer:
        """Send the payment of this key, for the first time or again."""
        body = {
            "currency": "EUR",
            "description": f"{self.session} {key}",
            "recipient": {"amount": "0.01", "user_id": self.recipient_id},
            "funding_source_id": self.wallet_id,
            "pin": DEMO_PIN,
        }
        headers = {"Authorization": f"Bearer {self.session}", "Correlation-ID": key}
        answer = await http.post("/v1/payments", json=body, headers=headers)
        return Answer(answer.status_code, answer.content)

    async def keep_paying(self, http: httpx.AsyncClient) -> None:
        """Pay until the server is gone."""
        while True:
            key = str(uuid4())
            self.answers[key] = None
            try:
                self.answers[key] = await self.pay(http, key)
            except httpx.TransportError:
                return

    async def repeat(self, http: httpx.AsyncClient, keys: Sequence[str]) -> dict[str, Answer]:
        """Send the payments of the keys again, some at a time."""
        line = list(keys)
        told: dict[str, Answer] = {}

        async def work() -> None:
            while line:
                key = line.pop()
                told[key] = await self.pay(http, key)

        await asyncio.gather(*(work() for _ in range(CLIENTS)))
        return told

    async def made(self, http: httpx.AsyncClient) -> list[str]:
        """The keys of all payments that there are, of this session."""
        headers = {"Authorization": f"Bearer {self.session}"}
        keys, path = [], "/v1/payments?limit=100&sort=created_at:asc"
        while path:
            answer = await http.get(path, headers=headers)
            said = (it["description"].split() for it in answer.json())
            keys += [key for session, key in said if session == self.session]
            path = answer.links.get("next", {}).get("url", "")
        return keys


def client(url: str) -> httpx.AsyncClient:
    """A client of the server, with a connection for each that pays at the same time."""
    limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)
    return httpx.AsyncClient(base_url=url, limits=limits, timeout=PATIENCE_SECONDS)


async def log_in(url: str) -> Payer:
    """One of the sandbox's demo users, by a code and the PIN."""
    async with client(url) as http:

        async def ask(
            method: str, path: str, body: Mapping[str, Any] | None = None, token: str = ""
        ) -> Any:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            answer = await http.request(method, path, json=body, headers=headers)
            assert answer.is_success, answer.text
            return answer.json()

        device = {"id": str(uuid4())} | dict.fromkeys(
            ("make", "model", "os_name", "os_version"), "x"
        )
        login = {
            "identity": {"type": "username", "value": PAYER},
            "authenticator": "sms",
            "device": device,
        }
        pending = await ask("POST", "/v1/tokens", login)
        message, *_ = await ask("GET", f"/sandbox/messages?recipient={quote(PAYER_PHONE)}")
        proof = {"secret": message["data"]["code"], "pin": DEMO_PIN}
        approved = await ask("POST", f"/v1/tokens/{pending['id']}/secret", proof)
        session = (await ask("POST", "/v1/sessions", token=approved["token"]))["token"]
        [wallet] = await ask("GET", "/v1/funding_sources", token=session)
        search = {"username": [RECIPIENT]}
        [recipient] = await ask("POST", "/v1/users/search", search, token=session)
        return Payer(session, wallet["id"], recipient["id"])


async def pay_until(url: str, payer: Payer, server: Server, number: signal.Signals) -> None:
    """Many pay at once; in the midst of it the server gets a signal."""
    async with client(url) as http:
        paying = [asyncio.create_task(payer.keep_paying(http)) for _ in range(CLIENTS)]
        await asyncio.sleep(LOAD_SECONDS)
        server.signal(number)
        await asyncio.gather(*paying)


def test_a_killed_server_has_lost_nothing_and_makes_nothing_twice(
    server: Server,
) -> None:
    url = server.start()
    payer = asyncio.run(log_in(url))

    asyncio.run(pay_until(url, payer, server, signal.SIGKILL))

    assert server.ended() == -signal.SIGKILL
    answered = payer.answered()
    assert len(answered) > CLIENTS
    assert {answer.status for answer in answered.values()} == {201}
    url = server.start()
    before, told, after = asyncio.run(repeat_all(url, payer))
    assert len(set(before)) == len(before)
    assert answered.keys() <= set(before) <= payer.answers.keys()
    assert {answer.status for answer in told.values()} == {201}
    assert {key: told[key] for key in answered} == answered
    assert sorted(after) == sorted(payer.answers)


async def repeat_all(url: str, payer: Payer) -> tuple[list[str], dict[str, Answer], list[str]]:
    """Repeat every payment: what had been made before, the answers, what is made now."""
    async with client(url) as http:
        before = await payer.made(http)
        told = await payer.repeat(http, list(payer.answers))
        return before, told, await payer.made(http)


def test_a_stopped_server_has_answered_all_that_it_made(server: Server) -> None:
    url = server.start()
    payer = asyncio.run(log_in(url))

    asyncio.run(pay_until(url, payer, server, signal.SIGTERM))

    assert server.ended() == 0
    answered = payer.answered()
    assert len(answered) > CLIENTS
    assert {answer.status for answer in answered.values()} == {201}
    url = server.start()
    assert sorted(asyncio.run(all_made(url, payer))) == sorted(answered)


async def all_made(url: str, payer: Payer) -> list[str]:
    async with client(url) as http:
        return await payer.made(http)


@dataclass(slots=True)
class CrowdPayer:
    """The same demo user in Mobbr, who pays script after script, and remembers every hash.

    `answers` has what each confirmation was answered, None where the server was gone before that.
    There are `enough` once there are more of them than clients.
    """

    answers: dict[str, Answer | None] = field(default_factory=dict)
    enough: asyncio.Event = field(default_factory=asyncio.Event)

    def answered(self) -> dict[str, Answer]:
        """The answers that came."""
        return {hash_: answer for hash_, answer in self.answers.items() if answer is not None}

    async def preview(self, http: httpx.AsyncClient) -> str:
        """See what a payment to the other demo user and two unknown addresses would be."""
        unknown = [f"mailto:{name}{uuid4().hex}@example.com" for name in ("jo", "mo")]
        script = {"participants": [{"id": each} for each in (RECIPIENT, *unknown)], "title": "Load"}
        wanted = {"data": script, "amount": "0.05", "currency": "EUR"}
        answer = await http.post("/api_v1/payments/preview", json=wanted, auth=_LOGIN)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["result"]["hash"])

    async def confirm(self, http: httpx.AsyncClient, hash_: str) -> Answer:
        """Confirm a preview, for the first time or again."""
        answer = await http.put("/api_v1/payments/confirm", json={"hash": hash_}, auth=_LOGIN)
        return Answer(answer.status_code, answer.content)

    async def keep_paying(self, http: httpx.AsyncClient) -> None:
        """Preview and confirm until the server is gone."""
        with suppress(httpx.TransportError):
            while True:
                hash_ = await self.preview(http)
                self.answers[hash_] = None
                self.answers[hash_] = await self.confirm(http, hash_)
                if len(self.answered()) > CLIENTS:
                    self.enough.set()

    async def repeat(self, http: httpx.AsyncClient) -> dict[str, Answer]:
        """Confirm everything again, all at once."""
        line = list(self.answers)
        told = await asyncio.gather(*(self.confirm(http, hash_) for hash_ in line))
        return dict(zip(line, told, strict=True))

    async def made(self, http: httpx.AsyncClient) -> list[str]:
        """The ids of all crowd payments that there are."""
        listed: list[dict[str, str]] = []
        while True:
            answer = await http.get(f"/api_v1/payments?offset={len(listed)}", auth=_LOGIN)
            found = answer.json()["result"]
            listed += found
            if len(found) < _MOST_LISTED:
                return [it["id"] for it in listed if it["title"] == "Load"]


def test_a_script_that_was_being_paid_when_the_server_was_killed_is_paid_once(
    server: Server,
) -> None:
    url = server.start()
    payer = CrowdPayer()

    asyncio.run(pay_scripts_until_killed(url, payer, server))

    assert server.ended() == -signal.SIGKILL
    answered = payer.answered()
    assert len(answered) > CLIENTS
    assert {answer.status for answer in answered.values()} == {201}
    url = server.start()
    told, made = asyncio.run(confirm_all(url, payer))
    assert {answer.status for answer in told.values()} == {201}
    assert {hash_: told[hash_] for hash_ in answered} == answered
    ids = [json.loads(answer.body)["result"]["payment_id"] for answer in told.values()]
    assert sorted(made) == sorted(ids)
    assert len(set(ids)) == len(payer.answers)


async def pay_scripts_until_killed(url: str, payer: CrowdPayer, server: Server) -> None:
    """Many confirm at once; once there are more answers than clients, the server is killed."""
    async with client(url) as http, asyncio.timeout(PATIENCE_SECONDS):
        paying = [asyncio.create_task(payer.keep_paying(http)) for _ in range(CLIENTS)]
        await payer.enough.wait()
        server.signal(signal.SIGKILL)
        await asyncio.gather(*paying)


async def confirm_all(url: str, payer: CrowdPayer) -> tuple[dict[str, Answer], list[str]]:
    """Confirm everything again: the answers, and all payments that there are then."""
    async with client(url) as http:
        told = await payer.repeat(http)
        return told, await payer.made(http)
