"""One Stripe account: what it is asked, and how it is asked again."""

import logging
from datetime import UTC, datetime

import msgspec
import stripe
from stripe.params import ChargeListParams, PaymentIntentCreateParams, PayoutCreateParams

from whipround.gateways.processors.protocol import (
    Charge,
    Operation,
    OutcomeUnknown,
    Payout,
    ProcessorUnavailable,
    Refund,
    Registered,
    Registration,
)
from whipround.gateways.processors.stripe.amounts import (
    charged_before,
    least_paid_out,
    made_since,
    metadata_of,
    minor_units,
    statement_line,
)
from whipround.gateways.processors.stripe.answers import (
    DeclinedByStripe,
    beneath,
    call_of,
    card_of,
    of_intent,
    of_payout,
    of_refund,
    told,
)
from whipround.gateways.processors.stripe.client import open_client
from whipround.money import Money
from whipround.outcomes import Outcome

logger = logging.getLogger(__name__)

_PAGE = 100


class _Reference(msgspec.Struct, omit_defaults=True, frozen=True):
    """What Stripe knows a card or an account by: to charge it, or to pay out to it."""

    customer: str = ""
    method: str = ""
    destination: str = ""

    def text(self) -> str:
        return msgspec.json.encode(self).decode()


class StripeProcessor:
    """Charges cards and bank debits, gives back, and pays out, through one Stripe account."""

    name = "stripe"

    def __init__(self, *, secret_key: str, url: str | None = None) -> None:
        """`url` is where the API is, if not at Stripe's own address."""
        client, self._http = open_client(secret_key=secret_key, url=url)
        self._api = client.v1

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close_async()  # type: ignore[no-untyped-call]

    async def register(self, registration: Registration) -> Registered | Outcome:
        """Attach a payment method to a customer that stands for the person.

        A card's token is a `pm_…` or a `tok_…`; a bank account's is a `pm_…` to debit it, or a
        `ba_…` to pay out to it. What else is known of an account tells Stripe nothing.
        """
        token = registration.token
        is_card = registration.kind == "card"
        if token.startswith("ba_") and not is_card:
            return Registered(_Reference(destination=token).text(), is_verified=False, card=None)
        try:
            async with told("a card or a bank account"):
                return await self._attach(registration, token)
        except DeclinedByStripe as declined:
            return Outcome("declined", declined.code)

    async def _attach(self, registration: Registration, token: str) -> Registered:
        """Raises DeclinedByStripe, and what the library raises."""
        key = registration.key
        if token.startswith("pm_"):
            method = await self._api.payment_methods.retrieve_async(token)
        elif token.startswith("tok_") and registration.kind == "card":
            method = await self._api.payment_methods.create_async(
                {
                    "type": "card",
                    "card": {"token": token},
                    "billing_details": {"name": registration.holder},
                },
                {"idempotency_key": f"{key}-method"},
            )
        else:
            raise DeclinedByStripe("unknown_token")
        if (method.type == "card") != (registration.kind == "card"):
            raise DeclinedByStripe("unknown_token")
        customer_id, method = await self._customer(registration, method)
        reference = _Reference(customer=customer_id, method=method.id)
        # Who knows the code on a card's back has it in hand; a bank account is debited under the
        # mandate that Stripe has of its owner.
        is_verified = (
            registration.kind == "bank_account"
            or beneath(method, "card", "checks", "cvc_check") == "pass"
        )
        return Registered(reference.text(), is_verified=is_verified, card=card_of(method))

    async def _customer(
        self, registration: Registration, method: stripe.PaymentMethod
    ) -> tuple[str, stripe.PaymentMethod]:
        """The customer whose method it is, and the method then.

        A person has as many customers as methods, since Stripe knows of no other way to find one
        again that is safe: a method which has one shows at any time whose it is. Raises
        DeclinedByStripe for somebody else's.
        """
        key = registration.key
        whose = {"user": str(registration.user_id), "product": str(registration.product_id)}
        if isinstance(method.customer, str):
            owner = await self._api.customers.retrieve_async(method.customer)
            if any(beneath(owner, "metadata", name) != id_ for name, id_ in whose.items()):
                raise DeclinedByStripe("unknown_token")
            return owner.id, method
        customer = await self._api.customers.create_async(
            {"metadata": whose}, {"idempotency_key": f"{key}-customer"}
        )
        attached = await self._api.payment_methods.attach_async(
            method.id, {"customer": customer.id}, {"idempotency_key": f"{key}-attach"}
        )
        return customer.id, attached

    async def charge(self, charge: Charge) -> Outcome:
        """Take the money at once, without its owner: who would have to be asked is declined."""
        amount = minor_units(charge.amount)
        if amount is None:
            return Outcome("declined", "unsupported_amount")
        try:
            async with told("a charge"):
                customer, method = await self._paying(charge)
                params: PaymentIntentCreateParams = {
                    "payment_method": method,
                    "amount": amount,
                    "currency": charge.amount.currency.lower(),
                    "confirm": True,
                    # Otherwise Stripe wants to know where to send the owner afterwards, though
                    # this method may send them nowhere. It takes no `payment_method_types`
                    # any more, since its version 2026-09-30.
                    "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
                    "metadata": metadata_of(charge, charge.description),
                    "expand": ["latest_charge"],
                }
                if customer is not None:
                    params |= {"customer": customer, "off_session": True}
                intent = await self._api.payment_intents.create_async(
                    params, {"idempotency_key": str(charge.key)}
                )
                if intent.status in ("requires_action", "requires_confirmation"):
                    intent = await self._cancel(intent.id)
        except DeclinedByStripe as declined:
            return Outcome("declined", declined.code, processed_at=datetime.now(UTC))
        return of_intent(intent, intent.latest_charge)

    async def _paying(self, charge: Charge) -> tuple[str | None, str]:
        """With what a charge is paid: a customer and their method, or a method used this once.

        Raises DeclinedByStripe for what cannot be charged, and what the library raises.
        """
        if not charge.token:
            reference = _read(charge.reference)
            if not reference.method:
                raise DeclinedByStripe("charge_unsupported")
            return reference.customer, reference.method
        if charge.token.startswith("pm_"):
            return None, charge.token
        if not charge.token.startswith("tok_"):
            raise DeclinedByStripe("unknown_token")
        method = await self._api.payment_methods.create_async(
            {
                "type": "card",
                "card": {"token": charge.token},
                "billing_details": {"name": charge.holder},
            },
            {"idempotency_key": f"{charge.key}-method"},
        )
        return None, method.id

    async def _cancel(self, intent_id: str) -> stripe.PaymentIntent:
        """Cancel what nobody can confirm; as it is, if it was cancelled before."""
        try:
            return await self._api.payment_intents.cancel_async(intent_id)
        except stripe.InvalidRequestError:
            return await self._api.payment_intents.retrieve_async(intent_id)

    async def refund(self, refund: Refund) -> Outcome:
        """Give back a part of a charge, or all of it."""
        amount = minor_units(refund.amount)
        if not refund.charge_reference or amount is None:
            return Outcome("declined", "charge_not_refundable")
        try:
            async with told("a refund"):
                made = await self._api.refunds.create_async(
                    {
                        "payment_intent": refund.charge_reference,
                        "amount": amount,
                        "metadata": metadata_of(refund),
                    },
                    {"idempotency_key": str(refund.key)},
                )
        except DeclinedByStripe as declined:
            return await self._refused(refund, declined.code)
        return of_refund(made)

    async def _refused(self, refund: Refund, error_code: str) -> Outcome:
        """What a refund has come to that Stripe refuses: it may have been made long ago."""
        try:
            async with told("a refund that it refuses"):
                made = await self._find_refund(refund)
        except DeclinedByStripe:  # not even the charge is known
            made = None
        if made is not None:
            return made
        logger.error(
            "Stripe refuses refund %s (%s), which goes to the payer's wallet instead:"
            " see in its Dashboard whether somebody has given it back there as well",
            refund.key,
            error_code,
        )
        return Outcome("declined", error_code, processed_at=datetime.now(UTC))

    async def pay_out(self, payout: Payout) -> Outcome:
        """Pay out of the Stripe balance; on its way until Stripe says that it has arrived."""
        destination = _read(payout.reference).destination
        amount = minor_units(payout.amount, paid_out=True)
        if not destination:  # without one, Stripe would pay its own customer: us
            return Outcome("declined", "payout_unsupported")
        if amount is None:
            return Outcome("declined", "unsupported_amount")
        params: PayoutCreateParams = {
            "amount": amount,
            "currency": payout.amount.currency.lower(),
            "destination": destination,
            "metadata": metadata_of(payout, payout.description),
        }
        if line := statement_line(payout.description):  # Stripe refuses an empty one
            params["statement_descriptor"] = line
        try:
            async with told("a payout"):
                made = await self._api.payouts.create_async(
                    params, {"idempotency_key": str(payout.key)}
                )
        except DeclinedByStripe as declined:
            return Outcome("declined", declined.code, processed_at=datetime.now(UTC))
        return of_payout(made)

    async def find(self, operation: Operation) -> Outcome | None:
        """What became of an operation, by its key in the metadata.

        None where there is none, and for a charge that never reached the card: then no money has
        moved, and none will. Raises OutcomeUnknown.
        """
        try:
            async with told("a question"):
                if isinstance(operation, Charge):
                    return await self._find_charge(operation)
                if isinstance(operation, Refund):
                    return await self._find_refund(operation)
                return await self._find_payout(operation)
        except (ProcessorUnavailable, DeclinedByStripe):
            raise OutcomeUnknown from None

    async def _find_charge(self, charge: Charge) -> Outcome | None:
        # Not by Stripe's search, which hears of things minutes later.
        asked: ChargeListParams = {"limit": _PAGE, "expand": ["data.payment_intent"]}
        since = made_since(charge.key)
        if charge.reference:
            asked["created"] = {"gt": since}
            asked["customer"] = _read(charge.reference).customer
            if not asked["customer"]:
                return None
        else:  # it is not known any more whose it was
            asked["created"] = {"gt": since, "lt": charged_before(charge.key)}
        found = await self._api.charges.list_async(asked)
        async for each in found.auto_paging_iter():
            if call_of(each.payment_intent) == str(charge.key):
                return of_intent(each.payment_intent, each)
        return None

    async def _find_refund(self, refund: Refund) -> Outcome | None:
        if not refund.charge_reference:
            return None
        found = await self._api.refunds.list_async(
            {"payment_intent": refund.charge_reference, "limit": _PAGE}
        )
        async for each in found.auto_paging_iter():
            if call_of(each) == str(refund.key):
                return of_refund(each)
        return None

    async def _find_payout(self, payout: Payout) -> Outcome | None:
        since = made_since(payout.key)
        found = await self._api.payouts.list_async({"limit": _PAGE})
        async for each in found.auto_paging_iter():  # the newest first
            if call_of(each) == str(payout.key):
                return of_payout(each)
            if each.created < since:
                break
        return None

    def least_payout(self, currency: str) -> Money:
        """The least that Stripe can express, which may be less than it lets one pay out."""
        return least_paid_out(currency)


def _read(reference: str) -> _Reference:
    """Raises OutcomeUnknown where there is none: nothing can be asked, nor told."""
    try:
        return msgspec.json.decode(reference, type=_Reference)
    except msgspec.MsgspecError:
        raise OutcomeUnknown from None
