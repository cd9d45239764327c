"""What waits to be claimed is taken back by whoever paid it."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.crowd import new_profile, pay_crowd, shares_of
from tests.money import (
    EUR,
    MXN,
    Person,
    Scene,
    charge,
    fees_held,
    held,
    new_address,
    nothing_moving,
    problems,
    rows,
    until_waiting,
)
from tests.people import new_email
from tests.settlements import heard, intended, make_source, record, recorder
from whipround.db.database import Database
from whipround.domain import claims, throttles
from whipround.domain.crowd import unclaimed
from whipround.domain.payees import Address
from whipround.domain.throttles import Limit
from whipround.errors import Throttled
from whipround.ledger.accounts import lock_accounts
from whipround.outcomes import Outcome

pytestmark = pytest.mark.anyio


@pytest.fixture
def kim() -> Address:
    """The email of somebody who has never been here."""
    return ("email", new_email())


async def revoke(scene: Scene, person: Person, *numbers: int) -> int:
    """Have the person take back what waits; how much did."""
    async with scene.db.transaction() as tx:
        return await unclaimed.revoke(
            tx,
            payer_id=person.id,
            wallet_id=person.wallet_id,
            numbers=numbers,
            keyring=scene.keyring,
            now=scene.now,
        )


async def prove(scene: Scene, person: Person, *addresses: Address) -> int:
    """Have the person prove the addresses; how many payments came with them."""
    async with scene.db.transaction() as tx:
        return len(await claims.prove(tx, user_id=person.id, addresses=addresses, now=scene.now))


async def numbers(db: Database) -> list[int]:
    """The numbers of all payments, oldest first."""
    return [number for (number,) in await rows(db, "select number from payment order by number")]


async def states(db: Database) -> list[tuple[Any, ...]]:
    """What payments, their transactions and holdings say of themselves, oldest first."""
    return await rows(
        db,
        "select payment.status, recipient_status, transaction.status, transaction.error_code,"
        " holding.status, holding.error_code"
        " from payment join transaction on transaction.payment_id = payment.id"
        " left join holding on object_id = payment.id order by number",
    )


WAITING = ("open", "pending", "active", "", "held", "")
CLAIMED = ("closed", "paid", "approved", "", "claimed", "")
REVOKED = ("closed", "cancelled", "cancelled", "revoked", "returned", "revoked")
PAID = ("closed", "paid", "approved", "", None, None)


async def test_a_payer_takes_back_some_shares_with_their_part_of_the_fee(
    db: Database, scene: Scene, ann: Person, ben: Person, kim: Address
) -> None:
    await charge(db, EUR("0.60"))
    to: list[Person | Address] = [kim, ben, new_profile(), new_address(), kim]
    made = await pay_crowd(db, ann, EUR("6.00"), *to, weights=[1, 2, 1, 1, 1], now=scene.now)
    first, bens, profile, _, _ = await numbers(db)
    waiting = await held(db, ann)

    counts = [
        await revoke(scene, ann),
        await revoke(scene, ben, first),
        await revoke(scene, ann, first, bens, profile, first, 2**70, -1, 0, 999_999),
        await revoke(scene, ann, first, profile),
    ]

    assert (waiting, counts) == (Decimal("13.40"), [0, 0, 2, 0])
    assert await held(db, ann) == Decimal("15.60")
    assert await fees_held(db) == Decimal("0.20")
    assert await states(db) == [REVOKED, PAID, REVOKED, WAITING, WAITING]
    assert len(await shares_of(db, made)) == 5
    assert await rows(db, "select from notification where user_id = %s", ann.id) == []
    assert await problems(db) == []
    assert await prove(scene, ben, kim) == 1
    assert await problems(db) == []


async def test_what_was_sent_by_another_dialect_is_taken_back_alike(
    db: Database, scene: Scene, kim: Address
) -> None:
    ann = await scene.person(EUR("9.00"), MXN("100.00"))
    card = await make_source(scene, ann, "card")
    await scene.pay(scene.order(ann, kim), scene.order(ann, new_address(), MXN("99.00")))
    [asked] = await intended(scene, scene.order(ann, kim, funding_source_id=card))
    await record(recorder(db, scene), heard(asked, Outcome("approved")))

    count = await revoke(scene, ann, *await numbers(db))

    assert count == 3
    # What the card has paid lands in the wallet, as when it expires.
    assert (await held(db, ann), await held(db, ann, "MXN")) == (Decimal(15), Decimal(100))
    assert await states(db) == [REVOKED] * 3
    assert await problems(db) == []


async def test_what_is_on_its_way_to_whoever_has_proven_the_address_stays(
    scene: Scene, ann: Person, ben: Person, kim: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for one person moves some at a time."""
    db = scene.db
    monkeypatch.setattr(claims, "CLAIMED_AT_ONCE", 1)
    await pay_crowd(db, ann, EUR("6.00"), kim, kim, roles=["Author", "Editor"], now=scene.now)
    assert await prove(scene, ben, kim) == 1

    count = await revoke(scene, ann, *await numbers(db))
    while await claims.claim_rest(db, now=scene.now):
        pass

    assert count == 0
    assert await held(db, ben) == Decimal("6.00")


