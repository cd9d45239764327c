"""Refunds: at once into a wallet; through the outside to a card or a bank account."""

from datetime import datetime

from whipround.db.request_keys import Answer, InProgress
from whipround.domain import gateway_calls
from whipround.domain.refunds import making
from whipround.domain.refunds.commands import RefundOrder
from whipround.flows import calls
from whipround.flows.desk import Desk


async def refund(desk: Desk, order: RefundOrder, *, now: datetime) -> Answer:
    """Carry out an order to give a payment back, exactly once; the rendered answer.

    What a card or a bank has not decided is answered as it stands, a refund that is pending. Raises
    PaymentNotFound, WrongAmount; KeyReused; InProgress while the first request with the key is
    under way, or there is no word yet of what it began.
    """
    try:
        made = await making.make(desk.db, order, keyring=desk.keyring, now=now)
    except InProgress:
        return await calls.answer_late(desk, order.key, render=order.render)
    if isinstance(made, Answer):
        return made
    async with desk.db.transaction() as tx:
        asked = await gateway_calls.asked(tx, call_id=made)
    return await calls.carry_out(desk, asked, render=order.render)
