"""Pictures that nobody will see any more, and whose files are to go before they do."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from whipround.db.database import Tx

UNUSED_FOR = timedelta(days=1)
"""How long an upload may be of nothing."""

FAILED_KEPT_FOR = timedelta(days=30)
"""How long it can be looked up why a picture could not be fetched."""

_REMOVE_UNUSED = """
    update image set status = 'removed', updated_at = %(now)s
    where id = any(array(
        select id
        from image
        where object_id is null and created_at < %(before)s and status <> 'removed'
        order by created_at
        limit %(limit)s
        for update skip locked
    ))
"""

_GONE = """
    select id
    from image
    where status = 'removed' or (status = 'failed' and updated_at < %(before)s)
    order by updated_at
    limit %(limit)s
"""

_DELETE = "delete from image where id = any(%(ids)s)"


async def remove_unused(tx: Tx, *, limit: int, now: datetime) -> int:
    """Take up to `limit` uploads away that have been of nothing for a day; how many there were.

    Nothing can be made of them from then on, so that their files can go.
    """
    values = {"before": now - UNUSED_FOR, "limit": limit, "now": now}
    return (await tx.execute(_REMOVE_UNUSED, values)).rowcount


async def gone(tx: Tx, *, limit: int, now: datetime) -> list[UUID]:
    """Up to `limit` pictures that were taken away, or could not be fetched a month ago."""
    cursor = await tx.execute(_GONE, {"before": now - FAILED_KEPT_FOR, "limit": limit})
    return [id_ for (id_,) in await cursor.fetchall()]


async def delete(tx: Tx, *, image_ids: Sequence[UUID]) -> None:
    """Forget pictures whose files have been deleted."""
    await tx.execute(_DELETE, {"ids": list(image_ids)})
