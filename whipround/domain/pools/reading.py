"""Pools as they are read: one, and the list of those that a person owns, takes part in, or may."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from whipround.db.database import Tx
from whipround.db.listing import EQ, EQ_IN, EQ_LIKE, TIMES, Column, ListQuery, fragments
from whipround.domain import relationships
from whipround.domain.images import reading as images
from whipround.domain.images.reading import Image
from whipround.domain.pools import options, participants
from whipround.domain.pools.errors import PoolNotFound
from whipround.domain.pools.options import Option
from whipround.domain.pools.participants import Shown
from whipround.domain.pools.pool import COLUMNS, Pool
from whipround.domain.relationships import Relationship
from whipround.domain.users import person
from whipround.domain.users.person import User

FILTERS: Mapping[str, Column] = {
    "owner": Column(None, bool, EQ),
    "status": Column("pool.status", str, EQ_IN, choices=("open", "closed")),
    "name": Column("pool.description", str, EQ_LIKE, sortable=True),
    "description": Column("pool.description", str, EQ_LIKE, sortable=True),
    **{name: replace(column, expression=f"pool.{name}") for name, column in TIMES.items()},
}
"""Memento, "Get a list of money pools"; a pool's name is its description."""

# By the columns of the participants' index, which has the pools' times.
_THEIR_COLUMNS = {
    **FILTERS,
    "created_at": replace(FILTERS["created_at"], expression="pool_participant.pool_created_at"),
}

_UNBLOCKED = """
    not exists (
        select from relationship
        where user_id = pool.owner_id and other_user_id = %(user_id)s and type = 'blocked'
    ) and not exists (
        select from relationship
        where user_id = %(user_id)s and other_user_id = pool.owner_id and type = 'blocked'
    )
"""

_SEES = f"""
    (
        pool.owner_id = %(user_id)s
        or exists (
            select from pool_participant
            where pool_id = pool.id and user_id = %(user_id)s and is_first
        )
        or pool.is_public and {_UNBLOCKED}
    )
"""

_FIND = f"select {COLUMNS} from pool where id = %(id)s and {_SEES}"  # noqa: S608

# Each side of the union walks its own index in the order asked for, no further than the page
# reaches. A pool that is on two sides is so early on both, or on neither: it is dropped here.
_PAGE = f"""
    with seen as (
        select * from (
            (
                select pool.id, pool.created_at, pool.updated_at, pool.description
                from pool
                where %(own)s and owner_id = %(user_id)s and {{where}}
                order by {{order}} limit %(reach)s
            ) union (
                select pool.id, pool.created_at, pool.updated_at, pool.description
                from pool_participant join pool on pool.id = pool_participant.pool_id
                where %(others)s and pool_participant.user_id = %(user_id)s and is_first
                    and (%(own)s or pool.owner_id <> %(user_id)s) and {{their_where}}
                order by {{their_order}} limit %(reach)s
            ) union (
                select pool.id, pool.created_at, pool.updated_at, pool.description
                from pool
                where %(others)s and is_public and (%(own)s or owner_id <> %(user_id)s)
                    and {_UNBLOCKED} and {{where}}
                order by {{order}} limit %(reach)s
            )
        ) as pool
        order by {{order}} limit %(limit)s offset %(offset)s
    )
    select {COLUMNS}
    from pool
    where id in (select id from seen)
    order by {{order}}
"""  # noqa: S608 (our own column names)

_MATCHES = "pool.words @@ plainto_tsquery('simple', %(search)s)"


@dataclass(frozen=True, slots=True)
class Seen:
    """Pools as the `viewer_id` sees them: with what they offer, who takes part, their owners."""

    viewer_id: UUID
    pools: list[Pool]
    options: dict[UUID, list[Option]]
    participants: dict[UUID, Shown]
    owners: dict[UUID, User]
    relationships: dict[UUID, list[Relationship]]
    images: dict[UUID, list[Image]]


async def find(tx: Tx, *, user_id: UUID, pool_id: UUID) -> Pool:
    """The pool of this id, if the person owns it, takes part in it, or everybody may.

    What is public is not so for those who have blocked its owner, or whom the owner has blocked.
    Raises PoolNotFound.
    """
    found = await _read(tx, _FIND, {"id": pool_id, "user_id": user_id})
    if not found:
        raise PoolNotFound
    return found[0]


async def page(tx: Tx, *, user_id: UUID, query: ListQuery) -> list[Pool]:
    """The pools that `query` asks for and the person sees, and one more if there is a next page."""
    part = fragments(query, FILTERS, tie_break="pool.id")
    theirs = fragments(query, _THEIR_COLUMNS, tie_break="pool_participant.pool_id")
    matches = "true" if query.search is None else _MATCHES
    owner = query.value("owner")
    parameters = {
        **part.parameters,
        "user_id": user_id,
        "own": owner is not False,
        "others": owner is not True,
        "search": query.search,
    }
    sql = _PAGE.format(
        where=f"{part.where} and {matches}",
        order=part.order,
        their_where=f"{theirs.where} and {matches}",
        their_order=theirs.order,
    )
    return await _read(tx, sql, parameters)


async def see(tx: Tx, *, user_id: UUID, pools: Sequence[Pool]) -> Seen:
    """The pools with all that goes with them, for somebody who sees them."""
    ids = [pool.id for pool in pools]
    owners = await person.many(tx, user_ids=(pool.owner_id for pool in pools))
    others = [owner for owner in owners if owner != user_id]
    return Seen(
        viewer_id=user_id,
        pools=list(pools),
        options=await options.of(tx, pool_ids=ids),
        participants=await participants.shown(tx, viewer_id=user_id, pools=pools),
        owners=owners,
        relationships=await relationships.between(tx, user_id=user_id, other_user_ids=others),
        images=await images.of(tx, ids),
    )


async def _read(tx: Tx, sql: str, parameters: dict[str, Any]) -> list[Pool]:
    # Planned for what is asked for: a word may be in one pool, or in all of them.
    async with tx.cursor(row_factory=class_row(Pool)) as cursor:
        await cursor.execute(sql.encode(), parameters, prepare=False)
        return await cursor.fetchall()
