"""Requests meet who was asked: a number is proven."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from whipround.db.database import Tx
from whipround.domain.notifications import Event, tell, words
from whipround.money import Money

MOST_TOLD = 20
"""Of how many requests that waited for them a person is told; the list has the others too."""

_LOCK = """
    select id
    from request_participant
    where payee_id = any(%(payee_ids)s) and user_id is null
    order by id
    for no key update
"""

_CLAIM = """
    update request_participant set user_id = %(user_id)s, updated_at = %(now)s
    where id = any(%(ids)s)
"""

# The newest of those that still wait for an answer, of nobody with whom there is a block.
_TOLD = """
    select request.id, request.owner_id, users.full_name, request.description, request.currency,
        participant.amount
    from request_participant as participant
        join payment_request as request on request.id = request_id
        join users on users.id = owner_id
    where participant.id = any(%(ids)s) and participant.status = 'pending'
        and owner_id <> %(user_id)s
        and not exists (
            select from relationship
            where user_id = %(user_id)s and other_user_id = owner_id and type = 'blocked'
        )
        and not exists (
            select from relationship
            where user_id = owner_id and other_user_id = %(user_id)s and type = 'blocked'
        )
    order by participant.id desc
    limit %(most)s
"""


async def claim(tx: Tx, *, payee_ids: Sequence[UUID], user_id: UUID, now: datetime) -> None:
    """The user has proven the (locked) payees: those asked there are the user, who is told.

    Somebody who once asked a number of their own is asked by themselves then, can cancel that, and
    is told nothing.
    """
    locked = await (await tx.execute(_LOCK, {"payee_ids": list(payee_ids)})).fetchall()
    if not locked:
        return
    values = {"ids": [id_ for (id_,) in locked], "user_id": user_id, "now": now}
    await tx.execute(_CLAIM, values)
    rows = await (await tx.execute(_TOLD, {**values, "most": MOST_TOLD})).fetchall()
    events = [
        Event(
            user_id,
            "request_received",
            request_id,
            owner_id,
            words(Money(amount, currency), owner=owner, description=description),
        )
        for request_id, owner_id, owner, description, currency, amount in reversed(rows)
    ]
    await tell(tx, events, now=now)
