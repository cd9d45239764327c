"""What takes cash at its counters: a payer gets a reference, and pays with it at a shop."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from whipround.money import Money
from whipround.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class CashOrder:
    """Somebody is to pay an amount in cash before `expires_at`.

    `slip_id` is that of the Slip that came of it; empty while none is known. `payer_email` may be
    empty.
    """

    key: UUID
    product_id: UUID
    amount: Money
    description: str
    payer_name: str = field(repr=False)
    payer_email: str = field(repr=False)
    expires_at: datetime
    slip_id: str = ""


@dataclass(frozen=True, slots=True)
class Slip:
    """What a payer brings to a shop, as the cash desk knows it by its own `id`.

    `amount` is what was paid, once it is; until then what is to be paid. `expires_at` is UTC; what
    was paid at the last moment may be known as paid only later. Of a slip that cannot be paid any
    more the desk may have forgotten the reference, which is empty then, and when it expires.
    """

    id: str
    reference: str
    status: Literal["waiting", "paid", "expired"]
    amount: Money
    expires_at: datetime | None


class CashDesk(Protocol):
    """Takes cash. The same key, however often it comes, makes one slip.

    Both methods raise ProcessorUnavailable where nothing was done, and OutcomeUnknown where nobody
    can tell.
    """

    name: str

    async def open_order(self, order: CashOrder) -> Slip | Outcome:
        """Make a slip for it, unless there is one; an Outcome says why it was declined."""
        ...

    async def find_order(self, order: CashOrder) -> Slip | None:
        """What became of an order; None if its key was never heard of."""
        ...

    async def close(self) -> None:
        """Let go of what is held open. Nothing is asked after it."""
        ...
