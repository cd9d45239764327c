"""Runs localstripe on a port, with what Stripe has changed since it was written."""

import sys
from typing import Any

from localstripe import resources, server  # type: ignore[import-untyped]
from localstripe.errors import UserError  # type: ignore[import-untyped]

_INTENT = resources.PaymentIntent._api_create.__func__
_REFUND = resources.Refund._api_create.__func__
_CHARGES = resources.Charge._api_list_all.__func__

_TRUE = (True, "true")


def _create_intent(cls: Any, /, automatic_payment_methods: Any = None, **given: Any) -> Any:
    """Without a `return_url`, only what cannot send its owner anywhere can be confirmed.

    https://docs.stripe.com/changelog/endive/2026-09-30
    """
    if "payment_method_types" in given:
        raise UserError(400, contents={"code": "payment_method_types_no_longer_supported"})
    automatic = automatic_payment_methods or {}
    stays = automatic.get("enabled") in _TRUE and automatic.get("allow_redirects") == "never"
    if given.get("confirm") in _TRUE and not stays:
        raise UserError(400, "A `return_url` must be specified")
    return _INTENT(cls, **given)


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
# Its store stays in memory: it would write a file into a folder that others share.
resources.Store.dump_to_disk = lambda store: None
sys.argv = ["localstripe", "--port", sys.argv[1], "--from-scratch"]
server.start()
