"""What a request leaves behind in the process that has answered it: nothing."""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal

import httpx
import pytest

from tests.api.conftest import Shared
from tests.api.faces import Faces, root_of, seen_through
from tests.api.serving import new_directory, served
from tests.money import problems
from tests.torture.effort import Effort
from whipround.api.context import Call
from whipround.db.database import Database
from whipround.domain.products import Product
from whipround.keyring import Keyring
from whipround.money import Money

pytestmark = pytest.mark.anyio

PLENTY = (Money(Decimal(10_000), "EUR"), Money(Decimal(10_000), "MXN"))

MOST_LEFT, MOST_LEFT_AT_FIRST, MANY_ROUNDS = 0.5, 6.0, 100
"""How many objects may be left by a request: less than one in two, after so many of each.

Until then there is what is kept once: statements, languages, what lists make room for. A request
itself, were it kept, is forty objects.
"""

Act = Callable[[], Awaitable[httpx.Response]]


@pytest.fixture
async def seen(
    product: Product, db: Database, installation_db: Database, keyring: Keyring
) -> AsyncIterator[Faces]:
    """All dialects, by way of real connections to this process."""
    directory = new_directory(installation_db, keyring)
    directory.set([product])
    async with (
        served(root_of(directory)) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
    ):
        yield seen_through(http, Shared(product, db, installation_db, keyring))
    await directory.drain()
    assert await problems(db) == []


async def _acts(seen: Faces) -> Sequence[Act]:
    """What somebody does, once of each, through all dialects."""
    payer, other = await seen.person(*PLENTY), await seen.person(*PLENTY)
    card, friend = await payer.add_card(), await seen.join()
    moneypool, mobbr = await seen.in_moneypool(payer), await seen.in_mobbr(payer)

    async def pay_by_script() -> httpx.Response:
        script = {"title": "Lunch", "participants": [{"id": other.user.username, "share": 1}]}
        wanted = {"data": script, "amount": "2.00", "currency": "EUR", "annotated": False}
        previewed = await mobbr.post("/payments/preview", wanted)
        return await mobbr.put("/payments/confirm", {"hash": previewed.json()["result"]["hash"]})

    wanted = {"payment_method": "wallet", "wallet_amount": "3.00", "description": "Lunch"}
    through_moneypool = {"payment": {**wanted, "new_email": friend.email}}
    return [
        lambda: payer.pay(other),
        lambda: payer.pay(other, funding_source_id=card),
        lambda: payer.pay(other, "0.00"),
        lambda: payer.get("/v1/payments"),
        lambda: payer.get("/v1/funding_sources"),
        lambda: payer.get("/v1/nothing"),
        lambda: seen.town.client.get("/v1/payments"),
        lambda: moneypool.post(moneypool.own("/mixed_payments"), through_moneypool),
        lambda: moneypool.get(moneypool.own("/history")),
        pay_by_script,
        lambda: mobbr.get("/balances"),
        lambda: mobbr.get("/payments"),
    ]


def _held() -> tuple[int, int]:
    """How many blocks of memory there are, of which each object is at least one; and tasks."""
    gc.collect()
    return sys.getallocatedblocks(), len(asyncio.all_tasks())


@contextmanager
def _no_collector() -> Iterator[None]:
    """Only what nothing refers to any more goes away by itself."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _calls() -> int:
    """How many requests are there still."""
    return sum(type(it) is Call for it in gc.get_objects())


async def test_a_request_leaves_nothing_behind(seen: Faces, effort: Effort) -> None:
    acts, rounds = await _acts(seen), effort.of(200, quick=6)
    for _ in range(rounds):
        statuses = [(await act()).status_code for act in acts]
    blocks, tasks = _held()
    calls = _calls()

    with _no_collector():
        for _ in range(rounds):
            for act in acts:
                await act()
        calls_now = _calls()
    blocks_now, tasks_now = _held()

    assert calls_now <= calls
    assert statuses == [201, 201, 422, 200, 200, 404, 401, 201, 200, 201, 200, 200]
    assert tasks_now <= tasks
    most = MOST_LEFT if rounds >= MANY_ROUNDS else MOST_LEFT_AT_FIRST
    assert (blocks_now - blocks) / (rounds * len(acts)) < most
