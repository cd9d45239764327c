"""Asking people for money (Memento, Create a request)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from whipround.db import outbox
from whipround.db.database import Tx
from whipround.db.outbox import Message
from whipround.domain import payees, relationships, throttles
from whipround.domain.funding import receiving
from whipround.domain.images import giving
from whipround.domain.images.giving import Picture
from whipround.domain.notifications import Event, tell, words
from whipround.domain.payees import Address, Payee
from whipround.domain.requests import reading
from whipround.domain.requests.reading import Seen
from whipround.domain.throttles import NUMBERS_ASKED_PER_USER, REQUESTS_PER_USER, Charge
from whipround.domain.users import person
from whipround.domain.users.person import User
from whipround.errors import FieldError, Invalid
from whipround.keyring import Keyring
from whipround.ledger.transfers import numerics
from whipround.money import EXACT, Money


@dataclass(frozen=True, slots=True)
class NewParticipant:
    """Somebody to be asked for `amount`: a user, or whoever has an E.164 number.

    One of `user_id` and `phone` is set. `name` is what to call the owner of an unproven number.
    """

    user_id: UUID | None
    phone: str | None
    name: str
    amount: Decimal
    meta: str


@dataclass(frozen=True, slots=True)
class NewRequest:
    """A request to be made. `amount` is all of it, of which the owner may bear a part."""

    amount: Money
    description: str
    meta: str
    funding_source_id: UUID
    only_owner_sees_participants: bool
    picture: Picture | None
    image_ids: Sequence[UUID]
    participants: Sequence[NewParticipant]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A participant once it is known who that is: a user, or nobody yet behind the payee."""

    id: UUID
    user_id: UUID | None
    payee: Payee | None
    new: NewParticipant


_INSERT = """
    insert into payment_request (id, owner_id, funding_source_id, amount, currency, description,
        meta, only_owner_sees_participants, status, fulfillment_status, pending_count, created_at,
        updated_at)
    values (%(id)s, %(owner_id)s, %(source_id)s, %(amount)s, %(currency)s, %(description)s,
        %(meta)s, %(only_owner)s, 'open', 'unfulfilled', %(count)s, %(now)s, %(now)s)
"""

_INSERT_PARTICIPANTS = """
    insert into request_participant (id, request_id, user_id, payee_id, name, amount, status, meta,
        created_at, updated_at)
    select id, %(request_id)s, user_id, payee_id, name, amount, 'pending', meta, %(now)s, %(now)s
    from unnest(%(ids)b::uuid[], %(users)b::uuid[], %(payees)b::uuid[], %(names)b::text[],
        %(amounts)s::numeric[], %(metas)b::text[])
        as asked (id, user_id, payee_id, name, amount, meta)
"""

_ACTIVE = "select id from users where id = any(%(ids)s) and status = 'active'"


