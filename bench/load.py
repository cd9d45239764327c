"""Payments over HTTP from many clients at once, each waiting for its answer before it goes on.

To people, or into pools. By wrk where it is on the PATH; else by clients of our own, which take
more of the machine away from the server.
"""

import asyncio
import http.client
import random
import shutil
import time
from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast
from uuid import UUID, uuid4

import msgspec

from bench.people import PIN, Crowd, Payer
from bench.server import Server
from bench.tpcb import run_program
from whipround.db.database import Database

SCRIPT = Path(__file__).with_name("pay.lua")

Source = Literal["wallet", "card", "moneypool"]
"""What is paid from through Memento, a wallet or a card; or from a wallet through Moneypool."""

_SETTLE_SECONDS = 0.3
_INTRODUCTIONS, _INTRODUCTION_SECONDS = 20, 0.2
_CREATED = b"HTTP/1.1 201 "

# What is made from a card is there before it is paid for.
_COUNT = "select count(*) from payment where fulfillment_status = 'fulfilled'"


class Load(msgspec.Struct, frozen=True):
    """What came of one run. `failures` are answers other than 201, and lost connections."""

    requests: int
    seconds: float
    failures: int
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        """Payments made per second."""
        return self.requests / self.seconds


class LoadFailed(Exception):
    """A request was refused, or not every one became a payment that reached its recipient."""


@dataclass(frozen=True, slots=True)
class Generator:
    """Sends payments to a server. `wrk` is its path, None for clients of our own."""

    server: Server
    folder: Path
    wrk: str | None

    @classmethod
    def find(cls, server: Server, folder: Path) -> "Generator":
        """The best there is on this machine; it writes its files into `folder`."""
        return cls(server, folder, shutil.which("wrk"))

    @property
    def name(self) -> str:
        """What it is."""
        return "wrk" if self.wrk else "Python"

    async def introduce(self, crowd: Crowd) -> None:
        """Have the server hear of the crowd's product: it looks for new ones once a second."""
        for _ in range(_INTRODUCTIONS):
            with suppress(LoadFailed):
                self.get(crowd, crowd.hot, "/v1/users/current")
                return
            await asyncio.sleep(_INTRODUCTION_SECONDS)
        self.get(crowd, crowd.hot, "/v1/users/current")

    def get(self, crowd: Crowd, who: Payer, path: str) -> float:
        """How many milliseconds a request takes. Raises LoadFailed unless it is answered 200."""
        connection = http.client.HTTPConnection(*self.server.address, timeout=10)
        headers = {"Product-ID": str(crowd.product.id), "Authorization": f"Bearer {who.session}"}
        if path.startswith("/api/"):
            headers |= {"Accept": _ACCEPT, "Authorization": f"Token token={who.auth_token}"}
        elif path.startswith("/api_v1/"):
            basic = b64encode(f":{who.login_token}".encode()).decode()
            headers |= {"User-Agent": "bench", "Authorization": f"Basic {basic}"}
        try:
            connection.connect()
            started = time.perf_counter()
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            said = answer.read()
            taken = time.perf_counter() - started
        finally:
            connection.close()
        if answer.status != 200:
            raise LoadFailed(f"GET {path} was answered {answer.status}: {said.decode()}")
        return taken * 1000

    async def measure(
        self,
        crowd: Crowd,
        *,
        clients: int,
        seconds: float,
        onto_one: bool,
        source: Source = "wallet",
        pools: Sequence[UUID] = (),
    ) -> Load:
        """Payments for so long, to random people or to one, each from its payer's `source`.

        With `pools` they are contributions to random ones of those, or to the first. Raises
        LoadFailed unless every answer was 201 and has its fulfilled payment in the database.
        """
        before = await _fulfilled(crowd.db)
        payments = Payments(crowd, source, pools, onto_one=onto_one)
        send = self._by_wrk if self.wrk else self._by_ourselves
        load = await send(payments, clients=clients, seconds=seconds)
        paid = await _settled(crowd.db) - before
        if load.failures or not load.requests <= paid <= load.requests + clients:
            raise LoadFailed(
                f"of {load.requests} requests {load.failures} failed, {paid} payments arrived"
            )
        return load

    async def _by_wrk(self, payments: "Payments", *, clients: int, seconds: float) -> Load:
        product = payments.crowd.product
        people = self.folder / f"{product.name}-{payments.source}.txt"
        if not people.exists():
            lines = (f"{' '.join(payments.line(each))}\n" for each in payments.crowd.payers)
            people.touch(mode=0o600)
            people.write_text("".join(lines))
        pools = self.folder / f"{product.name}-pools.txt"
        pools.write_text("".join(f"{pool}\n" for pool in payments.pools))
        said = await run_program(
            [
                str(self.wrk),
                "--threads=1",
                f"--connections={clients}",
                f"--duration={max(round(seconds), 1)}s",
                "--timeout=10s",
                f"--script={SCRIPT}",
                self.server.url,
                "--",
                str(people),
                str(payments.hot or "-"),
                str(product.id),
                PIN,
                _new_keys(),
                str(pools),
                payments.source,
            ]
        )
        return msgspec.json.decode(said.rstrip().rpartition("\n")[2], type=Load)

    async def _by_ourselves(self, payments: "Payments", *, clients: int, seconds: float) -> Load:
        run = _Run(payments, self.server)
        loop = asyncio.get_running_loop()
        made = [
            await loop.create_connection(lambda: _Client(run), *self.server.address)
            for _ in range(clients)
        ]
        started = time.perf_counter()
        for _, client in made:
            client.send()
        await asyncio.sleep(seconds)
        taken = time.perf_counter() - started
        run.is_over = True
        latencies = sorted(run.latencies)
        load = Load(
            requests=len(latencies),
            seconds=taken,
            failures=run.failures,
            p50_ms=percentile(latencies, 50) * 1000,
            p99_ms=percentile(latencies, 99) * 1000,
        )
        for transport, _ in made:
            transport.close()
        return load


