"""No cent is spent twice, whatever all at once want it for."""

from decimal import Decimal

from tests.api.memento import pooling
from tests.api.memento.paying import PAYMENTS, new_account
from tests.api.moneypool.printed.money import invited
from tests.api.moneypool.printed.stage import Stage
from tests.api.moneypool.test_races import order, pay
from tests.money import EUR, MXN
from tests.torture.races.arriving import preview, previews
from tests.torture.races.race import race
from tests.torture.races.storm import CLIENTS, Storm
from tests.torture.races.world import World

_SHORT = "There is not enough money in the account for this and its fee."
TOO_SHORT = {"400 insufficient_funds", f"422 wallet_amount: {_SHORT}", f"400 {_SHORT}"}

_COST = Decimal("1.01")
"""What a payment of one costs: the sandbox's fee is a per cent."""


@race(18)
async def the_last_pesos_are_spent_once_through_three_dialects(world: World, storm: Storm) -> None:
    """On payments, contributions and scripts: none fits that has no whole one left."""
    some, left = storm.chance.randint(1, 5), Decimal("0.50")
    bob = await world.here.join()
    ann, owner = await world.person(MXN(str(some * _COST + left))), await world.person()
    there, in_mobbr = await world.here.in_moneypool(ann), await world.here.in_mobbr(ann)
    pool = await invited(Stage(world.here, there, there), there, by=owner, least="1.00")
    hashes = await previews(in_mobbr, bob.person.user.username, CLIENTS // 4)
    to_bob = {"user_id": str(bob.person.id), "amount": "1.00"}
    devices = await world.devices(ann, CLIENTS // 4)

    words = await storm.answers(
        *(
            each.post(PAYMENTS, each.order(each, recipient=to_bob, currency="MXN"))
            for each in devices
        ),
        *(each.post(f"{pool.path}/participants", pooling.giving(each, "1.00")) for each in devices),
        *(pay(world.at(n, there), order("1.00", new_email=bob.email)) for n in range(CLIENTS // 4)),
        *(
            world.at(n, in_mobbr).put("/payments/confirm", {"hash": it})
            for n, it in enumerate(hashes)
        ),
    )

    assert words.count("ok") == some
    assert set(words) - {"ok"} <= TOO_SHORT
    assert await ann.has("MXN") == left
    in_pool = (await pooling.seen(owner, {"id": pool.path.rpartition("/")[2]}))["amount"]
    bobs = await (await world.here.in_memento(bob)).has("MXN")
    assert bobs + in_pool == some


@race(14)
async def a_withdrawal_and_payments_want_the_same_money(world: World, storm: Storm) -> None:
    """What is not spent in the end is too little for anything that was refused."""
    ann, bob = await world.person(EUR("10.00")), await world.person()
    bank = (await ann.add_verified(new_account())).rpartition("/")[2]
    to_bank = {"funding_source_id": bank, "amount": "4.00"}
    devices = await world.devices(ann, CLIENTS)
    costs = [Decimal("4.50") if n % 2 else _COST for n in range(CLIENTS)]

    words = await storm.answers(
        *(
            each.pay(each, recipient=to_bank) if n % 2 else each.pay(bob, "1.00")
            for n, each in enumerate(devices)
        )
    )

    assert set(words) == {"ok", "400 insufficient_funds"}
    spent = sum(cost for cost, it in zip(costs, words, strict=True) if it == "ok")
    refused = [cost for cost, it in zip(costs, words, strict=True) if it != "ok"]
    assert await ann.has() == 10 - spent
    assert 0 <= 10 - spent < min(refused)
    assert await bob.has() == words[::2].count("ok")


@race(10)
async def people_pay_each_other_crosswise(world: World, storm: Storm) -> None:
    """Everybody everybody, through three dialects: nobody waits for each other, all arrives."""
    people = await world.people(6, MXN("100.00"))
    in_moneypool = [await world.here.in_moneypool(each) for each in people]
    in_mobbr = [await world.here.in_mobbr(each) for each in people]
    pairs = [(n, m) for n in range(6) for m in range(6) if n != m]
    hashes = {}
    for n, _ in pairs[::3]:
        names = [each.user.username for each in people if each is not people[n]]
        script = {"participants": [{"id": it} for it in storm.chance.sample(names, 5)]}
        hashes[n] = await preview(in_mobbr[n], script)

    words = await storm.answers(
        *(
            world.at(k, people[n]).pay(people[m], "1.00", currency="MXN")
            for k, (n, m) in enumerate(pairs)
        ),
        *(
            pay(world.at(k, in_moneypool[n]), order("1.00", new_email=in_moneypool[m].email))
            for k, (n, m) in enumerate(pairs)
        ),
        *(
            world.at(k, in_mobbr[n]).put("/payments/confirm", {"hash": it})
            for k, (n, it) in enumerate(hashes.items())
        ),
    )

    assert set(words) == {"ok"}
    # Each pays ten, and is paid ten; who pays a script pays one more, and the others a fifth each.
    paid = [len(people) * 2 - 2 + (n in hashes) for n in range(6)]
    got = [Decimal("0.2") * len(hashes.keys() - {n}) + 10 for n in range(6)]
    assert [await each.has("MXN") for each in people] == [
        100 - _COST * out + into for out, into in zip(paid, got, strict=True)
    ]
