"""Memento, Requests: the participants of one, and how each of them responds."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, JSONBody

from whipround.api.context import Call
from whipround.api.handling import Reply
from whipround.api.memento.call import Request, route
from whipround.api.memento.lists import page
from whipround.api.memento.paying import PAY_ERRORS, SharePayment, pay_share
from whipround.api.memento.people import once
from whipround.api.memento.shapes import participation as shapes
from whipround.api.memento.shapes import receipts as receipt_shapes
from whipround.api.writes import REPEATS, answer
from whipround.db.database import Tx
from whipround.db.request_keys import Answer
from whipround.domain.payments.shares import RequestShare
from whipround.domain.relationships import Blocked
from whipround.domain.requests import reading, receipts, responding
from whipround.domain.requests.errors import (
    AlreadyPaid,
    ParticipantResponded,
    PaymentUnderWay,
    ReminderLimitReached,
    RequestNotFound,
)

_RESPONDED = (RequestNotFound, AlreadyPaid, ParticipantResponded, PaymentUnderWay)
"""What can be in the way of any response."""


@get(
    "/v1/requests/{request_id:uuid}/participants",
    summary="Get request participants",
    tags=["Requests"],
    opt=route(errors=(RequestNotFound,), filters=reading.PARTICIPANT_FILTERS),
)
async def list_participants(
    request: Request, request_id: FromPath[UUID]
) -> Reply[list[shapes.Participant]]:
    """Get a list of a request's participants, as far as the current user may see them."""
    call, query = request.call, request.list_query()
    user_id = call.authenticated.user.id
    async with call.db.transaction() as tx:
        found = await reading.participants(tx, user_id=user_id, request_id=request_id, query=query)
    return page(request, query, found, shapes.participant)


@post(
    "/v1/requests/{request_id:uuid}/participants/{participant_id:uuid}/remind",
    status_code=200,
    summary="Remind a participant to pay",
    tags=["Requests"],
    opt=route(errors=(*_RESPONDED, Blocked, ReminderLimitReached, *REPEATS)),
)
async def remind_participant(
    request: Request, request_id: FromPath[UUID], participant_id: FromPath[UUID]
) -> Reply[shapes.Participant]:
    """Remind a participant of one's own request, by a push notification, a mail or an SMS.

    At most three times within a day.
    """
    return await _respond(request.call, responding.remind, request_id, participant_id)


@post(
    "/v1/requests/{request_id:uuid}/participants/{participant_id:uuid}/settle",
    status_code=200,
    summary="Settle a participant",
    tags=["Requests"],
    opt=route(errors=(*_RESPONDED, *REPEATS)),
)
async def settle_participant(
    request: Request, request_id: FromPath[UUID], participant_id: FromPath[UUID]
) -> Reply[shapes.Participant]:
    """Mark a participant of one's own request as paid, which they did in another way."""
    return await _respond(request.call, responding.settle, request_id, participant_id)


@post(
    "/v1/requests/{request_id:uuid}/participants/{participant_id:uuid}/cancel",
    status_code=200,
    summary="Cancel a participant",
    tags=["Requests"],
    opt=route(errors=(*_RESPONDED, *REPEATS)),
)
async def cancel_participant(
    request: Request, request_id: FromPath[UUID], participant_id: FromPath[UUID]
) -> Reply[shapes.Participant]:
    """Cancel one's own request for a participant."""
    return await _respond(request.call, responding.cancel, request_id, participant_id)


@post(
    "/v1/requests/{request_id:uuid}/reject",
    status_code=200,
    summary="Reject a request",
    tags=["Requests"],
    opt=route(errors=(*_RESPONDED, *REPEATS)),
)
async def reject_request(request: Request, request_id: FromPath[UUID]) -> Reply[shapes.Participant]:
    """Reject a request as a participant; its owner is told."""
    call = request.call
    user = call.authenticated.user

    async def act(tx: Tx) -> Answer:
        participant_id = await responding.reject(tx, user=user, request_id=request_id, now=call.now)
        return await _participant(tx, call, participant_id)

    return await once(call, act)


@post(
    "/v1/requests/{request_id:uuid}/participants/{participant_id:uuid}/pay",
    status_code=200,
    summary="Pay a request",
    tags=["Requests"],
    opt=route(errors=(*_RESPONDED, *PAY_ERRORS)),
)
async def pay_participant(
    request: Request,
    request_id: FromPath[UUID],
    participant_id: FromPath[UUID],
    data: JSONBody[SharePayment],
) -> Reply[shapes.Participant]:
    """Pay a request as one of its participants: what one is asked for, and the fee on top.

    What a gateway has not decided is answered with a participant who is still `pending`.
    """
    return await pay_share(request.call, data, RequestShare(request_id, participant_id), status=200)


@post(
    "/v1/requests/{request_id:uuid}/pay",
    status_code=200,
    summary="Pay a request, as whichever participant one is",
    tags=["Requests"],
    opt=route(errors=(*_RESPONDED, *PAY_ERRORS)),
)
async def pay_request(
    request: Request, request_id: FromPath[UUID], data: JSONBody[SharePayment]
) -> Reply[shapes.Participant]:
    """The older form of paying a request, which does not name the participant."""
    return await pay_share(request.call, data, RequestShare(request_id, None), status=200)


@get(
    "/v1/requests/{request_id:uuid}/receipt",
    summary="Get a receipt of a request",
    tags=["Requests"],
    opt=route(errors=(RequestNotFound,)),
)
async def get_own_receipt(
    request: Request, request_id: FromPath[UUID]
) -> Reply[receipt_shapes.Receipt]:
    """Get the receipt of what one has paid for a request as a participant."""
    return await _receipt(request.call, request_id, None)


@get(
    "/v1/requests/{request_id:uuid}/participants/{participant_id:uuid}/receipt",
    summary="Get a receipt for a participant",
    tags=["Requests"],
    opt=route(errors=(RequestNotFound,)),
)
async def get_participant_receipt(
    request: Request, request_id: FromPath[UUID], participant_id: FromPath[UUID]
) -> Reply[receipt_shapes.Receipt]:
    """Get the receipt of what a participant has paid: one's own, or of one's own request.

    The owner does not see how it was paid.
    """
    return await _receipt(request.call, request_id, participant_id)


async def _receipt(
    call: Call, request_id: UUID, participant_id: UUID | None
) -> Reply[receipt_shapes.Receipt]:
    async with call.db.transaction() as tx:
        found = await receipts.receipt(
            tx,
            user_id=call.authenticated.user.id,
            request_id=request_id,
            participant_id=participant_id,
        )
    return Reply(receipt_shapes.receipt(found, locale=call.locale))


async def _respond(
    call: Call, respond: Callable[..., Awaitable[None]], request_id: UUID, participant_id: UUID
) -> Reply[Any]:
    """What the owner does about a participant, done once; the participant."""

    async def act(tx: Tx) -> Answer:
        await respond(
            tx,
            owner=call.authenticated.user,
            request_id=request_id,
            participant_id=participant_id,
            now=call.now,
        )
        return await _participant(tx, call, participant_id)

    return await once(call, act)


async def _participant(tx: Tx, call: Call, participant_id: UUID) -> Answer:
    found = await reading.participant(
        tx, user_id=call.authenticated.user.id, participant_id=participant_id
    )
    return answer(shapes.participant(found))


handlers = [
    list_participants,
    remind_participant,
    settle_participant,
    cancel_participant,
    reject_request,
    pay_participant,
    pay_request,
    get_own_receipt,
    get_participant_receipt,
]
