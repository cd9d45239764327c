"""Money for somebody who is just arriving is theirs, all of it, whichever comes first."""

import asyncio
from decimal import Decimal

from tests.api.memento.paying import PAYMENTS, ids
from tests.api.memento.paying import said as said_by_memento
from tests.api.mobbr.client import Client as MobbrClient
from tests.api.mobbr.client import said
from tests.api.moneypool.client import Client as MoneypoolClient
from tests.api.moneypool.client import said as said_by_moneypool
from tests.api.moneypool.printed.money import history
from tests.api.moneypool.test_races import order, pay
from tests.mails import last_link, last_token
from tests.money import EUR, MXN
from tests.people import new_email, new_phone
from tests.torture.races.race import race
from tests.torture.races.storm import CLIENTS, Storm
from tests.torture.races.world import World


async def preview(payer: MobbrClient, data: object, amount: str = "1") -> str:
    """The hash of a payment in pesos that somebody was shown."""
    wanted = {"data": data, "amount": amount, "currency": "MXN"}
    return str(said(await payer.post("/payments/preview", wanted))["hash"])


async def previews(payer: MobbrClient, data: object, number: int) -> list[str]:
    """The hashes of so many payments of one peso."""
    return await asyncio.gather(*(preview(payer, data) for _ in range(number)))


@race(14)
async def a_number_is_paid_while_it_signs_up(world: World, storm: Storm) -> None:
    """Two sign up with it, and one has it; nobody who pays it is refused, and nothing waits."""
    phone, payers = new_phone(), await world.people(3, EUR("50.00"), MXN("50.00"))
    in_mobbr = await world.here.in_mobbr(payers[0])
    hashes = await previews(in_mobbr, f"tel:{phone}", 6)
    before = await payers[0].paid(phone, "2.00")
    bodies = [await world.here.town.client.sign_up_body(phone) for _ in range(2)]

    answers = await storm.at_once(
        *(world.faces[n].town.client.post("/v1/users", body) for n, body in enumerate(bodies)),
        *(
            world.at(n, payers[n % 3]).pay(phone, "1.00", currency=("EUR", "MXN")[n % 2])
            for n in range(CLIENTS - 8)
        ),
        *(
            world.at(n, in_mobbr).put("/payments/confirm", {"hash": it})
            for n, it in enumerate(hashes)
        ),
    )

    words = storm.count(answers)
    assert sorted(words[:2]) == ["422 phone: already_taken", "ok"]
    assert set(words[2:]) == {"ok"}
    [user] = [said_by_memento(it, 201) for it in answers[:2] if it.is_success]
    theirs = await world.here.town.enter(user)
    [wallet] = said_by_memento(await theirs.get("/v1/funding_sources"))
    held = {it["currency"]: it["amount"] for it in wallet["balances"] if it["amount"]}
    assert held == {"EUR": 14, "MXN": 18}
    shown = said_by_memento(await theirs.get(f"{PAYMENTS}?limit=100"))
    assert len(shown) == 1 + (CLIENTS - 8) + len(hashes)
    assert before["id"] in ids(shown)
    assert {it["fulfillment_status"] for it in shown} == {"fulfilled"}


@race(14, is_long=True)
async def an_address_is_paid_through_two_dialects_while_it_is_proven(
    world: World, storm: Storm
) -> None:
    """The link is followed four times, and is good once."""
    email, payer = new_email(), await world.here.join(MXN("100.00"))
    eve = await world.here.join(email=email, is_proven=False)
    said_by_moneypool(await eve.post("/api/confirmations"), 204)
    link = "/api/" + (await last_link(world.db, email))["url"].partition("/api/")[2]
    in_mobbr = await world.here.in_mobbr(payer)
    hashes = await previews(in_mobbr, f"mailto:{email}", 14)
    said_by_moneypool(await pay(payer, order("2.00", new_email=email)), 201)

    words = await storm.answers(
        *(world.at(n, world.here.moneypool).get(link) for n in range(4)),
        *(pay(world.at(n, payer), order("1.00", new_email=email)) for n in range(14)),
        *(
            world.at(n, in_mobbr).put("/payments/confirm", {"hash": it})
            for n, it in enumerate(hashes)
        ),
    )

    assert sorted(words[:4]) == ["404 base: not found"] * 3 + ["ok"]
    assert set(words[4:]) == {"ok"}
    assert await _wallet(eve) == 30
    assert len(await history(eve)) == 29
    assert {it["outcome"]["status"] for it in await history(payer)} == {"paid"}


async def _wallet(who: MoneypoolClient) -> Decimal:
    """The pesos in somebody's wallet."""
    return Decimal(said_by_moneypool(await who.get(who.own("")))["user"]["wallet"])


@race(14, is_long=True)
async def two_prove_the_same_address_at_once(world: World, storm: Storm) -> None:
    """Whoever has it in the end, the money is with one of them, and none is left waiting."""
    email, payer = new_email(), await world.here.join(MXN("100.00"))
    here = world.here
    eve, fay = await here.join(email=email, is_proven=False), await here.join()
    said_by_moneypool(await eve.post("/api/confirmations"), 204)
    link = "/api/" + (await last_link(world.db, email))["url"].partition("/api/")[2]
    said_by_moneypool(await pay(payer, order("2.00", new_email=email)), 201)
    in_mobbr, as_fay = await here.in_mobbr(payer), await here.in_mobbr(fay)
    said(await as_fay.post("/user/email_id", {"new_email": email}))
    token = await last_token(world.db, email, "email_id")
    hashes = await previews(in_mobbr, f"mailto:{email}", 24)

    words = await storm.answers(
        *(world.at(n, here.moneypool).get(link) for n in range(4)),
        *(
            world.at(n, as_fay).put("/user/confirm_email_id", {"confirm_token": token})
            for n in range(4)
        ),
        *(
            world.at(n, in_mobbr).put("/payments/confirm", {"hash": it})
            for n, it in enumerate(hashes)
        ),
    )

    assert words[:4].count("ok") + words[4:8].count("ok") in {1, 2}
    assert set(words[8:]) == {"ok"}
    assert await _wallet(eve) + await _wallet(fay) == 26
    assert {it["outcome"]["status"] for it in await history(payer)} == {"paid"}


@race(7, is_long=True)
async def a_username_is_taken_once(world: World, storm: Storm) -> None:
    name = f"only{storm.chance.randrange(10**9)}"
    client = world.here.town.client
    bodies = await asyncio.gather(
        *(client.sign_up_body(new_phone(), username=name) for _ in range(CLIENTS))
    )

    words = await storm.answers(
        *(world.at(n, client).post("/v1/users", body) for n, body in enumerate(bodies))
    )

    assert words.count("ok") == 1
    assert set(words) == {"ok", "422 username: already_taken"}
