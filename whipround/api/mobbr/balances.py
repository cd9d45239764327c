"""What the caller's wallet holds (later revisions, "Mobbr")."""

from litestar import get

from whipround.api.handling import Reply
from whipround.api.mobbr.call import Request, reply, route
from whipround.api.mobbr.shapes import balances as shapes
from whipround.domain import balances


@get(
    "/api_v1/balances",
    summary="List balances",
    tags=["Balances"],
    opt=route(),
)
async def list_balances(request: Request) -> Reply[shapes.Balances]:
    """See what your wallet holds of each currency, how much of it can be paid, and its worth.

    The total is in the first currency of the product. What is pledged, or waits for somebody, has
    left the wallet.
    """
    call = request.call
    async with call.db.transaction() as tx:
        found = await balances.of_wallet(
            tx,
            wallet_id=call.authenticated.wallet_id,
            currencies=call.product.currencies,
            now=call.now,
        )
    return reply(call, shapes.balances(found, language=call.language))


handlers = [list_balances]
