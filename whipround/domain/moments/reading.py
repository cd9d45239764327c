"""Moments as they are read: one, which is then opened, and a page of them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from whipround.db.database import Tx
from whipround.db.listing import ListQuery
from whipround.domain.images import reading as images
from whipround.domain.moments import feed, showing
from whipround.domain.moments.feed import MomentNotFound, MomentType, Reference
from whipround.domain.moments.showing import Content, Moment
from whipround.domain.participation import FIRST_NAMES
from whipround.domain.payments import reading as payments
from whipround.domain.payments.commands import Payment
from whipround.domain.pools import participants
from whipround.domain.pools.pool import COLUMNS, Pool
from whipround.domain.requests import reading as requests
from whipround.domain.users import person

_READ = """
    select moment_id, read_at
    from moment_read
    where user_id = %(user_id)s and moment_id = any(%(ids)s)
"""

# Opened twice at once, it was opened by the first.
_OPEN = """
    insert into moment_read (user_id, moment_id, read_at)
    values (%(user_id)s, %(id)s, %(now)s)
    on conflict (user_id, moment_id) do update set read_at = moment_read.read_at
    returning read_at
"""

_NAMES = """
    select id, description from funding_source where id = any(%(ids)s)
    union all
    select id, address from payee where id = any(%(ids)s)
"""

_POOLS = f"select {COLUMNS} from pool where id = any(%(ids)s)"  # noqa: S608 (our own column names)

# The first row of a person in a pool has one index, their others have another.
_CONTRIBUTED = """
    select pool_id, sum(amount)
    from (
        select pool_id, amount from pool_participant
        where pool_id = any(%(ids)s) and user_id = %(user_id)s and status = 'paid' and is_first
        union all
        select pool_id, amount from pool_participant
        where pool_id = any(%(ids)s) and user_id = %(user_id)s and status = 'paid' and not is_first
    ) as mine
    group by pool_id
"""


async def page(tx: Tx, *, user_id: UUID, query: ListQuery) -> list[Moment]:
    """The user's moments that `query` asks for, and one more if there is a next page."""
    return await _shown(tx, user_id, await feed.page(tx, user_id=user_id, query=query))


async def open_moment(tx: Tx, *, user_id: UUID, moment_id: UUID, now: datetime) -> Moment:
    """A moment of the user's, which they have read from now on. Raises MomentNotFound."""
    found = await feed.find(tx, user_id=user_id, moment_id=moment_id)
    shown = await _shown(tx, user_id, [found])
    if not shown:
        raise MomentNotFound
    [moment] = shown
    if moment.read_at is not None:
        return moment
    values = {"user_id": user_id, "id": moment_id, "now": now}
    [[read_at]] = await (await tx.execute(_OPEN, values)).fetchall()
    return replace(moment, read_at=read_at)


async def _shown(tx: Tx, user_id: UUID, references: Sequence[Reference]) -> list[Moment]:
    """The moments, in the same order. What is deleted meanwhile is left out."""
    contents = {
        **await _payments(tx, references),
        **await _requests(tx, user_id, references),
        **await _pools(tx, user_id, references),
    }
    object_ids = [reference.object_id for reference in references]
    pictures = await images.of(tx, object_ids)
    ids = [reference.id for reference in references]
    read_at = dict(await _rows(tx, _READ, ids, user_id=user_id))
    return [
        Moment(
            **reference._asdict(),
            **contents[reference.id]._asdict(),
            images=pictures[reference.object_id],
            read_at=read_at.get(reference.id),
        )
        for reference in references
        if reference.id in contents
    ]


async def _payments(tx: Tx, references: Sequence[Reference]) -> dict[UUID, Content]:
    """What the moments of payments show, by their ids."""
    wanted = _of("payment", references)
    if not wanted:
        return {}
    found = await payments.many(tx, payment_ids=_objects(wanted))
    people = await person.many(tx, user_ids=_people(found.values()))
    unnamed = [made for made in found.values() if not made.description]
    names = dict(await _rows(tx, _NAMES, map(showing.named_by, unnamed))) if unnamed else {}
    return {each.id: showing.payment(each, found[each.object_id], people, names) for each in wanted}


async def _requests(tx: Tx, user_id: UUID, references: Sequence[Reference]) -> dict[UUID, Content]:
    """What the moments of requests show, by their ids."""
    wanted = _of("request", references)
    if not wanted:
        return {}
    seen = await requests.many(tx, user_id=user_id, request_ids=_objects(wanted), most=FIRST_NAMES)
    # One that was deleted after it was found has no participants any more.
    found = {asked.id: asked for asked in seen.requests if seen.participants(asked.id)}
    return {
        each.id: showing.request(each, found[each.object_id], seen)
        for each in wanted
        if each.object_id in found
    }


async def _pools(tx: Tx, user_id: UUID, references: Sequence[Reference]) -> dict[UUID, Content]:
    """What the moments of pools show, by their ids."""
    wanted = _of("pool", references)
    if not wanted:
        return {}
    ids = _objects(wanted)
    async with tx.cursor(row_factory=class_row(Pool)) as cursor:
        await cursor.execute(_POOLS, {"ids": ids})
        found = {pool.id: pool for pool in await cursor.fetchall()}
    shown = await participants.first(tx, viewer_id=user_id, pools=list(found.values()))
    owners = await person.many(tx, user_ids=(pool.owner_id for pool in found.values()))
    contributed = dict(await _rows(tx, _CONTRIBUTED, ids, user_id=user_id))
    return {
        each.id: showing.pool(
            each,
            pool := found[each.object_id],
            shown[pool.id],
            owners[pool.owner_id],
            contributed.get(pool.id, Decimal(0)),
        )
        for each in wanted
    }


def _of(type_: MomentType, references: Iterable[Reference]) -> list[Reference]:
    return [reference for reference in references if reference.type == type_]


def _objects(references: Iterable[Reference]) -> list[UUID]:
    return [reference.object_id for reference in references]


def _people(made: Iterable[Payment]) -> set[UUID]:
    """The users on both sides of payments."""
    sides = ((each.owner_id, each.recipient.user_id) for each in made)
    return {user_id for side in sides for user_id in side if user_id is not None}


async def _rows(
    tx: Tx, sql: str, ids: Iterable[UUID | None], **values: object
) -> list[tuple[Any, ...]]:
    cursor = await tx.execute(sql.encode(), {"ids": list(ids), **values})
    return await cursor.fetchall()
