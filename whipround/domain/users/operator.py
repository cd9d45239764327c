"""What an operator does to people, by command."""

from datetime import datetime
from uuid import UUID

from whipround.db.database import Tx
from whipround.domain import relationships
from whipround.domain.relationships import PersonNotFound
from whipround.domain.users import person
from whipround.errors import Declined

_UNLOCK = """
    update users
    set pin_failures = 0, locks = 0, locked_until = null, updated_at = %(now)s
    where id = %(user_id)s
"""

_SET_OFFICIAL = """
    update users set official = %(value)s, updated_at = %(now)s where id = %(user_id)s
"""

_SET_VERIFIED = """
    update users set verified = %(value)s, updated_at = %(now)s where id = %(user_id)s
"""

_SET_PARENT = """
    update users set parent_user_id = %(value)s, updated_at = %(now)s where id = %(user_id)s
"""


class GuardianRefused(Declined):
    """Nobody can be their own guardian, directly or through others."""

    code = "guardian_refused"


async def unlock(tx: Tx, *, user_id: UUID, now: datetime) -> None:
    """End a lock, and forget the wrong PINs behind it and before. Raises PersonNotFound."""
    await _write(tx, _UNLOCK, {"user_id": user_id, "now": now})


async def set_official(tx: Tx, *, user_id: UUID, official: bool, now: datetime) -> None:
    """Mark a user's account as an official one, or not. Raises PersonNotFound."""
    await _write(tx, _SET_OFFICIAL, {"user_id": user_id, "value": official, "now": now})


async def set_verified(tx: Tx, *, user_id: UUID, verified: bool, now: datetime) -> None:
    """Mark a user's account as verified, or not. Raises PersonNotFound."""
    await _write(tx, _SET_VERIFIED, {"user_id": user_id, "value": verified, "now": now})


async def set_guardian(tx: Tx, *, ward_id: UUID, guardian_id: UUID | None, now: datetime) -> None:
    """Give a user a guardian in place of any before, or None.

    Raises PersonNotFound; GuardianRefused where the guardian is in the ward's own care.
    """
    await person.lock(tx, user_id=ward_id)
    ancestor = guardian_id
    while ancestor is not None:
        if ancestor == ward_id:
            raise GuardianRefused
        ancestor = (await person.find(tx, user_id=ancestor)).parent_user_id
    await _write(tx, _SET_PARENT, {"user_id": ward_id, "value": guardian_id, "now": now})
    await relationships.remove_all(tx, user_id=ward_id, kind="guardian")
    if guardian_id is not None:
        await relationships.add(
            tx, user_id=ward_id, other_user_id=guardian_id, kind="guardian", now=now
        )


async def _write(tx: Tx, query: str, values: dict[str, object]) -> None:
    if not (await tx.execute(query, values)).rowcount:
        raise PersonNotFound
