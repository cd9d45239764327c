"""Mobbr, Inspect payment."""

from litestar import get
from pydantic import BaseModel, Field

from whipround.api.handling import Reply
from whipround.api.mobbr.call import Access, Request, reply, route
from whipround.api.mobbr.fields import Boolean, PaymentId
from whipround.api.mobbr.shapes import inspecting as shapes
from whipround.domain.crowd import inspecting
from whipround.domain.payments.reading import PaymentNotFound


class _Inspected(BaseModel):
    """Which payment is asked for, and what of it."""

    id: PaymentId = Field(description="The id of the payment.")
    include_receivers: Boolean = Field(
        default=True, description="Whether to list who has received it."
    )
    include_senders: Boolean = Field(default=True, description="Whether to list who has paid it.")
    include_keywords: Boolean = Field(default=True, description="Whether to list its keywords.")


@get(
    "/api_v1/payments/info",
    summary="Inspect payment",
    tags=["Payments"],
    opt=route(access=Access.PUBLIC, arguments=_Inspected, errors=[PaymentNotFound]),
)
async def inspect(request: Request) -> Reply[shapes.Inspected]:
    """Look at one payment.

    One to the address of a page is public. Any other is that of its parties: of who has paid it,
    and of those to whom something has come of it. What is not to be listed is null.
    """
    call, asked = request.call, await request.arguments(_Inspected)
    user = call.session.user if call.session else None
    receivers, senders = None, None
    async with call.db.transaction() as tx:
        paid = await inspecting.find(tx, user=user, payment_id=asked.id)
        if asked.include_receivers:
            receivers = await inspecting.receivers(tx, user=user, paid=paid)
        if asked.include_senders:
            senders = await inspecting.senders(tx, paid=paid)
    keywords = paid.keywords if asked.include_keywords else None
    return reply(call, shapes.inspected(paid, receivers, senders, keywords))


handlers = [inspect]
