"""What somebody is shown before they pay by a script, and is done when they confirm it."""

from decimal import Decimal
from typing import Literal
from uuid import UUID

import msgspec

from whipround.domain.payees import Address
from whipround.money import Money


class PlannedShare(msgspec.Struct, frozen=True):
    """What one participant is to get: `amount`, which is `percentage` of the whole.

    `recipient` is the id as the script says it, in its normal form (`mailto:…`, `tel:…`, the
    address of a profile, a username). Exactly one of `user_id`, of who was written as a username,
    and `address` is set. `name` is what answers call them (`.x-id`).
    """

    recipient: str
    role: str
    percentage: Decimal
    amount: Decimal
    name: str
    user_id: UUID | None = None
    address: Address | None = None


class Page(msgspec.Struct, frozen=True):
    """What a crowd payment is for, as the script and its page say it; None where they do not.

    `url` is in its normal form, and `host` that of the url, without a port: both None where the
    script has no address.
    """

    url: str | None = None
    host: str | None = None
    title: str = ""
    description: str = ""
    image: str | None = None
    language: str | None = None
    copyright: str | None = None
    message: str = ""
    keywords: tuple[str, ...] = ()
    favicon: str | None = None


class Plan(msgspec.Struct, frozen=True):
    """A crowd payment as it was shown: `amount` is divided, and the product takes `fee` on top.

    Of a pledge the shares are those that it would have now: who is paid in the end is up to the
    script when it is claimed. `script` is what the preview has answered, JSON.
    """

    amount: Decimal
    fee: Decimal
    currency: str
    kind: Literal["payment", "pledge"]
    page: Page
    is_invoiced: bool
    referrer: str | None
    shares: tuple[PlannedShare, ...]
    script: msgspec.Raw

    @property
    def money(self) -> Money:
        """What is divided."""
        return Money(self.amount, self.currency)
