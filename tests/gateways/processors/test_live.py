"""Which processors the settings stand for."""

from decimal import Decimal
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from whipround.db.database import Database
from whipround.gateways.messages.protocol import GatewayMisconfigured
from whipround.gateways.processors.live import hints_of, processors_of
from whipround.gateways.processors.protocol import (
    Charge,
    OutcomeUnknown,
    ProcessorUnavailable,
    Unconfigured,
)
from whipround.gateways.processors.sandbox import SandboxProcessor
from whipround.gateways.processors.sandbox_cash import SandboxCashDesk
from whipround.gateways.processors.stripe import StripeCashDesk, StripeProcessor
from whipround.money import Money
from whipround.settings import Settings

STRIPE: dict[str, Any] = {
    "stripe_secret_key": "sk_test_secret",
    "stripe_webhook_secret": "whsec_secret",
}


async def test_a_sandbox_plays_its_own_in_each_product(db: Database) -> None:
    make = processors_of(Settings(**STRIPE), sandbox=True)

    first, second = make(db), make(db)

    assert isinstance(first.of("cards"), SandboxProcessor)
    assert first.of("banks") is first.of("cards") is not second.of("cards")
    assert isinstance(first.cash, SandboxCashDesk)
    assert hints_of(Settings(**STRIPE), sandbox=True) is None


@pytest.mark.anyio
async def test_all_products_share_one_stripe(db: Database) -> None:
    make = processors_of(Settings(**STRIPE), sandbox=False)

    stripe = make(db).cards

    assert isinstance(stripe, StripeProcessor)
    assert stripe is make(db).banks
    assert isinstance(make(db).cash, StripeCashDesk)
    assert hints_of(Settings(**STRIPE), sandbox=False) is not None
    await make(db).close()
    with pytest.raises(OutcomeUnknown):
        await stripe.find(Charge(uuid7(), uuid7(), "", Money(Decimal(1), "EUR"), ""))


@pytest.mark.anyio
async def test_without_settings_every_call_is_refused(db: Database) -> None:
    processors = processors_of(Settings(), sandbox=False)(db)

    assert isinstance(processors.cards, Unconfigured)
    assert isinstance(processors.cash, Unconfigured)
    assert hints_of(Settings(), sandbox=False) is None
    asked: Any = None
    for call in ("register", "charge", "refund", "pay_out", "find", "least_payout"):
        with pytest.raises(ProcessorUnavailable):
            await getattr(processors.cards, call)(asked)
    await processors.close()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"stripe_webhook_secret": None}, "belong together"),
        ({"stripe_secret_key": None}, "belong together"),
        ({"stripe_secret_key": "pk_live_secret"}, "WHIPROUND_STRIPE_SECRET_KEY"),
        ({"stripe_webhook_secret": "secret"}, "WHIPROUND_STRIPE_WEBHOOK_SECRET"),
        ({"stripe_url": "http://stripe.example"}, "WHIPROUND_STRIPE_URL"),
        ({"stripe_url": "https://"}, "WHIPROUND_STRIPE_URL"),
        ({"stripe_url": "https://[::1"}, "WHIPROUND_STRIPE_URL"),
    ],
    ids=["no webhook", "no key", "public key", "no secret", "in clear", "no host", "no url"],
)
def test_half_a_configuration_is_refused(given: dict[str, Any], named: str) -> None:
    settings = Settings(**STRIPE | given)

    with pytest.raises(GatewayMisconfigured, match=named) as caught:
        processors_of(settings, sandbox=False)

    assert "secret" not in str(caught.value)