async def test_nobody_is_paid_and_revoked_without_end(
    db: Database, scene: Scene, ann: Person, kim: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = Limit("share_revoked_user", 11, timedelta(days=1))
    monkeypatch.setattr(throttles, "SHARES_REVOKED_PER_USER", limit)
    await pay_crowd(db, ann, EUR("6.00"), kim, new_address(), new_profile(), now=scene.now)
    mail, sms, profile = await numbers(db)

    counts = [await revoke(scene, ann, sms), await revoke(scene, ann, mail)]
    async with nothing_moving(db):
        with pytest.raises(Throttled):
            await revoke(scene, ann, profile)

    assert counts == [1, 1]
    assert await states(db) == [REVOKED, REVOKED, WAITING]


async def test_the_first_of_a_day_can_be_taken_back_however_much_it_is(
    db: Database, scene: Scene, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = Limit("share_revoked_user", 11, timedelta(days=1))
    monkeypatch.setattr(throttles, "SHARES_REVOKED_PER_USER", limit)
    await pay_crowd(db, ann, EUR("6.00"), *[new_address() for _ in range(3)], now=scene.now)

    assert await revoke(scene, ann, *await numbers(db)) == 3


# At the same moment.


async def test_what_is_being_claimed_is_not_revoked(
    db: Database, scene: Scene, ann: Person, ben: Person, kim: Address
) -> None:
    await pay_crowd(db, ann, EUR("6.00"), kim, now=scene.now)
    async with db.transaction() as tx:
        await claims.prove(tx, user_id=ben.id, addresses=[kim], now=scene.now)
        revoking = asyncio.create_task(revoke(scene, ann, *await numbers(db)))
        await until_waiting(db)

    assert await revoking == 0
    assert (await held(db, ann), await held(db, ben)) == (Decimal(14), Decimal(6))
    assert await states(db) == [CLAIMED]
    assert await problems(db) == []


async def test_what_is_being_revoked_is_not_claimed(
    db: Database, scene: Scene, ann: Person, ben: Person, kim: Address
) -> None:
    await pay_crowd(db, ann, EUR("6.00"), kim, now=scene.now)
    [[account]] = await rows(
        db, "select id from account where owner_id = %s and currency = 'EUR'", ann.wallet_id
    )
    async with db.transaction() as tx:
        await lock_accounts(tx, [account])  # so that it stops half-way
        revoking = asyncio.create_task(revoke(scene, ann, *await numbers(db)))
        await until_waiting(db)
        proving = asyncio.create_task(prove(scene, ben, kim))
        await until_waiting(db, 2)

    assert (await revoking, await proving) == (1, 0)
    assert (await held(db, ann), await held(db, ben)) == (Decimal(20), Decimal(0))
    assert await states(db) == [REVOKED]
    assert await problems(db) == []


async def test_whatever_comes_at_once_each_share_goes_one_way(
    db: Database, scene: Scene, ben: Person
) -> None:
    rich = await scene.person(EUR("24.00"))
    to: list[Address] = [("email", new_email()), new_profile(), new_address()]
    people = [each for each in to for _ in range(4)]
    await pay_crowd(db, rich, EUR("12.00"), *people, roles=list("abcdefghijkl"), now=scene.now)
    await pay_crowd(db, rich, EUR("12.00"), *people, roles=list("abcdefghijkl"), now=scene.now)
    all_ = await numbers(db)
    late = scene.now + timedelta(days=91)

    outcomes = await asyncio.gather(
        revoke(scene, rich, *all_[:16]),
        revoke(scene, rich, *all_[8:20]),
        *(prove(scene, ben, each) for each in people[::4]),
        claims.return_expired(db, now=late, limit=5),
    )

    revoked, claimed, returned = sum(outcomes[:2]), sum(outcomes[2:5]), outcomes[5]
    assert revoked + claimed + returned + (await states(db)).count(WAITING) == 24
    assert await held(db, rich) == revoked + returned
    assert await held(db, ben) == claimed
    assert await problems(db) == []
