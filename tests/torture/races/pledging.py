"""What waits is claimed, or taken back, or returned: one of them, once."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
from procrastinate import App

from tests.api.memento.paying import Customer
from tests.api.memento.paying import said as said_by_memento
from tests.api.mobbr.client import Client, said, told
from tests.api.mobbr.test_claims import CLAIM, PLEDGED, UNCLAIMED, Task, pledge, waiting
from tests.api.moneypool.test_races import order, pay
from tests.mails import last_token
from tests.money import EUR, MXN, rows
from tests.people import new_email, new_phone
from tests.torture.races.arriving import preview
from tests.torture.races.race import race
from tests.torture.races.storm import CLIENTS, HANGS_AFTER_SECONDS, Storm, begin
from tests.torture.races.world import World
from whipround.domain import claims
from whipround.domain.crowd import pledges
from whipround.domain.crowd.commands import PLEDGED_FOR, UNCLAIMED_FOR
from whipround.jobs.schedule import _connector

_COST = Decimal("1.01")
"""What pledging or paying one costs: the sandbox's fee is a per cent."""

_IN_LONG = timedelta(days=1) + max(PLEDGED_FOR, UNCLAIMED_FOR)

_LINK_USED = (
    "400 Invalid parameter: confirm_token. The token is unknown, has been used or has expired."
)


