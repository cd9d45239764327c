"""Cash at the shops of OXXO, through one Stripe account.

https://docs.stripe.com/payments/oxxo
"""

from datetime import UTC, datetime
from typing import Any

import stripe

from whipround.gateways.processors.cash import CashOrder, Slip
from whipround.gateways.processors.protocol import OutcomeUnknown, ProcessorUnavailable
from whipround.gateways.processors.stripe.amounts import (
    cash_metadata_of,
    charged_before,
    days_from,
    made_since,
    minor_units,
    money_of,
)
from whipround.gateways.processors.stripe.answers import DeclinedByStripe, beneath, told
from whipround.gateways.processors.stripe.client import open_client
from whipround.outcomes import Outcome

_CURRENCY = "MXN"
_PAGE = 100
_MOST_DAYS = 7
_LONGEST_DESCRIPTION = 500


class StripeCashDesk:
    """Has slips of OXXO made, one for each PaymentIntent."""

    name = "stripe"

    def __init__(self, *, secret_key: str, url: str | None = None) -> None:
        """`url` is where the API is, if not at Stripe's own address."""
        client, self._http = open_client(secret_key=secret_key, url=url)
        self._api = client.v1

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close_async()  # type: ignore[no-untyped-call]

    async def open_order(self, order: CashOrder) -> Slip | Outcome:
        """Make a slip. It is good to the end of a day in Mexico, so a little longer than asked."""
        amount = minor_units(order.amount)
        if order.amount.currency != _CURRENCY or amount is None:
            return Outcome("declined", "unsupported_amount")
        if not order.payer_email:
            return Outcome("declined", "email_required")
        # A repeat has to say just the same, or it is refused.
        days = min(max(days_from(order.key, order.expires_at), 1), _MOST_DAYS)
        try:
            async with told("an order to be paid in cash"):
                intent = await self._api.payment_intents.create_async(
                    {
                        "amount": amount,
                        "currency": _CURRENCY.lower(),
                        "confirm": True,
                        "payment_method_data": {
                            "type": "oxxo",
                            "billing_details": {
                                "name": order.payer_name,
                                "email": order.payer_email,
                            },
                        },
                        "payment_method_options": {"oxxo": {"expires_after_days": days}},
                        "allowed_payment_method_types": ["oxxo"],
                        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
                        "description": order.description[:_LONGEST_DESCRIPTION],
                        "metadata": cash_metadata_of(order),
                        "expand": ["latest_charge"],
                    },
                    {"idempotency_key": str(order.key)},
                )
        except DeclinedByStripe as declined:
            return Outcome("declined", declined.code, processed_at=datetime.now(UTC))
        return _slip(intent)

    async def find_order(self, order: CashOrder) -> Slip | None:
        """What became of an order; None if there is none that carries its key."""
        try:
            async with told("a question"):
                if order.slip_id:
                    intent = await self._api.payment_intents.retrieve_async(
                        order.slip_id, {"expand": ["latest_charge"]}
                    )
                    return _slip(intent)
                return await self._look_for(order)
        except (ProcessorUnavailable, DeclinedByStripe):
            raise OutcomeUnknown from None

    async def _look_for(self, order: CashOrder) -> Slip | None:
        found = await self._api.payment_intents.list_async(
            {
                "created": {"gt": made_since(order.key), "lt": charged_before(order.key)},
                "limit": _PAGE,
                "expand": ["data.latest_charge"],
            }
        )
        async for each in found.auto_paging_iter():
            if beneath(each, "metadata", "cash_order") == str(order.key):
                return _slip(each)
        return None


def _slip(intent: stripe.PaymentIntent) -> Slip:
    """What a PaymentIntent says. Once nothing is to be shown, its charge still has the number."""
    details: Any = beneath(intent, "next_action", "oxxo_display_details")
    charged = beneath(intent, "latest_charge", "payment_method_details", "oxxo", "number")
    expires_after = beneath(details, "expires_after")
    is_paid = intent.status == "succeeded"
    return Slip(
        id=intent.id,
        reference=beneath(details, "number") or charged or "",
        status="paid" if is_paid else "waiting" if _is_open(intent) else "expired",
        amount=money_of(intent.amount_received if is_paid else intent.amount, intent.currency),
        expires_at=None if expires_after is None else datetime.fromtimestamp(expires_after, UTC),
    )


def _is_open(intent: stripe.PaymentIntent) -> bool:
    """Whether it can still be paid: one that was not in time wants another payment method."""
    return intent.status in ("requires_action", "processing")
