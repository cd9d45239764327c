"""Runs localstripe on a port, with what Stripe has changed since it was written."""

import sys
from typing import Any

from localstripe import resources, server  # type: ignore[import-untyped]
from localstripe.errors import UserError  # type: ignore[import-untyped]

_INTENT = resources.PaymentIntent._api_create.__func__
_REFUND = resources.Refund._api_create.__func__
_CHARGES = resources.Charge._api_list_all.__func__
_INTENTS = resources.PaymentIntent._api_list_all.__func__

_TRUE = (True, "true")
_ENDS = {"gt": 0, "lt": sys.maxsize}


def _create_intent(cls: Any, /, automatic_payment_methods: Any = None, **given: Any) -> Any:
    """Without a `return_url`, only what cannot send its owner anywhere can be confirmed.

    https://docs.stripe.com/changelog/endive/2026-09-30
    """
    if (given.get("payment_method_data") or {}).get("type") == "oxxo":
        return _open_voucher(**given)
    if "payment_method_types" in given:
        raise UserError(400, contents={"code": "payment_method_types_no_longer_supported"})
    automatic = automatic_payment_methods or {}
    stays = automatic.get("enabled") in _TRUE and automatic.get("allow_redirects") == "never"
    if given.get("confirm") in _TRUE and not stays:
        raise UserError(400, "A `return_url` must be specified")
    return _INTENT(cls, **given)


class _Voucher(resources.PaymentIntent):  # type: ignore[misc]
    """A PaymentIntent that is paid at a shop of OXXO: https://docs.stripe.com/payments/oxxo"""

    charges = last_payment_error = None

    @property
    def status(self) -> str:
        """As of any PaymentIntent."""
        return "canceled" if self._canceled else self._standing

    def __init__(self, days: int, **given: Any) -> None:
        super().__init__(**given)
        self._standing = "requires_action"
        self.amount_received = 0
        self._number = self.id[-14:]
        details = {"number": self._number, "expires_after": self.created + days * 86400}
        shown: Any = {"type": "oxxo_display_details", "oxxo_display_details": details}
        self.next_action = shown

    def _leave(self, status: str) -> Any:
        self._standing, self.next_action = status, None
        return self

    @classmethod
    def _api_pay(cls, id: str) -> Any:  # noqa: A002 - as in the path
        """What somebody does at a shop."""
        voucher = cls._api_retrieve(id)._leave("succeeded")
        voucher.amount_received = voucher.amount
        voucher.latest_charge = {"payment_method_details": {"oxxo": {"number": voucher._number}}}
        resources.schedule_webhook(resources.Event("payment_intent.succeeded", voucher))
        return voucher

    @classmethod
    def _api_expire(cls, id: str) -> Any:  # noqa: A002
        """What time does."""
        return cls._api_retrieve(id)._leave("requires_payment_method")


def _open_voucher(
    payment_method_data: Any,
    payment_method_options: Any,
    allowed_payment_method_types: Any,
    description: str,
    confirm: Any,
    **given: Any,
) -> Any:
    """A key that is known makes no other voucher."""
    whose = payment_method_data["billing_details"]
    assert (confirm in _TRUE, allowed_payment_method_types) == (True, ["oxxo"])
    assert all(whose[name] for name in ("name", "email"))
    assert description
    amount, days = int(given["amount"]), int(payment_method_options["oxxo"]["expires_after_days"])
    if given["currency"] != "mxn" or not 1000 <= amount <= 1_000_000:
        code = "amount_too_small" if amount < 1000 else "amount_too_large"
        raise UserError(400, contents={"code": code})
    for each in resources.store.values():
        if isinstance(each, _Voucher) and each.metadata == given["metadata"]:
            return each
    return _Voucher(days, **given)


def _list_intents(cls: Any, /, url: str, created: Any = None, **given: Any) -> Any:
    """Those that were made between two times."""
    found = _INTENTS(cls, url, **given)
    since, before = [int((created or {}).get(end, at)) for end, at in _ENDS.items()]
    found._list = [each for each in found._list if since < each.created < before]
    return found


def _create_refund(cls: Any, /, **given: Any) -> Any:
    """No more comes back than was charged."""
    made = _REFUND(cls, **given)
    charge = resources.Charge._api_retrieve(made.charge)
    refunds = [each for each in resources.store.values() if isinstance(each, resources.Refund)]
    if sum(each.amount for each in refunds if each.charge == charge.id) > charge.amount:
        resources.Refund._api_delete(made.id)
        raise UserError(400, contents={"code": "charge_already_refunded"})
    return made


def _list_charges(cls: Any, /, url: str, created: Any = None, **given: Any) -> Any:
    """A time has two ends."""
    created = created or {}
    before = int(created.pop("lt", sys.maxsize))
    found = _CHARGES(cls, url, created=created or None, **given)
    found._list = [each for each in found._list if each.created < before]
    return found


resources.PaymentIntent._api_create = classmethod(_create_intent)
resources.Refund._api_create = classmethod(_create_refund)
resources.Charge._api_list_all = classmethod(_list_charges)
resources.PaymentIntent._api_list_all = classmethod(_list_intents)
for act in ("pay", "expire"):
    path = f"/v1/payment_intents/{{id}}/_{act}"
    handler = server.api_extra(getattr(_Voucher, f"_api_{act}"), path)
    server.app.router.add_route("POST", path, handler)
# Its store stays in memory: it would write a file into a folder that others share.
resources.Store.dump_to_disk = lambda store: None
sys.argv = ["localstripe", "--port", sys.argv[1], "--from-scratch"]
server.start()
