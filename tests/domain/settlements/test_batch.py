"""Outcomes on the database: whoever records them, however often and at once, they count once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from typing import Any, Literal, NamedTuple
from uuid import UUID

import psycopg
import pytest
from uuid_utils.compat import uuid7

from tests.databases import LosesAcknowledgement
from tests.money import (
    EUR,
    MXN,
    Person,
    Scene,
    fees_held,
    held,
    held_by,
    new_address,
    problems,
    rows,
    until_waiting,
)
from tests.refunds import refund_order
from tests.settlements import (
    Recorder,
    heard,
    heard_later,
    intended,
    make_source,
    paying_out,
    record,
    recorder,
    render_how,
)
from whipround.db.batch import Batcher
from whipround.db.database import Database, Tx, open_database
from whipround.db.request_keys import Answer
from whipround.domain import claims, fees, fx
from whipround.domain.fees import FeeRule
from whipround.domain.funding.wallet import CLEARING_ACCOUNT
from whipround.domain.payees import Address
from whipround.domain.payments.commands import UNCLAIMED_FOR, Pay, Payment, Processing
from whipround.domain.refunds.making import make
from whipround.domain.settlements.batch import SettlementBatch
from whipround.domain.settlements.commands import Settle
from whipround.errors import DomainError
from whipround.ledger.accounts import PRODUCT
from whipround.money import Money
from whipround.outcomes import Outcome

pytestmark = pytest.mark.anyio

APPROVED = Outcome("approved", authorization_code="A1", reference_code="R1", tracking_code="T1")
DECLINED, PENDING, NEVER = Outcome("declined", "expired_card"), Outcome("pending"), None

TEN = EUR("10.00")


class Play(NamedTuple):
    """Ann has a card and a bank account, 20 euros in her wallet, and pays Ben who has nothing."""

    db: Database
    scene: Scene
    ann: Person
    ben: Person
    card: UUID
    bank: UUID
    here: Recorder

    def by_card(self, to: Person | Address, amount: Money = TEN) -> Pay:
        """An order to pay from Ann's card, in euros."""
        return self.scene.order(
            self.ann, to, amount, funding_source_id=self.card, source_currency="EUR"
        )

    def out(self, amount: Money = TEN) -> Pay:
        """An order to pay euros out of Ann's wallet into her bank account."""
        return paying_out(self.scene, self.ann, self.bank, amount, source_currency="EUR")

    async def asked(self, *orders: Pay) -> list[Processing]:
        """What the outside is asked for."""
        return await intended(self.scene, *orders)

    @asynccontextmanager
    async def another_server(self, **given: Any) -> AsyncIterator[tuple[Database, Recorder]]:
        """A further server, with connections of its own."""
        async with open_database(self.scene.conninfo, connections=4) as pool:
            db = pool.of(self.scene.product.schema_name)
            yield db, recorder(db, self.scene, **given)

    async def leaves(self, person: Person) -> None:
        """The person cannot be paid any more."""
        await rows(
            self.db, "update users set status = 'rejected' where id = %s returning 1", person.id
        )


@pytest.fixture
async def play(
    db: Database, scene: Scene, ann: Person, ben: Person, caplog: pytest.LogCaptureFixture
) -> AsyncIterator[Play]:
    """A card payment costs 50 cents, a withdrawal a euro; a euro is twenty pesos.

    No batch may fail: that its commands are then recorded one at a time would hide it.
    """
    rules = [
        FeeRule(kind, of, "EUR", "Fee", Decimal(0), Decimal(fixed), Decimal(0), None)
        for kind, of, fixed in (
            ("payment", "card", "0.50"),
            ("withdrawal", "virtual", "1.00"),
        )
    ]
    async with db.transaction() as tx:
        await fees.replace_rules(tx, rules)
        today = scene.now.date()
        await fx.replace_rates(tx, {"MXN": Decimal(20)}, published_on=today, now=scene.now)
    card, bank = await make_source(scene, ann), await make_source(scene, ann, "bank_account")
    yield Play(db, scene, ann, ben, card, bank, recorder(db, scene))
    said = [it.getMessage() for it in caplog.get_records("call")]
    assert [it for it in said if "one at a time now" in it] == []


