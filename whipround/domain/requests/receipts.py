"""The receipts of requests: of the payment by which a participant has paid."""

from uuid import UUID

from whipround.db.database import Tx
from whipround.domain.payments import receipts
from whipround.domain.payments.receipts import Receipt
from whipround.domain.requests.errors import RequestNotFound

_PAYMENT = """
    select payment_id
    from request_participant join payment_request on payment_request.id = request_id
    where request_id = %(request_id)s and request_participant.status = 'paid'
        and case when %(id)s::uuid is null then user_id = %(user_id)s
            else request_participant.id = %(id)s and %(user_id)s in (user_id, owner_id) end
    order by request_participant.id
    limit 1
"""


async def receipt(
    tx: Tx, *, user_id: UUID, request_id: UUID, participant_id: UUID | None = None
) -> Receipt:
    """The receipt of a participant, as they or the owner of the request may see it.

    Without a participant it is the user's own. The owner does not see how it was paid. Raises
    RequestNotFound, also for whoever has not paid, or in another way (Memento, Get a receipt).
    """
    values = {"request_id": request_id, "id": participant_id, "user_id": user_id}
    row = await (await tx.execute(_PAYMENT, values)).fetchone()
    if row is None:
        raise RequestNotFound
    return await receipts.receipt(tx, user_id=user_id, payment_id=row[0])