@dataclass(frozen=True, slots=True)
class Payments:
    """What is paid in one run: to people, or into `pools`; to one of them, or to any."""

    crowd: Crowd
    source: Source
    pools: Sequence[UUID]
    onto_one: bool

    @property
    def hot(self) -> UUID | str | None:
        """The person or pool that all is paid to, if there is one."""
        if not self.onto_one:
            return None
        return self.pools[0] if self.pools else self.known_as(self.crowd.hot)

    def known_as(self, person: Payer) -> UUID | str:
        """What somebody is paid by."""
        return person.email if self.source == "moneypool" else person.user_id

    def source_id(self, payer: Payer) -> UUID:
        """What somebody pays from."""
        return payer.card_id if self.source == "card" else payer.wallet_id

    def line(self, payer: Payer) -> tuple[str, str, str]:
        """What the script knows of somebody: credential, source, and what they are paid by.

        Through Moneypool the payer's own id is in the place of the source.
        """
        if self.source == "moneypool":
            return payer.auth_token, str(payer.number), payer.email
        return payer.session, str(self.source_id(payer)), str(payer.user_id)


class _Run:
    """What the clients of one run share."""

    def __init__(self, payments: Payments, server: Server) -> None:
        host, port = server.address
        self._head = (
            f" HTTP/1.1\r\nHost: {host}:{port}\r\n"
            f"Content-Type: application/json\r\nProduct-ID: {payments.crowd.product.id}\r\n"
        )
        self._payments = payments
        self._chance = random.Random()  # noqa: S311 (no secret)
        self.latencies: list[float] = []
        self.failures = 0
        self.is_over = False

    def request(self) -> bytes:
        """The next payment."""
        payments, chance = self._payments, self._chance
        payer, other = chance.sample(payments.crowd.payers, 2)
        value = f"{chance.randint(1, 20)}.{chance.randint(0, 99):02}"
        amount, to = f'"amount":{value}', payments.hot or payments.known_as(other)
        head = f"{self._head}Authorization: Bearer {payer.session}\r\nCorrelation-ID: "
        if payments.source == "moneypool":
            head = f"{self._head}{_MONEYPOOL}{payer.auth_token}\r\nIdempotency-Key: "
            paid = f'"wallet_amount":"{value}","description":"Lunch","new_email":"{to}"'
            body = f'{{"payment":{{"payment_method":"wallet",{paid}}}}}'
            return _post(f"/api/users/{payer.number}/mixed_payments", head, body)
        if payments.pools:
            path = f"/v1/pools/{payments.hot or chance.choice(payments.pools)}/participants"
            order = amount
        else:
            path = "/v1/payments"
            recipient = f'{{{amount},"user_id":"{to}"}}'
            order = f'"currency":"EUR","description":"Lunch","recipient":{recipient}'
        body = f'{{{order},"funding_source_id":"{payments.source_id(payer)}","pin":"{PIN}"}}'
        return _post(path, head, body)


_ACCEPT = "application/vnd.moneypool.mx+json; version=1"
_MONEYPOOL = f"Accept: {_ACCEPT}\r\nAuthorization: Token token="


def _post(path: str, head: str, body: str) -> bytes:
    """A request under a key of its own, with which the head ends."""
    return f"POST {path}{head}{uuid4()}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


class _Client(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._received = b""
        self._sent_at = 0.0
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Know where to send."""
        self._transport = cast(asyncio.WriteTransport, transport)

    def send(self) -> None:
        """Ask for the next payment."""
        self._sent_at = time.perf_counter()
        self._transport.write(self._run.request())

    def data_received(self, data: bytes) -> None:
        """Take what arrived of an answer; at its end, go on."""
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        if not blank or len(body) < _content_length(head):
            return
        if self._run.is_over:
            return
        self._run.latencies.append(time.perf_counter() - self._sent_at)
        self._run.failures += not self._received.startswith(_CREATED)
        self._received = b""
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Nobody but us hangs up."""
        if not self._run.is_over:
            self._run.failures += 1


def _content_length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0])


def percentile(ordered: Sequence[float], percent: int) -> float:
    """What so many per cent of the values, in their order, are below; 0 of none."""
    return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)] if ordered else 0.0


def _new_keys() -> str:
    """How the Correlation-IDs of one run begin: a UUID without its last twelve digits."""
    return str(uuid4())[:-12]


async def _settled(db: Database) -> int:
    """How many payments there are once those have arrived that were under way at the end."""
    before, now = -1, await _fulfilled(db)
    while now != before:
        await asyncio.sleep(_SETTLE_SECONDS)
        before, now = now, await _fulfilled(db)
    return now


async def _fulfilled(db: Database) -> int:
    async with db.transaction() as tx:
        cursor = await tx.execute(_COUNT)
        [[count]] = await cursor.fetchall()
    return int(count)
