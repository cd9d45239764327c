"""Crowd payments over HTTP: small ones from many clients at once, and one to a thousand people.

Each is previewed, and then confirmed: what is timed is that, as it is what moves the money. By
clients of our own, as a confirmation says what the preview was answered.
"""

import asyncio
import random
import time
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bench.load import Load, LoadFailed, percentile
from bench.people import Crowd, Payer
from bench.server import Server
from whipround.db.database import Database

RECIPIENTS = 5
"""Among how many a small crowd payment is divided, of whom the last is nobody yet."""

VERY_MANY = 1_000
UNKNOWN_PERCENT = 10
"""How many of those are nobody yet."""

_PREVIEW, _CONFIRM = "POST /api_v1/payments/preview", "PUT /api_v1/payments/confirm"
_CREATED = b"HTTP/1.1 201 "
_COUNT = "select count(*) from crowd_payment where status = 'paid'"


@dataclass(slots=True)
class _Client:
    """One connection, and what its confirmations took, in seconds."""

    crowd: Crowd
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    latencies: list[float] = field(default_factory=list)

    async def pay(self, payer: Payer, participants: Sequence[dict[str, str]], amount: str) -> None:
        """Preview a crowd payment and confirm it. Raises LoadFailed."""
        script = {"title": "Lunch", "participants": participants}
        wanted = {"data": script, "amount": amount, "currency": "EUR", "annotated": False}
        previewed = await self._ask(payer, _PREVIEW, wanted)
        started = time.perf_counter()
        await self._ask(payer, _CONFIRM, {"hash": previewed["hash"]})
        self.latencies.append(time.perf_counter() - started)

    async def _ask(self, payer: Payer, what: str, body: object) -> dict[str, Any]:
        """The result of a call."""
        said = msgspec.json.encode(body)
        credentials = b64encode(f":{payer.login_token}".encode()).decode()
        self.writer.write(
            f"{what} HTTP/1.1\r\nHost: bench\r\nUser-Agent: bench\r\n"
            f"Product-ID: {self.crowd.product.id}\r\nAuthorization: Basic {credentials}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(said)}\r\n\r\n".encode()
            + said
        )
        head = await self.reader.readuntil(b"\r\n\r\n")
        _, _, rest = head.lower().partition(b"\r\ncontent-length:")
        answer = await self.reader.readexactly(int(rest.partition(b"\r\n")[0]))
        if not head.startswith(_CREATED):
            raise LoadFailed(f"{what} was answered {answer.decode()}")
        result: dict[str, Any] = msgspec.json.decode(answer)["result"]
        return result


async def measure(server: Server, crowd: Crowd, *, clients: int, seconds: float) -> Load:
    """Small crowd payments for so long, each by somebody else; the latency is of confirmations.

    Raises LoadFailed unless each was made, and no other.
    """
    chance = random.Random()  # noqa: S311 (no secret)
    before = await _made(crowd.db)
    all_clients = [await _connect(server, crowd) for _ in range(clients)]
    started = time.perf_counter()

    async def keep_paying(client: _Client) -> None:
        while time.perf_counter() - started < seconds:
            payer, *people = chance.sample(crowd.payers, RECIPIENTS)
            unknown = {"id": f"mailto:crowd{chance.getrandbits(64)}@example.com"}
            amount = f"{chance.randint(1, 20)}.{chance.randint(0, 99):02}"
            await client.pay(payer, [*map(_participant, people), unknown], amount)

    await asyncio.gather(*map(keep_paying, all_clients))
    taken = time.perf_counter() - started
    latencies = sorted(it for client in all_clients for it in client.latencies)
    for client in all_clients:
        client.writer.close()
    if await _made(crowd.db) - before != len(latencies):
        raise LoadFailed(f"{len(latencies)} crowd payments were confirmed, and others were made")
    return Load(
        requests=len(latencies),
        seconds=taken,
        failures=0,
        p50_ms=percentile(latencies, 50) * 1000,
        p99_ms=percentile(latencies, 99) * 1000,
    )


async def confirm_very_many(
    server: Server, crowd: Crowd, *, times: int, recipients: int = VERY_MANY
) -> list[float]:
    """How many milliseconds it takes to confirm a payment to so many, each time, shortest first.

    One after the other, each by somebody else, to all of the crowd and to addresses that are
    nobody's yet. Raises LoadFailed.
    """
    client = await _connect(server, crowd)
    for number in range(times):
        payer = crowd.payers[number % len(crowd.payers)]
        others = [each for each in crowd.payers if each is not payer]
        known = others[: recipients - recipients * UNKNOWN_PERCENT // 100]
        unknown = [
            {"id": f"mailto:many{number}.{position}@example.com"}
            for position in range(recipients - len(known))
        ]
        await client.pay(payer, [*map(_participant, known), *unknown], "1000.00")
    client.writer.close()
    return sorted(seconds * 1000 for seconds in client.latencies)


def _participant(person: Payer) -> dict[str, str]:
    return {"id": person.username}


async def _connect(server: Server, crowd: Crowd) -> _Client:
    return _Client(crowd, *await asyncio.open_connection(*server.address, limit=2**22))


async def _made(db: Database) -> int:
    async with db.transaction() as tx:
        [[count]] = await (await tx.execute(_COUNT)).fetchall()
    return int(count)
