"""The processor of a sandbox: what each token does, once and only once."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

import pytest
from psycopg.conninfo import make_conninfo
from uuid_utils.compat import uuid7

from whipround.db.database import Database, open_database
from whipround.domain.products import Product
from whipround.errors import Conflict, NotFound
from whipround.gateways.processors import sandbox
from whipround.gateways.processors.protocol import (
    CardDetails,
    Charge,
    OutcomeUnknown,
    Payout,
    Refund,
    Registered,
    Registration,
)
from whipround.gateways.processors.sandbox import PENDING_FOR, SandboxProcessor
from whipround.money import Money

pytestmark = pytest.mark.anyio

PRODUCT = uuid7()
VISA = "tok_test_visa_4242"
TIMEOUT = "tok_test_timeout"
PENDING = "tok_test_pending"


class Clock:
    """A time that passes when told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def processor(db: Database, clock: Clock) -> SandboxProcessor:
    return SandboxProcessor(db, clock=clock)


def EUR(amount: str) -> Money:  # noqa: N802
    return Money(Decimal(amount), "EUR")


def registration(
    token: str, kind: Literal["card", "bank_account"] = "bank_account"
) -> Registration:
    return Registration(uuid7(), kind, uuid7(), PRODUCT, token, "Jon Dough", {})


def charge(reference: str = VISA, amount: str = "10.00") -> Charge:
    return Charge(uuid7(), PRODUCT, reference, EUR(amount), "Pizza")


def payout(reference: str) -> Payout:
    return Payout(uuid7(), PRODUCT, reference, EUR("10.00"), "Savings")


def refund(of: Charge, amount: str) -> Refund:
    return Refund(uuid7(), PRODUCT, of.key, "sandbox_…", EUR(amount))


@pytest.mark.parametrize(
    ("token", "brand", "last_digits"),
    [(VISA, "Visa", "4242"), ("tok_test_amex_0005", "Amex", "0005"), (TIMEOUT, "Visa", "0119")],
)
async def test_any_card_is_taken(
    processor: SandboxProcessor, token: str, brand: str, last_digits: str
) -> None:
    registered = await processor.register(registration(token, "card"))

    card = CardDetails(brand, last_digits, "credit", 12, 2030)
    assert registered == Registered(token, is_verified=False, card=card)


async def test_of_an_unknown_card_nothing_is_known(processor: SandboxProcessor) -> None:
    registered = await processor.register(registration("9724017303484431", "card"))

    assert registered == Registered("9724017303484431", is_verified=False, card=None)


async def test_a_bank_account_is_no_card(processor: SandboxProcessor) -> None:
    account = await processor.register(registration("", "bank_account"))
    assert isinstance(account, Registered)

    card = await processor.register(registration(account.reference, "card"))

    assert isinstance(card, Registered)
    charged = await processor.charge(charge(card.reference))
    assert (charged.status, charged.error_code) == ("declined", "unknown_token")


@pytest.mark.parametrize(
    ("token", "status", "error_code"),
    [
        (VISA, "approved", ""),
        ("tok_test_card_declined", "declined", "card_declined"),
        ("tok_test_insufficient_funds", "declined", "insufficient_funds"),
        (PENDING, "pending", ""),
        ("9724017303484431", "declined", "unknown_token"),
        ("", "declined", "unknown_token"),
    ],
)
async def test_what_a_card_does(
    processor: SandboxProcessor, clock: Clock, token: str, status: str, error_code: str
) -> None:
    asked = charge(token)
    assert await processor.find(asked) is None

    outcome = await processor.charge(asked)

    assert (outcome.status, outcome.error_code) == (status, error_code)
    assert outcome.reference_code == f"sandbox_{asked.key.hex}"
    assert outcome.tracking_code
    assert len(outcome.authorization_code) == (0 if status == "declined" else 6)
    assert outcome.processed_at == (None if status == "pending" else clock.now)
    assert await processor.find(asked) == outcome
    assert await processor.charge(asked) == outcome


_REFUSE_WHAT_MAY_BE_LOST = """
    create function refuse_what_may_be_lost() returns trigger language plpgsql as $$ begin
        if current_setting('synchronous_commit') = 'off' then raise 'not durable'; end if;
        return new;
    end $$;
    create trigger refuse_what_may_be_lost before insert on sandbox_operation
        for each row execute function refuse_what_may_be_lost();
"""


async def test_what_it_did_is_on_the_disk_before_it_says_so(
    db: Database, product: Product, postgres_url: str, clock: Clock
) -> None:
    async with db.transaction() as tx:
        await tx.execute(_REFUSE_WHAT_MAY_BE_LOST)
    waiting = make_conninfo(postgres_url, options="-c synchronous_commit=on")
    try:
        async with open_database(waiting, connections=2) as durable:
            processor = SandboxProcessor(durable.of(product.schema_name), clock=clock)

            outcome = await processor.charge(charge())

        assert outcome.status == "approved"
    finally:
        async with db.transaction() as tx:
            await tx.execute("drop function refuse_what_may_be_lost cascade")


@pytest.mark.parametrize(
    ("token", "status"),
    [
        ("", "approved"),
        (VISA, "approved"),
        ("anything", "approved"),
        ("tok_test_card_declined", "declined"),
        (PENDING, "pending"),
    ],
)
async def test_what_a_bank_account_does(
    processor: SandboxProcessor, token: str, status: str
) -> None:
    registered = await processor.register(registration(token))
    assert isinstance(registered, Registered)
    assert registered.card is None

    charged = await processor.charge(charge(registered.reference))
    paid = await processor.pay_out(payout(registered.reference))

    assert (charged.status, paid.status) == (status, status)


