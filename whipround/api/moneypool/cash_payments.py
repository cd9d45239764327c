"""Moneypool, payments to a pool in cash, at a shop (later revisions, "Moneypool")."""

from litestar import post
from litestar.params import FromPath, JSONBody
from pydantic import BaseModel, Field

from whipround.api.context import Call
from whipround.api.fields import Description
from whipround.api.handling import Reply
from whipround.api.moneypool.call import CURRENCY, Request, refusal, route
from whipround.api.moneypool.fields import Number, Pesos
from whipround.api.moneypool.shapes import cash as shapes
from whipround.api.writes import REPEATS, answer, limit_multiplier
from whipround.db.request_keys import Answer
from whipround.domain.cash.ordering import NewCashOrder, TooManyCashOrders
from whipround.domain.cash.orders import CashDeclined, CashOrder
from whipround.domain.pools.errors import (
    AlreadyContributed,
    PoolClosed,
    PoolNotFound,
    PoolNotStarted,
)
from whipround.domain.relationships import Blocked
from whipround.errors import DomainError, Invalid, Throttled, Unavailable
from whipround.flows import cash


class CashPaymentInput(BaseModel):
    """What is to be paid in cash."""

    pool_id: Number = Field(description="The pool to pay to.")
    amount: Pesos = Field(description="How much, in MXN.")
    description: Description = Field(
        "", description="What the payment is for, if that is not the pool's title."
    )


class CashPaymentCreate(BaseModel):
    """A cash payment to be asked for."""

    payment: CashPaymentInput = Field(description="What is to be paid.")


@post(
    "/api/users/{user_id:int}/cash_payments",
    status_code=201,
    summary="Create a cash payment",
    tags=["Payments"],
    opt=route(
        errors=(
            PoolClosed,
            PoolNotStarted,
            AlreadyContributed,
            Blocked,
            TooManyCashOrders,
            CashDeclined,
            Throttled,
            Unavailable,
            *REPEATS,
        ),
    ),
)
async def create_cash_payment(
    request: Request,
    user_id: FromPath[int],  # noqa: ARG001 - seen to be the caller's own
    data: JSONBody[CashPaymentCreate],
) -> Reply[shapes.CashPaymentCreated]:
    """Ask for a reference with which to pay to a pool in cash, at a shop.

    Once the shop has told of it the money is in the pool, as `cash_to_pool` in the history. What
    the pool does not take any more by then is in the wallet.
    """
    call, payment = request.call, data.payment
    user = call.authenticated.user
    pool_id = await call.services.pools.submit(payment.pool_id)
    if pool_id is None:
        raise _unknown_pool()
    try:
        ordered = await cash.order(
            call.services.desk,
            key=call.key,
            user_id=user.id,
            new=NewCashOrder(pool_id, payment.amount, CURRENCY, payment.description),
            render=lambda outcome: _rendered(outcome, call),
            now=call.now,
            limit_multiplier=limit_multiplier(call),
        )
    except PoolNotFound as error:
        raise _unknown_pool() from error
    return Reply.rendered(ordered)


def _unknown_pool() -> Invalid:
    return Invalid.field("pool_id", "not_found", "There is no such pool")


def _rendered(outcome: CashOrder | DomainError, call: Call) -> Answer:
    """The answer that is kept under the request's key."""
    if isinstance(outcome, DomainError):
        return refusal(outcome, call)
    return answer(shapes.ordered(outcome), status=201)


handlers = [create_cash_payment]
