"""Pools end by themselves when their time is over (later revisions, "end_at passing closes")."""

import logging
from datetime import UTC, datetime
from uuid import UUID

from whipround.db.batch import TRANSIENT
from whipround.db.database import Database
from whipround.domain.pools import closing

logger = logging.getLogger(__name__)

LOOKED_UP_AT_ONCE = 500

_ENDED = """
    select end_at, id
    from pool
    where status = 'open' and end_at <= %(now)s and (end_at, id) > (%(end_at)s, %(id)s)
    order by end_at, id
    limit %(limit)s
"""


async def close_ended(db: Database, *, now: datetime) -> int:
    """Close all pools whose time is over, each in a transaction of its own; how many.

    What cannot be closed is logged, and keeps no other pool open.
    """
    closed = 0
    after = (datetime.min.replace(tzinfo=UTC), UUID(int=0))
    while True:
        values = {"now": now, "end_at": after[0], "id": after[1], "limit": LOOKED_UP_AT_ONCE}
        async with db.transaction() as tx:
            found = await (await tx.execute(_ENDED, values)).fetchall()
        for end_at, pool_id in found:
            after = (end_at, pool_id)
            closed += await _close(db, pool_id, now=now)
        if len(found) < LOOKED_UP_AT_ONCE:
            return closed


async def _close(db: Database, pool_id: UUID, *, now: datetime) -> bool:
    try:
        async with db.transaction() as tx:
            return await closing.close_ended(tx, pool_id=pool_id, now=now)
    except TRANSIENT:
        raise
    except Exception:
        logger.exception("a pool whose time is over cannot be closed")
        return False
