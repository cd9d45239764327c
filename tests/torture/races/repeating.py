"""The same key again and again, on both servers: one of them counts, and all hear the same."""

from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import uuid4

import httpx

from tests.api.memento import pooling, requesting
from tests.api.memento.paying import PAYMENTS, SOURCES, Customer, new_account, new_card, said
from tests.api.mobbr.client import Client as MobbrClient
from tests.api.mobbr.client import refused
from tests.api.mobbr.client import said as said_by_mobbr
from tests.api.mobbr.test_claims import PLEDGED, Task, pledge
from tests.api.moneypool.printed.money import history, waiting
from tests.api.moneypool.printed.stage import CLABE
from tests.api.moneypool.test_races import order
from tests.money import EUR, MXN
from tests.people import PIN, new_email
from tests.torture.races.arriving import preview
from tests.torture.races.race import race
from tests.torture.races.storm import CLIENTS, Storm
from tests.torture.races.world import World

Send: TypeAlias = Callable[[int], Coroutine[Any, Any, httpx.Response]]

_REUSED = "This Idempotency-Key or Correlation-ID was already used for a different request."
_IN_PROGRESS = "The first request with this Correlation-ID is still being carried out."
IN_PROGRESS = {"409 in_progress", f"409 base: {_IN_PROGRESS}", f"409 {_IN_PROGRESS}"}
REUSED = {"400 correlation_id_reused", f"422 base: {_REUSED}", f"400 {_REUSED}"}


async def _same(storm: Storm, send: Send, *, asks_nobody: bool = True) -> httpx.Response:
    """Send one request many times; the answer, which all of them are.

    Only where somebody outside is asked may one be told that it is being carried out: again sent,
    it gets the answer too.
    """
    answers = await storm.at_once(*(send(n) for n in range(CLIENTS)))
    words = storm.count(answers)
    assert set(words) - {"ok"} <= (set() if asks_nobody else IN_PROGRESS), set(words)
    last = await send(0)
    told = {it.content for it, said in zip(answers, words, strict=True) if said == "ok"}
    assert told == {last.content}
    return last


async def _different(storm: Storm, send: Send) -> httpx.Response:
    """Send four requests under one key, many times each; the answer of the one that counts."""
    answers = await storm.at_once(*(send(n) for n in range(CLIENTS)))
    words = storm.count(answers)
    assert set(words) - {"ok"} <= REUSED | IN_PROGRESS, set(words)
    [which] = {n % 4 for n, said in enumerate(words) if said == "ok"}
    again = [await send(n) for n in range(4)]
    for n, each in enumerate(storm.count(again)):
        assert (each == "ok") == (n == which)
    [told] = {it.content for it, said in zip(answers, words, strict=True) if said == "ok"}
    assert again[which].content == told
    return again[which]


@race(9)
async def a_key_of_memento_is_of_one_payment(world: World, storm: Storm) -> None:
    ann, bob = await world.person(EUR("50.00")), await world.person()
    devices, key = await world.devices(ann, CLIENTS), uuid4()
    other = uuid4()

    same = await _same(storm, lambda n: devices[n].pay(bob, "6.00", key=key))
    one = await _different(storm, lambda n: devices[n].pay(bob, f"{1 + n % 4}.00", key=other))

    assert [it["id"] for it in said(await ann.get(PAYMENTS))] == [
        said(one, 201)["id"],
        said(same, 201)["id"],
    ]
    paid = 6 + said(one, 201)["amount"]
    assert (await ann.has(), await bob.has()) == (50 - Decimal("1.01") * paid, paid)


