"""Money meets its owner, or goes back; whoever comes at the same moment, it arrives once."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.money import (
    EUR,
    ISK,
    MXN,
    Person,
    Scene,
    charge,
    fees_held,
    held,
    new_address,
    pay,
    problems,
    rows,
    until_waiting,
)
from tests.people import make_user, new_email, new_phone
from whipround.db.database import Database
from whipround.domain import claims
from whipround.domain.funding.wallet import FEES_ACCOUNT, WALLET_ACCOUNT
from whipround.domain.payees import Address
from whipround.domain.payments.batch import PaymentBatch
from whipround.domain.payments.commands import UNCLAIMED_FOR
from whipround.domain.users.proofs import Proven
from whipround.ledger.accounts import (
    PRODUCT,
    NewAccount,
    lock_accounts,
    lock_named,
    open_accounts,
)

pytestmark = pytest.mark.anyio

SECOND = timedelta(seconds=1)


@pytest.fixture
def phone() -> Address:
    """A phone that is nobody's yet."""
    return new_address()


async def _prove(scene: Scene, person: Person, *addresses: Address) -> list[UUID]:
    """Have the person prove the addresses; the payments that came with them."""
    async with scene.db.transaction() as tx:
        claimed = await claims.prove(
            tx, user_id=person.id, addresses=addresses, now=scene.now + timedelta(hours=1)
        )
    return [holding.object_id for holding in claimed]


async def _states(db: Database) -> list[tuple[Any, ...]]:
    """What payments, their transactions and holdings say of themselves, oldest first."""
    return await rows(
        db,
        "select payment.status, fulfillment_status, recipient_status, transaction.status,"
        " transaction.error_code, holding.status"
        " from payment join transaction on transaction.payment_id = payment.id"
        " left join holding on object_id = payment.id order by number",
    )


WAITING = ("open", "unfulfilled", "pending", "active", "", "held")
CLAIMED = ("closed", "fulfilled", "paid", "approved", "", "claimed")
RETURNED = ("closed", "unfulfilled", "cancelled", "cancelled", "expired", "returned")
PAID = ("closed", "fulfilled", "paid", "approved", "", None)


# Claiming.


async def test_all_that_waits_moves_to_who_proves_the_address(
    db: Database, scene: Scene, ann: Person, ben: Person, phone: Address
) -> None:
    await charge(db, EUR("0.50"))
    cat = await scene.person(EUR("9.00"), MXN("300.00"), ISK("5000"))
    made = await scene.pay(
        scene.order(ann, phone),
        scene.order(cat, phone, EUR("1.50")),
        scene.order(cat, phone, MXN("200.00")),
        scene.order(cat, phone, ISK("5000")),
        scene.order(cat, new_address(), EUR("2.00")),
    )

    claimed = await _prove(scene, ben, phone)

    assert claimed == [it.payment_id for it in made[:4]]
    assert [await held(db, ben, it) for it in ("EUR", "MXN", "ISK")] == [
        Decimal("7.50"),
        Decimal(200),
        Decimal(5000),
    ]
    assert await fees_held(db) == Decimal("1.00")
    assert await _states(db) == [CLAIMED] * 4 + [WAITING]
    assert await rows(
        db,
        "select distinct recipient_user_id, in_user_id, in_funding_source_id,"
        " transaction.expires_at"
        " from payment join transaction on payment_id = payment.id where payment.status = 'closed'",
    ) == [(ben.id, ben.id, ben.wallet_id, None)]
    told = await rows(
        db,
        "select recipient, data->>'amount', data->>'currency' from outbox"
        " where kind = 'payment_claimed' order by id",
    )
    assert sorted(told) == sorted(
        [
            (ann.user.phone, "6.00", "EUR"),
            (cat.user.phone, "1.50", "EUR"),
            (cat.user.phone, "200.00", "MXN"),
            (cat.user.phone, "5000", "ISK"),
        ]
    )
    assert await problems(db) == []


async def test_who_signs_up_with_the_address_has_the_money_at_once(
    db: Database, scene: Scene, ann: Person, phone: Address
) -> None:
    email: Address = ("email", new_email())
    await scene.pay(scene.order(ann, phone), scene.order(ann, email, EUR("2.00")))

    new = await scene.person(proven=Proven(phone=phone[1], email=email[1]))

    assert await held(db, new) == Decimal(8)
    assert await _states(db) == [CLAIMED, CLAIMED]
    assert await problems(db) == []


