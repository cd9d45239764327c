"""Stripe's webhooks, as far as they are looked at."""

from uuid import UUID

import msgspec
from stripe import SignatureVerificationError, WebhookSignature

from whipround.gateways.processors.protocol import BadSignature, Hint

TOLERANCE_SECONDS = 300
"""How old a webhook's signature may be."""

# What a hint may be about. Others are heard and forgotten.
_EVENTS = frozenset(
    {
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "payment_intent.canceled",
        "payment_intent.processing",
        "charge.refunded",
        "refund.created",
        "refund.updated",
        "refund.failed",
        "payout.paid",
        "payout.failed",
        "payout.canceled",
        "payout.updated",
    }
)


def read_hint(secret: str, body: bytes, signature: str) -> Hint | None:
    """Which call a webhook is about, or which order to be paid in cash, if any of ours.

    `secret` is that of the endpoint, `signature` the Stripe-Signature header. Raises
    BadSignature, also for what was signed more than five minutes ago.
    """
    try:
        WebhookSignature.verify_header(body, signature, secret, TOLERANCE_SECONDS)
    except (SignatureVerificationError, TypeError, ValueError):  # no text is told from a bad one
        raise BadSignature from None
    try:
        event = msgspec.json.decode(body)
        if event["type"] not in _EVENTS:
            return None
        metadata = event["data"]["object"]["metadata"]
    except (msgspec.MsgspecError, KeyError, TypeError):  # not for us
        return None
    try:
        product_id = UUID(metadata["product"])
        if "cash_order" in metadata:
            return Hint(product_id, UUID(metadata["cash_order"]), about="cash")
        return Hint(product_id, UUID(metadata["call"]))
    except (AttributeError, KeyError, TypeError, ValueError):  # nobody's, or another system's
        return None
