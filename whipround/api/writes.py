"""What the writes of all dialects have in common: they are done once, and limited."""

from collections.abc import Awaitable, Callable

import msgspec

from whipround.api.context import Call
from whipround.api.shapes import encode
from whipround.db import request_keys
from whipround.db.database import Tx
from whipround.db.request_keys import Answer, InProgress, KeyReused
from whipround.domain.throttles import SANDBOX_MULTIPLIER
from whipround.errors import Declined, DomainError

REPEATS = (KeyReused, InProgress)
"""What a write that is done once can be refused with, for the documentation."""


async def write_once(
    call: Call,
    act: Callable[[Tx], Awaitable[Answer]],
    *,
    refusal: Callable[[DomainError, Call], Answer],
) -> Answer:
    """Carry out a write exactly once, under the request's key; its answer, or the first one again.

    Refusals by a rule are remembered with it, as the dialect's `refusal` renders them; wrong fields
    and limits are not.
    """

    def refuse(error: DomainError) -> Answer | None:
        return refusal(error, call) if isinstance(error, Declined) else None

    return await request_keys.once(call.db, call.key, act, refuse=refuse, now=call.now)


def answer(shape: msgspec.Struct, *, status: int = 200) -> Answer:
    """The rendered answer of a write."""
    return Answer(status, encode(shape))


def limit_multiplier(call: Call) -> int:
    """How much wider the limits on what people try are here than usual."""
    return SANDBOX_MULTIPLIER if call.services.sandbox else 1
