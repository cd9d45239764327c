"""The sandbox's post office: nothing leaves, everything can be read.

Messages move there from the outbox as they are, in one statement however many they are; a text is
made only for those that somebody reads.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from whipround.db.database import Tx
from whipround.db.outbox import Channel
from whipround.gateways.messages.protocol import stable_id
from whipround.gateways.messages.templates import Text, TextError, render

KEPT_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class SandboxMessage:
    """A message that would have been sent, as `GET /sandbox/messages` shows it."""

    id: UUID
    channel: Channel
    recipient: str
    subject: str
    body: str
    data: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    channel: Channel
    recipient: str
    kind: str
    locale: str
    data: dict[str, Any]
    created_at: datetime


_KEEP = """
    with kept as (
        delete from outbox
        where id = any(array(
            select id
            from outbox
            where %(recipient)s::text is null or recipient = %(recipient)s
            order by id
            limit %(limit)s
            for update skip locked
        ))
        returning id, channel, recipient, kind, locale, data, created_at
    )
    insert into sandbox_message (id, channel, recipient, kind, locale, data, created_at)
    select id, channel, recipient, kind, locale, data, created_at from kept
"""

_READ = """
    select id, channel, recipient, kind, locale, data, created_at
    from sandbox_message
    where recipient = %(recipient)s
    order by id desc
    limit %(limit)s
"""

_READ_ALL = """
    select id, channel, recipient, kind, locale, data, created_at
    from sandbox_message
    order by id desc
    limit %(limit)s
"""

_PRUNE = """
    delete from sandbox_message
    where id in (select id from sandbox_message where created_at < %(before)s limit %(limit)s)
"""


async def keep(tx: Tx, *, recipient: str | None, limit: int) -> int:
    """Move up to `limit` messages from the outbox, those to one `recipient` or all; how many."""
    return (await tx.execute(_KEEP, {"recipient": recipient, "limit": limit})).rowcount


async def read(tx: Tx, *, recipient: str | None, limit: int) -> list[SandboxMessage]:
    """The newest messages first, at most `limit`; those to one `recipient`, or all."""
    async with tx.cursor(row_factory=class_row(_Row)) as cursor:
        await cursor.execute(
            _READ_ALL if recipient is None else _READ, {"recipient": recipient, "limit": limit}
        )
        rows = await cursor.fetchall()
    return [_as_sent(row) for row in rows]


async def prune(tx: Tx, *, now: datetime, limit: int) -> int:
    """Forget up to `limit` messages older than a week; how many there were."""
    return (await tx.execute(_PRUNE, {"before": now - KEPT_FOR, "limit": limit})).rowcount


def _as_sent(row: _Row) -> SandboxMessage:
    try:
        text = render(kind=row.kind, channel=row.channel, locale=row.locale, data=row.data)
    except TextError as error:
        text = Text(subject="", body=str(error))
    return SandboxMessage(
        id=stable_id(row.id, row.created_at),
        channel=row.channel,
        recipient=row.recipient,
        subject=text.subject,
        body=text.body,
        data=row.data,
        created_at=row.created_at,
    )
