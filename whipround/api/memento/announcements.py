"""Memento, Announcements: what the operator tells everybody."""

from uuid import UUID

from litestar import get, post
from litestar.params import FromPath

from whipround.api.handling import Reply
from whipround.api.memento.call import Request, route
from whipround.api.memento.lists import page
from whipround.api.memento.people import once
from whipround.api.memento.shapes import announcements as shapes
from whipround.api.writes import REPEATS, answer
from whipround.db.database import Tx
from whipround.db.request_keys import Answer
from whipround.domain import announcements
from whipround.domain.announcements import AnnouncementNotFound


@get(
    "/v1/announcements",
    summary="Get a list of announcements",
    tags=["Announcements"],
    opt=route(filters=announcements.FILTERS),
)
async def list_announcements(request: Request) -> Reply[list[shapes.Announcement]]:
    """Get a list of the announcements that the current user has not acknowledged."""
    call, query = request.call, request.list_query()
    async with call.db.transaction() as tx:
        shown = await announcements.page(
            tx, user_id=call.authenticated.user.id, query=query, now=call.now
        )
    return page(request, query, shown, lambda each: shapes.announcement(each, call.gallery))


@post(
    # The sample has the second.
    ["/v1/announcements/{announcement_id:uuid}/ack", "/v1/announcement/{announcement_id:uuid}/ack"],
    status_code=200,
    summary="Acknowledge an announcement",
    tags=["Announcements"],
    opt=route(errors=(AnnouncementNotFound, *REPEATS)),
)
async def acknowledge_announcement(
    request: Request, announcement_id: FromPath[UUID]
) -> Reply[shapes.Announcement]:
    """Acknowledge an announcement; from then on it is not listed any more."""
    call = request.call

    async def act(tx: Tx) -> Answer:
        shown = await announcements.acknowledge(
            tx,
            user_id=call.authenticated.user.id,
            announcement_id=announcement_id,
            now=call.now,
        )
        return answer(shapes.announcement(shown, call.gallery))

    return await once(call, act)


handlers = [list_announcements, acknowledge_announcement]
