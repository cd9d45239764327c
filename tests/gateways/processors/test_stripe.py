"""Stripe's own library against a Stripe that runs here."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest
from uuid_utils.compat import uuid7

from tests.gateways.processors.stripe_server import (
    ASKS_ITS_OWNER,
    DECLINED_WHEN_CHARGED,
    EMPTY_ACCOUNT,
    GERMAN_ACCOUNT,
    GOOD,
    KEY,
    Dashboard,
)
from whipround.gateways.processors.protocol import (
    CardDetails,
    Charge,
    OutcomeUnknown,
    Payout,
    ProcessorUnavailable,
    Refund,
    Registered,
    Registration,
)
from whipround.gateways.processors.stripe import StripeProcessor, answers
from whipround.money import Money
from whipround.outcomes import Outcome

pytestmark = [
    pytest.mark.anyio,
    # Of httpx, about how Stripe's library uses it.
    pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning"),
]

PRODUCT = uuid7()


@pytest.fixture
async def stripe(url: str) -> AsyncIterator[StripeProcessor]:
    processor = StripeProcessor(secret_key=KEY, url=url)
    yield processor
    await processor.close()


def EUR(amount: str) -> Money:  # noqa: N802
    return Money(Decimal(amount), "EUR")


def registration(token: str, *, kind: str = "card", **details: str) -> Registration:
    return Registration(
        key=uuid7(),
        kind="card" if kind == "card" else "bank_account",
        user_id=uuid7(),
        product_id=PRODUCT,
        token=token,
        holder="Jon Dough",
        details=details,
    )


async def card(stripe: StripeProcessor, token: str) -> str:
    """The reference of a card."""
    registered = await stripe.register(registration(token))
    assert isinstance(registered, Registered)
    return registered.reference


def charge(reference: str, amount: str = "12.30") -> Charge:
    return Charge(uuid7(), PRODUCT, reference, EUR(amount), "Pizza & beer")


def payout(reference: str, amount: str = "5.00") -> Payout:
    return Payout(uuid7(), PRODUCT, reference, EUR(amount), 'Whipround "code" 123456 ' + "x" * 30)


def refund(of: Charge, reference_code: str, amount: str) -> Refund:
    return Refund(uuid7(), PRODUCT, of.key, reference_code, EUR(amount))


async def test_a_card_is_registered_with_what_stripe_knows_of_it(
    stripe: StripeProcessor, dashboard: Dashboard
) -> None:
    token = dashboard.card(GOOD)

    registered = await stripe.register(registration(token))

    assert isinstance(registered, Registered)
    assert registered.card == CardDetails("Visa", "4242", "credit", 12, 2033)
    assert not registered.is_verified
    assert token in registered.reference


async def test_a_card_stays_with_whose_it_is(stripe: StripeProcessor, dashboard: Dashboard) -> None:
    mine = registration(dashboard.card(GOOD))
    once = await stripe.register(mine)

    again = await stripe.register(replace(mine, key=uuid7()))

    assert again == once
    for theirs in (
        replace(mine, key=uuid7(), user_id=uuid7()),
        replace(mine, key=uuid7(), product_id=uuid7()),
    ):
        assert await stripe.register(theirs) == Outcome("declined", "unknown_token")


@pytest.mark.parametrize(
    ("token", "error_code"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined"),
        ("pm_unheard_of", "refused"),
        ("4242424242424242", "unknown_token"),
        ("ba_1", "unknown_token"),
        ("", "unknown_token"),
    ],
)
async def test_a_card_that_is_not_accepted(
    stripe: StripeProcessor, token: str, error_code: str
) -> None:
    assert await stripe.register(registration(token)) == Outcome("declined", error_code)


async def test_a_charge_and_its_refunds(stripe: StripeProcessor, dashboard: Dashboard) -> None:
    asked = charge(await card(stripe, dashboard.card(GOOD)))
    assert await stripe.find(asked) is None

    charged = await stripe.charge(asked)

    assert charged.status == "approved"
    assert charged.reference_code.startswith("pi_")
    assert charged.tracking_code.startswith("ch_")
    assert charged.processed_at is not None
    assert await stripe.find(asked) == charged

    first = refund(asked, charged.reference_code, "2.30")
    assert await stripe.find(first) is None
    returned = await stripe.refund(first)
    assert returned.status == "approved"
    assert returned.reference_code.startswith("re_")
    assert await stripe.find(first) == returned
    second = await stripe.refund(refund(asked, charged.reference_code, "10.00"))
    assert second.reference_code != returned.reference_code
    assert await stripe.find(first) == returned


async def test_a_card_that_is_charged_once(stripe: StripeProcessor, dashboard: Dashboard) -> None:
    once = Charge(
        uuid7(), PRODUCT, "", EUR("12.30"), "Dinner", token=dashboard.card(GOOD), holder="Ann"
    )

    outcome = await stripe.charge(once)

    assert outcome.status == "approved"
    assert await stripe.find(once) == outcome
    assert await stripe.find(replace(once, token="")) == outcome
    assert (await stripe.charge(replace(once, key=uuid7(), token="4242"))).status == "declined"


async def test_a_charge_is_told_from_others_of_the_same_card(
    stripe: StripeProcessor, dashboard: Dashboard
) -> None:
    reference = await card(stripe, dashboard.card(GOOD))
    asked = [charge(reference) for _ in range(12)]

    outcomes = await asyncio.gather(*map(stripe.charge, asked))
    found = await asyncio.gather(*map(stripe.find, asked))

    assert list(found) == list(outcomes)
    assert len({outcome.reference_code for outcome in outcomes}) == 12


async def test_a_charge_is_found_without_its_card(
    stripe: StripeProcessor, dashboard: Dashboard
) -> None:
    asked = charge(await card(stripe, dashboard.card(GOOD)))
    deleted = replace(asked, reference="")
    assert await stripe.find(deleted) is None

    charged = await stripe.charge(asked)

    assert await stripe.find(deleted) == charged
    nothing_to_ask_with = (
        stripe.charge(deleted),
        stripe.pay_out(payout("")),
        stripe.find(replace(asked, reference="{")),
    )
    for attempt in nothing_to_ask_with:
        with pytest.raises(OutcomeUnknown):
            await attempt


async def test_what_was_given_back_already(
    stripe: StripeProcessor, dashboard: Dashboard, caplog: pytest.LogCaptureFixture
) -> None:
    asked = charge(await card(stripe, dashboard.card(GOOD)), "10.00")
    charged = await stripe.charge(asked)
    ours = refund(asked, charged.reference_code, "6.00")

    returned = await stripe.refund(ours)
    assert await stripe.refund(ours) == returned  # localstripe has forgotten the key
    assert caplog.text.count("ERROR") == 0
    dashboard.post("refunds", {"payment_intent": charged.reference_code, "amount": 400})
    refused = await stripe.refund(refund(asked, charged.reference_code, "4.00"))

    assert (refused.status, refused.error_code) == ("declined", "refund_too_large")
    assert "Stripe refuses refund" in caplog.text


async def test_a_charge_that_is_declined(stripe: StripeProcessor, dashboard: Dashboard) -> None:
    asked = charge(await card(stripe, dashboard.card(DECLINED_WHEN_CHARGED)))

    charged = await stripe.charge(asked)
    found = await stripe.find(asked)

    assert (charged.status, charged.error_code) == ("declined", "card_declined")
    assert found is not None
    assert (found.status, found.error_code) == ("declined", "card_declined")


async def test_what_its_owner_would_have_to_confirm_is_declined(
    stripe: StripeProcessor, dashboard: Dashboard
) -> None:
    asked = charge(await card(stripe, dashboard.card(ASKS_ITS_OWNER)))
    intents = dashboard.count("payment_intents")

    charged = await stripe.charge(asked)

    assert (charged.status, charged.error_code) == ("declined", "authentication_required")
    assert dashboard.count("payment_intents") == intents + 1
    assert await stripe.find(asked) is None  # it never reached the card


async def test_a_bank_account_is_debited_in_its_own_time(
    stripe: StripeProcessor, dashboard: Dashboard
) -> None:
    token = dashboard.account(EMPTY_ACCOUNT)
    registered = await stripe.register(registration(token, kind="bank_account", country="DE"))
    assert isinstance(registered, Registered)
    assert (registered.card, registered.is_verified) == (None, True)
    asked = charge(registered.reference)

    charged = await stripe.charge(asked)
    found = await stripe.find(asked)
    assert found == charged
    async with asyncio.timeout(10):  # localstripe takes half a second
        while found is not None and found.status == "pending":
            await asyncio.sleep(0.05)
            found = await stripe.find(asked)

    assert (charged.status, charged.processed_at) == ("pending", None)
    assert found is not None
    assert (found.status, found.error_code) == ("declined", "card_declined")
    assert found.reference_code == charged.reference_code


async def test_a_card_is_no_bank_account_and_the_reverse(
    stripe: StripeProcessor, dashboard: Dashboard
) -> None:
    as_account = registration(dashboard.card(GOOD), kind="bank_account")
    as_card = registration(dashboard.account(GERMAN_ACCOUNT))

    for wrong in (as_account, as_card):
        assert await stripe.register(wrong) == Outcome("declined", "unknown_token")


async def test_a_payout_arrives_and_comes_back(
    stripe: StripeProcessor, dashboard: Dashboard
) -> None:
    registered = await stripe.register(registration("ba_1", kind="bank_account"))
    assert isinstance(registered, Registered)
    asked = payout(registered.reference)
    assert await stripe.find(asked) is None

    sent = await stripe.pay_out(asked)
    line = dashboard.get(f"payouts/{sent.reference_code}")["statement_descriptor"]
    assert line == "Whipround code 123456"
    statuses = [sent.status]
    for status in ("in_transit", "paid", "failed"):
        dashboard.post(f"payouts/{sent.reference_code}", {"status": status})
        found = await stripe.find(asked)
        assert found is not None
        statuses.append(found.status)

    assert statuses == ["pending", "pending", "approved", "declined"]
    assert found is not None
    assert (found.error_code, found.reference_code) == ("payout_failed", sent.reference_code)


async def test_what_stripe_cannot_do_is_declined_before_it_is_asked(
    stripe: StripeProcessor, dashboard: Dashboard
) -> None:
    chargeable = await card(stripe, dashboard.card(GOOD))
    account = '{"destination":"ba_1"}'
    asked = charge(chargeable)
    key, fraction = uuid7(), Money(Decimal("1.5"), "ISK")

    declined = [
        await stripe.charge(charge(account)),
        await stripe.pay_out(payout(chargeable)),
        await stripe.charge(Charge(key, PRODUCT, chargeable, fraction, "")),
        await stripe.pay_out(Payout(key, PRODUCT, account, fraction, "")),
        await stripe.refund(refund(asked, "", "1.00")),
        await stripe.refund(refund(asked, "pi_unheard_of", "1.00")),
    ]

    assert [(each.status, each.error_code) for each in declined] == [
        ("declined", "charge_unsupported"),
        ("declined", "payout_unsupported"),
        ("declined", "unsupported_amount"),
        ("declined", "unsupported_amount"),
        ("declined", "charge_not_refundable"),
        ("declined", "refused"),
    ]


async def test_a_wrong_key_is_told_to_the_operator_alone(
    url: str, stripe: StripeProcessor, dashboard: Dashboard, caplog: pytest.LogCaptureFixture
) -> None:
    reference = await card(stripe, dashboard.card(GOOD))
    processor = StripeProcessor(secret_key="rk_secret", url=url)

    with pytest.raises(ProcessorUnavailable) as caught:
        await processor.charge(charge(reference))
    with pytest.raises(OutcomeUnknown):
        await processor.find(charge(reference))
    await processor.close()

    assert "Stripe does not let us make a charge" in caplog.text
    assert "rk_secret" not in caplog.text + repr(caught.value)
    assert caught.value.__cause__ is None


async def test_what_takes_too_long_is_no_word(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(answers, "ANSWER_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        processor = StripeProcessor(secret_key=KEY, url=url)

        with pytest.raises(OutcomeUnknown):
            await processor.charge(charge('{"customer":"cus_1","method":"pm_1"}'))
        await processor.close()

    assert "Stripe gave no word on a charge in time" in caplog.text


async def test_no_answer_is_no_word(caplog: pytest.LogCaptureFixture) -> None:
    processor = StripeProcessor(secret_key=KEY, url="http://127.0.0.1:9")
    reference = '{"customer":"cus_1","method":"pm_1"}'
    asked = charge(reference)

    with caplog.at_level(logging.DEBUG):
        for attempt in (
            processor.charge(asked),
            processor.refund(refund(asked, "pi_1", "1.00")),
            processor.pay_out(payout('{"destination":"ba_1"}')),
            processor.find(asked),
            processor.register(registration("pm_1")),
        ):
            with pytest.raises(OutcomeUnknown):
                await attempt
    await processor.close()

    for secret in ("cus_1", "pm_1", KEY):
        assert secret not in caplog.text
