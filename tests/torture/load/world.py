"""A server of its own process, on its own durable PostgreSQL, with people who have money."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from uuid import UUID

from bench.load import Generator
from bench.people import MONEY, Crowd, gather
from bench.pools import open_pools
from bench.runner import attached
from bench.server import Server, run, serving
from tests.torture.load.asking import Books, Mix, in_cents

_POOLS_PER_PERSON = 0.1

_BALANCES = """
    select owner_id, currency, credited, debited
    from account join funding_source on funding_source.id = owner_id
    where funding_source.type = 'virtual' and credited > 0
"""


@dataclass(frozen=True, slots=True)
class World:
    """What there is, and what was accepted so far."""

    folder: Path
    server: Server
    crowd: Crowd
    pools: Sequence[UUID]
    books: Books = field(default_factory=Books)

    def mix(self, chance: Random) -> Mix:
        """What the people do."""
        return Mix(self.crowd, self.pools, self.server.address, self.books, chance)

    async def wrong_wallets(self) -> list[str]:
        """Every wallet into which not all came that was accepted, each once; or went out of it."""
        async with self.crowd.db.transaction(patient=True) as tx:
            found = await (await tx.execute(_BALANCES, ())).fetchall()
        wrong = []
        for wallet_id, currency, credited, debited in found:
            account = wallet_id, currency
            expected = in_cents(MONEY) + self.books.credited[account], self.books.debited[account]
            if (in_cents(credited), in_cents(debited)) != expected:
                wrong.append(f"{account} has {credited} and {debited}, in cents {expected}")
        return wrong

    def audit(self) -> str:
        """What contradicts the books; nothing, if they hold."""
        done = run(self.folder, "audit")
        return "" if done.returncode == 0 and "The books hold." in done.stdout else done.stdout


@asynccontextmanager
async def opened(folder: Path, *, people: int) -> AsyncIterator[World]:
    """A world of so many people."""
    now = datetime.now(UTC)
    with serving(folder) as server:
        async with attached(folder) as installation:
            crowd = await gather(installation, name="load", size=people, now=now)
            pools = await open_pools(
                crowd,
                count=max(1, int(people * _POOLS_PER_PERSON)),
                keyring=installation.keyring,
                now=now,
            )
            await Generator.find(server, folder).introduce(crowd)
            yield World(folder, server, crowd, pools)
