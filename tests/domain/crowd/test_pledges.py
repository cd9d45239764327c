"""Pledges go back: their payer revokes them, or their time runs out."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from tests import crowd
from tests.crowd import TITLE, all_of, crowd_server, shares
from tests.money import (
    EUR,
    MXN,
    Person,
    Scene,
    charge,
    held,
    held_by,
    problems,
    rows,
    until_waiting,
)
from tests.people import new_email
from whipround.db.database import Database
from whipround.domain import limit_files, throttles
from whipround.domain.crowd import pledges
from whipround.domain.crowd.commands import (
    PLEDGE_ACCOUNT,
    PLEDGED_FOR,
    ClaimPledge,
    CrowdPayment,
)
from whipround.domain.limits import LimitRule
from whipround.domain.throttles import Limit
from whipround.domain.users.proofs import Proven
from whipround.ledger.accounts import lock_accounts
from whipround.money import Money

pytestmark = pytest.mark.anyio

SECOND = timedelta(seconds=1)


async def pledge(scene: Scene, payer: Person, money: Money, *to: Person) -> UUID:
    """Have money wait for the script to change; the pledge."""
    return await crowd.pledge(scene.db, payer, money, *to, now=scene.now)


async def revoke(scene: Scene, person: Person, *ids: UUID) -> int:
    """Have the person take back the pledges; how many were."""
    async with scene.db.transaction() as tx:
        return await pledges.revoke(
            tx, payer_id=person.id, ids=ids, keyring=scene.keyring, now=scene.now
        )


async def states(db: Database) -> list[str]:
    """What has become of the pledges, oldest first."""
    return [it for (it,) in await rows(db, "select status from crowd_payment order by number")]


async def told(db: Database, kind: str) -> list[tuple[UUID, UUID, UUID | None, str]]:
    """Who was told of which pledge, that who has done what, of how much."""
    return await rows(
        db,
        "select user_id, object_id, actor_id, data->>'amount' from notification where kind = %s"
        " order by id",
        kind,
    )


# Revoking.


async def test_a_payer_takes_back_pledges_with_their_fees(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    cat = await scene.person(EUR("9.00"))
    await charge(db, EUR("0.50"))
    one = await pledge(scene, ann, EUR("6.00"), ben)
    two = await pledge(scene, ann, EUR("2.25"), ben, cat)
    other = await pledge(scene, cat, EUR("1.00"), ben)
    waiting = await held(db, ann)

    counts = [
        await revoke(scene, ann),
        await revoke(scene, ann, one, two, one, other, uuid7()),
        await revoke(scene, ann, one, two),
    ]

    assert (waiting, counts) == (Decimal("10.75"), [0, 2, 0])
    assert await held(db, ann) == Decimal(20)
    assert await held_by(db, one, kind=PLEDGE_ACCOUNT) == Decimal(0)
    assert await states(db) == ["revoked", "revoked", "pledged"]
    assert await told(db, "pledge_revoked") == [
        (ben.id, one, ann.id, "6.00"),
        (ben.id, two, ann.id, "2.25"),
        (cat.id, two, ann.id, "2.25"),
    ]
    assert await problems(db) == []


async def test_who_takes_part_is_written_to(db: Database, scene: Scene, ann: Person) -> None:
    email = new_email()
    ben = await scene.person(proven=Proven(email=email))
    await revoke(scene, ann, await pledge(scene, ann, EUR("6.00"), ben))

    assert await rows(
        db, "select channel, recipient, data from outbox where kind = 'pledge_revoked'"
    ) == [
        (
            "email",
            email,
            {
                "amount": "6.00",
                "currency": "EUR",
                "payer": ann.user.full_name,
                "description": TITLE,
            },
        )
    ]


async def test_nobody_is_told_without_end(
    db: Database, scene: Scene, ann: Person, ben: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = Limit("revocation_told_user", 2, timedelta(days=1))
    monkeypatch.setattr(throttles, "REVOCATIONS_TOLD_PER_USER", limit)

    counts = [
        await revoke(scene, ann, await pledge(scene, ann, EUR("6.00"), ben)) for _ in range(3)
    ]

    assert counts == [1, 1, 1]
    assert len(await told(db, "pledge_revoked")) == 2
    assert await held(db, ann) == Decimal(20)


async def test_what_is_revoked_counts_no_longer_against_limits(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    rule = LimitRule(
        uuid7(), "A day", "virtual", "EUR", "out", "day", False, Decimal(10), Decimal(10)
    )
    async with db.transaction() as tx:
        await limit_files.replace_rules(tx, [rule])
    made = [await pledge(scene, ann, EUR("6.00"), ben), await pledge(scene, ann, EUR("3.00"), ben)]

    await revoke(scene, ann, made[0])

    assert await rows(db, "select count, amount from limit_usage") == [(1, Decimal(3))]
    await pledge(scene, ann, EUR("7.00"), ben)


# Expiry.


async def test_what_nobody_claims_in_time_returns_with_its_fee(
    db: Database, scene: Scene, ben: Person
) -> None:
    await charge(db, EUR("0.50"), MXN("5.00"))
    ann = await scene.person(EUR("20.00"), MXN("300.00"))
    made = [
        await pledge(scene, ann, each, ben)
        for each in (EUR("6.00"), EUR("2.00"), EUR("1.00"), MXN("100.00"))
    ]
    end = scene.now + PLEDGED_FOR

    counts = [await pledges.expire(db, now=at, limit=3) for at in (end - SECOND, end, end)]

    assert counts == [0, 4, 0]
    assert (await held(db, ann), await held(db, ann, "MXN")) == (Decimal(20), Decimal(300))
    assert await states(db) == ["expired"] * 4
    returned = ("6.50", "2.50", "1.50", "105.00")
    assert sorted(await told(db, "pledge_expired")) == sorted(
        (ann.id, id_, None, amount) for id_, amount in zip(made, returned, strict=True)
    )
    assert await problems(db) == []


async def test_one_that_cannot_be_returned_keeps_no_other(
    db: Database, scene: Scene, ann: Person, ben: Person, caplog: pytest.LogCaptureFixture
) -> None:
    made = [await pledge(scene, ann, EUR("1.00"), ben) for _ in range(3)]
    # As after a restore that was mangled: its money is nowhere.
    await rows(db, "update account set kind = 'lost' where owner_id = %s returning 1", made[0])

    counts = [await pledges.expire(db, now=scene.now + PLEDGED_FOR, limit=1) for _ in range(2)]
    together = await pledges.expire(db, now=scene.now + PLEDGED_FOR)

    assert (counts, together) == ([2, 0], 0)
    assert await states(db) == ["pledged", "expired", "expired"]
    assert await held(db, ann) == Decimal(19)
    assert f"{made[0]} cannot be returned" in caplog.text


async def test_one_whose_money_is_nowhere_is_not_paid_and_stops_no_other(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    made = [await pledge(scene, ann, EUR("6.00"), ben) for _ in range(2)]
    await rows(db, "update account set kind = 'lost' where owner_id = %s returning 1", made[0])

    found = await all_of(crowd_server(db, now=scene.now), *(claiming(it, ben) for it in made))

    assert found[0] == "pledge_unpayable"
    assert await states(db) == ["pledged", "paid"]
    assert await held(db, ben) == Decimal(6)


# At the same moment.


def claiming(id_: UUID, *to: Person) -> ClaimPledge:
    """A claim of a pledge of six euros."""
    return ClaimPledge(id_, shares(EUR("6.00"), *to), "")


async def test_what_is_being_revoked_is_not_paid(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    made = await pledge(scene, ann, EUR("6.00"), ben)
    async with db.transaction() as tx:
        await pledges.revoke(tx, payer_id=ann.id, ids=[made], keyring=scene.keyring, now=scene.now)
        claims = asyncio.create_task(all_of(crowd_server(db, now=scene.now), claiming(made, ben)))
        await until_waiting(db)

    assert await claims == ["not_found"]
    assert (await held(db, ann), await held(db, ben)) == (Decimal(20), Decimal(0))
    assert await problems(db) == []


async def test_what_is_being_paid_is_neither_revoked_nor_expires(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    made = await pledge(scene, ann, EUR("6.00"), ben)
    [[account]] = await rows(
        db, "select id from account where owner_id = %s and currency = 'EUR'", ben.wallet_id
    )
    async with db.transaction() as tx:
        await lock_accounts(tx, [account])  # so that the claim stops half-way
        claim = asyncio.create_task(all_of(crowd_server(db, now=scene.now), claiming(made, ben)))
        await until_waiting(db)
        others = asyncio.gather(
            revoke(scene, ann, made), pledges.expire(db, now=scene.now + PLEDGED_FOR)
        )
        await until_waiting(db, 3)

    [paid] = await claim
    assert isinstance(paid, CrowdPayment)
    assert tuple(await others) == (0, 0)
    assert await states(db) == ["paid"]
    assert (await held(db, ann), await held(db, ben)) == (Decimal(14), Decimal(6))
    assert await problems(db) == []


async def test_whatever_comes_at_once_each_pledge_goes_one_way(
    db: Database, scene: Scene, ben: Person
) -> None:
    rich = await scene.person(EUR("60.00"))
    made = [await pledge(scene, rich, EUR("6.00"), ben) for _ in range(10)]
    late = scene.now + PLEDGED_FOR

    async def claim(at: int) -> int:
        commands = [claiming(each, ben) for each in made[at:] + made[:at]]
        found = await all_of(crowd_server(db, now=scene.now), *commands)
        return sum(isinstance(each, CrowdPayment) for each in found)

    paid = await asyncio.gather(claim(0), claim(5), revoke(scene, rich, *made[3:7]))
    expired = await asyncio.gather(*(pledges.expire(db, now=late, limit=2) for _ in range(3)))

    assert sum(paid) + sum(expired) == 10
    assert await held(db, ben) == 6 * (paid[0] + paid[1])
    assert await held(db, rich) == 6 * (paid[2] + sum(expired))
    assert await problems(db) == []
