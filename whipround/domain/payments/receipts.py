"""Receipts: what a payment came to, for either side of it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from whipround.db.database import Tx
from whipround.domain.payments.reading import PaymentNotFound
from whipround.money import Money

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no letter reads as a digit
_CODE_LENGTH = 7


@dataclass(frozen=True, slots=True)
class Party:
    """One side of a receipt."""

    id: UUID
    full_name: str
    username: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """Memento, "The receipt object". `paid` arrived, `cost` is the fee, `total` left the payer.

    `funding_source_*` are None in the version for the recipient, who does not see how it was paid.
    """

    description: str
    reference_code: str
    time: datetime
    payer: Party
    recipient: Party
    funding_source_id: UUID | None
    funding_source_description: str
    paid: Money
    cost: Money
    total: Money


_SELECT = """
    select payment.number, payment.description, payment.amount, payment.fee, payment.currency,
        transaction.updated_at, payer.id, payer.full_name, payer.username, recipient.id,
        recipient.full_name, recipient.username, funding_source.id, funding_source.description
    from payment
        join transaction on transaction.id = payment.transaction_id
        join users as payer on payer.id = payment.owner_id
        join users as recipient on recipient.id = payment.recipient_user_id
        join funding_source on funding_source.id = payment.funding_source_id
    where payment.id = %(payment_id)s and fulfillment_status = 'fulfilled'
        and %(user_id)s in (payment.owner_id, payment.recipient_user_id)
"""


async def receipt(tx: Tx, *, user_id: UUID, payment_id: UUID) -> Receipt:
    """The receipt of a payment as the user may see it.

    Raises PaymentNotFound for somebody else's payment, or one that is not fully processed
    (Memento, "Get a receipt").
    """
    cursor = await tx.execute(_SELECT, {"payment_id": payment_id, "user_id": user_id})
    row = await cursor.fetchone()
    if row is None:
        raise PaymentNotFound
    number, description, amount, fee, currency, time = row[:6]
    payer, recipient = Party(*row[6:9]), Party(*row[9:12])
    source_id, source_description = row[12:]
    sees_source = payer.id == user_id
    paid, cost = Money(amount, currency), Money(fee, currency)
    return Receipt(
        description=description,
        reference_code=reference_code(number),
        time=time,
        payer=payer,
        recipient=recipient,
        funding_source_id=source_id if sees_source else None,
        funding_source_description=source_description if sees_source else "",
        paid=paid,
        cost=cost,
        total=paid + cost,
    )


def reference_code(number: int) -> str:
    """A payment's number as people read it out: seven or more digits and capitals, "00002MC"."""
    code = ""
    while number:
        number, digit = divmod(number, len(_ALPHABET))
        code = _ALPHABET[digit] + code
    return code.rjust(_CODE_LENGTH, "0")
