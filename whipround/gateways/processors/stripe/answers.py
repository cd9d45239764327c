"""What Stripe's answers and errors mean to us."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import stripe

from whipround.gateways.processors.protocol import (
    CardDetails,
    OutcomeUnknown,
    ProcessorUnavailable,
)
from whipround.outcomes import Outcome

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 20
"""The longest that we wait for Stripe, however many requests a question takes."""

# Stripe's word for why: ours. Whatever is not here is simply declined.
_REASONS = {
    "amount_too_large": "amount_too_large",
    "amount_too_small": "amount_too_small",
    "authentication_required": "authentication_required",
    "balance_insufficient": "processor_balance_insufficient",
    "charge_already_refunded": "refund_too_large",
    "expired_card": "card_expired",
    "insufficient_funds": "insufficient_funds",
    "payment_intent_authentication_failure": "authentication_required",
    "resource_missing": "unknown_token",
}


class DeclinedByStripe(Exception):
    """Stripe said no; `code` is our word for why."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


@asynccontextmanager
async def told(what: str) -> AsyncIterator[None]:
    """Turn what the library raises, or its silence, into what became of the request.

    Its errors quote tokens, and bodies: they go no further, nor into a log.
    """
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            yield
    except TimeoutError:
        logger.warning("Stripe gave no word on %s in time", what)
        raise OutcomeUnknown from None
    except stripe.CardError as error:
        raise DeclinedByStripe(_reason(error, "card_declined")) from None
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        logger.error("Stripe does not let us make %s: %s", what, _told_of(error))  # noqa: TRY400
        raise ProcessorUnavailable from None
    except stripe.RateLimitError as error:
        logger.warning("Stripe has no time for %s: %s", what, _told_of(error))
        raise ProcessorUnavailable from None
    except stripe.InvalidRequestError as error:
        logger.warning("Stripe refuses %s: %s", what, _told_of(error))
        raise DeclinedByStripe(_reason(error, "refused")) from None
    except stripe.StripeError as error:
        logger.warning("Stripe gave no word on %s: %s", what, _told_of(error))
        raise OutcomeUnknown from None


def _told_of(error: stripe.StripeError) -> str:
    """An error in words that are safe to log."""
    words = (type(error).__name__, error.http_status, error.code, error.request_id)
    return " ".join(str(word) for word in words if word)


def _reason(error: stripe.StripeError, otherwise: str) -> str:
    return _why((beneath(error.error, "decline_code"), error.code), otherwise)


def _why(said: tuple[Any, ...], otherwise: str) -> str:
    """Our word for Stripe's, of which the first that we know counts."""
    return next((_REASONS[word] for word in said if word in _REASONS), otherwise)


def call_of(found: object) -> str | None:
    """The key of the call that something at Stripe was made by; None for somebody else's."""
    call: str | None = beneath(found, "metadata", "call")
    return call


def card_of(method: stripe.PaymentMethod) -> CardDetails | None:
    """What Stripe knows of a card; None for what is no card."""
    card = method.card if method.type == "card" else None
    if card is None:
        return None
    return CardDetails(
        brand=card.brand.replace("_", " ").title(),
        last_digits=card.last4 or "",
        type="debit" if card.funding in ("debit", "prepaid") else "credit",
        expiration_month=card.exp_month,
        expiration_year=card.exp_year,
    )


def of_intent(intent: Any, charge: Any) -> Outcome:
    """What a PaymentIntent and its charge, if there was one, say."""
    error_code = ""
    status = {"succeeded": "approved", "processing": "pending"}.get(intent.status, "declined")
    if intent.status == "canceled":
        error_code = "authentication_required"
    elif status == "declined":
        error = beneath(intent, "last_payment_error")
        error_code = _why((beneath(error, "decline_code"), beneath(error, "code")), "card_declined")
    return _outcome(
        status,
        intent,
        error_code,
        authorization_code=beneath(charge, "payment_method_details", "card", "authorization_code"),
        tracking_code=beneath(charge, "id"),
    )


def of_refund(refund: stripe.Refund) -> Outcome:
    """What a Refund says."""
    status = {"succeeded": "approved", "pending": "pending", "requires_action": "pending"}.get(
        refund.status or "", "declined"
    )
    return _outcome(
        status,
        refund,
        "refund_failed" if status == "declined" else "",
        tracking_code=beneath(refund, "destination_details", "card", "reference"),
    )


def of_payout(payout: stripe.Payout) -> Outcome:
    """What a Payout says; one that has failed may have been paid before."""
    status = {"paid": "approved", "pending": "pending", "in_transit": "pending"}.get(
        payout.status, "declined"
    )
    return _outcome(
        status,
        payout,
        "payout_failed" if status == "declined" else "",
        tracking_code=beneath(payout, "trace_id", "value"),
    )


def _outcome(
    status: str,
    said: Any,
    error_code: str,
    *,
    authorization_code: str | None = None,
    tracking_code: str | None = None,
) -> Outcome:
    return Outcome(
        status=status,  # type: ignore[arg-type]
        error_code=error_code,
        authorization_code=authorization_code or "",
        reference_code=said.id,
        tracking_code=tracking_code or "",
        processed_at=None if status == "pending" else datetime.fromtimestamp(said.created, UTC),
    )


def beneath(found: Any, *names: str) -> Any:
    """What is there beneath these names; None where Stripe says nothing of it."""
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else getattr(found, name, None)
    return found
