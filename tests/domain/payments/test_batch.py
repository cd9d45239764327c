"""Payments on the database: each is made once, wholly, and only with money that is there."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from uuid_utils.compat import uuid7

from tests.money import (
    EUR,
    MXN,
    Outcome,
    Person,
    another_server,
    fund,
    held,
    held_by,
    make_person,
    new_key,
    order,
    outcome_of,
    pay,
    problems,
    server,
)
from tests.people import PIN, new_phone
from whipround.db.batch import Batcher
from whipround.db.database import Database, Tx
from whipround.db.request_keys import Answer, KeyReused, RequestKey
from whipround.domain import relationships
from whipround.domain.credentials import FIRST_LOCK, PIN_TRIES
from whipround.domain.fees import FeeRule, replace_rules
from whipround.domain.funding import FEES_ACCOUNT
from whipround.domain.payments.batch import PaymentBatch
from whipround.domain.payments.commands import UNCLAIMED_FOR, Pay
from whipround.domain.products import Product
from whipround.domain.users import person as people
from whipround.keyring import Keyring
from whipround.ledger.accounts import PRODUCT

pytestmark = pytest.mark.anyio

Order = Callable[..., Pay]
Make = Callable[..., Any]


@pytest.fixture
def to_pay(keyring: Keyring) -> Order:
    """Makes orders to pay."""

    def make(payer: Person, to: Any, amount: Any = EUR("6.00"), **given: Any) -> Pay:
        return order(payer, to, amount, keyring=keyring, **given)

    return make


@pytest.fixture
async def ann(db: Database, keyring: Keyring, now: datetime) -> Person:
    """Somebody with 20 euros."""
    return await make_person(db, EUR("20.00"), keyring=keyring, now=now, first_name="Ann")


@pytest.fixture
async def ben(db: Database, keyring: Keyring, now: datetime) -> Person:
    """Somebody with no money."""
    return await make_person(db, keyring=keyring, now=now, first_name="Ben")


async def _rows(db: Database, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    async with db.transaction() as tx:
        return await (await tx.execute(sql.encode(), parameters)).fetchall()


async def _count(db: Database) -> tuple[int, ...]:
    """How many payments, transactions, holdings, transfers and messages there are."""
    [row] = await _rows(
        db,
        "select (select count(*) from payment), (select count(*) from transaction),"
        " (select count(*) from holding), (select count(*) from transfer),"
        " (select count(*) from outbox)",
    )
    return row


async def _charge(db: Database, *, fixed: str, currency: str = "EUR") -> None:
    rule = FeeRule(
        "payment", "virtual", currency, "Fee", Decimal(0), Decimal(fixed), Decimal(0), None
    )
    async with db.transaction() as tx:
        await replace_rules(tx, [rule])


# To people.


async def test_a_payment_to_a_user(
    db: Database, ann: Person, ben: Person, to_pay: Order, now: datetime
) -> None:
    await _charge(db, fixed="0.50")

    [made] = await pay(server(db, now=now), to_pay(ann, ben, image_url="https://example.com/a.png"))

    assert made.error is None
    assert (await held(db, ann), await held(db, ben)) == (Decimal("13.50"), Decimal("6.00"))
    assert await held_by(db, PRODUCT) == Decimal("0.50") - Decimal(20)  # fees, and what was granted
    assert await _rows(
        db,
        "select payment.id, owner_id, recipient_user_id, payment.amount, payment.fee,"
        " payment.currency, payment.status, fulfillment_status, recipient_status, description,"
        " image_url, transaction.status, out_user_id, in_user_id, out_funding_source_id,"
        " in_funding_source_id, transaction.amount, transaction.fee, payment.created_at"
        " from payment join transaction on transaction_id = transaction.id",
    ) == [
        (made.payment_id, ann.id, ben.id, Decimal(6), Decimal("0.50"), "EUR")
        + ("closed", "fulfilled", "paid", "Lunch", "https://example.com/a.png", "approved")
        + (ann.id, ben.id, ann.wallet_id, ben.wallet_id, Decimal(6), Decimal("0.50"), now)
    ]
    assert await _rows(db, "select channel, recipient, kind, data from outbox") == [
        (
            "sms",
            ben.user.phone,
            "payment_received",
            {"amount": "6.00", "currency": "EUR", "payer": "Ann Dough", "description": "Lunch"},
        )
    ]
    assert await problems(db) == []


async def test_payments_of_one_batch_see_each_other(
    db: Database, ann: Person, ben: Person, to_pay: Order, now: datetime
) -> None:
    there, back = to_pay(ann, ben, EUR("20.00")), to_pay(ben, ann, EUR("19.99"))

    outcomes = await pay(server(db, now=now), back, there, back._replace(key=new_key()))

    assert [it.error for it in outcomes] == ["insufficient_funds", None, None]
    assert (await held(db, ann), await held(db, ben)) == (Decimal("19.99"), Decimal("0.01"))
    assert await problems(db) == []


async def test_a_currency_that_the_recipient_has_no_account_in_yet(
    db: Database, ann: Person, ben: Person, to_pay: Order, keyring: Keyring, now: datetime
) -> None:
    rich = await make_person(db, keyring=keyring, now=now)
    crowns = EUR("300")._replace(currency="ISK") if False else None
    assert crowns is None
    from whipround.money import Money

    await fund(db, rich, Money(Decimal(300), "ISK"), now=now)
    orders = [to_pay(rich, it, Money(Decimal(100), "ISK")) for it in (ann, ben, ann)]

    outcomes = await pay(server(db, now=now), *orders)

    assert [it.error for it in outcomes] == [None] * 3
    assert (await held(db, ann, "ISK"), await held(db, ben, "ISK")) == (Decimal(200), Decimal(100))
    assert await problems(db) == []
