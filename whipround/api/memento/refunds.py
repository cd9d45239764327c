"""Refunds: a payment's recipient gives it back, whole or in parts (ours, not Memento's)."""

from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, JSONBody
from pydantic import BaseModel, Field

from whipround.api.context import Call
from whipround.api.fields import Amount, Description, Meta, Pin
from whipround.api.handling import Reply
from whipround.api.memento.call import Request, route
from whipround.api.memento.lists import page
from whipround.api.memento.people import refusal
from whipround.api.memento.shapes import refunds as shapes
from whipround.api.writes import REPEATS, answer
from whipround.db.request_keys import Answer
from whipround.domain.credentials import InvalidPin, UserLocked
from whipround.domain.payments.reading import PaymentNotFound
from whipround.domain.refunds import reading
from whipround.domain.refunds.commands import AlreadyRefunded, NotRefundable, Refund, RefundOrder
from whipround.errors import DomainError
from whipround.flows import refunds
from whipround.ledger.transfers import InsufficientFunds


class RefundCreate(BaseModel):
    """A refund to be made."""

    amount: Amount | None = Field(
        None, description="What of the payment's amount goes back; left out, all that is left."
    )
    description: Description = Field("", description="Why it goes back.")
    meta: Meta = Field("", description="Text that the client owns.")
    pin: Pin = Field(repr=False, description="The current user's PIN.")

    def order(self, call: Call, payment_id: UUID) -> RefundOrder:
        """As the domain knows it."""
        user_id = call.authenticated.user.id
        return RefundOrder(
            key=call.key,
            payment_id=payment_id,
            user_id=user_id,
            pin=self.pin,
            amount=self.amount,
            description=self.description,
            meta=self.meta,
            render=lambda outcome: _rendered(outcome, call),
        )


def _rendered(outcome: Refund | DomainError, call: Call) -> Answer:
    """The answer that is stored with the money."""
    if isinstance(outcome, DomainError):
        return refusal(outcome, call)
    return answer(shapes.refund(outcome, viewer_id=call.authenticated.user.id), status=201)


@post(
    "/v1/payments/{payment_id:uuid}/refund",
    status_code=201,
    summary="Refund a payment",
    tags=["Refunds"],
    opt=route(
        errors=(
            InvalidPin,
            UserLocked,
            NotRefundable,
            AlreadyRefunded,
            InsufficientFunds,
            PaymentNotFound,
            *REPEATS,
        )
    ),
)
async def refund_payment(
    request: Request, payment_id: FromPath[UUID], data: JSONBody[RefundCreate]
) -> Reply[shapes.Refund]:
    """Give a payment back that the current user received: all that is left of it, or a part.

    The payer gets the fee back in proportion. The money goes to where it came from; to the payer's
    wallet where that is gone or takes nothing back.
    """
    call = request.call
    order = data.order(call, payment_id)
    return Reply.rendered(await refunds.refund(call.services.desk, order, now=call.now))


@get(
    "/v1/payments/{payment_id:uuid}/refunds",
    summary="Get a list of a payment's refunds",
    tags=["Refunds"],
    opt=route(errors=(PaymentNotFound,), filters=reading.FILTERS),
)
async def list_refunds(request: Request, payment_id: FromPath[UUID]) -> Reply[list[shapes.Refund]]:
    """Get a list of the refunds of a payment that the current user made or received."""
    call, query = request.call, request.list_query()
    user_id = call.authenticated.user.id
    async with call.db.transaction() as tx:
        found = await reading.page(tx, user_id=user_id, payment_id=payment_id, query=query)
    return page(request, query, found, lambda each: shapes.refund(each, viewer_id=user_id))


handlers = [refund_payment, list_refunds]