@race(10)
async def pledges_are_claimed_or_taken_back_or_expire(world: World, storm: Storm) -> None:
    """Anybody claims, each payer takes their own back; sometimes their time is over, too."""
    ben = await world.here.mobbr.join()
    payers = [await world.here.mobbr.join(EUR("20.00")) for _ in range(4)]
    task, nobody = Task(world.site), world.here.mobbr
    task.says("pledge", ben)
    made = [[await pledge(each, task, EUR("1.00")) for _ in range(3)] for each in payers]
    task.says("payment", ben)
    now = datetime.now(UTC) + _IN_LONG * storm.chance.choice([0, 0, 1])

    revoking = [
        world.at(n // 4, payers[n % 4]).delete(PLEDGED, ids=storm.chance.sample(made[n % 4], 2))
        for n in range(16)
    ]
    expiring = [begin(lambda: pledges.expire(world.db, now=now)) for _ in range(2)]

    answers: list[Any] = await storm.at_once(
        *(world.at(n, nobody).put(CLAIM, {"url": task.url}) for n in range(16)),
        *storm.late(*revoking, most=0.4),
        *storm.late(*expiring, most=0.4),
    )

    assert set(storm.count(answers[:CLIENTS])) == {"ok"}
    paid = sum(said(each)["claimed"] for each in answers[:16])
    revoked, expired = _revoked(answers[16:CLIENTS]), sum(answers[CLIENTS:])
    storm.tell(claimed=paid, revoked=revoked, expired=expired)
    assert paid + revoked + expired == 12
    assert await _has(ben) == paid
    wallets = [await _has(each) for each in payers]
    assert sum(wallets) == 80 - _COST * paid
    assert all((20 - each) % _COST == 0 for each in wallets)


@race(10, is_long=True)
async def shares_are_claimed_or_taken_back_or_returned(world: World, storm: Storm) -> None:
    """What was paid through three dialects to addresses that somebody proves right now."""
    emails = [new_email() for _ in range(6)]
    ann, eve = await world.here.join(MXN("20.00")), await world.here.join()
    payer, claimant = await world.here.in_mobbr(ann), await world.here.in_mobbr(eve)
    script = {"participants": [{"id": f"mailto:{each}"} for each in emails]}
    said(await payer.put("/payments/confirm", {"hash": await preview(payer, script, "6")}))
    for email in emails[:2]:
        said_by_memento(await pay(ann, order("1.00", new_email=email)), 201)
    for email in emails:
        said(await claimant.post("/user/email_id", {"new_email": email}))
    tokens = [await last_token(world.db, each, "email_id") for each in emails]
    shares = await waiting(world.db, payer)
    now = datetime.now(UTC) + _IN_LONG * storm.chance.choice([0, 0, 1])

    proving = [
        world.at(n // 6, claimant).put("/user/confirm_email_id", {"confirm_token": tokens[n % 6]})
        for n in range(12)
    ]
    revoking = [
        world.at(n, payer).delete(UNCLAIMED, share_ids=storm.chance.sample(shares, 4))
        for n in range(20)
    ]
    expiring = [begin(lambda: claims.return_expired(world.db, now=now)) for _ in range(2)]

    answers: list[Any] = await storm.at_once(
        *proving, *storm.late(*revoking, most=0.2), *storm.late(*expiring, most=0.2)
    )

    words = storm.count(answers[:CLIENTS])
    assert words[:12].count("ok") >= 6
    assert set(words[12:]) == {"ok"}
    claimed = await _has(claimant, "MXN")
    revoked, expired = _revoked(answers[12:CLIENTS]), sum(answers[CLIENTS:])
    storm.tell(claimed=int(claimed), revoked=revoked, expired=expired)
    assert claimed + revoked + expired == len(shares)
    assert await _has(payer, "MXN") == 20 - _COST * claimed
    assert said(await payer.get(UNCLAIMED)) == []


@race(10, is_long=True)
async def a_payment_to_a_number_is_taken_back_while_it_is_claimed(
    world: World, storm: Storm
) -> None:
    """Memento's payments, cancelled by the Mobbr API, while whoever they are for signs up."""
    phone, ann = new_phone(), await world.person(EUR("50.00"))
    made = [await ann.paid(phone, "1.00") for _ in range(8)]
    body = await world.here.town.client.sign_up_body(phone)
    payer = await world.here.in_mobbr(ann)
    shares = await waiting(world.db, payer)

    signed_up, *answers = await storm.at_once(
        world.here.town.client.post("/v1/users", body),
        *storm.late(
            *(
                world.at(n, payer).delete(UNCLAIMED, share_ids=storm.chance.sample(shares, 2))
                for n in range(CLIENTS - 1)
            )
        ),
    )

    assert set(storm.count([signed_up, *answers])) == {"ok"}
    revoked = _revoked(answers)
    storm.tell(claimed=8 - revoked, revoked=revoked)
    theirs = await world.here.town.enter(said_by_memento(signed_up, 201))
    [wallet] = said_by_memento(await theirs.get("/v1/funding_sources"))
    assert sum(it["amount"] for it in wallet["balances"]) == 8 - revoked
    assert await ann.has() == 50 - _COST * (8 - revoked)
    assert await _stands(ann, made) == Counter(fulfilled=8 - revoked, revoked=revoked)


@race(5, is_long=True)
async def housekeeping_runs_on_both_servers_while_money_is_claimed(
    world: World, storm: Storm
) -> None:
    """The servers' own job, several times at once: what has expired returns once."""
    phone, ann = new_phone(), await world.person(EUR("50.00"))
    made = [await ann.paid(new_phone(), "1.00") for _ in range(4)]
    made += [await ann.paid(phone, "1.00") for _ in range(4)]
    body = await world.here.town.client.sign_up_body(phone)
    # The job goes by the clock. Those who sign up claim what is theirs even if it is late.
    aging = "update holding set expires_at = now() + interval '20 ms' where object_id = any(%s)"
    ids = [it["id"] for it in made]
    await rows(world.db, f"with aged as ({aging}) select", ids)

    answers: list[Any] = await storm.at_once(
        world.here.town.client.post("/v1/users", body),
        *storm.late(*(begin(lambda: _keep_house(world)) for _ in range(4))),
    )

    signed_up = answers[0]
    storm.count([signed_up])
    await _kept_house(world)
    theirs = await world.here.town.enter(said_by_memento(signed_up, 201))
    [wallet] = said_by_memento(await theirs.get("/v1/funding_sources"))
    claimed = sum(it["amount"] for it in wallet["balances"])
    storm.tell(claimed=int(claimed), expired=8 - int(claimed))
    assert claimed in {0, 4}
    assert await ann.has() == 50 - _COST * claimed
    assert await _stands(ann, made) == Counter(fulfilled=claimed, expired=8 - claimed)


async def _has(who: Client, currency: str = "EUR") -> Decimal:
    """What somebody has of a currency."""
    listed = said(await who.get("/balances"))["balances"]
    return sum(
        (Decimal(it["amount"]) for it in listed if it["currency_iso"] == currency), Decimal(0)
    )


def _revoked(answers: Sequence[httpx.Response]) -> int:
    """How many all of these have taken back, as they say."""
    return sum(int(told(each).split()[0]) for each in answers)


async def _stands(payer: Customer, made: Sequence[Any]) -> Counter[str]:
    """How many payments have arrived, and how many have come back, by the reason."""
    stands: Counter[str] = Counter()
    for each in made:
        shown = said_by_memento(await payer.get(f"/v1/payments/{each['id']}"))
        stands[shown["error_code"] or shown["fulfillment_status"]] += 1
    return stands


async def _keep_house(world: World) -> None:
    """Have one of the servers settle what is unclaimed, whatever else does so."""
    async with App(connector=_connector(world.conninfo)).open_async() as app:
        job = app.configure_task("settle_unclaimed", allow_unknown=True)
        await job.defer_async(timestamp=0)


async def _kept_house(world: World) -> None:
    """Wait until that is done: a job that has succeeded is gone."""
    left = "select count(*) from jobs.procrastinate_jobs where task_name = 'settle_unclaimed'"
    async with asyncio.timeout(HANGS_AFTER_SECONDS):
        while await rows(world.db, left) != [(0,)]:  # noqa: ASYNC110 (nobody tells us)
            await asyncio.sleep(0.02)
