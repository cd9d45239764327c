"""Cards, banks and cash through Stripe, by its own library.

What Stripe is given carries our key twice: as the idempotency key, under which a repeat within a
day is answered with the first answer, and in the metadata, by which `find` knows it at any time.
A request is never repeated here: what became of it is asked, once its time is over.
"""

from whipround.gateways.processors.stripe.cash import StripeCashDesk
from whipround.gateways.processors.stripe.processor import StripeProcessor
from whipround.gateways.processors.stripe.webhooks import read_hint

__all__ = ["StripeCashDesk", "StripeProcessor", "read_hint"]
