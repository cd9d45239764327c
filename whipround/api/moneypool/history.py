"""Moneypool, List Payments: what came to the user, and what they have paid."""

from litestar import get
from litestar.params import FromPath

from whipround.api.handling import Reply
from whipround.api.moneypool import lists
from whipround.api.moneypool.call import CURRENCY, Request, own, route
from whipround.api.moneypool.shapes import history as shapes
from whipround.domain import history


@get(
    "/api/users/{user_id:int}/history",
    summary="List payments",
    tags=["Payments"],
    opt=route(is_list=True),
)
async def list_history(request: Request, user_id: FromPath[int]) -> Reply[shapes.History]:
    """List what came to the user and what they have paid, newest first.

    Money shows as it moves: a card's once it was charged, a wallet's when it left, money for an
    email when its owner had it. What comes back is an income of its own. What a card and the wallet
    have paid together is two outcomes, and two incomes.
    """
    call, wanted = request.call, lists.wanted(request)
    me = own(call, user_id)
    async with call.db.transaction() as tx:
        found = await history.page(tx, user_id=me.id, currency=CURRENCY, page=wanted)
    return lists.page(
        request, wanted, found, lambda shown: shapes.listed(shown, language=call.language)
    )


handlers = [list_history]
