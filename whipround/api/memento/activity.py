"""Memento, Activity: what is new for the current user, in numbers."""

from datetime import datetime

from litestar import get

from whipround.api.handling import Reply
from whipround.api.memento.call import Request, route
from whipround.api.memento.shapes import activity as shapes
from whipround.domain import activity


@get(
    "/v1/users/current/summary",
    summary="Activity summary",
    tags=["Users"],
    opt=route(conditions=activity.FILTERS),
)
async def get_summary(request: Request) -> Reply[shapes.Summary]:
    """Get a summary of what came after the time that the `start_at` filter names, or at all."""
    call = request.call
    since = request.conditions().value("start_at")
    async with call.db.transaction() as tx:
        counted = await activity.count(
            tx,
            user_id=call.authenticated.user.id,
            since=since if isinstance(since, datetime) else None,
        )
    return Reply(shapes.summary(counted))


@get(
    "/v1/activity/updates",
    summary="Get activity updates",
    tags=["Activity"],
    opt=route(since=True),
)
async def get_updates(request: Request) -> Reply[shapes.Updates]:
    """Get what is new since a time, or at all."""
    call, since = request.call, request.since()
    async with call.db.transaction() as tx:
        counted = await activity.count(tx, user_id=call.authenticated.user.id, since=since)
    return Reply(shapes.updates(counted))


handlers = [get_summary, get_updates]
