"""Who takes part in a pool: each contribution, and each invitation as long as nothing came of it.

A contribution whose money never came is none, and the participant it made is not shown. Where only
the owner sees the participants, everybody else sees their own rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from whipround.db.database import Tx
from whipround.db.listing import EQ_IN, TIMES, Column, Condition, ListQuery, fragments
from whipround.domain.images.gallery import Face
from whipround.domain.participation import FIRST_NAMES, Participant
from whipround.domain.pools.pool import Pool

RECENT = 6
"""How many participants go with a pool (Memento, The money pool object)."""

_LOOKED_AT = 100
"""Among how many of its first rows a pool's first participants are looked for."""

FILTERS: Mapping[str, Column] = {
    "status": Column(
        "pool_participant.status",
        str,
        EQ_IN,
        choices=("invited", "requested", "pending", "paid", "rejected"),
    ),
    **{
        name: replace(column, expression=f"pool_participant.{name}")
        for name, column in TIMES.items()
    },
}
"""Memento, "Get money pool participants"; who is `requested` is `pending` everywhere else."""

_STORED = {"requested": "pending"}

# A transaction is seen by its two sides only. Of an invitation there may be one that failed.
_COLUMNS = """
    pool_participant.id, pool_participant.user_id, users.parent_user_id,
    case when %(viewer_id)s in (pool.owner_id, pool_participant.user_id)
            and pool_participant.status <> 'invited'
        then pool_participant.transaction_id end,
    pool_participant.status,
    case when pool_participant.status <> 'invited' then pool_participant.amount end,
    pool.currency, users.full_name, users.username, users.verified, users.official,
    pool_participant.meta, pool_participant.created_at, pool_participant.updated_at
"""

_JOINED = """
    join pool on pool.id = pool_participant.pool_id
    join users on users.id = pool_participant.user_id
"""

_PAGE = f"""
    select {_COLUMNS}
    from (
        select * from {{rows}} as pool_participant
        where {{where}}
        order by {{order}} limit %(limit)s offset %(offset)s
    ) as pool_participant {_JOINED}
    order by {{order}}
"""  # noqa: S608 (our own column names)

_ALL = """(
    select * from pool_participant where pool_id = %(pool_id)s and status <> 'cancelled'
)"""

# The first row of a person in a pool has one index, their others have another.
_OWN = """(
    select * from pool_participant
    where pool_id = %(pool_id)s and user_id = %(viewer_id)s and is_first
        and status <> 'cancelled'
    union all
    select * from pool_participant
    where pool_id = %(pool_id)s and user_id = %(viewer_id)s and not is_first
        and status <> 'cancelled'
)"""

_RECENT = f"""
    select pool_participant.pool_id, {_COLUMNS}
    from (
        select recent.*
        from unnest(%(open)s::uuid[]) as shown (id) cross join lateral (
            select * from pool_participant
            where pool_id = shown.id and status <> 'cancelled'
            order by created_at desc, id desc
            limit {RECENT}
        ) as recent
        union all
        select own.*
        from unnest(%(restricted)s::uuid[]) as shown (id) cross join lateral (
            select * from (
                select * from pool_participant
                where pool_id = shown.id and user_id = %(viewer_id)s and is_first
                union all
                select * from pool_participant
                where pool_id = shown.id and user_id = %(viewer_id)s and not is_first
            ) as mine
            where status <> 'cancelled'
            order by created_at desc, id desc
            limit {RECENT}
        ) as own
    ) as pool_participant {_JOINED}
    order by pool_participant.created_at desc, pool_participant.id desc
"""  # noqa: S608

# Of one person who contributes all the time there are other rows in between, but not for ever.
_FIRST = f"""
    select first.pool_id, users.first_name, users.full_name, users.image_id
    from (
        select early.*
        from unnest(%(open)s::uuid[]) as shown (id) cross join lateral (
            select pool_id, user_id, created_at, id
            from (
                select * from pool_participant
                where pool_id = shown.id
                order by created_at, id
                limit {_LOOKED_AT}
            ) as row
            where is_first and status <> 'cancelled'
            order by created_at, id
            limit {FIRST_NAMES}
        ) as early
        union all
        select pool_id, user_id, created_at, id
        from pool_participant
        where pool_id = any(%(restricted)s) and user_id = %(viewer_id)s and is_first
            and status <> 'cancelled'
    ) as first join users on users.id = first.user_id
    order by first.created_at, first.id
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Shown:
    """What a pool shows of its participants: the most recent, and first names and faces of the
    first few."""

    recent: list[Participant] = field(default_factory=list)
    first_names: list[str] = field(default_factory=list)
    faces: list[Face] = field(default_factory=list)


async def page(tx: Tx, *, viewer_id: UUID, pool: Pool, query: ListQuery) -> list[Participant]:
    """The participants that `query` asks for and the viewer sees, and one more if there is a page.

    The pool is one that the viewer sees.
    """
    query = replace(query, conditions=tuple(map(_as_stored, query.conditions)))
    part = fragments(query, FILTERS, tie_break="pool_participant.id")
    where = part.where
    if _asks_for_none_paid(query):
        where += " and pool_participant.status <> 'paid'"  # as the index has it
    rows = _ALL if pool.shows_participants_to(viewer_id) else _OWN
    sql = _PAGE.format(rows=rows, where=where, order=part.order)
    values = {**part.parameters, "pool_id": pool.id, "viewer_id": viewer_id}
    # Planned for what is asked for: those of one status may be a handful, or nearly all.
    cursor = await tx.execute(sql.encode(), values, prepare=False)
    return [Participant(*row) for row in await cursor.fetchall()]


async def shown(tx: Tx, *, viewer_id: UUID, pools: Sequence[Pool]) -> dict[UUID, Shown]:
    """What the pools, which the viewer sees, show of their participants, by pool."""
    found = await first(tx, viewer_id=viewer_id, pools=pools)
    cursor = await tx.execute(_RECENT.encode(), _seen_by(viewer_id, pools))
    for pool_id, *row in await cursor.fetchall():
        found[pool_id].recent.append(Participant(*row))
    return found


async def first(tx: Tx, *, viewer_id: UUID, pools: Sequence[Pool]) -> dict[UUID, Shown]:
    """The same without the most recent ones."""
    found = {pool.id: Shown() for pool in pools}
    cursor = await tx.execute(_FIRST.encode(), _seen_by(viewer_id, pools))
    for pool_id, first_name, *face in await cursor.fetchall():
        found[pool_id].first_names.append(first_name)
        found[pool_id].faces.append(Face(*face))
    return found


def _seen_by(viewer_id: UUID, pools: Sequence[Pool]) -> dict[str, object]:
    visible = {pool.id for pool in pools if pool.shows_participants_to(viewer_id)}
    return {
        "viewer_id": viewer_id,
        "open": list(visible),
        "restricted": [pool.id for pool in pools if pool.id not in visible],
    }


def _as_stored(condition: Condition) -> Condition:
    if condition.field != "status":
        return condition
    asked = condition.value
    if isinstance(asked, tuple):
        return replace(condition, value=tuple(_STORED.get(str(it), it) for it in asked))
    return replace(condition, value=_STORED.get(str(asked), asked))


def _asks_for_none_paid(query: ListQuery) -> bool:
    asked = (it.value for it in query.conditions if it.field == "status")
    return any("paid" not in (it if isinstance(it, tuple) else (it,)) for it in asked)
