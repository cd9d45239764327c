"""Mobbr, List payments, List unclaimed shares, List pledges: what is the caller's own."""

from typing import Annotated

from litestar import get
from pydantic import Field

from whipround.api.fields import ONE_LINE
from whipround.api.handling import Reply
from whipround.api.mobbr.call import Request, reply, route
from whipround.api.mobbr.lists import Part, Since, Until
from whipround.api.mobbr.shapes import payments as shapes
from whipround.domain.crowd import listing, waiting
from whipround.domain.crowd.listing import Wanted

_LONGEST_SEARCH = 100

_TAGS = ["Payments"]


class _Listed(Part):
    """Which payments are asked for."""

    search: Annotated[str, Field(max_length=_LONGEST_SEARCH), ONE_LINE] | None = Field(
        None,
        description="Part of a keyword, of the name or address of who was paid (of what was"
        " received: of who has paid), or of the time.",
    )
    from_date: Since | None = Field(
        None, description="`YYYY-MM-DD HH:MM:SS` in UTC; seconds, or the time, may be left out."
    )
    to_date: Until | None = Field(
        None, description="The same: up to the end of the day, minute or second it names."
    )


@get(
    "/api_v1/payments",
    summary="List payments",
    tags=_TAGS,
    opt=route(arguments=_Listed),
)
async def list_payments(request: Request) -> Reply[list[shapes.Listed]]:
    """List what you have paid, pledged and received, newest first, however it was paid.

    What you have paid is below zero. Of a payment that was divided among many it is all of it; who
    has received a part of it sees that part, once it has arrived, in one sum. What came to nothing,
    as where a card declined, a pledge was revoked or nobody has claimed it, is not listed.
    """
    call, asked = request.call, await request.arguments(_Listed)
    wanted = Wanted(asked.search or None, asked.from_date, asked.to_date)
    async with call.db.transaction() as tx:
        found = await listing.page(
            tx, user_id=call.authenticated.user.id, wanted=wanted, part=asked.part
        )
    return reply(call, [shapes.listed(each) for each in found])


@get(
    "/api_v1/payments/unclaimed_shares",
    summary="List unclaimed shares",
    tags=_TAGS,
    opt=route(),
)
async def list_unclaimed_shares(request: Request) -> Reply[list[shapes.Unclaimed]]:
    """List what of your payments waits for somebody to prove that they are whom it is for.

    Newest first: shares, and what was paid elsewhere to an address that nobody has proven.
    """
    call = request.call
    async with call.db.transaction() as tx:
        found = await waiting.unclaimed(tx, wallet_id=call.authenticated.wallet_id)
    return reply(call, [shapes.unclaimed(each) for each in found])


@get(
    "/api_v1/payments/pledged",
    summary="List pledges",
    tags=_TAGS,
    opt=route(arguments=Part),
)
async def list_pledges(request: Request) -> Reply[list[shapes.Pledge]]:
    """List your pledges that nobody has claimed yet, newest first."""
    call, asked = request.call, await request.arguments(Part)
    async with call.db.transaction() as tx:
        found = await waiting.pledged_by(tx, user_id=call.authenticated.user.id, part=asked.part)
    return reply(call, [shapes.pledge(each) for each in found])


handlers = [list_payments, list_unclaimed_shares, list_pledges]