async def test_a_call_that_times_out_has_gone_through(processor: SandboxProcessor) -> None:
    charged, paid = charge(TIMEOUT), payout(TIMEOUT)

    for asking in (processor.charge(charged), processor.pay_out(paid)):
        with pytest.raises(OutcomeUnknown):
            await asking

    for asked, again in ((charged, processor.charge(charged)), (paid, processor.pay_out(paid))):
        found = await processor.find(asked)
        assert found is not None
        assert found.status == "approved"
        assert await again == found


async def test_what_is_pending_is_approved_ten_seconds_later(
    processor: SandboxProcessor, clock: Clock
) -> None:
    asked = charge(PENDING)
    await processor.charge(asked)

    clock.now += PENDING_FOR - timedelta(milliseconds=1)
    before = await processor.find(asked)
    clock.now += timedelta(seconds=1)
    after = await processor.find(asked)

    assert before is not None
    assert after is not None
    assert (before.status, after.status) == ("pending", "approved")
    assert after.processed_at == Clock().now + PENDING_FOR


async def test_a_charge_goes_back_in_parts_and_no_further(processor: SandboxProcessor) -> None:
    asked = charge()
    await processor.charge(asked)
    parts = [refund(asked, "4.00") for _ in range(3)]

    outcomes = await asyncio.gather(*map(processor.refund, parts))
    rest = await processor.refund(refund(asked, "2.00"))
    again = await asyncio.gather(*map(processor.refund, reversed(parts)))

    assert sorted(outcome.status for outcome in outcomes) == ["approved", "approved", "declined"]
    assert {outcome.error_code for outcome in outcomes} == {"", "refund_too_large"}
    assert rest.status == "approved"
    assert again == outcomes[::-1]
    assert [await processor.find(part) for part in parts] == outcomes


@pytest.mark.parametrize("token", ["tok_test_card_declined", PENDING, None])
async def test_what_was_not_charged_cannot_go_back(
    processor: SandboxProcessor, token: str | None
) -> None:
    asked = charge(token or VISA)
    if token is not None:
        await processor.charge(asked)

    outcome = await processor.refund(refund(asked, "1.00"))

    assert (outcome.status, outcome.error_code) == ("declined", "charge_not_refundable")


async def test_the_same_key_at_once_and_from_two_processes_is_one_charge(
    processor: SandboxProcessor, postgres_url: str, product: Product, db: Database, clock: Clock
) -> None:
    asked = [charge() for _ in range(50)]
    async with open_database(postgres_url, connections=4) as other_db:
        clock.now += timedelta(seconds=1)
        other = SandboxProcessor(other_db.of(product.schema_name))
        mine, theirs, twice = await asyncio.gather(
            asyncio.gather(*map(processor.charge, asked)),
            asyncio.gather(*map(other.charge, reversed(asked))),
            asyncio.gather(*map(processor.charge, asked)),
        )

    assert mine == theirs[::-1] == twice
    async with db.transaction() as tx:
        [[rows]] = await (await tx.execute("select count(*) from sandbox_operation")).fetchall()
    assert rows == 50


async def test_refunds_of_two_processes_do_not_exceed_the_charge(
    processor: SandboxProcessor, postgres_url: str, product: Product
) -> None:
    asked = charge()
    await processor.charge(asked)
    async with open_database(postgres_url, connections=4) as other_db:
        other = SandboxProcessor(other_db.of(product.schema_name))
        outcomes = await asyncio.gather(
            *(each.refund(refund(asked, "1.00")) for each in (processor, other) * 10)
        )

    assert sum(outcome.status == "approved" for outcome in outcomes) == 10


async def test_a_user_of_the_sandbox_decides(
    processor: SandboxProcessor, db: Database, clock: Clock
) -> None:
    approved, declined, late = (charge(PENDING) for _ in range(3))
    for each in (approved, declined, late):
        await processor.charge(each)
    clock.now += timedelta(seconds=1)

    await sandbox.approve(db, key=approved.key, kind="charge", now=clock.now)
    await sandbox.decline(db, key=declined.key, now=clock.now)

    found = [await processor.find(each) for each in (approved, declined)]
    assert [(each.status, each.error_code) for each in found if each is not None] == [
        ("approved", ""),
        ("declined", "card_declined"),
    ]
    clock.now += PENDING_FOR
    for decided in (approved, declined, late):
        with pytest.raises(Conflict):
            await sandbox.decline(db, key=decided.key, now=clock.now)
    for unknown in (uuid7(), (await _paid(processor)).key):
        with pytest.raises(NotFound):
            await sandbox.decline(db, key=unknown, now=clock.now)


async def _paid(processor: SandboxProcessor) -> Payout:
    registered = await processor.register(registration(""))
    assert isinstance(registered, Registered)
    asked = payout(registered.reference)
    await processor.pay_out(asked)
    return asked


async def test_a_payout_comes_back_once(
    processor: SandboxProcessor, db: Database, clock: Clock
) -> None:
    asked = await _paid(processor)
    before = await processor.find(asked)
    clock.now += timedelta(days=3)

    await sandbox.fail_payout(db, key=asked.key, now=clock.now)

    assert before is not None
    assert await processor.find(asked) == replace(
        before, status="declined", error_code="payout_failed", processed_at=clock.now
    )
    with pytest.raises(Conflict):
        await sandbox.fail_payout(db, key=asked.key, now=clock.now)


async def test_a_database_that_is_away_gives_no_word(postgres_url: str, product: Product) -> None:
    async with open_database(postgres_url, connections=2) as db:
        processor = SandboxProcessor(db.of(product.schema_name))

    with pytest.raises(OutcomeUnknown):
        await processor.find(charge())
