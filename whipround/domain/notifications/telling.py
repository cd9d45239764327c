"""What people are told: noted for the app, and sent to them, in the transaction that did it.

Every event is one row that the user finds in their notifications, and one message: a push to their
devices where one is registered, else a mail, else an SMS. Both say the same text.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from whipround.db.database import Tx
from whipround.domain.users.person import REACHED_AT
from whipround.money import Money, shown

NotificationType = Literal["payment", "pool", "request"]

KINDS: Mapping[str, tuple[NotificationType, str]] = {
    "payment_received": ("payment", "received"),
    "payment_claimed": ("payment", "claimed"),
    "payment_returned": ("payment", "returned"),
    "payment_refunded": ("payment", "refunded"),
    "payment_failed": ("payment", "failed"),
    "top_up_done": ("payment", "topped_up"),
    "cash_paid": ("payment", "cash_paid"),
    "cash_returned": ("payment", "cash_returned"),
    "withdrawal_paid": ("payment", "withdrawn"),
    "withdrawal_failed": ("payment", "withdrawal_failed"),
    "request_received": ("request", "received"),
    "request_reminder": ("request", "reminder"),
    "request_paid": ("request", "paid"),
    "request_rejected": ("request", "rejected"),
    "request_settled": ("request", "settled"),
    "request_cancelled": ("request", "cancelled"),
    "pool_invited": ("pool", "invited"),
    "pool_contribution": ("pool", "contributed"),
    "pool_rejected": ("pool", "rejected"),
    "pool_cash_ordered": ("pool", "cash_ordered"),
    "pool_closed": ("pool", "closed"),
    "pool_paid_out": ("pool", "paid_out"),
    "share_claimed": ("payment", "claimed"),
    "shares_returned": ("payment", "returned"),
    "pledge_revoked": ("payment", "pledge_revoked"),
    "pledge_expired": ("payment", "pledge_expired"),
}
"""Every kind of event, by the name of its text: the type and the key that Memento shows."""


QUIET: Sequence[str] = ("pool_contribution", "pool_rejected", "share_claimed")
"""What may come a thousand times a day: pushed and noted, but never mailed, or sent by SMS."""


class Event(NamedTuple):
    """Something that a user is to be told.

    `kind` is one of KINDS, `object_id` the payment, request, pool or pledge that it is about,
    `actor_id` who did it, None where nobody did. `data` fills the text: see `words`.
    """

    user_id: UUID
    kind: str
    object_id: UUID
    actor_id: UUID | None
    data: Mapping[str, Any]


# Whoever cannot be reached still finds it in their notifications. Who taps a push is to be shown
# what it is about.
_TELL = f"""
    with told as (
        select * from unnest(%(ids)b::uuid[], %(users)b::uuid[], %(actors)b::uuid[],
            %(kinds)b::text[], %(objects)b::uuid[], %(data)b::text[])
            as told (id, user_id, actor_id, kind, object_id, data)
    ), noted as (
        insert into notification (id, user_id, actor_id, kind, object_id, data, created_at,
            updated_at)
        select id, user_id, actor_id, kind, object_id, data::jsonb, %(now)s, %(now)s from told
    )
    insert into outbox (channel, recipient, kind, locale, data, due_at, created_at)
    select channel, address, kind, locale,
        case channel when 'push' then data || jsonb_build_object('object_id', object_id)
            else data end,
        %(now)s, %(now)s
    from (
        select told.kind, told.object_id, told.data::jsonb as data, users.locale, {REACHED_AT}
        from told join users on users.id = told.user_id
    ) as message
    where channel = 'push' or (channel is not null and kind <> all(%(quiet)b))
"""  # noqa: S608 (our own column names)


async def tell(tx: Tx, events: Sequence[Event], *, now: datetime) -> None:
    """Have people told once, and only if, `tx` commits; nothing happens without events."""
    if not events:
        return
    await tx.execute(
        _TELL,
        {
            "ids": [uuid7() for _ in events],
            "users": [event.user_id for event in events],
            "actors": [event.actor_id for event in events],
            "kinds": [event.kind for event in events],
            "objects": [event.object_id for event in events],
            "data": [msgspec.json.encode(event.data).decode() for event in events],
            "quiet": list(QUIET),
            "now": now,
        },
    )


def words(money: Money, **others: object) -> dict[str, object]:
    """What a text about money says, such as `payer` and `description`; formatted when it is read.

    The amount is exact, however fine.
    """
    amount = shown(money.amount, money.currency)
    return {"amount": f"{amount:f}", "currency": money.currency, **others}
