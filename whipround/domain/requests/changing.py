"""Owners change their requests, and take them back."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from whipround.db.database import Tx
from whipround.domain.images import attaching, giving
from whipround.domain.images.giving import Picture
from whipround.domain.notifications import Event, tell, words
from whipround.domain.requests import reading
from whipround.domain.requests.errors import (
    ParticipantResponded,
    PaymentUnderWay,
    RequestNotFound,
)
from whipround.domain.requests.reading import Seen
from whipround.money import Money


@dataclass(frozen=True, slots=True)
class Change:
    """What to change of a request; what is None stays as it is.

    The picture becomes `picture`, none where that is None, if `has_picture`.
    """

    description: str | None = None
    meta: str | None = None
    only_owner_sees_participants: bool | None = None
    has_picture: bool = False
    picture: Picture | None = None


_UPDATE = """
    update payment_request
    set description = coalesce(%(description)s, description), meta = coalesce(%(meta)s, meta),
        only_owner_sees_participants
            = coalesce(%(only_owner)s, only_owner_sees_participants), updated_at = %(now)s
    where id = %(id)s and owner_id = %(owner_id)s
"""

# Whoever pays, or answers otherwise, locks the request first.
_LOCK = """
    select paid_count + rejected_count > 0, currency, description
    from payment_request
    where id = %(id)s and owner_id = %(owner_id)s
    for update
"""

_PENDING = """
    select user_id, amount, payment_id
    from request_participant
    where request_id = %(id)s and status = 'pending'
    order by id
"""

_DELETE = "delete from payment_request where id = %(id)s"


async def update(
    tx: Tx, *, owner_id: UUID, request_id: UUID, change: Change, now: datetime
) -> Seen:
    """Change a request of the user's; the request as they see it (Memento, Update a request).

    Raises RequestNotFound, and Invalid for a picture that is no upload of the user's.
    """
    updated = await tx.execute(
        _UPDATE,
        {
            "id": request_id,
            "owner_id": owner_id,
            "description": change.description,
            "meta": change.meta,
            "only_owner": change.only_owner_sees_participants,
            "now": now,
        },
    )
    if not updated.rowcount:
        raise RequestNotFound
    if change.has_picture:
        await giving.change(
            tx,
            owner_id=owner_id,
            object_type="request",
            object_id=request_id,
            picture=change.picture,
            now=now,
        )
    return await reading.find(tx, user_id=owner_id, request_id=request_id)


async def delete(tx: Tx, *, owner_id: UUID, owner: str, request_id: UUID, now: datetime) -> None:
    """Take a request of the user's back: it is gone (Memento, Delete a request).

    `owner` is the user's name, for those who are told that they are not asked any more. Raises
    RequestNotFound; ParticipantResponded once somebody has paid, is settled or has rejected it;
    PaymentUnderWay while somebody pays.
    """
    row = await (await tx.execute(_LOCK, {"id": request_id, "owner_id": owner_id})).fetchone()
    if row is None:
        raise RequestNotFound
    has_answers, currency, description = row
    if has_answers:
        raise ParticipantResponded("Somebody has responded already")
    pending = await (await tx.execute(_PENDING, {"id": request_id})).fetchall()
    if any(payment_id is not None for _, _, payment_id in pending):
        raise PaymentUnderWay
    await attaching.remove(tx, object_ids=[request_id], now=now)
    await tx.execute(_DELETE, {"id": request_id})
    events = [
        Event(
            user_id,
            "request_cancelled",
            request_id,
            owner_id,
            words(Money(amount, currency), owner=owner, description=description),
        )
        for user_id, amount, _ in pending
        if user_id not in {None, owner_id}
    ]
    await tell(tx, events, now=now)
