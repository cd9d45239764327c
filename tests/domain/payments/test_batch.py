"""Payments on the database: each is made once, wholly, and only with money that is there."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from uuid_utils.compat import uuid7

from tests.databases import LosesAcknowledgement
from tests.money import (
    EUR,
    ISK,
    Outcome,
    Person,
    Scene,
    Server,
    answered,
    charge,
    fees_held,
    fund,
    held,
    held_by,
    new_address,
    new_key,
    outcome_of,
    pay,
    problems,
    rows,
    server,
    until_waiting,
)
from tests.people import new_phone
from whipround.db.batch import Batcher
from whipround.db.database import Database, Tx
from whipround.db.request_keys import Answer, KeyReused, RequestKey
from whipround.domain import relationships
from whipround.domain.credentials import FIRST_LOCK, PIN_TRIES
from whipround.domain.payees import HOLDING_ACCOUNT, Address
from whipround.domain.payments import decide
from whipround.domain.payments.batch import PaymentBatch
from whipround.domain.payments.commands import UNCLAIMED_FOR, Pay, Processing
from whipround.domain.payments.shares import PayShare
from whipround.ledger.accounts import lock_accounts

pytestmark = pytest.mark.anyio


async def _count(db: Database) -> dict[str, int]:
    """How many rows each table has that a payment leaves its mark in."""
    found = {}
    for table in ("payment", "transaction", "holding", "transfer", "entry", "outbox", "account"):
        [[found[table]]] = await rows(db, f"select count(*) from {table}")
    return found


# What a payment is.


async def test_a_payment_to_a_user(db: Database, scene: Scene, ann: Person, ben: Person) -> None:
    await charge(db, EUR("0.50"))

    [made] = await scene.pay(scene.order(ann, ben, picture="https://example.com/a.png"))

    assert made.error is None
    assert (await held(db, ann), await held(db, ben)) == (Decimal("13.50"), Decimal("6.00"))
    assert await fees_held(db) == Decimal("0.50")
    [[transaction_id]] = await rows(
        db,
        "select transaction_id from payment where (id, owner_id, funding_source_id,"
        " recipient_user_id, amount, fee, currency, status, fulfillment_status, recipient_status,"
        " description, created_at) = (%s, %s, %s, %s, 6, 0.50, 'EUR', 'closed',"
        " 'fulfilled', 'paid', 'Lunch', %s)",
        made.payment_id,
        ann.id,
        ann.wallet_id,
        ben.id,
        scene.now,
    )
    assert await rows(
        db,
        "select payment_id, status, out_user_id, in_user_id, out_funding_source_id,"
        " in_funding_source_id, amount, fee, currency from transaction where id = %s",
        transaction_id,
    ) == [
        (
            made.payment_id,
            "approved",
            ann.id,
            ben.id,
            ann.wallet_id,
            ben.wallet_id,
            Decimal("6.00"),
            Decimal("0.50"),
            "EUR",
        )
    ]
    data = {"amount": "6.00", "currency": "EUR", "payer": "Ann Dough", "description": "Lunch"}
    assert await rows(db, "select channel, recipient, kind, data from outbox") == [
        ("sms", ben.user.phone, "payment_received", data)
    ]
    assert await rows(db, "select user_id, actor_id, kind, object_id, data from notification") == [
        (ben.id, ann.id, "payment_received", made.payment_id, data)
    ]
    assert await rows(
        db, "select owner_id, object_type, object_id, status, source_url from image"
    ) == [(ann.id, "payment", made.payment_id, "wanted", "https://example.com/a.png")]
    assert await problems(db) == []


async def test_a_payment_to_a_phone_number_is_its_users_or_waits(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    await charge(db, EUR("0.50"))
    phone = new_phone()

    known, unknown = await scene.pay(
        scene.order(ann, ben.phone), scene.order(ann, ("phone", phone))
    )

    assert (known.error, unknown.error) == (None, None)
    assert (await held(db, ann), await held(db, ben)) == (Decimal("7.00"), Decimal("6.00"))
    assert await fees_held(db) == Decimal("0.50")
    [[holding_id, expires_at, status]] = await rows(
        db,
        "select holding.id, payment.expires_at, transaction.status from holding"
        " join payment on payment.id = object_id"
        " join transaction on transaction.id = holding.transaction_id"
        " where holding.status = 'held' and object_id = %s and payment.status = 'open'",
        unknown.payment_id,
    )
    assert await held_by(db, holding_id, kind=HOLDING_ACCOUNT) == Decimal("6.50")
    assert (expires_at, status) == (scene.now + UNCLAIMED_FOR, "active")
    assert await rows(db, "select recipient, kind from outbox order by id") == [
        (ben.user.phone, "payment_received"),
        (phone, "payment_waiting"),
    ]
    assert await problems(db) == []


async def test_commands_of_one_batch_see_each_other_in_order(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    back = scene.order(ben, ann, EUR("19.99"))

    outcomes = await scene.pay(
        back, scene.order(ann, ben, EUR("20.00")), back._replace(key=new_key())
    )

    assert [it.error for it in outcomes] == ["insufficient_funds", None, None]
    assert (await held(db, ann), await held(db, ben)) == (Decimal("19.99"), Decimal("0.01"))
    assert await problems(db) == []


async def test_a_currency_that_the_recipients_have_no_account_in_yet(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    await fund(db, ann, ISK("900"), now=scene.now)

    async with scene.another_server() as other:
        orders = [scene.order(ann, ben, ISK("100")) for _ in range(6)]
        outcomes = await asyncio.gather(scene.pay(*orders[::2]), pay(other, *orders[1::2]))

    assert [it.error for each in outcomes for it in each] == [None] * 6
    assert (await held(db, ann, "ISK"), await held(db, ben, "ISK")) == (Decimal(300), Decimal(600))
    assert await problems(db) == []


# What is declined.


async def test_what_is_declined_moves_nothing_and_disturbs_no_other(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    shut, gone = [await scene.person(EUR("9.00")) for _ in range(2)]
    await rows(
        db, "update funding_source set status = 'disabled' where user_id = %s returning 1", shut.id
    )
    await rows(db, "update users set status = 'rejected' where id = %s returning 1", gone.id)
    before = await _count(db)

    outcomes = await scene.pay(
        scene.order(ann, ben, EUR("20.01")),
        scene.order(ann, ben, pin="9999"),
        scene.order(ann, ann),
        scene.order(ann, ann.phone),
        scene.order(ann, ben, recipient_user_id=uuid7()),
        scene.order(ann, gone),
        scene.order(ann, gone.phone),
        scene.order(ann, shut),
        scene.order(ann, ben, funding_source_id=uuid7()),
        scene.order(ann, ben, funding_source_id=ben.wallet_id),
        scene.order(shut, ben),
        scene.order(ann, ben, EUR("20.00")),
    )

    assert outcomes[:-1] == [
        Outcome(None, "insufficient_funds"),
        Outcome(None, "invalid_pin"),
        Outcome(None, "invalid", ("recipient.user_id",)),
        Outcome(None, "invalid", ("recipient.phone",)),
        Outcome(None, "invalid", ("recipient.user_id",)),
        Outcome(None, "invalid", ("recipient.user_id",)),
        Outcome(None, "invalid", ("recipient.phone",)),
        Outcome(None, "invalid", ("recipient.user_id",)),
        Outcome(None, "invalid", ("funding_source_id",)),
        Outcome(None, "invalid", ("funding_source_id",)),
        Outcome(None, "funding_source_disabled"),
    ]
    assert outcomes[-1].error is None
    after = await _count(db)
    one_payment = {"payment": 1, "transaction": 1, "transfer": 1, "entry": 2, "outbox": 1}
    grown = {table: after[table] - count for table, count in before.items() if table != "account"}
    assert grown == {**dict.fromkeys(grown, 0), **one_payment}
    assert (await held(db, ann), await held(db, ben)) == (Decimal(0), Decimal(20))
    assert await held(db, shut) == await held(db, gone) == Decimal(9)
    assert await problems(db) == []


@pytest.mark.parametrize("by_payer", [True, False])
async def test_who_is_blocked_either_way_is_not_paid(
    db: Database, scene: Scene, ann: Person, ben: Person, by_payer: bool
) -> None:
    blocker, blocked = (ann, ben) if by_payer else (ben, ann)
    async with db.transaction() as tx:
        await relationships.block(tx, user_id=blocker.id, other_user_id=blocked.id, now=scene.now)

    outcomes = await scene.pay(scene.order(ann, ben), scene.order(ann, ben.phone))

    assert [it.error for it in outcomes] == ["blocked", "blocked"]
    assert await held(db, ann) == Decimal(20)
    async with db.transaction() as tx:
        await relationships.unblock(tx, user_id=blocker.id, other_user_id=blocked.id)
    assert [it.error for it in await scene.pay(scene.order(ann, ben))] == [None]
    assert await problems(db) == []


async def test_wrong_pins_lock_for_an_hour_and_then_for_two(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    wrong = [scene.order(ann, ben, pin="9999") for _ in range(2 * PIN_TRIES)]
    hour, second = FIRST_LOCK, timedelta(seconds=1)

    async def errors(at: datetime, *orders: Pay) -> list[str | None]:
        return [it.error for it in await scene.pay(*orders, at=at)]

    # One by one, and then all in one batch: they count the same.
    first = [await errors(scene.now, it) for it in wrong[:PIN_TRIES]]
    locked = await errors(scene.now + hour - second, scene.order(ann, ben))
    second_time = await errors(scene.now + hour, *wrong[PIN_TRIES:])
    locked_longer = await errors(scene.now + 3 * hour - second, scene.order(ann, ben))
    again = await errors(scene.now + 3 * hour, scene.order(ann, ben))

    assert first == [["invalid_pin"]] * PIN_TRIES
    assert second_time == ["invalid_pin"] * PIN_TRIES
    assert locked == locked_longer == ["user_locked"]
    assert again == [None]
    assert await rows(
        db, "select pin_failures, locks, locked_until from users where id = %s", ann.id
    ) == [(0, 0, None)]
    assert await problems(db) == []


async def test_wrong_pins_on_two_servers_at_once_are_all_counted(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    wrong = [scene.order(ann, ben, pin="9999") for _ in range(6)]
    [[account]] = await rows(
        db, "select id from account where owner_id = %s and currency = 'EUR'", ann.wallet_id
    )

    async with scene.another_server() as other:
        async with db.transaction() as tx:
            await lock_accounts(tx, [account])  # so that both are under way at the same time
            trying = [
                asyncio.create_task(it) for it in (scene.pay(*wrong[:3]), pay(other, *wrong[3:]))
            ]
            await until_waiting(db, 2)
        outcomes = [outcome.error for it in trying for outcome in await it]

    assert sorted(outcomes, key=str) == ["invalid_pin"] * PIN_TRIES + ["user_locked"]
    assert await problems(db) == []


async def test_a_command_that_postgresql_refuses_fails_alone(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    at = scene.server()

    answers = await asyncio.gather(
        *map(
            at.submit,
            [scene.order(ann, ben), scene.order(ann, ben, meta="\0"), scene.order(ann, ben)],
        ),
        return_exceptions=True,
    )

    assert isinstance(answers[1], psycopg.DataError)
    assert [it.status for it in answers if isinstance(it, Answer)] == [201, 201]
    assert (await held(db, ann), await held(db, ben)) == (Decimal(8), Decimal(12))
    assert await problems(db) == []


# Once.


async def test_a_repeat_gets_the_first_answer(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    paid, refused = scene.order(ann, ben), scene.order(ann, ben, EUR("14.01"))
    at = scene.server()

    first = [await at.submit(it) for it in (paid, refused)]
    await fund(db, ann, EUR("100.00"), now=scene.now)
    again = [await at.submit(it) for it in (paid, refused)]

    assert again == first
    assert [answered(it).status for it in first] == [201, 400]
    assert (await held(db, ann), await held(db, ben)) == (Decimal(114), Decimal(6))
    assert await problems(db) == []


async def test_the_same_key_twice_in_one_batch(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    leader = scene.order(ann, ben, key=new_key(b"six"))
    other = leader._replace(amount=EUR("7.00"), key=RequestKey(leader.key.id, b"seven"))

    answers = await asyncio.gather(
        *map(scene.server().submit, [leader, leader, other, scene.order(ann, ben), leader]),
        return_exceptions=True,
    )

    assert answers[0] == answers[1] == answers[4]
    assert isinstance(answers[2], KeyReused)
    assert answers[3] != answers[0]
    assert (await held(db, ann), await held(db, ben)) == (Decimal(8), Decimal(12))
    assert await problems(db) == []


async def test_the_same_key_on_two_servers_at_once(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    orders = [scene.order(ann, ben, EUR("0.50")) for _ in range(10)]

    async with scene.another_server() as other:
        here, there = await asyncio.gather(scene.pay(*orders), pay(other, *reversed(orders)))

    assert here == there[::-1]
    assert len({it.payment_id for it in here}) == 10
    assert (await held(db, ann), await held(db, ben)) == (Decimal(15), Decimal(5))
    assert await problems(db) == []


async def test_a_form_that_was_refused_may_be_mended_under_the_same_key(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    at = scene.server()
    wrong = scene.order(ann, ann, key=new_key(b"wrong"))
    mended = scene.order(ann, ben, key=RequestKey(wrong.key.id, b"mended"))

    outcomes = [await pay(at, it) for it in (wrong, wrong, mended, mended)]

    assert [it.error for [it] in outcomes] == ["invalid", "invalid", None, None]
    assert outcomes[2] == outcomes[3]
    assert await held(db, ann) == Decimal(14)
    assert await problems(db) == []


async def test_a_commit_that_nobody_heard_of_is_not_repeated(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    at = server(LosesAcknowledgement(db), now=scene.now)

    outcomes = await pay(
        at, scene.order(ann, ben), scene.order(ann, ben, EUR("15.00")), scene.order(ann, ben)
    )

    assert [it.error for it in outcomes] == [None, "insufficient_funds", None]
    assert (await _count(db))["payment"] == 2
    assert (await held(db, ann), await held(db, ben)) == (Decimal(8), Decimal(12))
    assert await problems(db) == []


async def test_a_connection_lost_before_the_commit_leaves_nothing_and_is_made_good(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    batch, attempts = PaymentBatch(clock=lambda: scene.now), 0

    async def work(
        tx: Tx, commands: Sequence[Pay | PayShare]
    ) -> Sequence[Answer | Processing | Exception]:
        nonlocal attempts
        attempts += 1
        answers = await batch(tx, commands)
        if attempts == 1:
            await (await tx.execute("select pg_terminate_backend(pg_backend_pid())")).fetchall()
        return answers

    at: Server = Batcher(db, work)
    answers = await asyncio.gather(*map(at.submit, [scene.order(ann, ben), scene.order(ann, ben)]))

    assert attempts == 2
    assert [outcome_of(answered(it)).error for it in answers] == [None, None]
    assert (await held(db, ann), await held(db, ben)) == (Decimal(8), Decimal(12))
    assert (await _count(db))["payment"] == 2
    assert await problems(db) == []


# Many.


async def test_the_last_euros_are_spent_once_on_two_servers(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    targets: list[Person | Address] = [ben, new_address()]
    orders = [scene.order(ann, it, EUR("1.00")) for it in targets * 20]

    async with scene.another_server() as other:
        # One at a time each, so that the two servers meet again and again.
        async def buy(at: Server, orders: Sequence[Pay]) -> list[Outcome]:
            return [outcome for it in orders for outcome in await pay(at, it)]

        here = scene.server()
        outcomes = await asyncio.gather(
            buy(here, orders[:10]),
            buy(other, orders[10:20]),
            pay(here, *orders[20:30]),
            pay(other, *orders[30:]),
        )

    errors = [it.error for each in outcomes for it in each]
    assert sorted(errors, key=str) == [None] * 20 + ["insufficient_funds"] * 20
    assert await held(db, ann) == 0
    assert await problems(db) == []


async def test_two_servers_that_pay_back_and_forth_agree(db: Database, scene: Scene) -> None:
    await charge(db, EUR("0.01"))
    crowd = [await scene.person(EUR("50.00")) for _ in range(4)]
    phones = [new_address() for _ in range(2)]
    targets: list[Person | Address] = [*crowd, *phones, *(it.phone for it in crowd)]
    orders = [
        scene.order(payer, target, EUR(f"0.{cents:02}"))
        for cents in range(1, 5)
        for payer in crowd
        for target in targets
        if target not in (payer, payer.phone)
    ]

    async with scene.another_server() as other:
        here, outcomes = scene.server(), []
        for start in range(0, len(orders), 16):
            some = orders[start : start + 16]
            done = await asyncio.gather(pay(here, *some[::2]), pay(other, *some[:0:-2]))
            outcomes += [it for each in done for it in each]

    assert [it.error for it in outcomes] == [None] * len(orders)
    assert await fees_held(db) < Decimal("0.01") * len(orders)  # those that wait are not taken yet
    assert await problems(db) == []


async def test_a_large_batch_takes_as_many_statements_as_a_small_one(
    db: Database, scene: Scene, ann: Person, ben: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements = 0
    execute = psycopg.AsyncCursor.execute

    async def counted(self: Any, *args: Any, **given: Any) -> Any:
        nonlocal statements
        statements += 1
        return await execute(self, *args, **given)

    def mixed(times: int) -> list[Pay]:
        kinds: list[Person | Address] = [ben, new_address(), ann]
        return [scene.order(ann, to, EUR("0.01")) for to in kinds * times]

    monkeypatch.setattr(psycopg.AsyncCursor, "execute", counted)
    await scene.pay(*mixed(1))  # opens the account of the fees
    counts = []
    for times in (1, 60):
        statements = 0
        await scene.pay(*mixed(times))
        counts.append(statements)

    assert counts[0] == counts[1]
    assert (await _count(db))["payment"] == 2 * (1 + 1 + 60)
    assert await problems(db) == []


async def test_an_address_is_told_three_times_a_day_whatever_it_is_paid(
    db: Database, scene: Scene
) -> None:
    phone = new_address()
    rich = await scene.person(EUR("9.00"))
    days = [timedelta(0)] * 4 + [timedelta(hours=23), timedelta(days=1)]

    for day in days:
        await scene.pay(scene.order(rich, phone, EUR("1.00")), at=scene.now + day)

    told = await rows(
        db, "select created_at from outbox where kind = 'payment_waiting' order by id"
    )
    assert [at - scene.now for (at,) in told] == [timedelta(0)] * 3 + [timedelta(days=1)]
    assert await problems(db) == []


async def test_only_so_many_payments_of_one_wait(
    db: Database, scene: Scene, ben: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decide, "MOST_WAITING", 3)
    rich = await scene.person(EUR("9.00"))
    await scene.pay(*(scene.order(rich, new_address(), EUR("1.00")) for _ in range(2)))

    outcomes = await scene.pay(*(scene.order(rich, new_address(), EUR("1.00")) for _ in range(3)))
    [to_a_user] = await scene.pay(scene.order(rich, ben, EUR("1.00")))

    assert [it.error for it in outcomes] == [None, "limit_exceeded", "limit_exceeded"]
    assert to_a_user.error is None
    assert await problems(db) == []
