"""Crowd payments that meet each other and all else, on several servers: each is made once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from tests import crowd
from tests.crowd import CrowdServer, Made, all_of, confirmation, confirming, crowd_server, plan
from tests.databases import LosesAcknowledgement
from tests.money import (
    EUR,
    Person,
    Scene,
    Server,
    charge,
    held,
    new_address,
    new_key,
    pay,
    problems,
    rows,
    server,
    until_waiting,
)
from tests.people import new_email
from whipround.db.database import Database, open_database
from whipround.domain import claims
from whipround.domain.crowd import pledges, unclaimed
from whipround.domain.crowd.commands import PLEDGED_FOR, UNCLAIMED_FOR, ClaimPledge, CrowdPayment
from whipround.domain.payees import Address

pytestmark = pytest.mark.anyio

MANY = 20


class Elsewhere(NamedTuple):
    """A further server, with connections of its own."""

    db: Database
    payments: Server
    crowd: CrowdServer


@asynccontextmanager
async def another(scene: Scene) -> AsyncIterator[Elsewhere]:
    async with open_database(scene.conninfo, connections=4) as pool:
        db = pool.of(scene.product.schema_name)
        yield Elsewhere(db, server(db, now=scene.now), crowd_server(db, now=scene.now))


@pytest.fixture
async def here(scene: Scene) -> CrowdServer:
    """One server, in a product where every payment costs half a euro."""
    await charge(scene.db, EUR("0.50"))
    return crowd_server(scene.db, now=scene.now)


async def prove(scene: Scene, who: Person, *addresses: Address) -> None:
    """The addresses are that person's."""
    async with scene.db.transaction() as tx:
        await claims.prove(tx, user_id=who.id, addresses=addresses, now=scene.now)


async def gathered(*doing: Awaitable[Any]) -> list[Any]:
    """All of it at once; what each came to, or raised."""
    return list(await asyncio.gather(*doing, return_exceptions=True))


async def test_the_last_euro_is_spent_once(
    scene: Scene, here: CrowdServer, ann: Person, ben: Person
) -> None:
    """Ann has twenty: it is enough for one payment of ten, or a script of ten, and no more."""
    script = plan(EUR("10.00"), ben, new_address(), new_address())
    commands = [await confirming(scene.db, ann, script, now=scene.now) for _ in range(MANY)]
    orders = [scene.order(ann, ben, EUR("10.00")) for _ in range(MANY)]

    async with another(scene) as there:
        outcomes = await asyncio.gather(
            all_of(here, *commands[::2]),
            all_of(there.crowd, *commands[1::2]),
            scene.pay(*orders[::2]),
            pay(there.payments, *orders[1::2]),
        )

    by_script = [it for each in outcomes[:2] for it in each]
    plainly = [it.error for each in outcomes[2:] for it in each]
    paid = sum(isinstance(it, Made) for it in by_script) + plainly.count(None)
    assert paid == 1
    refused = [it for it in (*by_script, *plainly) if isinstance(it, str)]
    assert refused == ["insufficient_funds"] * (2 * MANY - 1)
    assert await held(scene.db, ann) == Decimal("9.50")
    assert await problems(scene.db) == []


