"""Payments: at once where the money is here; through the outside where it is not."""

from whipround.db.batch import Batcher
from whipround.db.request_keys import Answer, InProgress
from whipround.domain.gateway_calls import Asked
from whipround.domain.payments.commands import Pay, Processing
from whipround.domain.payments.shares import PayShare
from whipround.flows import calls
from whipround.flows.desk import Desk


async def pay(
    desk: Desk, payments: Batcher[Pay | PayShare, Answer | Processing], command: Pay | PayShare
) -> Answer:
    """Carry out an order to pay, exactly once; the rendered answer, which is kept under its key.

    From a card or a bank account, and to one: the intent is committed, the processor asked, and
    what it says recorded. What it has not decided is answered as it stands, an open payment.
    Raises KeyReused; InProgress while the first request with the key is under way, or there is no
    word yet of what it began.
    """
    try:
        result = await payments.submit(command)
    except InProgress:
        return await calls.answer_late(desk, command.key, render=command.render)
    if isinstance(result, Answer):
        return result
    description = result.payment.description
    asked = Asked(result.call, result.account_id, result.sealed, description, "")
    return await calls.carry_out(desk, asked, payment=result.payment, render=command.render)
