"""Moneypool, Delete a Pool invitation: who is invited to a pool will not pay into it."""

from litestar import delete
from litestar.params import FromPath

from whipround.api.handling import Reply
from whipround.api.moneypool.call import CURRENCY, Request, once, own, route
from whipround.api.writes import REPEATS
from whipround.db.database import Tx
from whipround.db.request_keys import Answer
from whipround.domain.pools import declining
from whipround.domain.pools.declining import InvitationNotFound


@delete(
    "/api/users/{user_id:int}/liabilities/{liability_id:int}",
    status_code=204,
    summary="Delete a pool invitation",
    tags=["Payment requests"],
    opt=route(errors=(InvitationNotFound, *REPEATS)),
)
async def delete_invitation(
    request: Request, user_id: FromPath[int], liability_id: FromPath[int]
) -> Reply[None]:
    """Decline to pay into a pool that the user is invited to, which then leaves the list."""
    call = request.call
    me = own(call, user_id)

    async def act(tx: Tx) -> Answer:
        await declining.decline(tx, user=me, number=liability_id, currency=CURRENCY, now=call.now)
        return Answer(204, b"")

    return await once(call, act)


handlers = [delete_invitation]
