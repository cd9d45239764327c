"""Whether an answer waits until what it says is on the disk."""

import asyncio
from collections.abc import Mapping
from random import Random
from time import monotonic

from tests.torture.crashes.acts import Actor, Memory, pay_somebody
from tests.torture.crashes.kills import Target
from tests.torture.crashes.orders import ask, client
from tests.torture.crashes.proof import Rows, database
from tests.torture.crashes.town import Town
from tests.website import Site

SETTINGS = ("fsync", "synchronous_commit", "full_page_writes")
PAYMENTS = 50

_COUNTED_WITHIN = 12
_PAUSE_SECONDS = 0.3
"""A session of PostgreSQL tells what it has done with its next statement after a second, or, if it
has nothing more to do, after ten."""

_SESSIONS = 12

_BALANCE = "/v1/funding_sources"

_FSYNCS = """
    select coalesce(sum(fsyncs), 0) from pg_stat_io
    where object = 'wal' and backend_type = 'client backend'
"""


async def measured(target: Target, town: Town) -> tuple[Mapping[str, str], int]:
    """PostgreSQL's settings, and how often its sessions had the log written to the disk.

    That is, while so many payments were made one after another, none of them together with others.
    """
    url = await asyncio.to_thread(target.server.start)
    async with (
        database(target.installation.folder, town) as rows,
        client(url, product_id=str(town.product.id), connections=_SESSIONS) as http,
    ):
        actor = Actor(town, Site(), Memory(), [], http, Random(0))
        before = await _fsyncs(rows)
        for _ in range(PAYMENTS):
            await pay_somebody(actor, town.citizens[0])
        assert all(it.answer and it.answer.is_done for it in actor.orders), actor.orders
        until = monotonic() + _COUNTED_WITHIN
        while (counted := await _fsyncs(rows) - before) < PAYMENTS and monotonic() < until:
            await asyncio.sleep(_PAUSE_SECONDS)
            reading = [ask(http, it.payer, "memento", _BALANCE) for it in [*town.citizens] * 3]
            await asyncio.gather(*reading)  # which writes nothing
        settings = {name: (await rows(f"show {name}"))[0][0] for name in SETTINGS}
        return settings, counted


async def _fsyncs(rows: Rows) -> int:
    [[number]] = await rows(_FSYNCS)
    return int(number)
