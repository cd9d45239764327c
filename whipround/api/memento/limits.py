"""Memento, the limits of funding sources, which later revisions have."""

from uuid import UUID

from litestar import get
from litestar.params import FromPath

from whipround.api.handling import Reply
from whipround.api.memento.call import Request, route
from whipround.api.memento.shapes import limits as shapes
from whipround.domain import limits
from whipround.domain.funding import reading
from whipround.domain.funding.reading import FundingSourceNotFound


@get(
    "/v1/funding_sources/{funding_source_id:uuid}/limits",
    summary="Get the limits of a funding source",
    tags=["Funding sources"],
    opt=route(errors=(FundingSourceNotFound,)),
)
async def get_limits(
    request: Request, funding_source_id: FromPath[UUID]
) -> Reply[list[shapes.CurrencyLimits]]:
    """Get what may go through one of the current user's funding sources, and what of it is used.

    What is without limit is not listed.
    """
    call = request.call
    user = call.authenticated.user
    async with call.db.transaction() as tx:
        source = await reading.get(tx, user_id=user.id, id_=funding_source_id)
        found = await limits.of_source(
            tx,
            funding_source_id=source.id,
            types=(source.type_name, source.type),
            is_verified=user.verified,
            now=call.now,
        )
    return Reply(shapes.limits(found))


handlers = [get_limits]
