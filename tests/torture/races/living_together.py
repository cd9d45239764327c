"""People block each other, and change their PINs, while money moves."""

from collections import Counter

from tests.api.memento.paying import said
from tests.api.moneypool.test_races import order, pay
from tests.money import EUR, MXN
from tests.people import PIN
from tests.torture.races.arriving import previews
from tests.torture.races.race import race
from tests.torture.races.storm import CLIENTS, Storm
from tests.torture.races.world import World

_BLOCKED = {
    "400 blocked",
    "422 base: One of the two has blocked the other.",
    "400 Not everybody can be paid any more as it was shown: preview the payment again.",
}

_OTHER_PIN = "4321"
_ATTEMPTS = 5
"""So many wrong PINs lock somebody."""


@race(14)
async def somebody_blocks_who_is_paying_them(world: World, storm: Storm) -> None:
    """Either comes first, in all dialects; after the block nothing arrives."""
    ann, bob = await world.person(MXN("100.00")), await world.person()
    in_moneypool, in_mobbr = await world.here.in_moneypool(ann), await world.here.in_mobbr(ann)
    hashes = await previews(in_mobbr, bob.user.username, 11)
    to_bob = order("1.00", new_email=bob.user.email)

    words = await storm.answers(
        *storm.late(*(world.at(n, bob).post(f"/v1/users/{ann.id}/block") for n in range(2))),
        *(world.at(n, ann).pay(bob, "1.00", currency="MXN") for n in range(10)),
        *(pay(world.at(n, in_moneypool), to_bob) for n in range(10)),
        *(
            world.at(n, in_mobbr).put("/payments/confirm", {"hash": it})
            for n, it in enumerate(hashes[1:])
        ),
    )

    storm.tell(before_the_block=words[2:].count("ok"))
    assert words[:2] == ["ok", "ok"]
    assert set(words[2:]) <= {"ok"} | _BLOCKED
    assert await bob.has("MXN") == words[2:].count("ok")
    refused = await storm.answers(
        ann.pay(bob, "1.00", currency="MXN"),
        pay(in_moneypool, to_bob),
        in_mobbr.put("/payments/confirm", {"hash": hashes[0]}),
    )
    assert set(refused) == _BLOCKED


@race(14, is_long=True)
async def a_pin_changes_while_somebody_pays(world: World, storm: Storm) -> None:
    """It ends all other sessions: what is paid was paid before, and nobody is locked out."""
    ann, bob = await world.person(EUR("100.00")), await world.person()
    devices = await world.devices(ann, CLIENTS - 2)
    # So few that all of them and the second change are not enough to be locked.
    few = _ATTEMPTS - 2
    paying, looking = devices[:few], devices[few:]
    change = {"pin": _OTHER_PIN, "current_pin": PIN}

    words = await storm.answers(
        *(world.at(n, ann).put("/v1/users", change) for n in range(2)),
        *storm.late(*(each.pay(bob, "1.00") for each in paying)),
        *(each.get("/v1/payments") for each in looking),
    )

    assert set(words[:2]) <= {"ok", "400 invalid_pin"}
    assert "ok" in words[:2]
    assert set(words[2 : few + 2]) <= {"ok", "401", "400 invalid_pin"}
    assert set(words[few + 2 :]) <= {"ok", "401"}
    assert await bob.has() == words[2 : few + 2].count("ok")
    assert said(await ann.pay(bob, "1.00", pin=_OTHER_PIN), 201)
    assert {(await each.get("/v1/users/current")).status_code for each in devices} == {401}


@race(14)
async def wrong_pins_are_counted_on_both_servers_together(world: World, storm: Storm) -> None:
    ann, bob = await world.person(EUR("100.00")), await world.person()

    words = await storm.answers(
        *(
            each.pay(bob, "1.00", pin=f"90{n:02}")
            for n, each in enumerate(await world.devices(ann, CLIENTS))
        )
    )

    told = Counter(words)
    assert told["400 invalid_pin"] == _ATTEMPTS
    assert set(told) <= {"400 invalid_pin", "400 user_locked", "401"}
    assert (await ann.pay(bob)).status_code == 401
    assert await bob.has() == 0