async def test_a_proven_address_is_paid_directly_from_then_on(
    db: Database, scene: Scene, ann: Person, ben: Person, phone: Address
) -> None:
    assert await _prove(scene, ben, phone) == []
    assert await _prove(scene, ben, phone) == []

    await scene.pay(scene.order(ann, phone))

    assert await held(db, ben) == Decimal(6)
    assert await _states(db) == [PAID]
    assert await problems(db) == []


async def test_a_payer_with_a_proven_email_is_told_there(
    db: Database, scene: Scene, ben: Person, phone: Address
) -> None:
    email = new_email()
    payer = await scene.person(EUR("6.00"), proven=Proven(email=email, phone=new_phone()))
    await scene.pay(scene.order(payer, phone))

    await _prove(scene, ben, phone)

    assert await rows(
        db, "select channel, recipient, data from outbox where kind = 'payment_claimed'"
    ) == [
        (
            "email",
            email,
            {"amount": "6.00", "currency": "EUR", "recipient": phone[1], "description": "Lunch"},
        )
    ]


async def test_an_address_given_up_waits_again_for_who_proves_it_next(
    db: Database, scene: Scene, ann: Person, ben: Person, phone: Address
) -> None:
    cat = await scene.person()
    kind, address = phone
    await _prove(scene, ben, phone)

    async def release(person: Person) -> None:
        async with db.transaction() as tx:
            await claims.release_address(
                tx, user_id=person.id, kind=kind, address=address, now=scene.now
            )

    await release(cat)  # whose it is not
    await scene.pay(scene.order(ann, phone, EUR("1.00")))
    await release(ben)
    await scene.pay(scene.order(ann, phone, EUR("2.00")))
    before = await _states(db)
    await _prove(scene, cat, phone)

    assert before == [PAID, WAITING]
    assert (await held(db, ben), await held(db, cat)) == (Decimal(1), Decimal(2))
    assert await problems(db) == []


async def test_an_address_is_whose_it_was_proven_last(
    db: Database, scene: Scene, ann: Person, ben: Person, phone: Address
) -> None:
    cat = await scene.person()

    for person in (ben, cat):
        await _prove(scene, person, phone)
    await scene.pay(scene.order(ann, phone))

    assert (await held(db, ben), await held(db, cat)) == (Decimal(0), Decimal(6))


# Expiry.


async def test_what_nobody_claims_in_time_returns_with_its_fee(
    db: Database, scene: Scene, ann: Person, ben: Person, phone: Address
) -> None:
    await charge(db, EUR("0.50"))
    await scene.pay(scene.order(ann, phone), scene.order(ann, ben, EUR("1.00")))
    end = scene.now + UNCLAIMED_FOR

    early = await claims.return_expired(db, now=end - SECOND)
    before = await held(db, ann)
    counts = [await claims.return_expired(db, now=end) for _ in range(2)]
    claimed = await _prove(scene, ben, phone)

    assert (early, counts, claimed) == (0, [1, 0], [])
    assert (before, await held(db, ann)) == (Decimal("12.00"), Decimal("18.50"))
    assert await fees_held(db) == Decimal("0.50")
    assert await _states(db) == [RETURNED, PAID]
    assert await rows(db, "select recipient, data from outbox where kind = 'payment_returned'") == [
        (
            ann.user.phone,
            {"amount": "6.50", "currency": "EUR", "recipient": phone[1], "description": "Lunch"},
        )
    ]
    assert await problems(db) == []


async def test_what_expires_goes_back_in_steps(
    db: Database, scene: Scene, ann: Person, phone: Address
) -> None:
    others = [new_address(), new_address()]
    await scene.pay(*(scene.order(ann, it, EUR("1.00")) for it in (phone, phone, phone, *others)))
    later = scene.now + UNCLAIMED_FOR

    counts = [await claims.return_expired(db, now=later, limit=2) for _ in range(4)]

    assert counts == [2, 2, 1, 0]
    assert await held(db, ann) == Decimal(20)
    assert await problems(db) == []


# At the same moment.


async def test_a_payment_that_meets_an_address_being_proven_arrives_directly(
    db: Database, scene: Scene, ann: Person, ben: Person, phone: Address
) -> None:
    async with db.transaction() as tx:
        await claims.prove(tx, user_id=ben.id, addresses=[phone], now=scene.now)
        paying = asyncio.create_task(scene.pay(scene.order(ann, phone)))
        await until_waiting(db)
    [outcome] = await paying

    assert outcome.error is None
    assert await held(db, ben) == Decimal(6)
    assert await _states(db) == [PAID]
    assert await problems(db) == []


