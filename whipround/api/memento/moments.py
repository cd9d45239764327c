"""Memento, Moments: one feed of the current user's payments, requests and pools."""

from uuid import UUID

from litestar import get
from litestar.params import FromPath

from whipround.api.handling import Reply
from whipround.api.memento.call import Request, route
from whipround.api.memento.lists import page
from whipround.api.memento.shapes import moments as shapes
from whipround.domain.moments import feed, reading
from whipround.domain.moments.feed import MomentNotFound


@get(
    "/v1/moments",
    summary="Get a list of moments",
    tags=["Moments"],
    opt=route(filters=feed.FILTERS),
)
async def list_moments(request: Request) -> Reply[list[shapes.Moment]]:
    """Get a list of the current user's moments: what they made, and what they take part in."""
    call, query = request.call, request.list_query()
    async with call.db.transaction() as tx:
        found = await reading.page(tx, user_id=call.authenticated.user.id, query=query)
    return page(request, query, found, lambda each: shapes.moment(each, gallery=call.gallery))


@get(
    "/v1/moments/{moment_id:uuid}",
    summary="Get a moment",
    tags=["Moments"],
    opt=route(errors=(MomentNotFound,)),
)
async def get_moment(request: Request, moment_id: FromPath[UUID]) -> Reply[shapes.Moment]:
    """Get one of the current user's moments. The first time, it is read from then on."""
    call = request.call
    async with call.db.transaction() as tx:
        found = await reading.open_moment(
            tx, user_id=call.authenticated.user.id, moment_id=moment_id, now=call.now
        )
    return Reply(shapes.moment(found, gallery=call.gallery))


handlers = [list_moments, get_moment]
