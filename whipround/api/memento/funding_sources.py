"""Memento, Funding Sources: what people pay from and are paid to, and what went through it."""

from uuid import UUID

from litestar import delete, get, post, put
from litestar.params import FromPath, JSONBody

from whipround.api.context import Call
from whipround.api.handling import Reply
from whipround.api.memento.call import Request, route
from whipround.api.memento.funding_bodies import (
    FundingSourceCode,
    FundingSourceCreate,
    FundingSourceUpdate,
    known,
)
from whipround.api.memento.lists import page
from whipround.api.memento.people import once, refusal
from whipround.api.memento.shapes import funding as shapes
from whipround.api.memento.shapes import transactions as transaction_shapes
from whipround.api.writes import REPEATS, answer, limit_multiplier
from whipround.db.database import Tx
from whipround.db.request_keys import Answer
from whipround.domain import transactions
from whipround.domain.funding import changes, reading, verifying
from whipround.domain.funding.changes import FundingSourceInUse
from whipround.domain.funding.creation import TooManySources
from whipround.domain.funding.reading import FundingSource, FundingSourceNotFound
from whipround.domain.funding.verifying import CodeExpired, InvalidCode, TooManyAttempts
from whipround.domain.gateway_calls import GatewayDeclined, GatewayUnavailable
from whipround.errors import DomainError, Throttled
from whipround.flows import registrations
from whipround.flows.registrations import Render


def _renderer(call: Call) -> Render:
    """Makes the answer to whoever adds a funding source."""
    currencies = call.product.currencies

    def render(outcome: FundingSource | DomainError) -> Answer:
        if isinstance(outcome, DomainError):
            return refusal(outcome, call)
        # What has just been added has never held anything.
        return answer(shapes.funding_source(outcome, [], currencies, now=call.now), status=201)

    return render


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
        lambda each: shapes.funding_source(each, balances[each.id], currencies, now=call.now),
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
        shape = await _shape(tx, call, found)
    return Reply(shape)


@get(
    "/v1/funding_sources/{funding_source_id:uuid}/transactions",
    summary="Get funding source transactions",
    tags=["Funding sources"],
    opt=route(errors=(FundingSourceNotFound,), filters=transactions.SOURCE_FILTERS),
)
async def list_source_transactions(
    request: Request, funding_source_id: FromPath[UUID]
) -> Reply[list[transaction_shapes.Transaction]]:
    """Get a list of a funding source's transactions, both deposits and withdrawals."""
    call, query = request.call, request.list_query()
    user_id = call.authenticated.user.id
    async with call.db.transaction() as tx:
        source = await reading.get(tx, user_id=user_id, id_=funding_source_id)
        found = await transactions.page_of_source(
            tx, user_id=user_id, funding_source_id=source.id, query=query
        )
    return page(
        request, query, found, lambda each: transaction_shapes.transaction(each, viewer_id=user_id)
    )


@post(
    "/v1/funding_sources",
    status_code=201,
    summary="Create a funding source",
    tags=["Funding sources"],
    opt=route(
        errors=(TooManySources, GatewayDeclined, GatewayUnavailable, Throttled, *REPEATS),
        known=known,
    ),
)
async def create_funding_source(
    request: Request, data: JSONBody[FundingSourceCreate]
) -> Reply[shapes.FundingSource]:
    """Add a card, a bank account or a crypto address, by the name of its type.

    The processor is asked about a card or an account: once it knows a card, the card is enabled; an
    account is pending until the code that appears on its statement is brought.
    """
    call = request.call
    return Reply.rendered(
        await registrations.register(
            call.services.desk,
            key=call.key,
            user_id=call.authenticated.user.id,
            new=data.source(),
            render=_renderer(call),
            now=call.now,
            limit_multiplier=limit_multiplier(call),
        )
    )


@put(
    "/v1/funding_sources/{funding_source_id:uuid}",
    summary="Update a funding source",
    tags=["Funding sources"],
    opt=route(errors=(FundingSourceNotFound, *REPEATS)),
)
async def update_funding_source(
    request: Request, funding_source_id: FromPath[UUID], data: JSONBody[FundingSourceUpdate]
) -> Reply[shapes.FundingSource]:
    """Change the title of a funding source, and until when a card is good."""
    call = request.call

    async def act(tx: Tx) -> Answer:
        changed = await changes.update(
            tx,
            user_id=call.authenticated.user.id,
            id_=funding_source_id,
            change=data.change(),
            now=call.now,
        )
        return answer(await _shape(tx, call, changed))

    return await once(call, act)


@delete(
    "/v1/funding_sources/{funding_source_id:uuid}",
    status_code=200,
    summary="Delete a funding source",
    tags=["Funding sources"],
    opt=route(errors=(FundingSourceNotFound, FundingSourceInUse, *REPEATS)),
)
async def delete_funding_source(request: Request, funding_source_id: FromPath[UUID]) -> Reply[None]:
    """Delete a funding source; its transactions stay.

    The wallet cannot be deleted, nor what money is on its way through.
    """
    call = request.call

    async def act(tx: Tx) -> Answer:
        user_id = call.authenticated.user.id
        await changes.delete(tx, user_id=user_id, id_=funding_source_id, now=call.now)
        return Answer(200, b"")

    return await once(call, act)


@post(
    "/v1/funding_sources/{funding_source_id:uuid}/verify",
    status_code=200,
    summary="Verify funding source",
    tags=["Funding sources"],
    opt=route(errors=(FundingSourceNotFound, InvalidCode, TooManyAttempts, CodeExpired, *REPEATS)),
)
async def verify_funding_source(
    request: Request, funding_source_id: FromPath[UUID], data: JSONBody[FundingSourceCode]
) -> Reply[shapes.FundingSource]:
    """Bring the code that appeared on the statement of a card or a bank account.

    The fifth wrong code rejects the funding source.
    """
    call = request.call

    async def act(tx: Tx) -> Answer:
        outcome = await verifying.verify(
            tx,
            user_id=call.authenticated.user.id,
            id_=funding_source_id,
            code=data.code,
            keyring=call.services.keyring,
            now=call.now,
        )
        if isinstance(outcome, DomainError):
            return refusal(outcome, call)
        return answer(await _shape(tx, call, outcome))

    return await once(call, act)


async def _shape(tx: Tx, call: Call, found: FundingSource) -> shapes.FundingSource:
    """A funding source with what it holds."""
    balances = await reading.balances_of(tx, ids=[found.id])
    return shapes.funding_source(found, balances[found.id], call.product.currencies, now=call.now)


handlers = [
    list_funding_sources,
    create_funding_source,
    get_funding_source,
    update_funding_source,
    delete_funding_source,
    verify_funding_source,
    list_source_transactions,
]
