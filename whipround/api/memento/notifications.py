"""Memento, Notifications: what the current user was told."""

from dataclasses import replace

from litestar import get

from whipround.api.handling import Reply
from whipround.api.memento.call import Request, route
from whipround.api.memento.lists import page
from whipround.api.memento.shapes import notifications as shapes
from whipround.db.listing import Condition
from whipround.domain.notifications import reading


@get(
    "/v1/notifications",
    summary="Get a list of notifications",
    tags=["Notifications"],
    opt=route(filters=reading.FILTERS, since=True),
)
async def list_notifications(request: Request) -> Reply[list[shapes.Notification]]:
    """Get a list of what the current user was told, or of what since a time."""
    call, query, since = request.call, request.list_query(), request.since()
    if since is not None:
        after = Condition("created_at", "gt", since)
        query = replace(query, conditions=(*query.conditions, after))
    async with call.db.transaction() as tx:
        seen = await reading.page(tx, user_id=call.authenticated.user.id, query=query)
    return page(
        request,
        query,
        seen.notifications,
        lambda each: shapes.notification(each, seen, gallery=call.gallery, language=call.language),
    )


handlers = [list_notifications]
