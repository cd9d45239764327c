"""Cash desks: that of the sandbox, and Stripe's own library against a Stripe that runs here."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from tests.gateways.processors.stripe_server import KEY, Dashboard
from whipround.db.database import Database
from whipround.errors import Conflict, NotFound
from whipround.gateways.processors import sandbox_cash
from whipround.gateways.processors.cash import CashOrder, Slip
from whipround.gateways.processors.protocol import (
    OutcomeUnknown,
    ProcessorUnavailable,
    Unconfigured,
)
from whipround.gateways.processors.sandbox_cash import SandboxCashDesk
from whipround.gateways.processors.stripe import StripeCashDesk
from whipround.gateways.processors.stripe.amounts import days_from, money_of
from whipround.money import Money
from whipround.outcomes import Outcome

pytestmark = [
    pytest.mark.anyio,
    # Of httpx, about how Stripe's library uses it.
    pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning"),
]

PRODUCT = uuid7()
DAYS = timedelta(days=3)


def order(amount: str = "150.50", currency: str = "MXN", **given: Any) -> CashOrder:
    """An order of somebody's, to be paid within three days."""
    said: dict[str, Any] = {
        "key": uuid7(),
        "product_id": PRODUCT,
        "amount": Money(Decimal(amount), currency),
        "description": "John's Birthday",
        "payer_name": "Ann Lee",
        "payer_email": "ann@example.com",
        "expires_at": datetime.now(UTC) + DAYS,
    }
    return CashOrder(**{**said, **given})


class Clock:
    """A time that passes when told to."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


# The sandbox.


async def test_a_slip_of_the_sandbox_is_made_once_and_paid_once(db: Database) -> None:
    clock = Clock()
    desk = SandboxCashDesk(db, clock=clock)
    asked = order()
    assert await desk.find_order(asked) is None

    slips = await asyncio.gather(*(desk.open_order(asked) for _ in range(8)))

    slip = slips[0]
    assert slips == [slip] * 8
    assert (slip.status, slip.amount) == ("waiting", asked.amount)
    assert slip.expires_at == asked.expires_at
    assert (len(slip.reference), slip.reference.isdigit()) == (14, True)
    paying = (sandbox_cash.pay(db, reference=slip.reference, now=clock.now) for _ in range(3))
    assert await asyncio.gather(*paying) == [asked.key] * 3
    clock.now += DAYS * 2
    assert await desk.find_order(asked) == replace(slip, status="paid")


async def test_a_slip_of_the_sandbox_expires(db: Database) -> None:
    clock = Clock()
    desk = SandboxCashDesk(db, clock=clock)
    asked = order()
    slip = await desk.open_order(asked)

    clock.now = asked.expires_at

    assert await desk.find_order(asked) == replace(slip, status="expired")
    with pytest.raises(Conflict):
        await sandbox_cash.pay(db, reference=slip.reference, now=clock.now)
    with pytest.raises(NotFound):
        await sandbox_cash.pay(db, reference="1" * 14, now=clock.now)
    await desk.close()


async def test_without_a_cash_desk_there_are_no_slips() -> None:
    nobody = Unconfigured()
    for call in (nobody.open_order, nobody.find_order):
        with pytest.raises(ProcessorUnavailable):
            await call(order())


# Stripe.


@pytest.fixture
async def stripe(url: str) -> AsyncIterator[StripeCashDesk]:
    desk = StripeCashDesk(secret_key=KEY, url=url)
    yield desk
    await desk.close()


async def test_a_slip_is_made_once_and_found_by_its_key(
    stripe: StripeCashDesk, dashboard: Dashboard
) -> None:
    asked = order()
    assert await stripe.find_order(asked) is None

    slip = await stripe.open_order(asked)

    assert isinstance(slip, Slip)
    assert (slip.status, slip.amount) == ("waiting", asked.amount)
    assert len(slip.reference) == 14
    assert slip.expires_at is not None
    assert abs(slip.expires_at - asked.expires_at) < timedelta(minutes=1)
    assert await stripe.open_order(asked) == slip
    found = dashboard.get(f"payment_intents/{slip.id}")
    assert found["metadata"] == {"cash_order": str(asked.key), "product": str(PRODUCT)}
    for known in (asked, replace(asked, slip_id=slip.id)):
        assert await stripe.find_order(known) == slip


@pytest.mark.parametrize(
    ("act", "status"), [("_pay", "paid"), ("_expire", "expired"), ("cancel", "expired")]
)
async def test_what_becomes_of_a_slip(
    stripe: StripeCashDesk, dashboard: Dashboard, act: str, status: str
) -> None:
    asked = order()
    slip = await stripe.open_order(asked)
    assert isinstance(slip, Slip)

    dashboard.post(f"payment_intents/{slip.id}/{act}", {})

    reference = slip.reference if status == "paid" else ""
    expected = Slip(slip.id, reference, status, asked.amount, None)  # type: ignore[arg-type]
    for known in (asked, replace(asked, slip_id=slip.id)):
        assert await stripe.find_order(known) == expected


@pytest.mark.parametrize(
    ("asked", "error_code"),
    [
        (order("9.99"), "amount_too_small"),
        (order("10000.01"), "amount_too_large"),
        (order("20.00", "EUR"), "unsupported_amount"),
        (order(payer_email=""), "email_required"),
    ],
    ids=["small", "large", "euros", "no email"],
)
async def test_what_stripe_does_not_take(
    stripe: StripeCashDesk, asked: CashOrder, error_code: str
) -> None:
    said = await stripe.open_order(asked)

    assert isinstance(said, Outcome)
    assert (said.status, said.error_code) == ("declined", error_code)


async def test_nobody_can_tell_of_what_stripe_does_not_know(stripe: StripeCashDesk) -> None:
    with pytest.raises(OutcomeUnknown):
        await stripe.find_order(order(slip_id="pi_unknown"))


async def test_without_stripe_nobody_can_tell() -> None:
    away = StripeCashDesk(secret_key=KEY, url="http://127.0.0.1:9")
    for call in (away.open_order, away.find_order):
        with pytest.raises(OutcomeUnknown):
            await call(order())
    await away.close()


def test_days_and_amounts_are_counted_as_stripe_does() -> None:
    made = datetime.now(UTC)
    key = uuid7()
    assert [days_from(key, made + timedelta(hours=hours)) for hours in (1, 30, 72)] == [0, 1, 3]
    assert money_of(15050, "mxn") == Money(Decimal("150.50"), "MXN")
    assert money_of(150, "jpy") == Money(Decimal(150), "JPY")
