"""What becomes of a participant without a payment: reminded, settled, cancelled, rejected.

Lock order, as everywhere: payees, then the request, then its participants.
"""

from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

from whipround.db import outbox
from whipround.db.database import Tx
from whipround.domain import payees, relationships
from whipround.domain.notifications import Event, tell, words
from whipround.domain.payees import Address, Payee
from whipround.domain.payments.share_rows import lock_paid_shares, write_shares
from whipround.domain.payments.shares import Asked, Requested
from whipround.domain.payments.sharing import Shares, check_asked
from whipround.domain.requests.creation import waiting_message
from whipround.domain.requests.errors import ReminderLimitReached, RequestNotFound
from whipround.domain.users.person import User
from whipround.money import EXACT, Money

MOST_REMINDERS = 3
REMINDED_WITHIN = timedelta(days=1)
"""How often a participant can be reminded in this time."""

# Whose it is and at which number they are asked never changes; the rest is read under the lock.
_FIND = """
    select payee.kind, payee.address
    from request_participant
        join payment_request on payment_request.id = request_id
        left join payee on payee.id = payee_id
    where request_participant.id = %(id)s and request_id = %(request_id)s
        and owner_id = %(owner_id)s
"""

# Of several that are the same person's the one that waits for an answer.
_OWN = """
    select id
    from request_participant
    where request_id = %(request_id)s and user_id = %(user_id)s
        and coalesce(id = %(participant_id)s, true)
    order by status <> 'pending' or payment_id is not null, id
    limit 1
"""

_REMINDERS = "select reminders, reminded_since from request_participant where id = %(id)s"

_WRITE_REMINDERS = """
    update request_participant set reminders = %(reminders)s, reminded_since = %(since)s
    where id = %(id)s
"""


class _Locked(NamedTuple):
    """A participant and their request, both locked, and what is to be written of them."""

    request: Requested
    asked: Asked
    shares: Shares


async def settle(
    tx: Tx, *, owner: User, request_id: UUID, participant_id: UUID, now: datetime
) -> None:
    """The participant has paid in another way (Memento, Settle a participant); they are told.

    Only the owner of the request can. Raises RequestNotFound, AlreadyPaid, ParticipantResponded,
    PaymentUnderWay.
    """
    await _find(tx, owner_id=owner.id, request_id=request_id, participant_id=participant_id)
    locked = await _lock_waiting(tx, request_id, participant_id)
    request = locked.request
    request.paid += 1
    request.amount_paid = EXACT.add(request.amount_paid, locked.asked.amount)
    await _answer(tx, locked, "settled", now=now)
    await _tell_participant(tx, locked, "request_settled", owner=owner, now=now)


async def cancel(
    tx: Tx, *, owner: User, request_id: UUID, participant_id: UUID, now: datetime
) -> None:
    """The participant is not asked any more (Memento, Cancel a participant); they are told.

    Only the owner of the request can. Raises as `settle` does.
    """
    await _find(tx, owner_id=owner.id, request_id=request_id, participant_id=participant_id)
    await _cancel(tx, await _lock_waiting(tx, request_id, participant_id), owner=owner, now=now)


async def withdraw(
    tx: Tx, *, owner: User, request_id: UUID, participant_id: UUID, now: datetime
) -> None:
    """The participant is not asked any more, even if they have rejected it: then nobody is told.

    Raises RequestNotFound also if they were cancelled before, AlreadyPaid and PaymentUnderWay
    (Moneypool, Delete a Payment Request).
    """
    await _find(tx, owner_id=owner.id, request_id=request_id, participant_id=participant_id)
    locked = await _lock(tx, request_id, participant_id)
    request, status = locked.request, locked.asked.status
    if status == "cancelled":
        raise RequestNotFound
    if status == "rejected":
        request.rejected -= 1
        request.cancelled += 1
        await _write(tx, locked, "cancelled", now=now)
        return
    check_asked(locked.asked)
    await _cancel(tx, locked, owner=owner, now=now)


async def reject(
    tx: Tx, *, user: User, request_id: UUID, participant_id: UUID | None = None, now: datetime
) -> UUID:
    """The user will not pay (Memento, Reject a request); the owner is told. The participant's id.

    Of several participants who are the user it is the one that waits for an answer, or the one of
    this id. Raises RequestNotFound for whoever is not asked, and else as `settle` does.
    """
    values = {"request_id": request_id, "user_id": user.id, "participant_id": participant_id}
    row = await (await tx.execute(_OWN, values)).fetchone()
    if row is None:
        raise RequestNotFound
    locked = await _lock_waiting(tx, request_id, row[0])
    request = locked.request
    request.rejected += 1
    await _answer(tx, locked, "rejected", now=now)
    said = words(_money(locked), participant=user.full_name, description=request.description)
    if request.owner_id != user.id:
        event = Event(request.owner_id, "request_rejected", request_id, user.id, said)
        await tell(tx, [event], now=now)
    return locked.asked.id


