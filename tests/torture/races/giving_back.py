"""What was paid goes back once, and no more of it than was paid."""

from decimal import Decimal

from tests.api.memento.paying import PAYMENTS, said
from tests.money import EUR
from tests.people import PIN
from tests.torture.races.race import race
from tests.torture.races.storm import CLIENTS, Storm
from tests.torture.races.world import World

_REFUSED = {
    "400 already_refunded",
    "400 insufficient_funds",
    "422 amount: too_large",
}


@race(14)
async def a_payment_is_given_back_once(world: World, storm: Storm) -> None:
    """Whole, or in parts; from what the recipient has, which is enough for all of it."""
    ann, bob = await world.person(EUR("100.00")), await world.person()
    is_by_card = storm.chance.choice([True, False])
    source = {"funding_source_id": await ann.add_card()} if is_by_card else {}
    made = await ann.paid(bob, "6.00", **source)
    before = await ann.has()
    part = storm.chance.choice(["6.00", "3.00", "2.00", "1.00", None])
    body = {"pin": PIN, **({} if part is None else {"amount": part})}

    words = await storm.answers(
        *(
            each.post(f"{PAYMENTS}/{made['id']}/refund", body)
            for each in await world.devices(bob, CLIENTS)
        )
    )

    assert words.count("ok") == 6 / Decimal(part or 6)
    assert set(words) - {"ok"} <= _REFUSED
    assert await bob.has() == 0
    assert await ann.has() == (before if is_by_card else 100)
    shown = said(await ann.get(f"{PAYMENTS}/{made['id']}"))
    assert shown["amount_refunded"] == 6


@race(14, is_long=True)
async def what_is_given_back_may_have_been_spent_meanwhile(world: World, storm: Storm) -> None:
    """The same euros go back, or to a third person, and never both."""
    ann, bob, cee = await world.person(EUR("100.00")), await world.person(), await world.person()
    made = [await ann.paid(bob, "1.00") for _ in range(4)]
    left = await ann.has()

    words = await storm.answers(
        *(
            each.post(f"{PAYMENTS}/{made[n % 4]['id']}/refund", {"pin": PIN})
            for n, each in enumerate(await world.devices(bob, CLIENTS // 2))
        ),
        *(each.pay(cee, "1.00") for each in await world.devices(bob, CLIENTS // 2)),
    )

    back, spent = words[: CLIENTS // 2].count("ok"), words[CLIENTS // 2 :].count("ok")
    storm.tell(given_back=back, spent=spent)
    assert set(words) - {"ok"} <= _REFUSED
    assert await cee.has() == spent
    assert await ann.has() == left + Decimal("1.01") * back
    assert await bob.has() == 4 - back - Decimal("1.01") * spent
    assert 0 <= 4 - back - Decimal("1.01") * spent < Decimal("1.01")
