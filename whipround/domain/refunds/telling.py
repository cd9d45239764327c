"""Telling a payer that money came back."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from whipround.db.database import Tx
from whipround.domain.notifications import Event, words
from whipround.domain.refunds.commands import Refund

_PAID = """
    select payment.id, payment.description, full_name
    from payment join users on users.id = recipient_user_id
    where payment.id = any(%(payments)s)
"""


class Subject(NamedTuple):
    """What a payer is told of a payment that came back: its description, and who gave it back."""

    description: str
    recipient_name: str


async def paid(tx: Tx, *, payment_ids: Sequence[UUID]) -> dict[UUID, Subject]:
    """The payments, which have arrived, by their ids."""
    cursor = await tx.execute(_PAID, {"payments": list(payment_ids)})
    return {row[0]: Subject(*row[1:]) for row in await cursor.fetchall()}


def events(about: Subject, refund: Refund, *, to_wallet: bool) -> list[Event]:
    """What to tell the payer; nothing where they gave the money back to themselves.

    `to_wallet`: it is in their wallet.
    """
    if refund.payer_id == refund.recipient_id:
        return []
    data = words(
        refund.returned,
        recipient=about.recipient_name,
        description=about.description,
        to_wallet=to_wallet,
    )
    return [
        Event(refund.payer_id, "payment_refunded", refund.payment_id, refund.recipient_id, data)
    ]
