"""People change their CLABE among other things: commit, ask its bank under our key, commit.

What is changed with it is committed first; what the bank says of the CLABE is recorded, and
answered, after it.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeAlias

from whipround.db.database import Tx
from whipround.db.request_keys import Answer, RequestKey
from whipround.domain.funding.reading import FundingSource, FundingSourceNotFound
from whipround.domain.gateway_calls import GatewayDeclined
from whipround.errors import DomainError, Invalid
from whipround.flows import registrations
from whipround.flows.desk import Desk
from whipround.flows.registrations import Act, Refuse

Render: TypeAlias = Callable[[Tx, DomainError | None], Awaitable[Answer]]
"""Makes the answer, in a transaction of its own: with the error, or from what is so by now.

It may be asked by the repeat of a request that was cut off, for which nothing else was done.
"""


async def carry_out(
    desk: Desk, *, key: RequestKey, act: Act, render: Render, refuse: Refuse, now: datetime
) -> Answer:
    """Do exactly once what may change a CLABE; the answer, which is kept under the key.

    `act` gives what `clabe.change` gave, or its own answer where that was None. A CLABE that its
    bank declines is an Invalid of the field `clabe`; a bank that cannot be asked is
    GatewayUnavailable; one that says nothing in time leaves the former CLABE until the sweep has
    found out. Raises KeyReused; InProgress while the first request with the key is under way; what
    `act` raises and `refuse` gives no answer to.
    """

    async def render_in(tx: Tx, outcome: FundingSource | DomainError) -> Answer:
        return await render(tx, _wrong(outcome))

    return await registrations.carry_out(
        desk, key=key, act=act, render=render_in, refuse=refuse, now=now
    )


def _wrong(outcome: FundingSource | DomainError) -> DomainError | None:
    if isinstance(outcome, GatewayDeclined):
        return Invalid.field("clabe", "invalid", "Its bank does not take this CLABE")
    if isinstance(outcome, FundingSourceNotFound):  # it was, and has been replaced since
        return None
    return outcome if isinstance(outcome, DomainError) else None
