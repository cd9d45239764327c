"""Memento, Money Pools: people put money together, and one of them gets it in the end."""

from uuid import UUID

from litestar import get, post, put
from litestar.params import FromPath, JSONBody

from whipround.api.context import Call
from whipround.api.handling import Reply
from whipround.api.memento.call import Request, route
from whipround.api.memento.lists import page
from whipround.api.memento.paying import PAY_ERRORS, pay_share
from whipround.api.memento.people import once
from whipround.api.memento.pool_bodies import (
    PoolContribution,
    PoolCreate,
    PoolExport,
    PoolInvitation,
    PoolUpdate,
)
from whipround.api.memento.shapes import participation
from whipround.api.memento.shapes import pools as shapes
from whipround.api.writes import REPEATS, answer, limit_multiplier
from whipround.db.database import Tx
from whipround.db.request_keys import Answer
from whipround.domain.pools import (
    changing,
    closing,
    creation,
    exports,
    inviting,
    participants,
    reading,
)
from whipround.domain.pools.errors import (
    AlreadyContributed,
    PoolClosed,
    PoolNotFound,
    PoolNotStarted,
)
from whipround.domain.pools.inviting import TooManyInvited
from whipround.domain.pools.pool import Pool
from whipround.domain.relationships import Blocked
from whipround.errors import Throttled


@post(
    "/v1/pools",
    status_code=201,
    summary="Create a money pool",
    tags=["Money pools"],
    opt=route(errors=(Blocked, TooManyInvited, Throttled, *REPEATS)),
)
async def create_pool(request: Request, data: JSONBody[PoolCreate]) -> Reply[shapes.Pool]:
    """Create a money pool, and invite people to it.

    What is contributed stays in the pool until it is closed; then all of it is paid out to the
    funding source.
    """
    call = request.call

    async def act(tx: Tx) -> Answer:
        made = await creation.create(
            tx,
            owner=call.authenticated.user,
            new=data.pool(),
            keyring=call.services.keyring,
            now=call.now,
            limit_multiplier=limit_multiplier(call),
        )
        return answer(await _shape(tx, call, made), status=201)

    return await once(call, act)


@get(
    "/v1/pools",
    summary="Get a list of money pools",
    tags=["Money pools"],
    opt=route(filters=reading.FILTERS, searchable=True),
)
async def list_pools(request: Request) -> Reply[list[shapes.Pool]]:
    """Get a list of the pools that the current user created, takes part in, or may take part in.

    With `search` those whose description, detailed description or hashtag has every word of it.
    """
    call, query = request.call, request.list_query()
    user_id = call.authenticated.user.id
    async with call.db.transaction() as tx:
        found = await reading.page(tx, user_id=user_id, query=query)
        seen = await reading.see(tx, user_id=user_id, pools=found[: query.page.limit])
    return page(
        request,
        query,
        found,
        lambda each: shapes.pool(each, seen, gallery=call.gallery, now=call.now),
    )


@get(
    "/v1/pools/{pool_id:uuid}",
    summary="Get a money pool",
    tags=["Money pools"],
    opt=route(errors=(PoolNotFound,)),
)
async def get_pool(request: Request, pool_id: FromPath[UUID]) -> Reply[shapes.Pool]:
    """Get a money pool: one's own, one that one takes part in or is invited to, or a public one."""
    call = request.call
    async with call.db.transaction() as tx:
        found = await reading.find(tx, user_id=call.authenticated.user.id, pool_id=pool_id)
        shape = await _shape(tx, call, found)
    return Reply(shape)


@put(
    "/v1/pools/{pool_id:uuid}",
    summary="Update a money pool",
    tags=["Money pools"],
    opt=route(errors=(PoolNotFound, PoolClosed, Blocked, TooManyInvited, Throttled, *REPEATS)),
)
async def update_pool(
    request: Request, pool_id: FromPath[UUID], data: JSONBody[PoolUpdate]
) -> Reply[shapes.Pool]:
    """Change one's own money pool, as long as it is open; what is left out stays."""
    call = request.call

    async def act(tx: Tx) -> Answer:
        changed = await changing.change(
            tx,
            owner=call.authenticated.user,
            pool_id=pool_id,
            change=data.change(),
            keyring=call.services.keyring,
            now=call.now,
            limit_multiplier=limit_multiplier(call),
        )
        return answer(await _shape(tx, call, changed))

    return await once(call, act)


@post(
    "/v1/pools/{pool_id:uuid}/close",
    status_code=200,
    summary="Close money pool",
    tags=["Money pools"],
    opt=route(errors=(PoolNotFound, PoolClosed, *REPEATS)),
)
async def close_pool(request: Request, pool_id: FromPath[UUID]) -> Reply[shapes.Pool]:
    """Close one's own money pool: nothing can be contributed any more, and it is paid out."""
    call = request.call

    async def act(tx: Tx) -> Answer:
        user_id = call.authenticated.user.id
        await closing.close(tx, owner_id=user_id, pool_id=pool_id, now=call.now)
        closed = await reading.find(tx, user_id=user_id, pool_id=pool_id)
        return answer(await _shape(tx, call, closed))

    return await once(call, act)


