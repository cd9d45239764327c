"""Moneypool, Payment Requests: asking somebody for money, and what waits to be paid."""

from typing import Annotated

from litestar import delete, get, patch, post
from litestar.params import FromPath, JSONBody
from pydantic import BaseModel, Field, StringConstraints

from whipround.api.fields import MANY_LINES
from whipround.api.handling import Reply
from whipround.api.moneypool import lists
from whipround.api.moneypool.call import CURRENCY, Request, once, own, route
from whipround.api.moneypool.fields import Number, Pesos
from whipround.api.moneypool.shapes import requests as shapes
from whipround.api.writes import REPEATS, answer, limit_multiplier
from whipround.db.database import Tx
from whipround.db.request_keys import Answer
from whipround.domain.relationships import Blocked
from whipround.domain.requests import mixed, single
from whipround.domain.requests.errors import (
    AlreadyPaid,
    ParticipantResponded,
    PaymentUnderWay,
    RequestNotFound,
)
from whipround.errors import Throttled
from whipround.money import Money


class PaymentRequestCreate(BaseModel):
    """What is asked for, and of whom (Moneypool, Create a Payment Request)."""

    amount: Pesos = Field(description="The amount to ask for, in MXN.")
    description: Annotated[
        str,
        Field(min_length=1, max_length=1000),
        StringConstraints(strip_whitespace=True),
        MANY_LINES,
    ] = Field(description="A brief description of why a payment is being requested.")
    user_requested_id: Number = Field(description="The id of the user who is asked to pay.")


@get(
    "/api/users/{user_id:int}/mixed_payment_requests",
    summary="List payment requests",
    tags=["Payment requests"],
    opt=route(is_list=True),
)
async def list_requests(
    request: Request, user_id: FromPath[int]
) -> Reply[shapes.MixedPaymentRequests]:
    """List what waits to be paid, newest first.

    What the user asks of others (`to_user`), until it is paid, also if it was rejected; what others
    ask of the user (`from_user`), until they pay or reject it; and the pools they are invited to
    (`pool`), until they pay or decline.
    """
    call, wanted = request.call, lists.wanted(request)
    me = own(call, user_id)
    async with call.db.transaction() as tx:
        found = await mixed.page(tx, user_id=me.id, currency=CURRENCY, page=wanted, now=call.now)
    return lists.page(request, wanted, found, shapes.listed)


@post(
    "/api/users/{user_id:int}/payment_requests",
    status_code=201,
    summary="Create a payment request",
    tags=["Payment requests"],
    opt=route(
        errors=(Blocked, Throttled, *REPEATS),
        renamed={"participants[0].user_id": "user_requested_id", Blocked: "user_requested_id"},
    ),
)
async def create_request(
    request: Request, user_id: FromPath[int], data: JSONBody[PaymentRequestCreate]
) -> Reply[shapes.PaymentRequestAnswer]:
    """Ask another user for money, which goes to the wallet when they pay; they are told."""
    call = request.call
    me = own(call, user_id)

    async def act(tx: Tx) -> Answer:
        made = await single.ask(
            tx,
            owner=me,
            number=data.user_requested_id,
            amount=Money(data.amount, CURRENCY),
            description=data.description,
            keyring=call.services.keyring,
            now=call.now,
            limit_multiplier=limit_multiplier(call),
        )
        return answer(shapes.answered(made, gallery=call.gallery), status=201)

    return await once(call, act)


@patch(
    "/api/users/{user_id:int}/payment_requests/{payment_request_id:int}/reject",
    summary="Reject a payment request",
    tags=["Payment requests"],
    opt=route(
        errors=(RequestNotFound, AlreadyPaid, ParticipantResponded, PaymentUnderWay, *REPEATS)
    ),
)
async def reject_request(
    request: Request, user_id: FromPath[int], payment_request_id: FromPath[int]
) -> Reply[shapes.PaymentRequestAnswer]:
    """Reject what somebody asks of the user (`from_user`), which leaves the user's list.

    Who has asked is told, and sees that it was rejected.
    """
    call = request.call
    me = own(call, user_id)

    async def act(tx: Tx) -> Answer:
        rejected = await single.reject(
            tx, user=me, number=payment_request_id, currency=CURRENCY, now=call.now
        )
        return answer(shapes.answered(rejected, gallery=call.gallery))

    return await once(call, act)


@delete(
    "/api/users/{user_id:int}/payment_requests/{payment_request_id:int}",
    status_code=204,
    summary="Delete a payment request",
    tags=["Payment requests"],
    opt=route(errors=(RequestNotFound, AlreadyPaid, PaymentUnderWay, *REPEATS)),
)
async def delete_request(
    request: Request, user_id: FromPath[int], payment_request_id: FromPath[int]
) -> Reply[None]:
    """Delete what the user asks of somebody (`to_user`), also if that was rejected.

    Who was still to pay is told that they are not asked any more.
    """
    call = request.call
    me = own(call, user_id)

    async def act(tx: Tx) -> Answer:
        await single.withdraw(
            tx, owner=me, number=payment_request_id, currency=CURRENCY, now=call.now
        )
        return Answer(204, b"")

    return await once(call, act)


handlers = [list_requests, create_request, reject_request, delete_request]
