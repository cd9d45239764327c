"""What must be true after a crash: read back through the APIs, and from the database itself."""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg

from tests.torture.crashes.orders import TRIES, Order, Shelf, ask, send
from tests.torture.crashes.town import Town
from tests.torture.processors import CLEARING, DISAGREEMENTS
from whipround.db.embedded.cluster import open_cluster

Rows = Callable[..., Awaitable[list[tuple[Any, ...]]]]

_AT_ONCE = 8
LEEWAY = timedelta(seconds=2)
_PAUSE_SECONDS = 0.2


# Read back.


async def shown(
    http: httpx.AsyncClient, orders: Iterable[Order], *, since: datetime
) -> dict[Shelf, Counter[str]]:
    """How often which mark is on the shelves of these orders, which were made `since` then."""
    shelves = list({order.shelf for order in orders})
    places = asyncio.Semaphore(_AT_ONCE)

    async def read(shelf: Shelf) -> Counter[str]:
        async with places:
            return Counter([mark async for mark in _SHELVES[shelf.name](http, shelf, since)])

    return dict(zip(shelves, await asyncio.gather(*map(read, shelves)), strict=True))


async def _walk(
    http: httpx.AsyncClient, shelf: Shelf, path: str, since: datetime | None
) -> AsyncIterator[dict[str, Any]]:
    """What a list of Memento's shows, newest first, back to a time."""
    path += "?limit=100&sort=created_at:desc"
    while path:
        answer = await ask(http, shelf.whose, "memento", path)
        path = answer.links.get("next", {}).get("url", "")
        for it in answer.json():
            if since and datetime.fromisoformat(it["created_at"]) < since:
                return
            yield it


async def _payments(http: httpx.AsyncClient, shelf: Shelf, since: datetime) -> AsyncIterator[str]:
    """Payments that somebody has made."""
    async for it in _walk(http, shelf, "/v1/payments", since):
        if it["owner"]["id"] == str(shelf.whose.user_id):
            yield it["meta"] or it["description"]


async def _withdrawals(
    http: httpx.AsyncClient, shelf: Shelf, since: datetime
) -> AsyncIterator[str]:
    async for it in _walk(http, shelf, "/v1/payments", since):
        if it["kind"] == "withdrawal" and it["currency"] == "MXN":
            yield f"{Decimal(str(it['amount'])):.2f}"


async def _contributions(
    http: httpx.AsyncClient, shelf: Shelf, since: datetime
) -> AsyncIterator[str]:
    async for it in _walk(http, shelf, f"/v1/pools/{shelf.of}/participants", since):
        if it["user_id"] == str(shelf.whose.user_id):
            yield it["meta"]


async def _refunds(http: httpx.AsyncClient, shelf: Shelf, since: datetime) -> AsyncIterator[str]:
    async for it in _walk(http, shelf, f"/v1/payments/{shelf.of}/refunds", since):
        yield it["meta"]


async def _requests(http: httpx.AsyncClient, shelf: Shelf, since: datetime) -> AsyncIterator[str]:
    async for it in _walk(http, shelf, "/v1/requests", since):
        yield it["meta"] or it["description"]


async def _pools(http: httpx.AsyncClient, shelf: Shelf, since: datetime) -> AsyncIterator[str]:
    async for it in _walk(http, shelf, "/v1/pools", since):
        yield it["meta"]


async def _open_pools(http: httpx.AsyncClient, shelf: Shelf, since: datetime) -> AsyncIterator[str]:
    async for it in _walk(http, shelf, "/v1/pools", None):
        if it["status"] == "open":
            yield it["id"]


async def _crowds(http: httpx.AsyncClient, shelf: Shelf, since: datetime) -> AsyncIterator[str]:
    async for it in _mobbr(http, shelf, "/payments", from_date=f"{since:%Y-%m-%d %H:%M:%S}"):
        if it["amount"].startswith("-"):
            yield it["title"]


async def _pledges(http: httpx.AsyncClient, shelf: Shelf, since: datetime) -> AsyncIterator[str]:
    async for it in _mobbr(http, shelf, "/payments/pledged"):
        yield it["id"]


async def _shares(http: httpx.AsyncClient, shelf: Shelf, since: datetime) -> AsyncIterator[str]:
    answer = await ask(http, shelf.whose, "mobbr", "/api_v1/payments/unclaimed_shares")
    for it in answer.json()["result"]:
        yield it["share_id"]


async def _mobbr(
    http: httpx.AsyncClient, shelf: Shelf, path: str, **params: str
) -> AsyncIterator[dict[str, Any]]:
    """What a list of Mobbr's shows."""
    offset: int = 0
    found: list[dict[str, Any]] | None = None
    while found is None or found:
        params |= {"offset": str(offset), "limit": "1000"}
        answer = await ask(http, shelf.whose, "mobbr", f"/api_v1{path}", **params)
        found = answer.json()["result"]
        for it in found:
            yield it
        offset += len(found)


_SHELVES: Mapping[str, Callable[[httpx.AsyncClient, Shelf, datetime], AsyncIterator[str]]] = {
    "payments": _payments,
    "withdrawals": _withdrawals,
    "contributions": _contributions,
    "refunds": _refunds,
    "requests": _requests,
    "pools": _pools,
    "open pools": _open_pools,
    "crowds": _crowds,
    "pledges": _pledges,
    "shares": _shares,
}