async def create(
    tx: Tx,
    *,
    owner: User,
    new: NewRequest,
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> Seen:
    """Ask the participants, and tell them; the request as its owner sees it.

    A number that somebody has proven is that user's at once; any other is told by SMS, and is the
    user's who proves it. Raises Invalid naming what is wrong, Blocked where there is a block
    between the owner and a participant, Throttled.
    """
    _check_sum(new)
    await person.lock(tx, user_id=owner.id)
    phones = {each.phone for each in new.participants if each.phone is not None}
    locked = await payees.lock_payees(tx, [("phone", phone) for phone in phones], now=now)
    asked = _resolved(new.participants, {(payee.kind, payee.address): payee for payee in locked})
    users = {each.user_id for each in asked if each.user_id is not None}
    await _check_people(tx, owner, asked, users)
    await relationships.check_blocks(tx, user_id=owner.id, other_user_ids=users)
    await receiving.check(tx, user_id=owner.id, funding_source_id=new.funding_source_id)
    await _charge(tx, owner, asked, keyring=keyring, now=now, multiplier=limit_multiplier)
    request_id = uuid7()
    await _insert(tx, owner, new, asked, request_id=request_id, now=now)
    await giving.give(
        tx,
        owner_id=owner.id,
        object_type="request",
        object_id=request_id,
        picture=new.picture,
        image_ids=new.image_ids,
        now=now,
    )
    await _tell(tx, owner, new, asked, request_id=request_id, now=now)
    return await reading.find(tx, user_id=owner.id, request_id=request_id)


def _check_sum(new: NewRequest) -> None:
    """Raise Invalid where the participants are asked for more than there is to be paid."""
    asked = Decimal(0)
    for each in new.participants:
        asked = EXACT.add(asked, each.amount)
    if asked > new.amount.amount:
        raise Invalid.field(
            "participants", "too_large", "Participants must not be asked for more than the amount"
        )


def _resolved(
    participants: Sequence[NewParticipant], by_address: Mapping[Address, Payee]
) -> list[_Asked]:
    # Their ids are in the order in which they were given, as lists show them.
    ids = sorted(uuid7() for _ in participants)
    return [
        _asked(id_, each, by_address[("phone", each.phone)] if each.phone else None)
        for id_, each in zip(ids, participants, strict=True)
    ]


def _asked(id_: UUID, new: NewParticipant, payee: Payee | None) -> _Asked:
    if payee is None:
        return _Asked(id_, new.user_id, None, new)
    if payee.user_id is None:
        return _Asked(id_, None, payee, new)
    return _Asked(id_, payee.user_id, None, new)


async def _check_people(tx: Tx, owner: User, asked: Sequence[_Asked], users: set[UUID]) -> None:
    """Raise Invalid for oneself, somebody who is not there, and who is asked twice."""
    rows = await (await tx.execute(_ACTIVE, {"ids": list(users)})).fetchall()
    active = {id_ for (id_,) in rows}
    seen: set[UUID | None] = set()
    errors: list[FieldError] = []
    for position, each in enumerate(asked):
        whom = each.user_id if each.payee is None else each.payee.id
        name = "user_id" if each.new.phone is None else "phone"
        field = f"participants[{position}].{name}"
        if each.user_id == owner.id:
            errors.append(FieldError(field, "invalid", "Must be somebody else"))
        elif each.user_id is not None and each.user_id not in active:
            errors.append(FieldError(field, "not_found", "Nobody can be asked there"))
        elif whom in seen:
            errors.append(FieldError(field, "invalid", "Nobody can be asked twice"))
        seen.add(whom)
    if errors:
        raise Invalid(errors)


async def _charge(
    tx: Tx,
    owner: User,
    asked: Iterable[_Asked],
    *,
    keyring: Keyring,
    now: datetime,
    multiplier: int,
) -> None:
    """Count the request, and each number it is sent to, against what one person may ask for."""
    charges = [Charge(REQUESTS_PER_USER, str(owner.id))]
    numbers = sum(each.payee is not None for each in asked)
    if numbers:
        charges.append(Charge(NUMBERS_ASKED_PER_USER, str(owner.id), numbers))
    await throttles.charge(tx, charges, keyring=keyring, now=now, multiplier=multiplier)


async def _insert(
    tx: Tx,
    owner: User,
    new: NewRequest,
    asked: Sequence[_Asked],
    *,
    request_id: UUID,
    now: datetime,
) -> None:
    request: dict[str, Any] = {
        "id": request_id,
        "owner_id": owner.id,
        "source_id": new.funding_source_id,
        "amount": new.amount.amount,
        "currency": new.amount.currency,
        "description": new.description,
        "meta": new.meta,
        "only_owner": new.only_owner_sees_participants,
        "count": len(asked),
        "now": now,
    }
    await tx.execute(_INSERT, request)
    await tx.execute(
        _INSERT_PARTICIPANTS,
        {
            "ids": [each.id for each in asked],
            "request_id": request_id,
            "users": [each.user_id for each in asked],
            "payees": [each.payee.id if each.payee else None for each in asked],
            "names": [each.new.name for each in asked],
            "amounts": numerics(each.new.amount for each in asked),
            "metas": [each.new.meta for each in asked],
            "now": now,
        },
    )


async def _tell(
    tx: Tx,
    owner: User,
    new: NewRequest,
    asked: Sequence[_Asked],
    *,
    request_id: UUID,
    now: datetime,
) -> None:
    events = []
    told: list[Payee] = []
    messages = []
    for each in asked:
        money = Money(each.new.amount, new.amount.currency)
        if each.user_id is not None:
            said = words(money, owner=owner.full_name, description=new.description)
            events.append(Event(each.user_id, "request_received", request_id, owner.id, said))
        elif each.payee is not None and (again := payees.told(each.payee, now=now)):
            told.append(again)
            messages.append(waiting_message(again, money=money, owner=owner.full_name))
    await tell(tx, events, now=now)
    if told:
        await payees.write_told(tx, told)
    await outbox.put(tx, messages, now=now)


def waiting_message(payee: Payee, *, money: Money, owner: str) -> Message:
    """What tells a number that nobody has proven that money is asked of it."""
    return Message("sms", payee.address, "request_waiting", "en", words(money, owner=owner))
