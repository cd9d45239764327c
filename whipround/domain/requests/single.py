"""What one person asks of one other: as Moneypool has requests.

There each participant of a request is a request by itself, known by their number.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from whipround.db.database import Tx
from whipround.domain.funding.wallet import wallet_of
from whipround.domain.relationships import PersonNotFound
from whipround.domain.requests import creation, responding
from whipround.domain.requests.creation import NewParticipant, NewRequest
from whipround.domain.requests.numbers import participant_asked, participant_of
from whipround.domain.users import person
from whipround.domain.users.person import User
from whipround.errors import Invalid
from whipround.keyring import Keyring
from whipround.money import Money


@dataclass(frozen=True, slots=True)
class Single:
    """What is asked of `asked`: `amount`, in the currency that it was asked in."""

    number: int
    description: str
    amount: Decimal
    is_rejected: bool
    asked: User


_FIND = """
    select participant.number, description, participant.amount, participant.status = 'rejected',
        user_id
    from request_participant as participant
        join payment_request as request on request.id = request_id
    where participant.id = %(id)s
"""


async def ask(
    tx: Tx,
    *,
    owner: User,
    number: int,
    amount: Money,
    description: str,
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> Single:
    """Ask the user of a number for money that goes to the owner's wallet; they are told.

    Raises Invalid naming `participants[0].user_id`, as `creation.create` does, for oneself and for
    whoever is not there or not active; Blocked, Throttled (Moneypool, Create a Payment Request).
    """
    asked = await _user(tx, number)
    new = NewRequest(
        amount=amount,
        description=description,
        meta="",
        funding_source_id=await wallet_of(tx, user_id=owner.id),
        only_owner_sees_participants=False,
        picture=None,
        image_ids=(),
        participants=[NewParticipant(asked.id, None, "", amount.amount, "")],
    )
    seen = await creation.create(
        tx, owner=owner, new=new, keyring=keyring, now=now, limit_multiplier=limit_multiplier
    )
    [made] = seen.requests
    [participant] = seen.participants(made.id)
    return await _find(tx, participant.id)


async def reject(tx: Tx, *, user: User, number: int, currency: str, now: datetime) -> Single:
    """The user will not pay what somebody asks of them, who is told.

    Raises RequestNotFound for what nobody asks of them in this currency; AlreadyPaid,
    ParticipantResponded, PaymentUnderWay (Moneypool, Reject a Payment Request).
    """
    found = await participant_of(tx, user_id=user.id, number=number, currency=currency)
    await responding.reject(
        tx,
        user=user,
        request_id=found.request_id,
        participant_id=found.participant_id,
        now=now,
    )
    return await _find(tx, found.participant_id)


async def withdraw(tx: Tx, *, owner: User, number: int, currency: str, now: datetime) -> None:
    """The owner asks for it no more, nor sees that it was rejected (Moneypool, Delete …).

    Whoever else is asked by the same request still is. Raises RequestNotFound for what they do not
    ask for in this currency, or no more; AlreadyPaid, PaymentUnderWay.
    """
    found = await participant_asked(tx, owner_id=owner.id, number=number, currency=currency)
    await responding.withdraw(
        tx,
        owner=owner,
        request_id=found.request_id,
        participant_id=found.participant_id,
        now=now,
    )


async def _user(tx: Tx, number: int) -> User:
    try:
        return await person.find_by_number(tx, number=number)
    except PersonNotFound as error:
        raise Invalid.field(
            "participants[0].user_id", "not_found", "Nobody can be asked there"
        ) from error


async def _find(tx: Tx, participant_id: UUID) -> Single:
    """What is asked of a participant who is a user."""
    [[number, description, amount, is_rejected, user_id]] = await (
        await tx.execute(_FIND, {"id": participant_id})
    ).fetchall()
    asked = await person.find(tx, user_id=user_id)
    return Single(number, description, amount, is_rejected, asked)