def had_happened(order: Order, on: Mapping[Shelf, Counter[str]]) -> bool:
    """Whether the shelves show that an order was carried out; never twice."""
    times = on[order.shelf][order.mark]
    assert times <= 1, f"{times} times: {order}"
    return (times == 0) == order.takes_away


def assert_as_answered(order: Order, on: Mapping[Shelf, Counter[str]]) -> None:
    """What was answered 2xx is there once, and what was refused is not."""
    happened, answer = had_happened(order, on), order.answer
    if answer is not None and answer.is_done:
        assert happened, f"lost: {order}"
    elif answer is not None and not (order.leaves_a_trace or order.takes_away):
        assert not happened, f"refused, and there: {order}"


async def repeat(http: httpx.AsyncClient, orders: Sequence[Order]) -> None:
    """Send all orders again, some at a time: what was answered is answered so again."""
    line = list(orders)

    async def work() -> None:
        while line:
            order = line.pop()
            order.was_repeated(await send(http, order, tries=TRIES))

    await asyncio.gather(*(work() for _ in range(_AT_ONCE)))


# From the database.


@asynccontextmanager
async def database(folder: Path, town: Town) -> AsyncIterator[Rows]:
    """What queries find in the town's part of an installation's own PostgreSQL, which runs."""
    conninfo = open_cluster(folder / "data").conninfo
    options = f"-c search_path={town.product.schema_name}"
    async with await psycopg.AsyncConnection.connect(
        conninfo, options=options, autocommit=True
    ) as connection:

        async def rows(query: str, *values: object) -> list[tuple[Any, ...]]:
            cursor = await connection.execute(query.encode(), values or None)
            return [] if cursor.description is None else await cursor.fetchall()

        yield rows


async def time_passes(rows: Rows) -> None:
    """What waits for a time has waited: leases are over, and the processor has made up its mind.

    Nobody may be at it: every request was answered, or its server is gone.
    """
    await rows("update gateway_call set due_at = now() where status in ('open', 'pending')")
    await rows("update sandbox_operation set approves_at = now() where status = 'pending'")


_UNRESOLVED = "select id from gateway_call where status in ('open', 'pending')"


async def unresolved(rows: Rows) -> set[UUID]:
    """The calls to the outside of which nobody knows the outcome."""
    return {id_ for (id_,) in await rows(_UNRESOLVED)}


async def until_resolved(rows: Rows, *, hasten: bool, within: float) -> None:
    """Wait for the sweep. To `hasten` it is to say over and over that time has passed."""
    async with asyncio.timeout(within):
        while await unresolved(rows):
            if hasten:
                await time_passes(rows)
            await asyncio.sleep(_PAUSE_SECONDS)


# What came in and went out, once as the other party has it, and once as the books have it; and all
# that is in accounts of which nobody can owe anything, with what was converted.
_OUTSIDE = """
    select currency,
        sum(case when kind = 'charge' then amount else -amount end)
    from sandbox_operation where status = 'approved' group by currency
"""
_BOOKED = """
    select currency, -sum(balance) from account
    where kind = 'wallet' and floor is null group by currency
"""
_INSIDE = """
    select currency, sum(balance) from account
    where kind <> 'grants' and not (kind = 'wallet' and floor is null) group by currency
"""


async def assert_outside_agrees(rows: Rows, town: Town) -> None:
    """What the processor did is what is booked, once; and nothing is on its way any more.

    All that there is inside is what was there, and what came in, less what went out.
    """
    disagreements, clearing = await rows(DISAGREEMENTS), await rows(CLEARING)
    assert disagreements == [], disagreements
    assert clearing == [], clearing
    outside = {currency: amount for currency, amount in await rows(_OUTSIDE) if amount}
    booked = {currency: amount for currency, amount in await rows(_BOOKED) if amount}
    assert booked == outside, (booked, outside)
    inside = {currency: amount for currency, amount in await rows(_INSIDE) if amount}
    currencies = set(chain(inside, town.granted))
    expected = {it: town.granted.get(it, 0) + outside.get(it, 0) for it in currencies}
    assert inside == expected, (inside, expected)


async def assert_only_what_waits_is_open(http: httpx.AsyncClient, town: Town) -> None:
    """Every payment has ended, but for those that wait for somebody to prove an address."""
    for citizen in town.citizens:
        async for it in _walk(http, Shelf("payments", citizen.payer), "/v1/payments", None):
            assert it["status"] == "closed" or it["unclaimed_payment"], it


_WALLETS = """
    select owner_id::text, currency, balance from account where kind = 'wallet' and floor = 0
"""


async def assert_wallets_show_the_books(http: httpx.AsyncClient, rows: Rows, town: Town) -> None:
    """What everybody sees in their wallet is what the ledger has."""
    ledger: dict[str, dict[str, Decimal]] = defaultdict(dict)
    for owner_id, currency, balance in await rows(_WALLETS):
        ledger[owner_id][currency] = balance
    for citizen in town.citizens:
        wallet_id = str(citizen.payer.wallet_id)
        answer = await ask(http, citizen.payer, "memento", f"/v1/funding_sources/{wallet_id}")
        balances = json.loads(answer.text, parse_float=Decimal)["balances"]
        shown = {it["currency"]: it["amount"] for it in balances}
        assert shown == ledger[wallet_id], (shown, ledger[wallet_id])
