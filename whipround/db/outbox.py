"""What people must be told after a commit, written in its transaction and delivered by a job."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec

from whipround.db.database import Tx

Channel = Literal["sms", "email", "call", "push", "statement"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one address.

    `recipient` is an E.164 number or an email address, or the id of a funding source for what goes
    on its statement; `kind` names the template and `data` fills
    it; `locale` is the reader's, such as "en-GB".
    """

    channel: Channel
    recipient: str
    kind: str
    locale: str
    data: dict[str, Any]


_INSERT = """
    insert into outbox (channel, recipient, kind, locale, data, due_at, created_at)
    select channel, recipient, kind, locale, data::jsonb, %(now)s, %(now)s
    from unnest(%(channel)b::text[], %(recipient)b::text[], %(kind)b::text[], %(locale)b::text[],
        %(data)b::text[]) as message (channel, recipient, kind, locale, data)
"""


async def put(tx: Tx, messages: Sequence[Message], *, now: datetime) -> None:
    """Have the messages delivered once, and only if, `tx` commits."""
    if not messages:
        return
    await tx.execute(
        _INSERT,
        {
            "channel": [message.channel for message in messages],
            "recipient": [message.recipient for message in messages],
            "kind": [message.kind for message in messages],
            "locale": [message.locale for message in messages],
            "data": [msgspec.json.encode(message.data).decode() for message in messages],
            "now": now,
        },
    )
