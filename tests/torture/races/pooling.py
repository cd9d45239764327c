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


@race(14)
async def a_pool_is_closed_while_all_contribute(world: World, storm: Storm) -> None:
    """From wallets and cards, through two dialects; it is closed once, with what has arrived."""
    owner = await world.person()
    payers = await world.people(4, MXN("100.00"))
    cards = [await each.add_card() for each in payers]
    charged = await _total(payers[0], cards[0])
    there = [await world.here.in_moneypool(each) for each in payers]
    pool = await invited(Stage(world.here, there[0], there[0]), *there, by=owner, least="1.00")
    closing = [world.at(n, owner).post(f"{pool.path}/close") for n in range(4)]
    giving_to = f"{pool.path}/participants"

    words = await storm.answers(
        *storm.late(*closing),
        *(
            world.at(n, payers[n // 2 % 4]).post(
                giving_to,
                giving(
                    payers[n // 2 % 4],
                    "1.00",
                    **({"funding_source_id": cards[n // 2 % 4]} if n > 11 else {}),
                ),
            )
            for n in range(16)
        ),
        *(
            pay(
                world.at(n, there[n // 2 % 4]),
                order("1.00", *["1.00"][: n // 6], pool_id=pool.pool_id),
            )
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
    # What a card was charged too late for is in its owner's wallet, fee and all.
    from_wallets = [word == "ok" for word in (*words[4:16], *words[20:])]
    late = sum(word in _TOO_LATE for word in words)
    storm.tell(in_the_pool=int(arrived), too_late=late)
    wallets = [await each.has("MXN") for each in payers]
    assert sum(wallets) == 400 - Decimal("1.01") * sum(from_wallets) + charged * late


async def _total(payer: Customer, card: str) -> Decimal:
    """What it costs to pay a peso from a card."""
    source = {"funding_source_id": card, "currency": "MXN"}
    body = {"amount": "1.00", "source": source, "destination": {"currency": "MXN"}}
    quoted = said_by_memento(await payer.post("/v1/fees/calculate", body))
    return Decimal(quoted["total"])


@race(14, is_long=True)
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


@race(10, is_long=True)
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
