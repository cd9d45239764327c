"""Payments as people see them: their own, both ways, each once, however they are asked for."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import product as combinations
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from tests.money import EUR, Outcome, Person, Scene, charge, new_address, rows
from whipround.db.database import Database
from whipround.db.listing import NEWEST_FIRST, Condition, ListQuery, Order, Page
from whipround.db.request_keys import Answer
from whipround.domain import claims, relationships
from whipround.domain.payees import Address
from whipround.domain.payments import reading
from whipround.domain.payments.commands import Payment
from whipround.domain.payments.reading import PaymentNotFound, Seen
from whipround.errors import DomainError

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)


class Row(NamedTuple):
    """A payment, as far as lists tell one from another."""

    id: UUID
    owner_id: UUID
    recipient_id: UUID | None
    status: str
    created_at: datetime
    updated_at: datetime


@pytest.fixture
async def everything(db: Database, scene: Scene, ann: Person, ben: Person) -> list[Row]:
    """Payments of three people, many at the same time, some waiting, some claimed."""
    cat = await scene.person(EUR("20.00"))
    own, others, free = [new_address() for _ in range(3)]
    to: Sequence[tuple[Person, Any]] = [
        (ann, ben),
        (cat, ben),
        (ann, own),
        (ann, others),
        (ann, free),
        (cat, free),
        (ben, ann),
    ]
    for hour in range(2):
        orders = [scene.order(payer, target, EUR("1.00")) for payer, target in to]
        await scene.pay(*orders, at=scene.now + hour * HOUR)
    async with db.transaction() as tx:
        # Ann has paid herself, at a number that was not hers yet.
        for person, address in ((ann, own), (cat, others)):
            await claims.prove(tx, user_id=person.id, addresses=[address], now=scene.now + 3 * HOUR)
    found = await rows(
        db, "select id, owner_id, recipient_user_id, status, created_at, updated_at from payment"
    )
    return [Row(*row) for row in found]


async def _page(db: Database, viewer: Person, query: ListQuery) -> Seen:
    async with db.transaction() as tx:
        return await reading.page(tx, user_id=viewer.id, query=query)


async def _all_pages(db: Database, viewer: Person, query: ListQuery) -> list[UUID]:
    """The ids of all payments, gathered page by page."""
    found: list[UUID] = []
    for number in range(1, 100):
        page = Page(number, query.page.limit)
        seen = await _page(db, viewer, ListQuery(query.conditions, query.order, page, query.search))
        found += [it.id for it in seen.payments[: page.limit]]
        if len(seen.payments) <= page.limit:
            return found
    raise AssertionError("there is no end to it")


def _sorted(found: Sequence[Row], order: Sequence[Order]) -> list[UUID]:
    found = sorted(found, key=lambda it: it.id, reverse=order[-1].descending)
    for item in reversed(order):
        found = sorted(found, key=attrgetter(item.field), reverse=item.descending)
    return [it.id for it in found]


async def test_every_list_holds_what_it_should_in_order_and_without_gaps(
    db: Database, scene: Scene, ann: Person, ben: Person, everything: list[Row]
) -> None:
    owners = [None, True, False]
    statuses: list[Any] = [None, ("eq", "open"), ("in", ("open", "closed"))]
    orders = [
        NEWEST_FIRST,
        (Order("created_at"),),
        (Order("updated_at", descending=True), Order("created_at")),
    ]
    since = Condition("created_at", "gt", scene.now)

    for viewer, owner, status, by in combinations((ann, ben), owners, statuses, orders):
        conditions = [
            *([] if owner is None else [Condition("owner", "eq", owner)]),
            *([] if status is None else [Condition("status", *status)]),
            *([since] if status is None and owner is None else []),
        ]
        expected = [
            it
            for it in everything
            if (it.owner_id == viewer.id if owner else True)
            and (it.owner_id != viewer.id if owner is False else True)
            and viewer.id in (it.owner_id, it.recipient_id)
            and (it.status == "open" if status == ("eq", "open") else True)
            and (it.created_at > scene.now if since in conditions else True)
        ]

        found = await _all_pages(db, viewer, ListQuery(tuple(conditions), by, Page(1, 3)))

        assert found == _sorted(expected, by), (viewer.user.first_name, conditions, by)


async def test_a_payment_reads_as_it_was_made(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    await charge(db, EUR("0.50"))
    made: list[Payment | DomainError] = []

    def keep(outcome: Payment | DomainError) -> Answer:
        made.append(outcome)
        return Answer(201, b"[null,null,[]]")

    to: list[Person | Address] = [ben, new_address()]
    given: dict[str, Any] = {
        "render": keep,
        "recipient_name": "Benny",
        "recipient_meta": "theirs",
        "meta": "mine",
        "picture": "https://example.com/a.png",
    }
    await scene.pay(*(scene.order(ann, it, **given) for it in to))

    async with db.transaction() as tx:
        for payment in made:
            assert isinstance(payment, Payment)
            [found] = (await reading.find(tx, user_id=ann.id, payment_id=payment.id)).payments
            assert found == payment._replace(number=found.number)
            assert found.number


async def test_a_payment_is_seen_by_its_two_parties_only(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    cat, phone = await scene.person(), new_address()
    sent, waiting = await scene.pay(scene.order(ann, ben), scene.order(ann, phone))

    async def seen(viewer: Person, outcome: Outcome) -> bool:
        assert outcome.payment_id is not None
        async with db.transaction() as tx:
            try:
                await reading.find(tx, user_id=viewer.id, payment_id=outcome.payment_id)
            except PaymentNotFound:
                return False
            return True

    assert [await seen(it, sent) for it in (ann, ben, cat)] == [True, True, False]
    assert [await seen(it, waiting) for it in (ann, ben, cat)] == [True, False, False]
    assert not await seen(ann, Outcome(uuid7()))
    assert [len((await _page(db, it, ListQuery())).payments) for it in (ann, ben, cat)] == [2, 1, 0]


async def test_a_claimed_payment_shows_who_claimed_it(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    phone = new_address()
    [made] = await scene.pay(scene.order(ann, phone, recipient_name="Benny"))
    before = await _page(db, ann, ListQuery())
    async with db.transaction() as tx:
        await claims.prove(tx, user_id=ben.id, addresses=[phone], now=scene.now + HOUR)

    [payment] = (await _page(db, ben, ListQuery())).payments

    assert before.payments[0].recipient.full_name == "Benny"
    assert payment.id == made.payment_id
    assert (payment.recipient.user_id, payment.recipient.full_name) == (ben.id, "Ben Dough")
    assert (payment.recipient.status, payment.status) == ("paid", "closed")
    assert payment.holding is not None
    assert payment.holding.status == "claimed"
    assert payment.updated_at == scene.now + HOUR


async def test_a_list_knows_its_owners_and_how_the_viewer_stands_to_them(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    await scene.pay(scene.order(ann, ben))
    async with db.transaction() as tx:
        await relationships.block(tx, user_id=ben.id, other_user_id=ann.id, now=scene.now)

    of_ann, of_ben = [await _page(db, it, ListQuery()) for it in (ann, ben)]

    assert set(of_ann.owners) == set(of_ben.owners) == {ann.id}
    assert of_ann.relationships == {}
    assert [it.type for it in of_ben.relationships[ann.id]] == ["blocked"]