@race(9)
async def a_key_of_memento_is_of_one_call_to_a_processor(world: World, storm: Storm) -> None:
    """Of a card that is added, a top-up by it, and a withdrawal."""
    ann = await world.person(EUR("50.00"))
    devices = await world.devices(ann, CLIENTS)
    bank = (await ann.add_verified(new_account())).rpartition("/")[2]
    to_bank = {"funding_source_id": bank, "amount": "10.00"}
    adding, topping_up, withdrawing = uuid4(), uuid4(), uuid4()

    added = await _same(
        storm,
        lambda n: devices[n].post(SOURCES, new_card(), key=adding),
        asks_nobody=False,
    )
    card = said(added, 201)["id"]
    await _same(
        storm,
        lambda n: devices[n].pay(ann, "5.00", key=topping_up, funding_source_id=card),
        asks_nobody=False,
    )
    await _same(
        storm,
        lambda n: devices[n].pay(ann, key=withdrawing, recipient=to_bank),
        asks_nobody=False,
    )

    sources = said(await ann.get(SOURCES))
    assert sorted(it["type"] for it in sources) == ["bank_account", "card", "virtual"]
    assert await ann.has() == Decimal("44.50")
    assert len(said(await ann.get(PAYMENTS))) == 2


@race(9, is_long=True)
async def a_key_of_memento_is_of_one_of_anything_else(world: World, storm: Storm) -> None:
    """Of a request, its payment, a pool, a contribution and a refund."""
    ann, bob = await world.person(EUR("50.00")), await world.person(EUR("50.00"))
    anns, bobs = await world.devices(ann, CLIENTS), await world.devices(bob, CLIENTS)
    keys = [uuid4() for _ in range(5)]

    def sending(devices: list[Customer], path: str, body: object, number: int) -> Send:
        return lambda n: devices[n].post(path, body, key=keys[number])

    asking = requesting.asking(ann, requesting.share(bob))
    request = said(await _same(storm, sending(anns, requesting.REQUESTS, asking, 0)), 201)
    path = requesting.path(request, action="pay")
    await _same(storm, sending(bobs, path, requesting.paying(bob), 1))
    collecting = pooling.collecting(ann, invites=[bob.id])
    pool = said(await _same(storm, sending(anns, pooling.POOLS, collecting, 2)), 201)
    path = pooling.path(pool, "participants")
    await _same(storm, sending(bobs, path, pooling.giving(bob, "6.00"), 3))
    paid = await bob.paid(ann, "10.00")
    path = f"{PAYMENTS}/{paid['id']}/refund"
    await _same(storm, sending(anns, path, {"pin": PIN, "amount": "5.00"}, 4))

    assert (await ann.has(), await bob.has()) == (65, Decimal("28.79"))
    assert (await pooling.seen(ann, pool))["amount"] == 6
    assert len(said(await ann.get(requesting.REQUESTS))) == 1
    assert len(said(await ann.get(pooling.POOLS))) == 1


