"""Verifications in a single step: somebody sends a document, and an operator decides about it
(Memento, Single-step verification).

What was sent is kept sealed, and only until then. Lock order: the user, then the verification.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from psycopg.rows import class_row
from uuid_utils.compat import uuid7

from whipround.db import outbox
from whipround.db.database import Tx
from whipround.db.outbox import Message
from whipround.domain import throttles, verifications
from whipround.domain.throttles import Charge
from whipround.domain.users import operator, person
from whipround.domain.users.person import REACHED_AT
from whipround.domain.verifications import DocumentType, Verification, VerificationFinished
from whipround.keyring import Keyring

DECIDED_WITHIN = timedelta(days=30)
"""How long somebody may take to decide."""

NO_REASON = "The document could not be confirmed."
"""What somebody is told who is rejected without a reason."""


@dataclass(frozen=True, slots=True)
class Submission(Verification):
    """A document to be decided about, and whose it is said to be."""

    user_id: UUID
    username: str
    full_name: str
    country: str
    date_of_birth: date | None
    event: str
    sealed: bytes | None = field(repr=False)
    created_at: datetime
    decided_at: datetime | None

    def data(self, keyring: Keyring) -> str | None:
        """What was sent; None once there is nothing left to decide."""
        return None if self.sealed is None else keyring.unseal(self.id, self.sealed)


_CANCEL_OLDER = """
    update verification
    set status = 'cancelled', sealed = null, updated_at = %(now)s
    where user_id = %(user_id)s and type = %(type)s
        and sealed is not null and expires_at > %(now)s
"""

_INSERT = f"""
    insert into verification (id, user_id, type, recipient, event, status, sealed, expires_at,
        created_at, updated_at)
    values (%(id)s, %(user_id)s, %(type)s, '', %(event)s, 'pending', %(sealed)s, %(expires_at)s,
        %(now)s, %(now)s)
    returning {verifications.COLUMNS}
"""  # noqa: S608 (our own column names)

_SUBMISSIONS = f"""
    select {verifications.COLUMNS}, username, full_name, country, date_of_birth, event, sealed,
        verification.created_at, decided_at
    from verification join users on users.id = user_id
    where code_digest is null
"""  # noqa: S608

_UNDECIDED = f"""
    {_SUBMISSIONS} and sealed is not null and expires_at > %(now)s
    order by verification.created_at, verification.id
"""

_FIND = f"{_SUBMISSIONS} and verification.id = %(id)s"

_LOCK = f"{_FIND} for update of verification"

_DECIDE = """
    update verification
    set status = %(status)s, error_code = %(error_code)s, error_message = %(error_message)s,
        sealed = null, decided_at = %(now)s, updated_at = %(now)s
    where id = %(id)s
"""

_REACH = f"select locale, {REACHED_AT} from users where id = %(id)s"  # noqa: S608

# Somebody may be deciding about one at this moment: the rows are looked at again once locked.
_PRUNE = """
    update verification
    set status = 'failed', error_code = 'expired', sealed = null, updated_at = %(now)s
    where sealed is not null and id in (
        select id from verification
        where sealed is not null and expires_at <= %(now)s
        limit %(limit)s
    )
"""


async def submit(
    tx: Tx,
    *,
    user_id: UUID,
    kind: DocumentType,
    data: str,
    event: str,
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> Verification:
    """Keep a document until somebody has decided about it; the pending verification.

    One of the same type that the user has pending is cancelled. Raises Throttled.
    """
    await person.lock(tx, user_id=user_id)
    await throttles.charge(
        tx,
        [Charge(throttles.DOCUMENTS_PER_USER, str(user_id))],
        keyring=keyring,
        now=now,
        multiplier=limit_multiplier,
    )
    await tx.execute(_CANCEL_OLDER, {"user_id": user_id, "type": kind, "now": now})
    id_ = uuid7()
    return await verifications.one(
        tx,
        Verification,
        _INSERT,
        {
            "id": id_,
            "user_id": user_id,
            "type": kind,
            "event": event,
            "sealed": keyring.seal(id_, data),
            "expires_at": now + DECIDED_WITHIN,
            "now": now,
        },
    )


async def undecided(tx: Tx, *, now: datetime) -> Sequence[Submission]:
    """What waits to be decided about, the oldest first."""
    async with tx.cursor(row_factory=class_row(Submission)) as cursor:
        await cursor.execute(_UNDECIDED, {"now": now})
        return await cursor.fetchall()


async def get(tx: Tx, *, verification_id: UUID, now: datetime) -> Submission:
    """A document, decided about or not. Raises VerificationNotFound, also for one by code."""
    found = await verifications.one(tx, Submission, _FIND, {"id": verification_id})
    return found.shown(now)


async def approve(tx: Tx, *, verification_id: UUID, now: datetime) -> Submission:
    """The document is theirs: the user is verified from now on, and told so.

    Gives what was decided about. Raises VerificationNotFound, VerificationFinished.
    """
    decided = await _decide(tx, verification_id, approved=True, reason="", now=now)
    await operator.set_verified(tx, user_id=decided.user_id, verified=True, now=now)
    return decided


async def reject(
    tx: Tx, *, verification_id: UUID, reason: str = NO_REASON, now: datetime
) -> Submission:
    """The document proves nothing: the user stays what they are, and is told the reason.

    Gives what was decided about. Raises VerificationNotFound, VerificationFinished.
    """
    reason = " ".join(reason.split()) or NO_REASON
    return await _decide(tx, verification_id, approved=False, reason=reason, now=now)


async def _decide(
    tx: Tx, verification_id: UUID, *, approved: bool, reason: str, now: datetime
) -> Submission:
    found = await get(tx, verification_id=verification_id, now=now)
    await person.lock(tx, user_id=found.user_id)
    locked = await verifications.one(tx, Submission, _LOCK, {"id": verification_id})
    if locked.shown(now).status != "pending":
        raise VerificationFinished
    decision: dict[str, object] = {
        "id": locked.id,
        "status": "approved" if approved else "rejected",
        "error_code": "" if approved else "rejected",
        "error_message": reason,
        "now": now,
    }
    await tx.execute(_DECIDE, decision)
    [[locale, channel, address]] = await (
        await tx.execute(_REACH, {"id": locked.user_id})
    ).fetchall()
    if channel is not None:
        told = {"type": locked.type, "approved": approved, "reason": reason}
        message = Message(channel, address, "verification_decided", locale, told)
        await outbox.put(tx, [message], now=now)
    return locked


async def prune(tx: Tx, *, now: datetime, limit: int) -> int:
    """Erase what was sent in up to `limit` documents that nobody decided about; how many."""
    return (await tx.execute(_PRUNE, {"now": now, "limit": limit})).rowcount