async def remind(
    tx: Tx, *, owner: User, request_id: UUID, participant_id: UUID, now: datetime
) -> None:
    """Tell the participant once more that they are asked (Memento, Remind a participant to pay).

    A user as of any event, a number that nobody has proven by SMS. Only the owner of the request
    can. Raises RequestNotFound, AlreadyPaid, ParticipantResponded, PaymentUnderWay, Blocked, and
    ReminderLimitReached after three times within a day, or once the number was told enough today.
    """
    address = await _find(
        tx, owner_id=owner.id, request_id=request_id, participant_id=participant_id
    )
    [payee] = await payees.lock_payees(tx, [address], now=now) if address else [None]
    locked = await _lock_waiting(tx, request_id, participant_id)
    await _count_reminder(tx, participant_id, now=now)
    user_id = locked.asked.user_id
    if user_id is not None:
        await relationships.check_blocks(tx, user_id=owner.id, other_user_ids=[user_id])
        await _tell_participant(tx, locked, "request_reminder", owner=owner, now=now)
    elif payee is not None:
        await _tell_payee(tx, payee, _money(locked), owner=owner, now=now)


async def _find(
    tx: Tx, *, owner_id: UUID, request_id: UUID, participant_id: UUID
) -> Address | None:
    """The address at which the participant of the owner's request is, or was, asked, if any.

    Raises RequestNotFound.
    """
    values = {"id": participant_id, "request_id": request_id, "owner_id": owner_id}
    row = await (await tx.execute(_FIND, values)).fetchone()
    if row is None:
        raise RequestNotFound
    kind, address = row
    return None if kind is None else (kind, address)


async def _lock_waiting(tx: Tx, request_id: UUID, participant_id: UUID) -> _Locked:
    """A participant who has not responded, and their request, locked.

    Raises RequestNotFound, AlreadyPaid, ParticipantResponded, PaymentUnderWay.
    """
    locked = await _lock(tx, request_id, participant_id)
    check_asked(locked.asked)
    return locked


async def _lock(tx: Tx, request_id: UUID, participant_id: UUID) -> _Locked:
    """A participant and their request, locked. Raises RequestNotFound."""
    shares = await lock_paid_shares(tx, requests=[request_id])
    request, asked = shares.requests.get(request_id), shares.asked.get(participant_id)
    if request is None or asked is None:  # deleted meanwhile
        raise RequestNotFound
    return _Locked(request, asked, shares)


async def _answer(
    tx: Tx, locked: _Locked, status: Literal["settled", "rejected", "cancelled"], *, now: datetime
) -> None:
    """Write what the participant, who was waited for, has answered, or was answered for them."""
    locked.request.pending -= 1
    await _write(tx, locked, status, now=now)


async def _cancel(tx: Tx, locked: _Locked, *, owner: User, now: datetime) -> None:
    """Ask a participant who was waited for no more, and tell them."""
    locked.request.cancelled += 1
    await _answer(tx, locked, "cancelled", now=now)
    await _tell_participant(tx, locked, "request_cancelled", owner=owner, now=now)


async def _write(
    tx: Tx, locked: _Locked, status: Literal["settled", "rejected", "cancelled"], *, now: datetime
) -> None:
    request, asked, shares = locked
    asked.status = status
    shares.changed[request.id], shares.changed[asked.id] = request, asked
    await write_shares(tx, shares, now=now)


async def _count_reminder(tx: Tx, participant_id: UUID, *, now: datetime) -> None:
    [[reminders, since]] = await (await tx.execute(_REMINDERS, {"id": participant_id})).fetchall()
    if since is None or now - since >= REMINDED_WITHIN:
        reminders, since = 0, now
    if reminders >= MOST_REMINDERS:
        raise ReminderLimitReached
    await tx.execute(
        _WRITE_REMINDERS, {"id": participant_id, "reminders": reminders + 1, "since": since}
    )


async def _tell_payee(tx: Tx, payee: Payee, money: Money, *, owner: User, now: datetime) -> None:
    again = payees.told(payee, now=now)
    if again is None:
        raise ReminderLimitReached
    await payees.write_told(tx, [again])
    message = waiting_message(again, money=money, owner=owner.full_name)
    await outbox.put(tx, [message], now=now)


async def _tell_participant(
    tx: Tx,
    locked: _Locked,
    kind: Literal["request_reminder", "request_settled", "request_cancelled"],
    *,
    owner: User,
    now: datetime,
) -> None:
    """Tell the participant, where that is a user, and not the owner at another number."""
    request, asked, _ = locked
    if asked.user_id is None or asked.user_id == owner.id:
        return
    said = words(_money(locked), owner=owner.full_name, description=request.description)
    await tell(tx, [Event(asked.user_id, kind, request.id, owner.id, said)], now=now)


def _money(locked: _Locked) -> Money:
    return Money(locked.asked.amount, locked.request.currency)
