"""Memento, Funding Sources: the wallet, what it holds and what went through it."""

from uuid import UUID

from litestar import get
from litestar.params import FromPath

from whipround.api.memento.call import Reply, Request, route
from whipround.api.memento.lists import page
from whipround.api.memento.shapes import funding as shapes
from whipround.domain import transactions
from whipround.domain.funding import reading
from whipround.domain.funding.reading import FundingSourceNotFound


@get(
    "/v1/funding_sources",
    summary="Get a list of funding sources",
    tags=["Funding sources"],
    opt=route(filters=reading.FILTERS),
)
async def list_funding_sources(request: Request) -> Reply[list[shapes.FundingSource]]:
    """Get a list of the current user's funding sources."""
    call, query = request.call, request.list_query()
    async with call.db.transaction() as tx:
        found = await reading.page(tx, user_id=call.authenticated.user.id, query=query)
        balances = await reading.balances_of(tx, ids=[source.id for source in found])
    currencies = call.product.currencies
    return page(
        request,
        query,
        found,
        lambda each: shapes.funding_source(each, balances[each.id], currencies),
    )


@get(
    "/v1/funding_sources/{funding_source_id:uuid}",
    summary="Get a funding source",
    tags=["Funding sources"],
    opt=route(errors=(FundingSourceNotFound,)),
)
async def get_funding_source(
    request: Request, funding_source_id: FromPath[UUID]
) -> Reply[shapes.FundingSource]:
    """Get one of the current user's funding sources."""
    call = request.call
    async with call.db.transaction() as tx:
        found = await reading.get(tx, user_id=call.authenticated.user.id, id_=funding_source_id)
        balances = await reading.balances_of(tx, ids=[found.id])
    return Reply(shapes.funding_source(found, balances[found.id], call.product.currencies))


@get(
    "/v1/funding_sources/{funding_source_id:uuid}/transactions",
    summary="Get funding source transactions",
    tags=["Funding sources"],
    opt=route(errors=(FundingSourceNotFound,), filters=transactions.SOURCE_FILTERS),
)
async def list_source_transactions(
    request: Request, funding_source_id: FromPath[UUID]
) -> Reply[list[shapes.Transaction]]:
    """Get a list of a funding source's transactions, both deposits and withdrawals."""
    call, query = request.call, request.list_query()
    user_id = call.authenticated.user.id
    async with call.db.transaction() as tx:
        source = await reading.get(tx, user_id=user_id, id_=funding_source_id)
        found = await transactions.page_of_source(
            tx, user_id=user_id, funding_source_id=source.id, query=query
        )
    return page(request, query, found, lambda each: shapes.transaction(each, viewer_id=user_id))


handlers = [list_funding_sources, get_funding_source, list_source_transactions]
