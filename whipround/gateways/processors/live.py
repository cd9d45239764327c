"""The processors of a real installation, as its settings have it."""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from whipround.db.database import Database
from whipround.gateways.addresses import keeps_secrets
from whipround.gateways.messages.protocol import GatewayMisconfigured
from whipround.gateways.processors.cash import CashDesk
from whipround.gateways.processors.protocol import Processor, Processors, ReadHint, Unconfigured
from whipround.gateways.processors.sandbox import SandboxProcessor
from whipround.gateways.processors.sandbox_cash import SandboxCashDesk
from whipround.settings import Settings

OpenProcessors: TypeAlias = Callable[[Database], Processors]
"""Makes the processors of a product from its database."""


def processors_of(settings: Settings, *, sandbox: bool) -> OpenProcessors:
    """What makes the processors of each product; a live one serves them all.

    Where none is set up, every call is refused. Raises GatewayMisconfigured.
    """
    if sandbox:
        return _sandbox_processors
    processor = live_processor(settings)
    processors = Processors(cards=processor, banks=processor, cash=_cash_desk(settings))
    return lambda _: processors


# Stripe's library takes longer to import than all the rest: only where it is needed.


def live_processor(settings: Settings) -> Processor:
    """The processor of cards and banks alike. Raises GatewayMisconfigured."""
    _check(settings)
    key = settings.stripe_secret_key
    if key is None:
        return Unconfigured()
    from whipround.gateways.processors.stripe import StripeProcessor  # noqa: PLC0415

    return StripeProcessor(secret_key=key.get_secret_value(), url=settings.stripe_url)


def _cash_desk(settings: Settings) -> CashDesk:
    key = settings.stripe_secret_key
    if key is None:
        return Unconfigured()
    from whipround.gateways.processors.stripe import StripeCashDesk  # noqa: PLC0415

    return StripeCashDesk(secret_key=key.get_secret_value(), url=settings.stripe_url)


def hints_of(settings: Settings, *, sandbox: bool) -> ReadHint | None:
    """What reads Stripe's webhooks; None where there are none. Raises GatewayMisconfigured."""
    secret = settings.stripe_webhook_secret
    if sandbox or secret is None:
        return None
    _check(settings)
    from whipround.gateways.processors.stripe import read_hint  # noqa: PLC0415

    return partial(read_hint, secret.get_secret_value())


def _sandbox_processors(db: Database) -> Processors:
    processor = SandboxProcessor(db)
    return Processors(cards=processor, banks=processor, cash=SandboxCashDesk(db))


def _check(settings: Settings) -> None:
    """Refuse a half configuration: without webhooks, a payout that comes back goes unnoticed."""
    key, secret = settings.stripe_secret_key, settings.stripe_webhook_secret
    if (key is None) != (secret is None):
        raise GatewayMisconfigured(
            "WHIPROUND_STRIPE_SECRET_KEY and WHIPROUND_STRIPE_WEBHOOK_SECRET belong together"
        )
    if key is not None and not key.get_secret_value().startswith(("sk_", "rk_")):
        raise GatewayMisconfigured("WHIPROUND_STRIPE_SECRET_KEY must begin with sk_ or rk_")
    if secret is not None and not secret.get_secret_value().startswith("whsec_"):
        raise GatewayMisconfigured("WHIPROUND_STRIPE_WEBHOOK_SECRET must begin with whsec_")
    if settings.stripe_url is not None and not keeps_secrets(settings.stripe_url):
        raise GatewayMisconfigured("WHIPROUND_STRIPE_URL must be https://, or http:// to this host")
