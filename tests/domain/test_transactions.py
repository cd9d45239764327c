"""Transactions as people see them: of their own sources, in and out, each once."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import product as combinations
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from tests.money import EUR, MXN, Person, Scene, charge, fund, new_address, rows
from whipround.db.database import Database
from whipround.db.listing import NEWEST_FIRST, Condition, ListQuery, Order, Page
from whipround.domain import claims, transactions
from whipround.domain.payments.commands import UNCLAIMED_FOR
from whipround.domain.transactions import Transaction, TransactionNotFound
from whipround.money import Money

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)


class Row(NamedTuple):
    """A transaction, as far as lists tell one from another."""

    id: UUID
    out_user_id: UUID
    in_user_id: UUID | None
    out_source_id: UUID
    in_source_id: UUID | None
    currency: str
    created_at: datetime
    updated_at: datetime

    def is_of(self, person: Person) -> bool:
        """Whether the person has one of its sides."""
        return person.id in (self.out_user_id, self.in_user_id)


@pytest.fixture
async def everything(db: Database, scene: Scene, ann: Person, ben: Person) -> list[Row]:
    """Transactions of three people in two currencies, many at the same time."""
    cat = await scene.person(EUR("20.00"), MXN("20.00"))
    await fund(db, ann, MXN("20.00"), now=scene.now)
    own, others = new_address(), new_address()
    to: Sequence[tuple[Person, object, Money]] = [
        (ann, ben, EUR("1.00")),
        (ann, ben, MXN("1.00")),
        (cat, ben, EUR("1.00")),
        (cat, ann, MXN("1.00")),
        (ben, ann, EUR("1.00")),
        (ann, own, EUR("1.00")),
        (ann, others, EUR("1.00")),
        (ann, new_address(), EUR("1.00")),
        (cat, others, EUR("1.00")),
    ]
    for hour in range(2):
        orders = [scene.order(payer, it, amount) for payer, it, amount in to]  # type: ignore[arg-type]
        await scene.pay(*orders, at=scene.now + hour * HOUR)
    async with db.transaction() as tx:
        for person, address in ((ann, own), (cat, others)):
            await claims.prove(tx, user_id=person.id, addresses=[address], now=scene.now + 3 * HOUR)
    found = await rows(
        db,
        "select id, out_user_id, in_user_id, out_funding_source_id, in_funding_source_id,"
        " currency, created_at, updated_at from transaction",
    )
    return [Row(*row) for row in found]


def _sorted(found: Sequence[Row], order: Sequence[Order]) -> list[UUID]:
    found = sorted(found, key=attrgetter("id"), reverse=order[-1].descending)
    for item in reversed(order):
        found = sorted(found, key=attrgetter(item.field), reverse=item.descending)
    return [it.id for it in found]


async def _all_pages(
    db: Database, viewer: Person, query: ListQuery, *, source_id: UUID | None = None
) -> list[UUID]:
    """The ids of all transactions, of one source or of all, gathered page by page."""
    found: list[UUID] = []
    for number in range(1, 100):
        page = Page(number, query.page.limit)
        asked = ListQuery(query.conditions, query.order, page)
        async with db.transaction() as tx:
            if source_id is None:
                part = await transactions.page(tx, user_id=viewer.id, query=asked)
            else:
                part = await transactions.page_of_source(
                    tx, user_id=viewer.id, funding_source_id=source_id, query=asked
                )
        found += [it.id for it in part[: page.limit]]
        if len(part) <= page.limit:
            return found
    raise AssertionError("there is no end to it")


ORDERS = [
    NEWEST_FIRST,
    (Order("created_at"),),
    (Order("updated_at", descending=True), Order("created_at")),
]


async def test_every_list_of_a_person_holds_what_it_should_in_order_and_without_gaps(
    db: Database, ann: Person, ben: Person, everything: list[Row]
) -> None:
    nobody = uuid7()
    for viewer, by, sources in combinations(
        (ann, ben), ORDERS, (None, {"own"}, {"own", "nobody"}, {"other"}, {"other", "own"})
    ):
        ids = {"own": viewer.wallet_id, "nobody": nobody}
        ids["other"] = (ben if viewer is ann else ann).wallet_id
        wanted = None if sources is None else tuple(ids[it] for it in sources)
        conditions: list[Condition] = []
        if wanted is not None:
            one = len(wanted) == 1
            value = wanted[0] if one else wanted
            conditions.append(Condition("funding_source_id", "eq" if one else "in", value))

        found = await _all_pages(db, viewer, ListQuery(tuple(conditions), by, Page(1, 4)))

        # Another's source is of no help: it stands for nothing of the viewer's.
        expected = [
            it
            for it in everything
            if it.is_of(viewer)
            and (
                wanted is None
                or (it.out_user_id == viewer.id and it.out_source_id in wanted)
                or (it.in_user_id == viewer.id and it.in_source_id in wanted)
            )
        ]
        assert found == _sorted(expected, by), (viewer.user.first_name, by, sources)


async def test_every_list_of_a_source_holds_what_it_should_in_order_and_without_gaps(
    db: Database, scene: Scene, ann: Person, ben: Person, everything: list[Row]
) -> None:
    for viewer, by, deposits_only, currency, since in combinations(
        (ann, ben), ORDERS, (None, True, False), (None, "MXN"), (None, scene.now + HOUR)
    ):
        asked = {"deposits_only": deposits_only, "currency": currency}
        conditions = [Condition(name, "eq", it) for name, it in asked.items() if it is not None]
        if since is not None:
            conditions.append(Condition("created_at", "gte", since))

        found = await _all_pages(
            db,
            viewer,
            ListQuery(tuple(conditions), by, Page(1, 4)),
            source_id=viewer.wallet_id,
        )

        expected = [
            it
            for it in everything
            if it.is_of(viewer)
            and (not deposits_only or it.in_user_id == viewer.id)
            and currency in (None, it.currency)
            and (since is None or it.created_at >= since)
        ]
        assert found == _sorted(expected, by), (viewer.user.first_name, conditions, by)


async def test_the_source_of_somebody_else_shows_nothing(
    db: Database, ann: Person, ben: Person, everything: list[Row]
) -> None:
    assert await _all_pages(db, ann, ListQuery(), source_id=ben.wallet_id) == []
    assert await _all_pages(db, ann, ListQuery(), source_id=uuid7()) == []


async def test_a_transaction_is_seen_by_its_two_parties_only(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    await charge(db, EUR("0.50"))
    cat = await scene.person()
    [made] = await scene.pay(scene.order(ann, ben))
    [[id_]] = await rows(db, "select id from transaction")

    async with db.transaction() as tx:
        found = [
            await transactions.find(tx, user_id=it.id, transaction_id=id_) for it in (ann, ben)
        ]
        for stranger, other in ((cat, id_), (ann, uuid7())):
            with pytest.raises(TransactionNotFound):
                await transactions.find(tx, user_id=stranger.id, transaction_id=other)

    assert made.payment_id is not None
    assert (
        found
        == [
            Transaction(
                id=id_,
                kind="payment",
                payment_id=made.payment_id,
                out_user_id=ann.id,
                in_user_id=ben.id,
                out_funding_source_id=ann.wallet_id,
                in_funding_source_id=ben.wallet_id,
                status="approved",
                amount=Decimal(6),
                fee=Decimal("0.50"),
                currency="EUR",
                source_amount=None,
                source_currency=None,
                exchange_rate=None,
                tracking_code="",
                meta="",
                error_code="",
                expires_at=None,
                created_at=scene.now,
                updated_at=scene.now,
            )
        ]
        * 2
    )


async def test_a_transaction_goes_from_active_to_approved_or_cancelled(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    claimed, returned = new_address(), new_address()
    await scene.pay(*(scene.order(ann, it, EUR("1.00")) for it in (claimed, returned)))

    async def states() -> list[tuple[str, str, UUID | None, bool]]:
        async with db.transaction() as tx:
            found = await transactions.page(
                tx, user_id=ann.id, query=ListQuery(order=(Order("created_at"),))
            )
        return [(it.status, it.error_code, it.in_user_id, it.expires_at is None) for it in found]

    before = await states()
    async with db.transaction() as tx:
        await claims.prove(tx, user_id=ben.id, addresses=[claimed], now=scene.now)
    await claims.return_expired(db, now=scene.now + UNCLAIMED_FOR)

    assert before == [("active", "", None, False)] * 2
    assert await states() == [
        ("approved", "", ben.id, True),
        ("cancelled", "expired", None, False),
    ]
