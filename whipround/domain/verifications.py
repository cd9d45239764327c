"""Verifications (Memento, Verifications), and those in two steps: a code that is sent comes back.

Such a one proves one change, once: `consume` takes it. Those in a single step are `identity`.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Literal, Self, TypeVar
from uuid import UUID

from psycopg.rows import class_row
from uuid_utils.compat import uuid7

from whipround.db import outbox
from whipround.db.database import Tx
from whipround.domain import credentials, throttles
from whipround.domain.throttles import Charge
from whipround.errors import Declined, Invalid, Message, NotFound
from whipround.keyring import Keyring

CODE_LIFE = timedelta(minutes=10)
CODE_TRIES = 5
FRESH_FOR = timedelta(hours=1)
"""How long after its approval a verification still proves anything."""
KEPT_FOR = timedelta(days=1)
"""How long an expired verification can still be asked about."""

CodeType = Literal["sms", "email", "call"]
DocumentType = Literal["passport", "drivers_license"]
VerificationType = Literal[CodeType, DocumentType]
VerificationStatus = Literal["pending", "approved", "rejected", "cancelled", "failed"]
AddressKind = Literal["phone", "email"]

PROVES: Mapping[VerificationType, AddressKind] = {
    "sms": "phone",
    "call": "phone",
    "email": "email",
}


class VerificationNotFound(NotFound):
    """There is no such verification."""


class VerificationFinished(Declined):
    """The verification is not pending any more."""

    code = "verification_finished"


class DataNotExpected(Declined):
    """The verification was sent all its data in its first step."""

    code = "data_not_expected"


@dataclass(frozen=True, slots=True)
class Verification:
    """A verification as its row has it.

    `user_id` is null when nobody was logged in, `code_digest` when there is no code; `recipient` is
    then empty. `error_message` is what somebody wrote; else `error_code` says it all.
    """

    id: UUID
    user_id: UUID | None
    type: VerificationType
    recipient: str
    status: VerificationStatus
    attempts: int
    error_code: str
    error_message: str
    code_digest: bytes | None
    used_at: datetime | None
    approved_at: datetime | None
    expires_at: datetime

    def shown(self, now: datetime) -> Self:
        """As it is to be seen at `now`: a pending one whose time is over has failed."""
        if self.status == "pending" and self.expires_at <= now:
            return replace(self, status="failed", error_code="expired")
        return self


Row = TypeVar("Row", bound=Verification)

COLUMNS = ", ".join(f"verification.{field.name}" for field in fields(Verification))

_FIND = f"""
    select {COLUMNS} from verification where id = %(id)s
"""  # noqa: S608 (our own column names)

_LOCK = _FIND + " for update"

_CANCEL_OLDER = """
    update verification
    set status = 'cancelled', updated_at = %(now)s
    where recipient = %(recipient)s
        and user_id = %(user_id)s
        and status = 'pending'
"""

_INSERT = f"""
    insert into verification (id, user_id, type, recipient, event, status, code_digest, expires_at,
        created_at, updated_at)
    values (%(id)s, %(user_id)s, %(type)s, %(recipient)s, %(event)s, 'pending', %(code_digest)s,
        %(expires_at)s, %(now)s, %(now)s)
    returning {COLUMNS}
"""  # noqa: S608

_WRITE = f"""
    update verification
    set status = %(status)s, attempts = %(attempts)s, error_code = %(error_code)s,
        approved_at = %(approved_at)s, updated_at = %(now)s
    where id = %(id)s
    returning {COLUMNS}
"""  # noqa: S608

_USE = """
    update verification set used_at = %(now)s, updated_at = %(now)s where id = %(id)s
"""

_PRUNE = """
    delete from verification
    where id in (
        select id from verification
        where code_digest is not null and expires_at < %(before)s
        limit %(limit)s
    )
