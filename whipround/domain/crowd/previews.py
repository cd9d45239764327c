"""What people were shown before they pay, kept for as long as they may confirm it.

Whoever confirms says a hash, which pins all of what was shown: it is a keyed digest of the preview
as it is kept, which neither a client nor whoever reads the database can make (Mobbr, Create
payment and Confirm payment).
"""

import hashlib
import hmac
import re
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from whipround.db import request_keys
from whipround.db.database import Tx
from whipround.domain.crowd.commands import PreviewRefused
from whipround.domain.crowd.plan import Plan
from whipround.keyring import Keyring

LIFE = timedelta(minutes=10)
"""How long what was shown may be confirmed."""

_HASH_BYTES = 16
_HASH = re.compile(rf"[0-9a-f]{{{2 * _HASH_BYTES}}}", re.ASCII)

_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(Plan).decode


class Preview(NamedTuple):
    """What was shown. `user_id` is None if nobody has said who they are: anybody may confirm it."""

    id: UUID
    user_id: UUID | None
    plan: Plan
    used_at: datetime | None
    expires_at: datetime


_INSERT = """
    insert into crowd_preview (id, digest, user_id, plan, expires_at, created_at)
    values (%(id)s, %(digest)s, %(user_id)s, %(plan)b, %(expires_at)s, %(now)s)
"""

_FIND = """
    select id, user_id, plan, used_at, expires_at from crowd_preview where digest = %(digest)s
"""

_COUNT = """
    update crowd_preview set counted_for = %(user_id)s
    where id = %(id)s and counted_for is distinct from %(user_id)s
"""

# What was used is kept for as long as the answer that its confirmation got.
_PRUNE = """
    delete from crowd_preview
    where id in (
        (select id from crowd_preview
        where expires_at <= %(now)s and used_at is null
        order by expires_at
        limit %(limit)s)
        union all
        (select id from crowd_preview
        where expires_at <= %(before)s
        order by expires_at
        limit %(limit)s)
        limit %(limit)s
    )
"""


async def write(
    tx: Tx, *, user_id: UUID | None, plan: Plan, keyring: Keyring, now: datetime
) -> str:
    """Keep what the user was shown, who may be nobody in particular; the hash that confirms it.

    That is 32 hexadecimal digits, of which only a digest is kept. It is good for 10 minutes.
    """
    id_ = uuid7()
    encoded = _ENCODE(plan)
    secret = _secret(keyring, id_, encoded)
    await tx.execute(
        _INSERT,
        {
            "id": id_,
            "digest": _digest(secret),
            "user_id": user_id,
            "plan": encoded,
            "expires_at": now + LIFE,
            "now": now,
        },
    )
    return secret.hex()


async def find(tx: Tx, *, text: str, person_id: UUID, keyring: Keyring, now: datetime) -> Preview:
    """What the person was shown who says this hash.

    What was used already is found too, so that who repeats a request finds what it was about; not
    so what has expired without. Raises PreviewRefused for that, for no hash, and for another's.
    """
    if not _HASH.fullmatch(text):
        raise PreviewRefused
    secret = bytes.fromhex(text)
    row = await (await tx.execute(_FIND, {"digest": _digest(secret)}, binary=True)).fetchone()
    if row is None:
        raise PreviewRefused
    id_, user_id, encoded, used_at, expires_at = row
    if user_id not in {None, person_id} or (used_at is None and expires_at <= now):
        raise PreviewRefused
    if not hmac.compare_digest(secret, _secret(keyring, id_, encoded)):
        raise PreviewRefused  # it is not what was shown any more
    return Preview(id_, user_id, _DECODE(encoded), used_at, expires_at)


async def is_to_be_counted(tx: Tx, *, preview_id: UUID, user_id: UUID) -> bool:
    """Whether limits have not counted yet that this person confirms it; they have from now on.

    What is refused can be confirmed again, and what nobody has heard of is: that counts once.
    """
    cursor = await tx.execute(_COUNT, {"id": preview_id, "user_id": user_id})
    return bool(cursor.rowcount)


async def prune(tx: Tx, *, now: datetime, limit: int) -> int:
    """Forget up to `limit` previews that nobody can confirm, or repeat, any more; how many."""
    before = now - request_keys.KEPT_FOR
    cursor = await tx.execute(_PRUNE, {"now": now, "before": before, "limit": limit})
    return cursor.rowcount


def _secret(keyring: Keyring, id_: UUID, encoded: bytes) -> bytes:
    return keyring.preview(id_.bytes + encoded)[:_HASH_BYTES]


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()
