"""What is recorded: the word of the outside on a call that was made."""

from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import UUID

from whipround.db.request_keys import Answer
from whipround.domain.payments.commands import Payment
from whipround.outcomes import Outcome


class Settle(NamedTuple):
    """Record what the outside says of a call; harmless if repeated, and in any order.

    `outcome` is None for a call that the outside never heard of and shall not hear of any more.
    `render` makes the answer of the request that waits for it, from what the request was about (a
    payment, a refund) or from the error that it ended with; None where no request waits. `payment`
    is the one that was intended, where it is still at hand.
    """

    call_id: UUID
    outcome: Outcome | None
    payment: Payment | None = None
    render: Callable[[Any], Answer] | None = None