"""


async def request(
    tx: Tx,
    *,
    user_id: UUID | None,
    address: str,
    kind: CodeType,
    recipient: str,
    event: str,
    locale: str,
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> Verification:
    """Send a code (Memento, Two-step verification – Step 1).

    The recipient is an E.164 number, or for `email` an email address in lower case. Limits count
    against the user, or against the client's `address` where nobody is logged in. What the same
    user still had pending for the recipient is cancelled; what nobody was logged in for is not, as
    that would let anybody undo it: the limits keep those few. Raises Throttled.
    """
    caller = f"user {user_id}" if user_id else f"address {address}"
    await throttles.charge(
        tx,
        [
            Charge(throttles.CODES_PER_CALLER, caller),
            Charge(throttles.CODES_PER_RECIPIENT, recipient),
        ],
        keyring=keyring,
        now=now,
        multiplier=limit_multiplier,
    )
    if user_id is not None:
        await tx.execute(_CANCEL_OLDER, {"recipient": recipient, "user_id": user_id, "now": now})
    code = credentials.new_code()
    message = outbox.Message(
        kind, recipient, "verification_code", locale, {"code": code, "event": event}
    )
    await outbox.put(tx, [message], now=now)
    id_ = uuid7()
    return await one(
        tx,
        Verification,
        _INSERT,
        {
            "id": id_,
            "user_id": user_id,
            "type": kind,
            "recipient": recipient,
            "event": event,
            "code_digest": keyring.code(id_, code),
            "expires_at": now + CODE_LIFE,
            "now": now,
        },
    )


async def provide(
    tx: Tx,
    *,
    verification_id: UUID,
    user_id: UUID | None,
    code: str,
    keyring: Keyring,
    now: datetime,
) -> Verification:
    """Bring the code (Memento, Two-step verification – Step 2); what came of it.

    A wrong code is no error here: it is recorded on the verification, which is still pending until
    the fifth one. Raises VerificationNotFound, also for another user's; VerificationFinished;
    DataNotExpected for one in a single step.
    """
    found = await _visible(tx, _LOCK, verification_id, user_id)
    if found.code_digest is None:
        raise DataNotExpected
    if found.status != "pending":
        raise VerificationFinished
    judged = found.shown(now)
    if judged.status == "pending":
        is_right = hmac.compare_digest(found.code_digest, keyring.code(found.id, code))
        judged = _judge(judged, now, is_right=is_right)
    return await one(
        tx,
        Verification,
        _WRITE,
        {
            "id": judged.id,
            "status": judged.status,
            "attempts": judged.attempts,
            "error_code": judged.error_code,
            "approved_at": judged.approved_at,
            "now": now,
        },
    )


def _judge(pending: Verification, now: datetime, *, is_right: bool) -> Verification:
    """What a pending verification becomes by a try at its code."""
    if is_right:
        return replace(pending, status="approved", error_code="", approved_at=now)
    if pending.attempts < CODE_TRIES:
        return replace(pending, attempts=pending.attempts + 1, error_code="invalid_code")
    return replace(pending, status="failed", error_code="too_many_attempts")


async def get(
    tx: Tx, *, verification_id: UUID, user_id: UUID | None, now: datetime
) -> Verification:
    """A verification; raises VerificationNotFound, also for another user's."""
    return (await _visible(tx, _FIND, verification_id, user_id)).shown(now)


async def consume(
    tx: Tx,
    *,
    verification_id: UUID,
    kind: AddressKind,
    user_id: UUID | None,
    field: str,
    now: datetime,
) -> str:
    """Use up a verification; the address it proves.

    It must prove this kind of address, have been asked for by this user (by nobody: None), approved
    within the last hour, and not been used. Raises Invalid, naming `field`, where it does not.
    """
    try:
        found = await one(tx, Verification, _LOCK, {"id": verification_id})
    except VerificationNotFound:
        found = None
    if found is None or found.user_id != user_id:
        raise Invalid.field(field, "not_found", "Id is not that of a verification")
    message = _why_useless(found, kind, now)
    if message is not None:
        raise Invalid.field(field, "invalid", message)
    await tx.execute(_USE, {"id": found.id, "now": now})
    return found.recipient


def _why_useless(found: Verification, kind: AddressKind, now: datetime) -> Message | None:
    if PROVES.get(found.type) != kind:
        return Message("Id is of a verification that does not prove this kind of address")
    if found.status != "approved" or found.approved_at is None:
        return Message("Id is of a verification that has not been approved")
    if found.used_at is not None:
        return Message("Id is of a verification that has been used")
    if found.approved_at + FRESH_FOR <= now:
        return Message("Id is of a verification that was approved too long ago")
    return None


async def _visible(tx: Tx, query: str, verification_id: UUID, user_id: UUID | None) -> Verification:
    """What anybody asked for is open to all who know its id; what a user asked for, to them."""
    found = await one(tx, Verification, query, {"id": verification_id})
    if found.user_id not in (None, user_id):
        raise VerificationNotFound
    return found


async def one(tx: Tx, row: type[Row], query: str, values: Mapping[str, object]) -> Row:
    """The verification that a query finds or makes, as a `row`. Raises VerificationNotFound."""
    async with tx.cursor(row_factory=class_row(row)) as cursor:
        await cursor.execute(query, values)
        found = await cursor.fetchone()
    if found is None:
        raise VerificationNotFound
    return found


async def prune(tx: Tx, *, now: datetime, limit: int) -> int:
    """Delete up to `limit` verifications by code that expired a day ago; how many there were."""
    cursor = await tx.execute(_PRUNE, {"before": now - KEPT_FOR, "limit": limit})
    return cursor.rowcount