async def test_proving_an_address_that_is_being_paid_waits_for_the_money(
    db: Database, scene: Scene, ann: Person, ben: Person, phone: Address
) -> None:
    async with db.pipeline() as tx:
        await PaymentBatch(clock=lambda: scene.now)(tx, [scene.order(ann, phone)])
        await (await tx.execute("select 1")).fetchall()  # all of it has been done
        proving = asyncio.create_task(_prove(scene, ben, phone))
        await until_waiting(db)

    assert len(await proving) == 1
    assert await held(db, ben) == Decimal(6)
    assert await _states(db) == [CLAIMED]
    assert await problems(db) == []


async def test_money_arrives_however_payments_and_proofs_interleave(
    db: Database, scene: Scene, ben: Person
) -> None:
    phones = [new_address() for _ in range(4)]
    rich = await scene.person(EUR("20.00"))
    orders = [scene.order(rich, it, EUR("0.50")) for it in phones * 10]

    async with scene.another_server() as other:
        outcomes = await asyncio.gather(
            pay(scene.server(), *orders[:20]),
            *(pay(other, it) for it in orders[20:]),
            *(_prove(scene, ben, it) for it in phones),
        )

    assert len(outcomes) == 25
    assert (await held(db, rich), await held(db, ben)) == (Decimal(0), Decimal(20))
    assert set(await _states(db)) <= {PAID, CLAIMED}
    assert await problems(db) == []


async def test_whoever_opens_the_same_account_with_a_payment_is_not_waited_for_while_they_wait(
    db: Database, scene: Scene, ben: Person, phone: Address
) -> None:
    """A payment has the account of the fees locked when it opens those that are missing."""
    cat = await scene.person(ISK("500"))
    await scene.pay(scene.order(cat, phone, ISK("500")))
    missing = NewAccount(ben.wallet_id, WALLET_ACCOUNT, "ISK")

    async with db.transaction() as tx:
        fees = await lock_named(tx, [NewAccount(PRODUCT, FEES_ACCOUNT, "ISK")])
        await fees.locked(tx, now=scene.now)
        proving = asyncio.create_task(_prove(scene, ben, phone))
        await until_waiting(db)
        await open_accounts(tx, [missing], now=scene.now)

    assert len(await proving) == 1
    assert await held(db, ben, "ISK") == Decimal(500)
    assert await problems(db) == []


async def test_what_is_being_claimed_does_not_expire(
    db: Database, scene: Scene, ann: Person, ben: Person, phone: Address
) -> None:
    await scene.pay(scene.order(ann, phone))

    async with db.transaction() as tx:
        await claims.prove(tx, user_id=ben.id, addresses=[phone], now=scene.now)
        returning = asyncio.create_task(claims.return_expired(db, now=scene.now + UNCLAIMED_FOR))
        await until_waiting(db)

    assert await returning == 0
    assert (await held(db, ann), await held(db, ben)) == (Decimal(14), Decimal(6))
    assert await _states(db) == [CLAIMED]
    assert await problems(db) == []


async def test_what_is_being_returned_is_not_claimed(
    db: Database, scene: Scene, ann: Person, ben: Person, phone: Address
) -> None:
    await scene.pay(scene.order(ann, phone))
    [[account]] = await rows(
        db, "select id from account where owner_id = %s and currency = 'EUR'", ann.wallet_id
    )

    async with db.transaction() as tx:
        await lock_accounts(tx, [account])  # so that the return stops half-way
        returning = asyncio.create_task(claims.return_expired(db, now=scene.now + UNCLAIMED_FOR))
        await until_waiting(db)
        proving = asyncio.create_task(_prove(scene, ben, phone))
        await until_waiting(db, 2)

    assert (await returning, await proving) == (1, [])
    assert (await held(db, ann), await held(db, ben)) == (Decimal(20), Decimal(0))
    assert await _states(db) == [RETURNED]
    assert await problems(db) == []


async def test_claims_and_returns_at_once_share_what_there_is(
    db: Database, scene: Scene, ben: Person
) -> None:
    phones = [new_address() for _ in range(8)]
    rich = await scene.person(EUR("8.00"))
    await scene.pay(*(scene.order(rich, it, EUR("1.00")) for it in phones))

    outcomes = await asyncio.gather(
        *(claims.return_expired(db, now=scene.now + UNCLAIMED_FOR, limit=2) for _ in range(3)),
        *(_prove(scene, ben, it) for it in phones),
    )

    returned = sum(it for it in outcomes if isinstance(it, int))
    claimed = sum(len(it) for it in outcomes if isinstance(it, list))
    assert returned + claimed + (await _states(db)).count(WAITING) == 8
    assert await held(db, rich) == returned
    assert await held(db, ben) == claimed
    assert await problems(db) == []


