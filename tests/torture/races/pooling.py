"""Pools are closed, and paid out, with all that has arrived, and nothing later gets lost."""

from decimal import Decimal

from tests.api.memento.paying import Customer
from tests.api.memento.paying import said as said_by_memento
from tests.api.memento.pooling import collect, giving, path, seen
from tests.api.moneypool.client import said
from tests.api.moneypool.printed.money import invited, waiting
from tests.api.moneypool.printed.stage import Stage
from tests.api.moneypool.test_races import order, pay
from tests.money import EUR, MXN
from tests.torture.races.race import race
from tests.torture.races.storm import CLIENTS, Storm
from tests.torture.races.world import World

_CLOSED = {"400 pool_closed", "422 pool_id: The pool is closed."}
_UNAVAILABLE = (
    "The recipient could not be paid any more; what was charged is in the payer's wallet."
)
_TOO_LATE = {"400 recipient_unavailable", f"422 base: {_UNAVAILABLE}"}
"""Of what was charged before it turned out to be closed."""


@race(20)
async def a_pool_is_closed_while_all_contribute(world: World, storm: Storm) -> None:
    """From wallets and cards, through two dialects; it is closed once, with what has arrived."""
    owner = await world.person()
    payers = await world.people(4, MXN("100.00"))
    cards = [await each.add_card() for each in payers]
    there = [await world.here.in_moneypool(each) for each in payers]
    pool = await invited(Stage(world.here, there[0], there[0]), *there, by=owner, least="1.00")
    closing = [world.at(n, owner).post(f"{pool.path}/close") for n in range(4)]
    giving_to = f"{pool.path}/participants"

    words = await storm.answers(
        *storm.late(*closing),
        *(
            world.at(n, payers[n % 4]).post(
                giving_to,
                giving(
                    payers[n % 4], "1.00", **({"funding_source_id": cards[n % 4]} if n > 11 else {})
                ),
            )
            for n in range(16)
        ),
        *(
            pay(world.at(n, there[n % 4]), order("1.00", *["1.00"][: n // 6], pool_id=pool.pool_id))
            for n in range(12)
        ),
    )

    assert words[:4].count("ok") == 1
    assert set(words) - {"ok"} <= _CLOSED | _TOO_LATE
    worth = [Decimal(0)] * 4 + [Decimal(1)] * 22 + [Decimal(2)] * 6
    arrived = sum(it for it, word in zip(worth, words, strict=True) if word == "ok")
    closed = await seen(owner, {"id": pool.path.rpartition("/")[2]})
    assert (closed["status"], closed["amount"]) == ("closed", arrived)
    assert await owner.has("MXN") == arrived
    assert sum([await _spent(each) for each in payers]) == sum(
        [await _taken(each) for each in payers]
    )


async def _spent(payer: Customer) -> Decimal:
    """What somebody's transactions say that they have paid, with fees."""
    pages = await payer.walk("/v1/transactions?limit=100")
    return sum(
        (it["amount"] + it["fee"] for page in pages for it in page if it["status"] == "approved"),
        Decimal(0),
    )


async def _taken(payer: Customer) -> Decimal:
    """What is missing from all that somebody has: the wallet, and the card that was added."""
    sources = said_by_memento(await payer.get("/v1/funding_sources"))
    balances = [it for source in sources for it in source["balances"] if it["currency"] == "MXN"]
    return 100 - Decimal(sum(it["amount"] for it in balances))


@race(20, is_long=True)
async def everybody_contributes_once_where_once_is_what_a_pool_takes(
    world: World, storm: Storm
) -> None:
    owner = await world.person()
    people = await world.people(8, EUR("20.00"))
    pool = await collect(owner, *people, has_unique_participants=True)
    devices = [device for each in people for device in await world.devices(each, 4)]

    words = await storm.answers(
        *(each.post(path(pool, "participants"), giving(each, "6.00")) for each in devices)
    )

    assert (words.count("ok"), len(words)) == (len(people), CLIENTS)
    assert set(words) == {"ok", "400 already_contributed"}
    assert [await each.has() for each in people] == [Decimal("13.94")] * len(people)
    assert (await seen(owner, pool))["amount"] == 48


@race(15, is_long=True)
async def cash_is_told_of_twenty_times_while_the_pool_closes(world: World, storm: Storm) -> None:
    """It is in the pool, and so its owner's, or in the payer's wallet: once."""
    owner, ann = await world.person(), await world.here.join()
    pool = await invited(Stage(world.here, ann, ann), ann, by=owner, least="1.00")
    body = {"payment": {"pool_id": pool.pool_id, "amount": "50.00"}}
    ordered = said(await ann.post(ann.own("/cash_payments"), body), 201)["cash_payment"]
    payer = await world.here.in_memento(ann)

    words = await storm.answers(
        *(world.happen(n, f"cash/{ordered['reference']}") for n in range(20)),
        *storm.late(*(world.at(n, owner).post(f"{pool.path}/close") for n in range(4))),
        *(world.at(n, ann).get(ann.own("/history")) for n in range(8)),
    )

    assert set(words[:20]) == set(words[24:]) == {"ok"}
    assert sorted(words[20:24]) == ["400 pool_closed"] * 3 + ["ok"]
    assert sorted([await owner.has("MXN"), await payer.has("MXN")]) == [0, 50]
    assert await waiting(ann) == []
