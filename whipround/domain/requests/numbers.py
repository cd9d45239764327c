"""Participants of requests by the number that Moneypool knows each one by.

There a request is what one person asks of one other: a participant, whoever else is asked with it.
"""

from typing import NamedTuple
from uuid import UUID

from whipround.db.database import Tx
from whipround.domain import numbers
from whipround.domain.requests.errors import RequestNotFound


class Numbered(NamedTuple):
    """A participant, and the request they are asked by, which is its owner's."""

    participant_id: UUID
    request_id: UUID
    owner_id: UUID


# Somebody who once asked a number of their own owes nothing to themselves.
_ASKED = "user_id = %(user_id)s and owner_id <> %(user_id)s"
_OWNED = "owner_id = %(user_id)s"

_FIND = """
    select participant.id, request.id, owner_id
    from request_participant as participant
        join payment_request as request on request.id = request_id
    where participant.number = %(number)s and currency = %(currency)s
        and participant.status <> 'cancelled' and {whose}
"""


async def participant_of(tx: Tx, *, user_id: UUID, number: int, currency: str) -> Numbered:
    """What somebody else asks of the user, by its number, whatever the user has answered.

    Raises RequestNotFound, also for what is in another currency or asked no more.
    """
    return await _find(tx, _ASKED, user_id=user_id, number=number, currency=currency)


async def participant_asked(tx: Tx, *, owner_id: UUID, number: int, currency: str) -> Numbered:
    """What the owner asks of somebody, by its number, whatever they have answered.

    Raises as `participant_of` does.
    """
    return await _find(tx, _OWNED, user_id=owner_id, number=number, currency=currency)


async def _find(tx: Tx, whose: str, *, user_id: UUID, number: int, currency: str) -> Numbered:
    if not numbers.can_be(number):
        raise RequestNotFound
    values = {"user_id": user_id, "number": number, "currency": currency}
    row = await (await tx.execute(_FIND.format(whose=whose).encode(), values)).fetchone()
    if row is None:
        raise RequestNotFound
    return Numbered(*row)
