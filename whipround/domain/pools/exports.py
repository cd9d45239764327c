"""Participants of a pool, to be sent to an email address as a file (Memento, Export list of …).

What was asked for is a row; a job makes the file and sends it.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple
from uuid import UUID

from psycopg.rows import class_row
from uuid_utils.compat import uuid7

from whipround.db.database import Database, Tx
from whipround.domain import throttles
from whipround.domain.participation import ParticipantStatus
from whipround.domain.pools import pool as pools
from whipround.domain.throttles import Charge
from whipround.keyring import Keyring

Format = Literal["csv", "excel"]

READ_AT_ONCE = 1_000

KEPT_FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Export:
    """An export that is being made, for the `attempts`-th time; `locale` is its reader's."""

    id: UUID
    pool_id: UUID
    email: str
    format: Format
    locale: str
    currency: str
    owner: str
    attempts: int
    created_at: datetime


class Row(NamedTuple):
    """A participant, as a file has it. `amount` is in the pool's currency, None of the invited.

    `option` is the title of what was chosen, None if nothing was, or it is no longer there.
    """

    full_name: str
    username: str
    status: ParticipantStatus
    amount: Decimal | None
    option: str | None
    transaction_id: UUID | None
    created_at: datetime
    updated_at: datetime


_INSERT = """
    insert into pool_export (id, pool_id, user_id, email, format, locale, due_at, created_at)
    values (%(id)s, %(pool_id)s, %(user_id)s, %(email)s, %(format)s, %(locale)s, %(now)s, %(now)s)
"""

_CLAIM = """
    with claimed as (
        update pool_export
        set attempts = attempts + 1, due_at = %(leased_until)s
        where id = any(array(
            select id
            from pool_export
            where sent_at is null and failed_at is null and due_at <= %(now)s
            order by due_at
            limit 1
            for update skip locked
        ))
        returning *
    )
    select claimed.id, pool_id, claimed.email, format, claimed.locale, currency,
        full_name as owner, attempts, claimed.created_at
    from claimed
        join pool on pool.id = pool_id
        join users on users.id = claimed.user_id
"""

_SENT = "update pool_export set sent_at = %(now)s where id = %(id)s"

# Of one whose lease ran out, and which somebody else has claimed since, the other one decides.
_NOT_SENT = """
    update pool_export
    set attempts = %(attempts)s, due_at = %(due_at)s, failed_at = %(failed_at)s,
        last_error = %(error)s
    where id = %(id)s and attempts = %(claimed_attempts)s and sent_at is null
"""

_ROWS = """
    select pool_participant.id, users.full_name, users.username, pool_participant.status,
        case when pool_participant.status <> 'invited' then pool_participant.amount end,
        case when pool_participant.status <> 'invited' then contribution_option.title end,
        case when pool_participant.status <> 'invited' then transaction_id end,
        pool_participant.created_at, pool_participant.updated_at
    from pool_participant
        join users on users.id = pool_participant.user_id
        left join contribution_option on contribution_option.id = option_id
    where pool_participant.pool_id = %(pool_id)s
        and pool_participant.status <> 'cancelled'
        and (pool_participant.created_at, pool_participant.id) > (%(created_at)s, %(id)s)
    order by pool_participant.created_at, pool_participant.id
    limit %(limit)s
"""

_PRUNE = """
    delete from pool_export
    where id in (select id from pool_export where created_at < %(before)s limit %(limit)s)
"""


async def ask(
    tx: Tx,
    *,
    owner_id: UUID,
    pool_id: UUID,
    email: str,
    format_: Format,
    locale: str,
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> None:
    """Have the participants of the owner's pool sent to an address, which is normalised.

    `locale` is the language of the file's headings and the mail; `limit_multiplier` widens how
    often a person may ask a day. Raises PoolNotFound, Throttled.
    """
    await pools.find_own(tx, owner_id=owner_id, pool_id=pool_id)
    subject = Charge(throttles.EXPORTS_PER_USER, str(owner_id))
    await throttles.charge(tx, [subject], keyring=keyring, now=now, multiplier=limit_multiplier)
    await tx.execute(
        _INSERT,
        {
            "id": uuid7(),
            "pool_id": pool_id,
            "user_id": owner_id,
            "email": email,
            "format": format_,
            "locale": locale,
            "now": now,
        },
    )


async def claim(tx: Tx, *, now: datetime, leased_until: datetime) -> Export | None:
    """The export that has waited longest, which nobody else is given until then; None if none."""
    async with tx.cursor(row_factory=class_row(Export)) as cursor:
        await cursor.execute(_CLAIM, {"now": now, "leased_until": leased_until})
        return await cursor.fetchone()


async def sent(tx: Tx, *, export: Export, now: datetime) -> None:
    """The file has been handed over."""
    await tx.execute(_SENT, {"id": export.id, "now": now})


async def not_sent(
    tx: Tx,
    *,
    export: Export,
    attempts: int,
    due_at: datetime,
    failed_at: datetime | None,
    error: str,
) -> None:
    """The file could not be handed over: `due_at` is when it is tried again, unless it failed."""
    await tx.execute(
        _NOT_SENT,
        {
            "id": export.id,
            "claimed_attempts": export.attempts,
            "attempts": attempts,
            "due_at": due_at,
            "failed_at": failed_at,
            "error": error,
        },
    )


async def rows(db: Database, *, pool_id: UUID) -> AsyncGenerator[Sequence[Row], None]:
    """All participants of a pool in the order in which they came, a thousand at a time.

    Each thousand is read in a transaction of its own, however many there are.
    """
    values = {"pool_id": pool_id, "created_at": "-infinity", "id": UUID(int=0)}
    while True:
        async with db.transaction() as tx:
            cursor = await tx.execute(_ROWS, {**values, "limit": READ_AT_ONCE})
            found = await cursor.fetchall()
        if found:
            yield [Row(*row[1:]) for row in found]
            values |= {"created_at": found[-1][7], "id": found[-1][0]}
        if len(found) < READ_AT_ONCE:
            return


async def prune(tx: Tx, *, now: datetime, limit: int) -> int:
    """Forget up to `limit` exports asked for more than 30 days ago; how many there were."""
    cursor = await tx.execute(_PRUNE, {"before": now - KEPT_FOR, "limit": limit})
    return cursor.rowcount
