"""Addresses that can be paid: one row each, locked in one order; and what waits for them."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from tests.money import EUR, Person, Scene, charge, new_address, rows, until_waiting
from tests.people import new_email
from whipround.db.database import Database
from whipround.domain import payees
from whipround.domain.payees import Address, Holding
from whipround.domain.payments.commands import UNCLAIMED_FOR
from whipround.ledger.transfers import Leg, Transfer


async def _lock(db: Database, addresses: Sequence[Address], now: datetime) -> list[UUID]:
    async with db.transaction() as tx:
        return [payee.id for payee in await payees.lock_payees(tx, addresses, now=now)]


@pytest.mark.anyio
async def test_payees_are_made_once_and_given_in_order(db: Database, now: datetime) -> None:
    one, two, email = new_address(), new_address(), ("email", new_email())
    first: list[Address] = [two, ("email", email[1]), one, two]

    async with db.transaction() as tx:
        made = await payees.lock_payees(tx, first, now=now)
        nobody = await payees.lock_payees(tx, [], now=now)
    again = await _lock(db, [one, two], now)

    assert [(it.kind, it.address) for it in made] == [email, one, two]
    assert {it.user_id for it in made} == {None}
    assert again == [it.id for it in made[1:]]
    assert nobody == []


@pytest.mark.anyio
async def test_a_payee_is_bound_to_a_user_and_freed(
    db: Database, ben: Person, now: datetime
) -> None:
    address, users = new_address(), []

    for user_id in (ben.id, None):
        async with db.transaction() as tx:
            [payee] = await payees.lock_payees(tx, [address], now=now)
            await payees.bind(tx, payee_id=payee.id, user_id=user_id, now=now)
        async with db.transaction() as tx:
            users += [it.user_id for it in await payees.lock_payees(tx, [address], now=now)]

    assert users == [ben.id, None]


@pytest.mark.anyio
async def test_a_lock_shows_whose_a_payee_became_while_it_was_waited_for(
    db: Database, ben: Person, now: datetime
) -> None:
    address = new_address()

    async def owner() -> UUID | None:
        async with db.transaction() as tx:
            [payee] = await payees.lock_payees(tx, [address], now=now)
            return payee.user_id

    async with db.transaction() as tx:
        [payee] = await payees.lock_payees(tx, [address], now=now)  # new: not seen yet by others
        waiting = asyncio.create_task(owner())
        await until_waiting(db)
        await payees.bind(tx, payee_id=payee.id, user_id=ben.id, now=now)

    assert await waiting == ben.id


@pytest.mark.anyio
async def test_many_that_lock_the_same_payees_never_deadlock(db: Database, now: datetime) -> None:
    addresses = [new_address() for _ in range(20)]
    await _lock(db, addresses[::3], now)  # some are there, the others are made by whoever is first

    found = await asyncio.gather(
        *(_lock(db, addresses[start:][::step], now) for start in range(4) for step in (1, -1)),
        _lock(db, addresses, now),
    )

    assert len({id_ for ids in found for id_ in ids}) == len(addresses)
    assert await rows(
        db,
        "select count(*) from payee where address = any(%s)",
        [address for _, address in addresses],
    ) == [(20,)]


@pytest.mark.anyio
async def test_what_waits_is_found_by_payee_and_by_age(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    await charge(db, EUR("0.50"))
    early, late = new_address(), new_address()
    await scene.pay(scene.order(ann, early, EUR("1.00")))
    await scene.pay(scene.order(ann, late, EUR("2.00")), at=scene.now + timedelta(days=1))
    [of_early, of_late] = await _lock(db, [early, late], scene.now)

    async with db.transaction() as tx:
        held = await payees.lock_held(tx, payee_ids=[of_late], now=scene.now, limit=9)
        both = await payees.lock_held(tx, payee_ids=[of_early, of_late], now=scene.now, limit=9)
        first = await payees.lock_held(tx, payee_ids=[of_early, of_late], now=scene.now, limit=1)
        expired = await payees.lock_held(
            tx, payee_ids=[of_early], now=scene.now + UNCLAIMED_FOR, limit=9
        )
        nothing = await payees.lock_held(tx, payee_ids=[], now=scene.now, limit=9)
        due = [
            await payees.lock_expired(
                tx, payee_ids=[of_early, of_late], now=scene.now + UNCLAIMED_FOR + age, limit=9
            )
            for age in (-timedelta(seconds=1), timedelta(0), timedelta(days=1))
        ]

    assert [(it.amount, it.fee, it.worth.total) for it in held] == [
        (Decimal(2), Decimal("0.50"), Decimal("2.50"))
    ]
    assert [it.payee_id for it in both] == [of_early, of_late]
    assert [it.payee_id for it in first] == [of_early]
    assert expired == nothing == []
    assert [[it.payee_id for it in some] for some in due] == [[], [of_early], [of_early, of_late]]


# The three transfers of a holding.

HELD = Holding(
    id=uuid7(),
    payee_id=uuid7(),
    account_id=uuid7(),
    source_account_id=uuid7(),
    source_id=uuid7(),
    kind="payment",
    object_id=uuid7(),
    transaction_id=uuid7(),
    amount=Decimal("6.00"),
    fee=Decimal("0.50"),
    currency="EUR",
    status="held",
    error_code="",
    expires_at=datetime(2026, 1, 25, tzinfo=UTC),
    created_at=datetime(2026, 1, 15, tzinfo=UTC),
    updated_at=datetime(2026, 1, 15, tzinfo=UTC),
)


def test_a_holding_takes_amount_and_fee_and_gives_back_both() -> None:
    card = uuid7()

    hold = payees.hold_transfer(HELD, from_account_id=card)
    release = payees.release_transfer(HELD)

    assert set(hold.legs) == {Leg(card, Decimal("-6.50")), Leg(HELD.account_id, Decimal("6.50"))}
    assert set(release.legs) == {
        Leg(HELD.account_id, Decimal("-6.50")),
        Leg(HELD.source_account_id, Decimal("6.50")),
    }


def test_a_settlement_gives_the_amount_to_the_person_and_the_fee_to_the_product() -> None:
    wallet_id = uuid7()

    settle, (person, product) = _settled(HELD, wallet_id)

    assert set(settle.legs) == {
        Leg(HELD.account_id, Decimal("-6.50")),
        Leg(person, Decimal("6.00")),
        Leg(product, Decimal("0.50")),
    }


def test_what_converts_passes_through_the_positions_of_both_currencies() -> None:
    held = replace(HELD, pays_amount=Decimal("7.20"), pays_currency="USD")

    settle, (person, product, euros, dollars) = _settled(held, uuid7())

    assert set(settle.legs) == {
        Leg(HELD.account_id, Decimal("-6.50")),
        Leg(product, Decimal("0.50")),
        Leg(euros, Decimal("6.00")),
        Leg(dollars, Decimal("-7.20")),
        Leg(person, Decimal("7.20")),
    }


def _settled(held: Holding, wallet_id: UUID) -> tuple[Transfer, list[UUID]]:
    """The transfer, and the accounts of the person, the fees and the positions."""
    wanted = payees.settle_accounts(held, to_source_id=wallet_id)
    accounts = {new.name: uuid7() for new in wanted}
    settle = payees.settle_transfer(held, to_source_id=wallet_id, accounts=accounts)
    return settle, list(accounts.values())


def test_each_step_of_a_holding_has_a_key_of_its_own_that_never_changes() -> None:
    def keys() -> list[str]:
        return [
            payees.hold_transfer(HELD, from_account_id=uuid7()).key,
            _settled(HELD, uuid7())[0].key,
            payees.release_transfer(HELD).key,
        ]

    assert keys() == keys()
    assert len(set(keys())) == 3
