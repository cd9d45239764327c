"""Writing crowd payments, and what makes payments shares of them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from whipround.db.database import Tx
from whipround.domain.crowd.commands import CrowdPayment, CrowdStatus
from whipround.domain.crowd.state import ShareRow
from whipround.ledger.transfers import numerics

_INSERT = """
    insert into crowd_payment (id, owner_id, funding_source_id, status, amount, fee, currency, url,
        host, referrer, is_invoiced, title, description, image, language, copyright, message,
        keywords, favicon, participants, expires_at, created_at, paid_at, updated_at)
    values (%(id)s, %(owner_id)s, %(funding_source_id)s, %(status)s, %(amount)s, %(fee)s,
        %(currency)s, %(url)s, %(host)s, %(referrer)s, %(is_invoiced)s, %(title)s, %(description)s,
        %(image)s, %(language)s, %(copyright)s, %(message)s, %(keywords)s, %(favicon)s,
        %(participants)s, %(expires_at)s, %(created_at)s, %(paid_at)s, %(created_at)s)
"""

_FINISH = """
    update crowd_payment
    set status = %(status)s, paid_at = case %(status)s when 'paid' then %(now)s::timestamptz end,
        updated_at = %(now)s
    where id = any(%(ids)s)
"""

_INSERT_SHARES = """
    insert into crowd_share (payment_id, crowd_id, position, role, percentage, recipient)
    select * from unnest(%(payments)b::uuid[], %(crowds)b::uuid[], %(positions)b::integer[],
        %(roles)b::text[], %(percentages)s::numeric[], %(recipients)b::text[])
"""

_USE_PREVIEWS = """
    update crowd_preview set used_at = %(now)s where id = any(%(ids)b)
"""


async def insert(tx: Tx, made: Sequence[CrowdPayment]) -> None:
    """Write new crowd payments; the same transaction moves their money."""
    if not made:
        return
    async with tx.cursor() as cursor:
        # A list of keywords in each: no array of arrays holds lists of different lengths.
        await cursor.executemany(_INSERT, [_row(each) for each in made])


def _row(crowd: CrowdPayment) -> dict[str, object]:
    row = crowd._asdict()
    page = row.pop("page")
    return {
        **row,
        **{name: getattr(page, name) for name in page.__struct_fields__},
        "keywords": list(page.keywords),
        "participants": list(crowd.participants),
    }


async def finish(tx: Tx, ids: Sequence[UUID], *, status: CrowdStatus, now: datetime) -> None:
    """Record what has become of (locked) pledges whose money the same transaction moves."""
    if ids:
        await tx.execute(_FINISH, {"ids": list(ids), "status": status, "now": now})


async def insert_shares(tx: Tx, shares: Sequence[ShareRow]) -> None:
    """Make payments that are written shares of crowd payments."""
    if not shares:
        return
    await tx.execute(
        _INSERT_SHARES,
        {
            "payments": [share.payment_id for share in shares],
            "crowds": [share.crowd_id for share in shares],
            "positions": [share.position for share in shares],
            "roles": [share.role for share in shares],
            "percentages": numerics(share.percentage for share in shares),
            "recipients": [share.recipient for share in shares],
        },
    )


async def use_previews(tx: Tx, ids: Sequence[UUID], *, now: datetime) -> None:
    """Have (locked) previews be of no more use."""
    if ids:
        await tx.execute(_USE_PREVIEWS, {"ids": list(ids), "now": now})