async def statuses(db: Database, *asked: Processing) -> list[tuple[str, str, str]]:
    """Of each payment: the call's status, the transaction's and what is left as its error."""
    found = {
        id_: (call, transaction, error)
        for id_, call, transaction, error in await rows(
            db,
            "select gateway_call.id, gateway_call.status, transaction.status,"
            " transaction.error_code from gateway_call"
            " join transaction on transaction.id = transaction_id",
        )
    }
    return [found[each.call.id] for each in asked]


async def told(db: Database) -> list[tuple[Any, ...]]:
    """Who is told what."""
    return await rows(db, "select kind, recipient from outbox order by kind, recipient")


# Many at once.

DONE_BEN, DONE_ANN = (f"closed fulfilled paid {name} Dough" for name in ("Ben", "Ann"))
WAITING = "open unfulfilled pending "


async def test_all_that_can_be_said_of_many_calls_in_one_batch(play: Play) -> None:
    db, ann, ben, phone = play.db, play.ann, play.ben, new_address()
    gone = await play.scene.person()
    asked = await play.asked(
        play.by_card(ben),
        play.by_card(ben, MXN("200.00")),
        play.by_card(phone),
        play.by_card(gone),
        play.by_card(ann),
        play.by_card(ben),
        play.by_card(ben),
        play.out(EUR("1.00")),
        play.out(EUR("2.00")),
        play.out(EUR("3.00")),
        play.out(MXN("20.00")),
    )
    await play.leaves(gone)
    assert await held(db, ann) == 20 - 2 - 3 - 4 - 2
    outcomes = [*[APPROVED] * 5, DECLINED, NEVER, APPROVED, DECLINED, PENDING, APPROVED]

    said = await record(
        play.here,
        *(heard(each, outcome) for each, outcome in zip(asked, outcomes, strict=True)),
        Settle(uuid7(), APPROVED),
    )

    assert said == [
        DONE_BEN,
        DONE_BEN,
        WAITING,
        "recipient_unavailable",
        DONE_ANN,
        "gateway_declined",
        "gateway_unavailable",
        DONE_ANN,
        "gateway_declined",
        f"{WAITING}Ann Dough",
        DONE_ANN,
        "",
    ]
    assert await statuses(db, *asked) == [
        ("approved", "approved", ""),
        ("approved", "approved", ""),
        ("approved", "active", ""),
        ("approved", "failed", "recipient_unavailable"),
        ("approved", "approved", ""),
        ("declined", "rejected", "expired_card"),
        ("cancelled", "cancelled", "gateway_unavailable"),
        ("approved", "approved", ""),
        ("declined", "rejected", "expired_card"),
        ("pending", "active", ""),
        ("approved", "approved", ""),
    ]
    # With what was charged for who is gone, fee and all, and the top-up.
    assert await held(db, ann) == 20 - 2 - 4 - 2 + Decimal("10.50") + 10
    assert [await held(db, ben), await held(db, ben, "MXN")] == [10, 200]
    assert await held_by(db, play.card) == -(4 * Decimal("10.50") + 10)
    assert [await held_by(db, play.bank), await held_by(db, play.bank, "MXN")] == [1, 20]
    assert [await fees_held(db), await held_by(db, PRODUCT, kind=CLEARING_ACCOUNT)] == [3, 4]
    # Whoever asked has an answer, and needs no message.
    assert await told(db) == [
        ("payment_received", ben.user.phone),
        ("payment_received", ben.user.phone),
        ("payment_waiting", phone[1]),
    ]
    assert await problems(db) == []


