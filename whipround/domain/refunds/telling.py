"""Telling a payer that money came back."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from whipround.db.database import Tx
from whipround.db.outbox import Channel, Message
from whipround.domain.refunds.commands import Refund
from whipround.domain.users.person import REACHED_AT
from whipround.money import round_to_currency

_PAYERS = f"""
    select payment.id, payment.description, recipient.full_name, users.locale, {REACHED_AT}
    from payment
        join users on users.id = payment.owner_id
        join users as recipient on recipient.id = payment.recipient_user_id
    where payment.id = any(%(payments)s)
"""  # noqa: S608 (our own column names)


class Payer(NamedTuple):
    """Whom to tell of a payment's refunds, and how; `description` is that of the payment."""

    description: str
    recipient_name: str
    locale: str
    channel: Channel | None
    address: str


async def payers(tx: Tx, *, payment_ids: Sequence[UUID]) -> dict[UUID, Payer]:
    """The payers of payments that have arrived, by payment."""
    cursor = await tx.execute(_PAYERS, {"payments": list(payment_ids)})
    return {row[0]: Payer(*row[1:]) for row in await cursor.fetchall()}


def messages(payer: Payer, refund: Refund, *, to_wallet: bool) -> list[Message]:
    """What to tell the payer; nothing where they gave the money back to themselves.

    `to_wallet`: it is in their wallet.
    """
    if payer.channel is None or refund.payer_id == refund.recipient_id:
        return []
    returned = refund.returned
    data = {
        "amount": str(round_to_currency(returned.amount, returned.currency)),
        "currency": returned.currency,
        "recipient": payer.recipient_name,
        "description": payer.description,
        "to_wallet": to_wallet,
    }
    return [Message(payer.channel, payer.address, "payment_refunded", payer.locale, data)]