async def test_money_in_two_currencies_at_two_addresses_is_locked_in_one_order(
    db: Database, scene: Scene, phone: Address
) -> None:
    email: Address = ("email", new_email())
    rich = await scene.person(EUR("6.00"), MXN("6.00"))
    await charge(db, EUR("0.50"), MXN("0.50"))
    async with db.transaction() as tx:
        # The accounts of the fees, in the order of their ids.
        [euros] = await open_accounts(tx, [NewAccount(PRODUCT, FEES_ACCOUNT, "EUR")], now=scene.now)
        [pesos] = await open_accounts(tx, [NewAccount(PRODUCT, FEES_ACCOUNT, "MXN")], now=scene.now)
    await scene.pay(scene.order(rich, phone, EUR("5.00")), scene.order(rich, email, MXN("5.00")))

    # A batch of payments that locks both accounts, and a sign-up that comes between.
    async with db.transaction() as tx:
        await lock_accounts(tx, [euros])
        signing_up = asyncio.create_task(
            make_user(
                db,
                keyring=scene.keyring,
                now=scene.now,
                proven=Proven(phone=phone[1], email=email[1]),
            )
        )
        await until_waiting(db)
        await lock_accounts(tx, [pesos])
    await signing_up

    assert await _states(db) == [CLAIMED, CLAIMED]
    assert await problems(db) == []


async def test_a_crowd_of_payments_is_claimed_in_steps(
    db: Database, scene: Scene, ben: Person, phone: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "CLAIMED_AT_ONCE", 2)
    rich = await scene.person(EUR("5.00"))
    await scene.pay(*(scene.order(rich, phone, EUR("1.00")) for _ in range(5)))

    at_once = await _prove(scene, ben, phone)
    counts = [await claims.claim_rest(db, now=scene.now) for _ in range(3)]

    assert len(at_once) == 2
    assert counts == [2, 1, 0]
    assert await held(db, ben) == Decimal(5)
    assert await problems(db) == []


async def test_what_has_expired_is_not_claimed(
    db: Database, scene: Scene, ann: Person, ben: Person, phone: Address
) -> None:
    before = await held(db, ann)
    await scene.pay(scene.order(ann, phone, EUR("1.00")))
    late = scene.now + UNCLAIMED_FOR
    async with db.transaction() as tx:
        claimed = await claims.prove(tx, user_id=ben.id, addresses=[phone], now=late)

    rest = await claims.claim_rest(db, now=late)
    returned = await claims.return_expired(db, now=late)

    assert (list(claimed), rest, returned) == ([], 0, 1)
    assert await held(db, ann) == before
    assert await problems(db) == []


async def _spoil(db: Database, address: Address) -> None:
    """Have the money that waits for the address be nowhere, as after a restore that was mangled."""
    await rows(
        db,
        "update holding set account_id = holding.id"
        " from payee where payee.id = payee_id and address = %s returning 1",
        address[1],
    )


async def test_one_that_cannot_be_claimed_keeps_no_other_from_its_owner(
    db: Database, scene: Scene, ben: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "CLAIMED_AT_ONCE", 2)
    rich = await scene.person(EUR("6.00"))
    bad, good = new_address(), new_address()  # in the order in which they are claimed
    await scene.pay(*(scene.order(rich, it, EUR("1.00")) for it in (bad, bad, bad, good)))
    await _prove(scene, ben, bad, good)
    await scene.pay(scene.order(rich, new_address(), EUR("2.00")))
    [[rest]] = await rows(db, "select count(*) from holding where status = 'held'")
    await _spoil(db, bad)

    counts = [await claims.claim_rest(db, now=scene.now) for _ in range(2)]

    assert rest == 3
    assert counts == [1, 0]
    assert await held(db, ben) == Decimal(3)


async def test_one_that_cannot_be_returned_keeps_no_other_from_its_owner(
    db: Database, scene: Scene, ann: Person
) -> None:
    bad, good = new_address(), new_address()
    await scene.pay(scene.order(ann, bad, EUR("1.00")), scene.order(ann, good, EUR("2.00")))
    before = await held(db, ann)
    await _spoil(db, bad)

    counts = [await claims.return_expired(db, now=scene.now + UNCLAIMED_FOR) for _ in range(2)]

    assert counts == [1, 0]
    assert await held(db, ann) == before + 2