async def test_one_hash_confirmed_twenty_times_at_once(
    scene: Scene, here: CrowdServer, ann: Person, ben: Person
) -> None:
    command = await confirming(scene.db, ann, plan(EUR("1.00"), ben, new_address()), now=scene.now)

    async with another(scene) as there:
        answers = await gathered(
            *(at.submit(command) for _ in range(MANY // 2) for at in (here, there.crowd))
        )

    assert len(set(answers)) == 1
    assert await held(scene.db, ann) == Decimal("18.50")
    assert await rows(scene.db, "select count(*) from crowd_payment") == [(1,)]
    assert await problems(scene.db) == []


async def test_what_was_shown_to_anybody_is_paid_by_one(
    scene: Scene, here: CrowdServer, ann: Person, ben: Person
) -> None:
    script = plan(EUR("1.00"), ben, new_address())
    preview_id = await crowd.preview(scene.db, script, to=None, now=scene.now)
    payers = [ann, *[await scene.person(EUR("5.00")) for _ in range(5)]]
    commands = [confirmation(each, script, preview_id) for each in payers]

    async with another(scene) as there:
        outcomes = await asyncio.gather(
            all_of(here, *commands[::2]), all_of(there.crowd, *commands[1::2])
        )

    made = Counter(isinstance(it, Made) or it for each in outcomes for it in each)
    assert made == {True: 1, "invalid": len(payers) - 1}
    assert await held(scene.db, ben) == Decimal("0.50")
    assert await problems(scene.db) == []


async def test_who_is_proving_the_address_meanwhile_has_the_money(
    scene: Scene, here: CrowdServer, ann: Person, ben: Person
) -> None:
    address: Address = ("email", new_email())
    command = await confirming(
        scene.db, ann, plan(EUR("1.00"), address, new_address()), now=scene.now
    )

    async with scene.db.transaction() as tx:
        await claims.prove(tx, user_id=ben.id, addresses=[address], now=scene.now)
        paying = asyncio.create_task(all_of(here, command))
        await until_waiting(scene.db)
    await paying

    assert await held(scene.db, ben) == Decimal("0.50")
    assert await rows(scene.db, "select count(*) from holding") == [(1,)]
    assert await problems(scene.db) == []


async def test_addresses_that_are_proven_while_they_are_paid(
    scene: Scene, here: CrowdServer, ann: Person
) -> None:
    """Whichever comes first, the money is where it belongs in the end."""
    people = [await scene.person() for _ in range(8)]
    addresses: list[Address] = [("email", new_email()) for _ in people]
    script = plan(EUR("0.80"), *addresses)
    commands = [await confirming(scene.db, ann, script, now=scene.now) for _ in range(4)]

    async with another(scene) as there:
        await asyncio.gather(
            all_of(here, *commands[:2]),
            *(prove(scene, *each) for each in zip(people, addresses, strict=True)),
            all_of(there.crowd, *commands[2:]),
        )

    assert [await held(scene.db, each) for each in people] == [Decimal("0.40")] * len(people)
    assert await rows(scene.db, "select count(*) from holding where status = 'held'") == [(0,)]
    assert await problems(scene.db) == []


async def test_payers_who_pay_each_other_crosswise_wait_for_nobody_for_ever(
    scene: Scene, here: CrowdServer, ann: Person, ben: Person
) -> None:
    cee, dan = await scene.person(EUR("20.00")), await scene.person()
    await crowd.pay_crowd(scene.db, ann, EUR("8.00"), ben, now=scene.now)
    trio, unknown = (ann, ben, cee), [new_address() for _ in range(3)]
    commands = []
    for number in range(12):
        payer, *others = trio[number % 3 :] + trio[: number % 3]
        to: list[Person | Address] = [*others, *unknown]
        commands.append(
            await confirming(
                scene.db, payer, plan(EUR("0.50"), *to[:: 1 if number % 2 else -1]), now=scene.now
            )
        )
    orders = [scene.order(cee, it, EUR("0.10")) for it in (ann, ben)]
    orders += [scene.order(ann, it, EUR("0.10")) for it in unknown]

    async with another(scene) as there:
        outcomes = await asyncio.gather(
            all_of(here, *commands[::2]),
            all_of(there.crowd, *commands[1::2]),
            scene.pay(*orders),
            prove(scene, dan, unknown[1]),
        )

    assert all(isinstance(it, Made) for each in outcomes[:2] for it in each)
    assert {it.error for it in outcomes[2]} == {None}
    assert await problems(scene.db) == []


async def test_a_commit_that_nobody_heard_of_is_not_repeated(
    scene: Scene, here: CrowdServer, ann: Person, ben: Person
) -> None:
    at = crowd_server(LosesAcknowledgement(scene.db), now=scene.now)
    script = plan(EUR("4.00"), ben, new_address())
    commands = [await confirming(scene.db, ann, script, now=scene.now) for _ in range(3)]
    too_much = await confirming(scene.db, ann, plan(EUR("10.00"), ben), now=scene.now)

    outcomes = await all_of(at, *commands, too_much)

    assert [isinstance(it, Made) or it for it in outcomes] == [True] * 3 + ["insufficient_funds"]
    assert await rows(scene.db, "select count(*) from crowd_payment") == [(3,)]
    assert await held(scene.db, ann) == Decimal("6.50")
    assert await problems(scene.db) == []


async def test_a_pledge_is_claimed_revoked_or_expired_once(
    scene: Scene, here: CrowdServer, ann: Person, ben: Person
) -> None:
    made = [await crowd.pledge(scene.db, ann, EUR("1.00"), ben, now=scene.now) for _ in range(8)]
    parts = crowd.shares(EUR("1.00"), ben, new_address())
    claiming = [ClaimPledge(each, parts, crowd.CLAIM_URL) for each in made]

    async def revoke(db: Database) -> int:
        async with db.transaction() as tx:
            given: dict[str, Any] = {"keyring": scene.keyring, "now": scene.now}
            return await pledges.revoke(tx, payer_id=ann.id, ids=made[::-1], **given)

    async with another(scene) as there:
        *claimed, revoked, again, expired = await gathered(
            all_of(here, *claiming),
            all_of(there.crowd, *claiming[::-1]),
            revoke(scene.db),
            revoke(there.db),
            pledges.expire(there.db, now=scene.now + PLEDGED_FOR),
        )

    paid = sum(isinstance(it, CrowdPayment) for each in claimed for it in each)
    assert paid + revoked + again + expired == len(made)
    assert await held(scene.db, ben) == Decimal("0.50") * paid
    assert await held(scene.db, ann) == 20 - Decimal("1.50") * paid
    assert await problems(scene.db) == []


async def test_a_share_is_claimed_taken_back_or_returned_once(
    scene: Scene, here: CrowdServer, ann: Person, ben: Person
) -> None:
    addresses = [new_address() for _ in range(6)]
    for _ in range(2):
        await crowd.pay_crowd(scene.db, ann, EUR("1.20"), *addresses, now=scene.now)
    numbers = [number for (number,) in await rows(scene.db, "select number from payment")]

    async def take_back(db: Database) -> int:
        async with db.transaction() as tx:
            return await unclaimed.revoke(
                tx,
                payer_id=ann.id,
                wallet_id=ann.wallet_id,
                numbers=numbers,
                keyring=scene.keyring,
                now=scene.now,
            )

    async with another(scene) as there:
        taken, again, returned, *_ = await gathered(
            take_back(there.db),
            take_back(scene.db),
            claims.return_expired(there.db, now=scene.now + UNCLAIMED_FOR + timedelta(days=1)),
            *(prove(scene, ben, each) for each in addresses),
        )

    [[claimed]] = await rows(scene.db, "select count(*) from holding where status = 'claimed'")
    assert taken + again + returned + claimed == len(numbers)
    assert await held(scene.db, ben) == Decimal("0.20") * claimed
    assert await problems(scene.db) == []


async def test_shares_go_back_while_others_are_paid(
    scene: Scene, here: CrowdServer, ann: Person, ben: Person
) -> None:
    """A repeat of what was confirmed gets the first answer, whatever has become of its shares."""
    address = new_address()
    command = await confirming(scene.db, ann, plan(EUR("1.00"), ben, address), now=scene.now)
    first = await here.submit(command)

    await claims.return_expired(scene.db, now=scene.now + UNCLAIMED_FOR)
    again = await here.submit(command)
    other = await gathered(here.submit(command._replace(key=new_key())))

    assert again == first
    assert [type(each).__name__ for each in other] == ["PreviewRefused"]
    assert await held(scene.db, ann) == Decimal("19.25")
    assert await problems(scene.db) == []