async def test_a_large_batch_takes_as_many_statements_as_a_small_one(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements = 0
    execute = psycopg.AsyncCursor.execute

    async def counted(self: Any, *args: Any, **given: Any) -> Any:
        nonlocal statements
        statements += 1
        return await execute(self, *args, **given)

    async def mixed(times: int) -> list[Settle]:
        kinds: list[Person | Address] = [play.ben, new_address(), play.ann]
        asked = await play.asked(*(play.by_card(to) for to in kinds * times))
        return [heard(each, APPROVED) for each in asked]

    await record(play.here, *await mixed(1))  # opens what there has to be
    monkeypatch.setattr(psycopg.AsyncCursor, "execute", counted)
    counts = []
    for times in (1, 30):
        words = await mixed(times)
        statements = 0
        await record(play.here, *words)
        counts.append(statements)

    assert counts[0] == counts[1]
    assert await held(play.db, play.ben) == 320
    assert await problems(play.db) == []


async def test_all_words_on_one_call_in_one_batch_count_in_their_order(play: Play) -> None:
    db, ben = play.db, play.ben
    charged, late, paid_out = await play.asked(play.by_card(ben), play.by_card(ben), play.out())

    said = await record(
        play.here,
        heard(charged, PENDING),
        heard_later(charged, APPROVED),
        heard_later(charged, PENDING),
        heard_later(late, NEVER),
        heard_later(late, APPROVED),
        heard_later(paid_out, PENDING),
        heard_later(paid_out, APPROVED),
        heard_later(paid_out, DECLINED),
    )

    assert said[0] == DONE_BEN
    assert await statuses(db, charged, late, paid_out) == [
        ("approved", "approved", ""),
        ("approved", "failed", "recipient_unavailable"),
        ("failed", "failed", "expired_card"),
    ]
    assert [await held(db, play.ann), await held(db, ben)] == [Decimal("30.50"), 10]
    assert await problems(db) == []


async def test_what_postgresql_refuses_fails_alone(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    asked = await play.asked(*(play.by_card(play.ben) for _ in range(3)))
    outcomes = [APPROVED, Outcome("declined", "\0"), APPROVED]

    answers = await asyncio.gather(
        *(play.here.submit(heard(*it)) for it in zip(asked, outcomes, strict=True)),
        return_exceptions=True,
    )

    caplog.clear()
    assert isinstance(answers[1], psycopg.DataError)
    assert [it.status for it in answers if isinstance(it, Answer)] == [201, 201]
    assert await held(play.db, play.ben) == 20
    assert [it[0] for it in await statuses(play.db, *asked)] == ["approved", "open", "approved"]
    assert await problems(play.db) == []


# Once.


async def test_what_two_servers_record_at_once_counts_once(play: Play) -> None:
    db, ann, ben = play.db, play.ann, play.ben
    # No address among them: the lock on that would keep the two from meeting at the calls.
    asked = await play.asked(play.by_card(ben), play.by_card(ben), play.out())
    await record(play.here, heard_later(asked[-1], APPROVED))
    words = [heard(*it) for it in zip(asked, (APPROVED, DECLINED, DECLINED), strict=True)]

    async with play.another_server() as (_, there):
        async with db.transaction() as tx:
            await tx.execute("select from gateway_call for update")
            recording = [
                asyncio.create_task(record(play.here, *words)),
                asyncio.create_task(record(there, *words[::-1])),
            ]
            await until_waiting(db, 2)
        first, second = [await it for it in recording]

    assert first == second[::-1]
    assert first == [DONE_BEN, "gateway_declined", "gateway_declined"]
    assert [await held(db, ann), await held(db, ben)] == [20, 10]
    assert [kind for kind, _ in await told(db)] == ["payment_received", "withdrawal_paid"]
    assert await problems(db) == []


async def test_two_servers_that_record_everything_in_any_order_agree(play: Play) -> None:
    db, ann, ben = play.db, play.ann, play.ben
    everybody: list[Person | Address] = [ann, ben, *(new_address() for _ in range(3))]
    of_ben = await make_source(play.scene, ben)
    orders = [play.by_card(to, EUR("0.50")) for to in everybody]
    orders += [play.scene.order(ben, to, EUR("0.50"), funding_source_id=of_ben) for to in everybody]
    charges = await play.asked(*orders)
    payouts = await play.asked(*(play.out(EUR("0.10")) for _ in range(6)))
    words = [
        heard_later(each, outcome)
        for outcome in (PENDING, NEVER, APPROVED, DECLINED, APPROVED)
        for each in (charges if outcome is NEVER else [*charges, *payouts])
    ]

    async with play.another_server(max_commands=10) as (_, there):
        here = recorder(db, play.scene, max_commands=10)
        some = [words[start : start + 10] for start in range(0, len(words), 10)]
        await asyncio.gather(
            record(here, *words), record(there, *(it for part in some for it in part[::-1]))
        )

    # The charges were given up, and went through all the same; the payouts came back, or had never
    # gone for all that whoever heard that first could know.
    assert {it[:2] for it in await statuses(db, *charges)} == {("approved", "failed")}
    assert {it[:2] for it in await statuses(db, *payouts)} <= {
        ("failed", "failed"),
        ("declined", "rejected"),
    }
    assert [await held(db, ann), await held(db, ben)] == [Decimal("24.50"), Decimal("4.50")]
    assert await problems(db) == []


@pytest.mark.parametrize("after_commit", [False, True])
async def test_a_lost_connection_is_made_good(play: Play, after_commit: bool) -> None:
    db, ann, ben = play.db, play.ann, play.ben
    gone = await play.scene.person()
    people: list[Person | Address] = [ben, new_address(), gone, ben, ben]
    asked = await play.asked(*(play.by_card(to) for to in people), play.out())
    await play.leaves(gone)
    batch, attempts = SettlementBatch(clock=lambda: play.scene.now), 0

    async def work(tx: Tx, commands: Sequence[Settle]) -> Sequence[Answer | None]:
        nonlocal attempts
        attempts += 1
        answers = await batch(tx, commands)
        if attempts == 1 and not after_commit:
            await (await tx.execute("select pg_terminate_backend(pg_backend_pid())")).fetchall()
        return answers

    outcomes = [APPROVED, APPROVED, APPROVED, DECLINED, NEVER, APPROVED]
    said = await record(
        Batcher(LosesAcknowledgement(db) if after_commit else db, work),
        *(heard(*it) for it in zip(asked, outcomes, strict=True)),
    )

    assert attempts == 2
    assert said == [
        DONE_BEN,
        WAITING,
        "recipient_unavailable",
        "gateway_declined",
        "gateway_unavailable",
        DONE_ANN,
    ]
    # Kept under the keys as they were told.
    kept = await rows(db, "select convert_from(body, 'UTF8') from request_answer order by number")
    assert [body for (body,) in kept] == said
    assert [await held(db, ann), await held(db, ben)] == [Decimal("19.50"), 10]
    assert len(await told(db)) == 2
    assert await problems(db) == []


_LIMITS = """
    insert into limit_rule (id, title, funding_source_type, currency, direction, period, is_rolling,
        amount)
    select gen_random_uuid(), 'Daily limit', type, 'EUR', direction, 'day', false, 1000
    from unnest(array['card', 'virtual', 'bank_account']) as type,
        unnest(array['in', 'out']) as direction
    returning 1
"""
_USED = """
    select funding_source_id, direction, count, amount from limit_usage where count > 0
    order by funding_source_id, direction
"""


async def test_limits_are_given_back_once(play: Play) -> None:
    db, ann, ben, wallet = play.db, play.ann, play.ben, play.ann.wallet_id
    await rows(db, _LIMITS)
    asked = await play.asked(
        play.by_card(ben),
        play.by_card(ben, EUR("4.00")),
        play.by_card(ann, EUR("3.00")),
        play.out(EUR("2.00")),
        play.out(EUR("1.00")),
    )
    before = await rows(db, _USED)
    said: list[list[Outcome | None]] = [
        [APPROVED],
        [DECLINED, APPROVED],
        [NEVER],
        [APPROVED, DECLINED],
        [APPROVED],
    ]
    words = [
        heard_later(each, outcome)
        for each, outcomes in zip(asked, said, strict=True)
        for outcome in outcomes
    ]

    async with play.another_server() as (_, there):
        for _ in range(2):
            await asyncio.gather(record(play.here, *words), record(there, *words))

    assert before == sorted(
        [
            (play.card, "out", 3, Decimal("18.00")),
            (wallet, "in", 1, Decimal(3)),
            (wallet, "out", 2, Decimal(5)),
            (play.bank, "in", 2, Decimal(3)),
        ]
    )
    assert await rows(db, _USED) == sorted(
        [
            (play.card, "out", 2, Decimal("15.00")),
            (wallet, "out", 1, Decimal(2)),
            (play.bank, "in", 1, Decimal(1)),
        ]
    )
    assert await problems(db) == []


# Who has the money in the end.


@pytest.mark.parametrize("first", ["proof", "money"])
@pytest.mark.parametrize("amount", [TEN, MXN("200.00")], ids=["as it is", "converted"])
async def test_a_number_that_is_proven_at_that_moment_has_the_money_once(
    play: Play, first: Literal["proof", "money"], amount: Money
) -> None:
    db, ben, phone = play.db, play.ben, new_address()
    [asked] = await play.asked(play.by_card(phone, amount))

    async with play.another_server() as (other, _):

        async def prove() -> None:
            async with other.transaction() as tx:
                await claims.prove(tx, user_id=ben.id, addresses=[phone], now=play.scene.now)

        acts: list[Awaitable[Any]] = [prove(), play.here.submit(heard(asked, APPROVED))]
        tasks = []
        async with db.transaction() as tx:
            await tx.execute("select from payee where address = %s for update", (phone[1],))
            for number, act in enumerate(acts if first == "proof" else acts[::-1], 1):
                tasks.append(asyncio.ensure_future(act))
                await until_waiting(db, number)
        await asyncio.gather(*tasks)

    assert await held(db, ben, amount.currency) == amount.amount
    assert await held_by(db, play.card) == Decimal("-10.50")
    kinds, holdings = ["payment_received"], []
    if first == "money":
        kinds, holdings = ["payment_claimed", "payment_waiting"], [("claimed",)]
    assert [kind for kind, _ in await told(db)] == kinds
    assert await rows(db, "select status from holding") == holdings
    assert await statuses(db, asked) == [("approved", "approved", "")]
    assert await rows(
        db,
        "select recipient_user_id, recipient_status, payment.status,"
        " transaction.in_funding_source_id"
        " from payment join transaction on transaction.id = transaction_id",
    ) == [(ben.id, "paid", "closed", ben.wallet_id)]
    assert await problems(db) == []


def _render_as(body: bytes, _: Payment | DomainError) -> Answer:
    return Answer(201, body)


async def test_whoever_answers_late_gives_the_answer_that_was_first(play: Play) -> None:
    """Somebody was answered while this was on its way, in another language maybe."""
    [asked] = await play.asked(play.by_card(play.ben))
    repeats = [
        Settle(asked.call.id, PENDING, None, partial(_render_as, each)) for each in (b"1", b"2")
    ]
    async with play.another_server() as (_, there):
        [first] = await record(there, heard(asked, APPROVED))

        late = await record(play.here, *repeats)

    assert late == [first, first]
    [(status, body)] = await rows(play.db, "select status, body from request_answer")
    assert (status, body.decode()) == (201, first)


async def test_what_nobody_claims_is_in_the_payers_wallet_unconverted(play: Play) -> None:
    db = play.db
    [asked] = await play.asked(play.by_card(new_address(), MXN("200.00")))
    await record(play.here, heard_later(asked, APPROVED))

    await claims.return_expired(db, now=play.scene.now + UNCLAIMED_FOR)
    # The request was cut off, and is repeated only now.
    [late] = await record(play.here, Settle(asked.call.id, PENDING, None, render_how))

    assert late == "closed unfulfilled cancelled "
    assert await held(db, play.ann) == Decimal("30.50")
    assert await held_by(db, play.card) == Decimal("-10.50")
    assert await statuses(db, asked) == [("approved", "cancelled", "expired")]
    assert await problems(db) == []


async def test_a_number_that_many_cards_pay_is_told_three_times_a_day(play: Play) -> None:
    phone = new_address()

    for times in (2, 4):
        asked = await play.asked(*(play.by_card(phone) for _ in range(times)))
        await record(play.here, *(heard(each, APPROVED) for each in asked))

    assert await told(play.db) == [("payment_waiting", phone[1])] * 3
    assert await rows(play.db, "select sum(amount + fee) from holding") == [(63,)]
    assert await problems(play.db) == []


@pytest.mark.parametrize(
    ("first", "answer"),
    [(NEVER, "gateway_unavailable"), (DECLINED, "gateway_declined")],
    ids=["given up", "declined"],
)
async def test_a_charge_that_went_through_after_all_is_in_the_payers_wallet(
    play: Play, first: Outcome | None, answer: str
) -> None:
    db, here = play.db, play.here
    asked = await play.asked(play.by_card(play.ben), play.by_card(new_address()))
    before = await record(here, *(heard(each, first) for each in asked))

    await record(here, *(heard_later(each, APPROVED) for each in asked * 2))
    # As if it had been cut off: what has been answered stays as it is.
    await rows(db, "delete from request_answer returning 1")
    again = await record(here, *(Settle(each.call.id, PENDING, None, render_how) for each in asked))

    assert (before, again) == ([answer] * 2, ["recipient_unavailable"] * 2)
    assert [await held(db, play.ann), await held(db, play.ben)] == [41, 0]
    assert await held_by(db, play.card) == -21
    assert [kind for kind, _ in await told(db)] == ["payment_failed"] * 2
    assert await problems(db) == []


async def test_a_refund_that_is_taken_and_sent_back_in_one_batch(play: Play) -> None:
    db, ben, scene = play.db, play.ben, play.scene
    [asked] = await play.asked(play.by_card(ben))
    await record(play.here, heard(asked, APPROVED))
    order = refund_order(ben, asked.payment.id, "4.00")
    call_id = await make(db, order, keyring=scene.keyring, now=scene.now)
    assert isinstance(call_id, UUID)
    words = [Settle(call_id, outcome) for outcome in (PENDING, APPROVED, APPROVED, DECLINED)]

    async with play.another_server() as (_, there):
        await asyncio.gather(record(play.here, *words), record(there, *words))

    assert [await held(db, play.ann), await held(db, ben)] == [Decimal("24.20"), 6]
    assert await held_by(db, play.card) == Decimal("-10.50")
    assert await rows(db, "select status from gateway_call where kind = 'refund'") == [("failed",)]
    assert await problems(db) == []


async def test_a_payout_that_went_through_after_it_was_given_up_is_told_by_the_audit(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    [asked] = await play.asked(play.out(EUR("0.10")))

    await record(
        recorder(play.db, play.scene), *(heard_later(asked, it) for it in (NEVER, APPROVED))
    )

    assert [it[:2] for it in await statuses(play.db, asked)] == [("overpaid", "cancelled")]
    assert "after its money had gone back" in caplog.text
    [problem] = await problems(play.db)
    assert "payout overpaid" in problem
