"""What a person pays with once: any card, or cash at a shop. Nothing of it is kept.

A person has at most one such source of each kind. It is in no list, and only says whose money it
was: limits, and what was declined, are counted with it.
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

from uuid_utils.compat import uuid7

from whipround.db.database import Tx

_ADD = """
    insert into funding_source (id, user_id, type, type_name, description, allows_in, allows_out,
        status, is_once, created_at, updated_at, deleted_at)
    values (%(id)s, %(user_id)s, %(type)s, %(type)s, '', false, true, 'enabled', true, %(now)s,
        %(now)s, %(now)s)
    on conflict (user_id, type) where is_once do nothing
"""

_FIND = """
    select id from funding_source where user_id = %(user_id)s and type = %(type)s and is_once
"""


async def source_of(tx: Tx, *, user_id: UUID, kind: Literal["card", "cash"], now: datetime) -> UUID:
    """The id of the source that stands for what the person pays with once; made if absent."""
    values = {"id": uuid7(), "user_id": user_id, "type": kind, "now": now}
    found = await (await tx.execute(_FIND, values)).fetchone()
    if found is None:
        await tx.execute(_ADD, values)
        [found] = await (await tx.execute(_FIND, values)).fetchall()
    return UUID(str(found[0]))