@post(
    "/v1/pools/{pool_id:uuid}/invite",
    status_code=200,
    summary="Invite users to participate",
    tags=["Money pools"],
    opt=route(errors=(PoolNotFound, PoolClosed, Blocked, TooManyInvited, Throttled, *REPEATS)),
)
async def invite_to_pool(
    request: Request, pool_id: FromPath[UUID], data: JSONBody[PoolInvitation]
) -> Reply[shapes.Pool]:
    """Invite people to one's own money pool; to have invited them before is no error."""
    call = request.call

    async def act(tx: Tx) -> Answer:
        me = call.authenticated.user
        await inviting.invite(
            tx,
            owner=me,
            pool_id=pool_id,
            user_ids=data.user_ids,
            keyring=call.services.keyring,
            now=call.now,
            limit_multiplier=limit_multiplier(call),
        )
        found = await reading.find(tx, user_id=me.id, pool_id=pool_id)
        return answer(await _shape(tx, call, found))

    return await once(call, act)


@get(
    "/v1/pools/{pool_id:uuid}/participants",
    summary="Get money pool participants",
    tags=["Money pools"],
    opt=route(errors=(PoolNotFound,), filters=participants.FILTERS),
)
async def list_participants(
    request: Request, pool_id: FromPath[UUID]
) -> Reply[list[participation.Participant]]:
    """Get a list of a money pool's participants: every contribution, and who is only invited."""
    call, query = request.call, request.list_query()
    user_id = call.authenticated.user.id
    async with call.db.transaction() as tx:
        pool = await reading.find(tx, user_id=user_id, pool_id=pool_id)
        found = await participants.page(tx, viewer_id=user_id, pool=pool, query=query)
    return page(request, query, found, participation.participant)


@post(
    "/v1/pools/{pool_id:uuid}/participants",
    status_code=201,
    summary="Contribute to a money pool",
    tags=["Money pools"],
    opt=route(
        errors=(
            PoolNotFound,
            PoolClosed,
            PoolNotStarted,
            AlreadyContributed,
            *PAY_ERRORS,
        )
    ),
)
async def contribute(
    request: Request, pool_id: FromPath[UUID], data: JSONBody[PoolContribution]
) -> Reply[participation.Participant]:
    """Contribute to a money pool: the current user pays into it, and the fee on top.

    What a gateway has not decided is answered with a `pending` participant.
    """
    return await pay_share(request.call, data, data.share(pool_id), status=201)


_EXPORT_ERRORS = (PoolNotFound, Throttled, *REPEATS)


@post(
    "/v1/pools/{pool_id:uuid}/participants/export",
    status_code=200,
    summary="Export list of participants",
    tags=["Money pools"],
    opt=route(errors=_EXPORT_ERRORS),
)
async def export_participants(
    request: Request, pool_id: FromPath[UUID], data: JSONBody[PoolExport]
) -> Reply[None]:
    """Have the list of one's own pool's participants sent to an email address, as a file."""
    return await _export(request.call, pool_id, data)


@post(
    "/v1/pools/{pool_id:uuid}/export",
    status_code=200,
    summary="Export list of participants, in the older form",
    tags=["Money pools"],
    opt=route(errors=_EXPORT_ERRORS),
)
async def export_pool(
    request: Request, pool_id: FromPath[UUID], data: JSONBody[PoolExport]
) -> Reply[None]:
    """The same as `POST /v1/pools/{id}/participants/export`."""
    return await _export(request.call, pool_id, data)


async def _export(call: Call, pool_id: UUID, data: PoolExport) -> Reply[None]:
    async def act(tx: Tx) -> Answer:
        await exports.ask(
            tx,
            owner_id=call.authenticated.user.id,
            pool_id=pool_id,
            email=data.email,
            format_=data.format,
            locale=call.locale,
            keyring=call.services.keyring,
            now=call.now,
            limit_multiplier=limit_multiplier(call),
        )
        return Answer(200, b"")

    return await once(call, act)


async def _shape(tx: Tx, call: Call, found: Pool) -> shapes.Pool:
    """A pool, which the current user sees, with all that goes with it."""
    seen = await reading.see(tx, user_id=call.authenticated.user.id, pools=[found])
    return shapes.pool(found, seen, gallery=call.gallery, now=call.now)


handlers = [
    create_pool,
    list_pools,
    get_pool,
    update_pool,
    close_pool,
    invite_to_pool,
    list_participants,
    contribute,
    export_participants,
    export_pool,
]
