"""What is asked for is paid once, or not at all."""

from decimal import Decimal

from tests.api.memento import requesting
from tests.api.moneypool.printed.money import waiting
from tests.api.moneypool.test_races import order, pay
from tests.money import EUR, MXN
from tests.torture.races.race import race
from tests.torture.races.storm import CLIENTS, Storm
from tests.torture.races.world import World

_ALREADY_PAID = {"400 already_paid", "422 payment_request_id: This was paid already."}
_UNDER_WAY = {
    "400 payment_under_way",
    "422 payment_request_id: A payment of this is under way already.",
}


@race(18)
async def a_request_is_paid_once_by_all_devices_through_two_dialects(
    world: World, storm: Storm
) -> None:
    """From the wallet, and every fourth of Memento's from a card."""
    zoe, ben = await world.person(), await world.person(MXN("100.00"))
    card = await ben.add_card()
    request = await requesting.ask(zoe, requesting.share(ben), currency="MXN")
    there = await world.here.in_moneypool(ben)
    [asked] = await waiting(there)
    path = requesting.path(request, action="pay")

    words = await storm.answers(
        *(
            each.post(
                path, requesting.paying(each, **({} if n % 4 else {"funding_source_id": card}))
            )
            for n, each in enumerate(await world.devices(ben, CLIENTS // 2))
        ),
        *(
            pay(world.at(n, there), order("10.00", payment_request_id=asked["id"]))
            for n in range(CLIENTS // 2)
        ),
    )

    assert words.count("ok") == 1
    assert set(words) - {"ok"} <= _ALREADY_PAID | _UNDER_WAY
    [paid] = (await requesting.seen(zoe, request))["participants"]
    assert paid["status"] == "paid"
    assert await zoe.has("MXN") == 10
    assert await ben.has("MXN") in {100, Decimal("89.90")}
    assert await waiting(there) == []


@race(10, is_long=True)
async def a_request_of_many_is_paid_by_each_of_them_once(world: World, storm: Storm) -> None:
    """Whoever pays, nobody is charged for another, and the sums are right."""
    zoe = await world.person()
    people = await world.people(8, EUR("20.00"))
    request = await requesting.ask(zoe, *people)
    devices = [
        device for each in people for device in await world.devices(each, CLIENTS // len(people))
    ]

    words = await storm.answers(
        *(
            each.post(requesting.path(request, action="pay"), requesting.paying(each))
            for each in devices
        )
    )

    assert words.count("ok") == len(people)
    assert set(words) == {"ok", "400 already_paid"}
    assert [await each.has() for each in people] == [Decimal("9.90")] * len(people)
    assert await zoe.has() == 80
    seen = await requesting.seen(zoe, request)
    assert (seen["amount_paid"], seen["fulfillment_status"]) == (80, "fulfilled")


@race(18)
async def a_request_is_paid_or_answered_otherwise_and_never_both(
    world: World, storm: Storm
) -> None:
    """The asker settles, cancels or deletes it, or who is asked rejects it, while it is paid."""
    zoe, ben = await world.person(), await world.person(EUR("20.00"))
    request = await requesting.ask(zoe, requesting.share(ben))
    [participant] = request["participants"]
    here, there = (world.at(n, zoe) for n in range(2))
    act = storm.chance.choice(["settle", "cancel", "reject", "delete"])
    if act == "delete":
        acting = [each.delete(requesting.path(request)) for each in (here, there) * 2]
    elif act == "reject":
        path = requesting.path(request, action=act)
        acting = [world.at(n, ben).post(path) for n in range(4)]
    else:
        path = requesting.path(request, participant, act)
        acting = [each.post(path) for each in (here, there) * 2]
    path = requesting.path(request, action="pay")
    paying = [each.post(path, requesting.paying(each)) for each in await world.devices(ben, 28)]

    words = await storm.answers(*acting, *storm.late(*paying))

    assert words.count("ok") == 1, (act, words)
    assert set(words) - {"ok"} <= {"400 already_paid", "400 participant_responded", "404"}
    has_paid = "ok" in words[4:]
    storm.tell(paid=has_paid, otherwise=not has_paid)
    assert await ben.has() == (Decimal("9.90") if has_paid else 20)
    assert await zoe.has() == (10 if has_paid else 0)