@race(6, is_long=True)
async def one_key_of_many_people_is_many(world: World, storm: Storm) -> None:
    people, bob = await world.people(8, EUR("9.00")), await world.person()
    key = uuid4()

    words = await storm.answers(
        *(world.at(n // 8, people[n % 8]).pay(bob, "1.00", key=key) for n in range(CLIENTS))
    )

    assert set(words) == {"ok"}
    assert await bob.has() == len(people)
    assert [await each.has() for each in people] == [Decimal("7.99")] * len(people)


@race(9)
async def a_key_of_moneypool_is_of_one_request(world: World, storm: Storm) -> None:
    """Of a payment from the wallet, a mixed one, a payment request, a withdrawal and cash."""
    ann, bob = await world.here.join(MXN("200.00")), await world.here.join()
    said(await ann.patch(ann.own(""), {"user": {"clabe": CLABE}}))
    keys = iter([uuid4().hex for _ in range(6)])

    def sending(path: str, *bodies: object) -> Send:
        key = next(keys)
        return lambda n: world.at(n // 4, ann).post(ann.own(path), bodies[n % len(bodies)], key=key)

    paying = [order(f"{amount}.00", new_email=bob.email) for amount in (10, 11, 12, 13)]
    mixed = order("10.00", "20.00", new_email=bob.email)
    asking = {"amount": "7.00", "description": "Taxi", "user_requested_id": bob.id}
    withdrawal = {"withdrawal": {"amount": "30.00"}}
    await _same(storm, sending("/mixed_payments", paying[0]))
    one = said(await _different(storm, sending("/mixed_payments", *paying)), 201)["payment"]
    await _same(storm, sending("/mixed_payments", mixed), asks_nobody=False)
    await _same(storm, sending("/payment_requests", asking))
    paid_out = await _same(storm, sending("/withdrawals", withdrawal), asks_nobody=False)

    fee = Decimal(said(paid_out, 201)["withdrawal"]["fee"])
    paid = 20 + Decimal(one["wallet_amount"])
    left = Decimal(said(await ann.get(ann.own("")))["user"]["wallet"])
    assert left == 200 - Decimal("1.01") * paid - 30 - fee
    assert sum(Decimal(it["income"]["amount"]) for it in await history(bob)) == paid + 20
    assert len(await history(ann)) == 1 + 1 + 2 + 1
    assert len(await waiting(bob)) == 1


@race(9)
async def a_hash_of_mobbr_is_of_one_payment(world: World, storm: Storm) -> None:
    """Whatever keys are sent beside it; and to anybody else it is of no use."""
    ann, bob, eve = [await world.here.mobbr.join(MXN("20.00")) for _ in range(3)]
    hash_ = await preview(ann, {"participants": [{"id": bob.username}, {"id": new_email()}]})
    keys = [None, "a", "b", "c"]

    def confirm(who: MobbrClient, n: int) -> Coroutine[Any, Any, httpx.Response]:
        return world.at(n // 4, who).put("/payments/confirm", {"hash": hash_}, key=keys[n % 4])

    await _same(storm, lambda n: confirm(ann, n))

    assert refused(await confirm(eve, 0)).startswith("Invalid parameter: hash.")
    assert await _has(ann) == Decimal("18.99")
    assert [await _has(each) for each in (bob, eve)] == [Decimal("20.50"), Decimal(20)]


@race(9, is_long=True)
async def what_was_shown_to_nobody_is_paid_by_whoever_is_first(world: World, storm: Storm) -> None:
    bob = await world.here.mobbr.join()
    payers = [await world.here.mobbr.join(MXN("20.00")) for _ in range(8)]
    hash_ = await preview(world.here.mobbr, {"participants": [{"id": bob.username}]})

    words = await storm.answers(
        *(
            world.at(n // 8, payers[n % 8]).put("/payments/confirm", {"hash": hash_})
            for n in range(CLIENTS)
        )
    )

    assert len({n % 8 for n, it in enumerate(words) if it == "ok"}) == 1
    assert words.count("ok") == CLIENTS // 8
    [other] = set(words) - {"ok"}
    assert other.startswith("400 Invalid parameter: hash.")
    assert await _has(bob) == 1
    assert sorted([await _has(each) for each in payers]) == [Decimal("18.99")] + [20] * 7


@race(9, is_long=True)
async def a_key_of_mobbr_is_of_one_revocation(world: World, storm: Storm) -> None:
    ann, ben = await world.here.mobbr.join(EUR("20.00")), await world.here.mobbr.join()
    task, key = Task(world.site), uuid4().hex
    task.says("pledge", ben)
    made = [await pledge(ann, task, EUR("1.00")) for _ in range(4)]

    def revoke(n: int, ids: list[str]) -> Coroutine[Any, Any, httpx.Response]:
        return world.at(n // 4, ann).call("DELETE", PLEDGED, params={"ids": ids}, key=key)

    one = await _different(storm, lambda n: revoke(n, made[n % 4 :]))

    left = len(said_by_mobbr(await ann.get(PLEDGED)))
    assert one.json()["message"]["text"] == f"{4 - left} payments(s) revoked"
    assert await _has(ann, "EUR") == 20 - Decimal("1.01") * left


async def _has(who: MobbrClient, currency: str = "MXN") -> Decimal:
    """What somebody has of a currency."""
    listed = said_by_mobbr(await who.get("/balances"))["balances"]
    return sum(
        (Decimal(it["amount"]) for it in listed if it["currency_iso"] == currency), Decimal(0)
    )
