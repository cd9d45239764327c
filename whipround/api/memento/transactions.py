"""Memento, Transactions: what went out of and into the current user's funding sources."""

from uuid import UUID

from litestar import get
from litestar.params import FromPath

from whipround.api.handling import Reply
from whipround.api.memento.call import Request, route
from whipround.api.memento.lists import page
from whipround.api.memento.shapes import transactions as shapes
from whipround.domain import transactions
from whipround.domain.transactions import TransactionNotFound


@get(
    "/v1/transactions",
    summary="Get a list of transactions",
    tags=["Transactions"],
    opt=route(filters=transactions.FILTERS),
)
async def list_transactions(request: Request) -> Reply[list[shapes.Transaction]]:
    """Get a list of all transactions, in and out, of all the current user's funding sources."""
    call, query = request.call, request.list_query()
    user_id = call.authenticated.user.id
    async with call.db.transaction() as tx:
        found = await transactions.page(tx, user_id=user_id, query=query)
    return page(request, query, found, lambda each: shapes.transaction(each, viewer_id=user_id))


@get(
    "/v1/transactions/{transaction_id:uuid}",
    summary="Get a transaction",
    tags=["Transactions"],
    opt=route(errors=(TransactionNotFound,)),
)
async def get_transaction(
    request: Request, transaction_id: FromPath[UUID]
) -> Reply[shapes.Transaction]:
    """Get one of the current user's transactions."""
    call = request.call
    user_id = call.authenticated.user.id
    async with call.db.transaction() as tx:
        found = await transactions.find(tx, user_id=user_id, transaction_id=transaction_id)
    return Reply(shapes.transaction(found, viewer_id=user_id))


handlers = [list_transactions, get_transaction]
