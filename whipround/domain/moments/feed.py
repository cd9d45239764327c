"""Which moments somebody has, and in which order.

A moment is not stored: it is a payment, a request or a pool as one of its people sees it. Its owner
knows it by the id of the payment, request or pool, every other one by that of their own part in it,
which of a payment is its transaction.
Payments for requests, and into and out of pools, are no moments: the request or the pool is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from psycopg.rows import class_row

from whipround.db.database import Tx
from whipround.db.listing import EQ, EQ_IN, TIMES, Column, ListQuery, fragments
from whipround.errors import NotFound

MomentType = Literal["payment", "request", "pool"]
MomentStatus = Literal["open", "closed"]
_STATUSES: Sequence[MomentStatus] = ("open", "closed")


class MomentNotFound(NotFound):
    """There is no such moment."""


FILTERS: Mapping[str, Column] = {
    "open": Column(None, bool, EQ),
    "status": Column(None, str, EQ_IN, choices=("open", "closed")),
    **TIMES,
}
"""Memento, "Get a list of moments": `open` in the older form, `status` in the newer."""


class Reference(NamedTuple):
    """A moment, and what it is of. `status` is how it stands for the one who sees it."""

    id: UUID
    type: MomentType
    object_id: UUID
    is_owner: bool
    status: MomentStatus
    created_at: datetime
    updated_at: datetime


class _Side(NamedTuple):
    """The moments of one type, of their owners or of the others, as SQL.

    `mine` holds for those of %(user_id)s, of which `is_open` tells those that are open. An index
    has them by their user, `created_at` and `row_id`; `found` holds for the one of %(id)s.
    """

    type: MomentType
    is_owner: bool
    id: str
    row_id: str
    object_id: str
    rows: str
    mine: str
    is_open: str
    created_at: str
    updated_at: str
    found: str

    def select(self) -> str:
        """The references."""
        return f"""
            select {self.id} as id, '{self.type}' as type, {self.object_id} as object_id,
                {self.is_owner} as is_owner,
                case when {self.is_open} then 'open' else 'closed' end as status,
                {self.created_at} as created_at, {self.updated_at} as updated_at,
                {self.row_id} as row_id
            from {self.rows}
            where {self.mine}
        """  # noqa: S608 (our own column names)

    def page(self, query: ListQuery, wanted: Sequence[MomentStatus]) -> str:
        """As many of them as a page of all moments can have, in its order."""
        part = fragments(
            query,
            {
                **FILTERS,
                "created_at": replace(FILTERS["created_at"], expression=self.created_at),
                "updated_at": replace(FILTERS["updated_at"], expression=self.updated_at),
            },
            tie_break=self.row_id,
        )
        status = "true"
        if len(wanted) < len(_STATUSES):
            status = self.is_open if "open" in wanted else f"not ({self.is_open})"
        return f"""
            {self.select()} and {status} and {part.where}
            order by {part.order} limit %(reach)s
        """


# What a participant was asked for is closed once they have responded, whatever the others do; what
# somebody was paid, from the beginning.
_SIDES: Sequence[_Side] = (
    _Side(
        type="payment",
        is_owner=True,
        id="payment.id",
        row_id="payment.id",
        object_id="payment.id",
        rows="payment",
        mine="owner_id = %(user_id)s and kind in ('payment', 'top_up', 'withdrawal')",
        is_open="payment.status = 'open'",
        created_at="payment.created_at",
        updated_at="payment.updated_at",
        found="payment.id = %(id)s",
    ),
    _Side(
        type="payment",
        is_owner=False,
        id="payment.transaction_id",
        row_id="payment.id",
        object_id="payment.id",
        rows="payment",
        mine="recipient_user_id = %(user_id)s and recipient_status = 'paid' and kind = 'payment'"
        " and owner_id <> %(user_id)s",
        is_open="false",
        created_at="payment.created_at",
        updated_at="payment.updated_at",
        found="payment.id = (select payment_id from transaction where id = %(id)s)"
        " and payment.transaction_id = %(id)s",
    ),
    _Side(
        type="request",
        is_owner=True,
        id="request.id",
        row_id="request.id",
        object_id="request.id",
        rows="payment_request as request",
        mine="owner_id = %(user_id)s",
        is_open="request.status = 'open'",
        created_at="request.created_at",
        updated_at="request.updated_at",
        found="request.id = %(id)s",
    ),
    _Side(
        type="request",
        is_owner=False,
        id="asked.id",
        row_id="asked.id",
        object_id="request.id",
        rows="request_participant as asked join payment_request as request"
        " on request.id = asked.request_id",
        mine="asked.user_id = %(user_id)s and request.owner_id <> %(user_id)s",
        is_open="asked.status = 'pending'",
        created_at="asked.created_at",
        updated_at="request.updated_at",
        found="asked.id = %(id)s",
    ),
    _Side(
        type="pool",
        is_owner=True,
        id="pool.id",
        row_id="pool.id",
        object_id="pool.id",
        rows="pool",
        mine="owner_id = %(user_id)s",
        is_open="pool.status = 'open'",
        created_at="pool.created_at",
        updated_at="pool.updated_at",
        found="pool.id = %(id)s",
    ),
    _Side(
        type="pool",
        is_owner=False,
        id="first.id",
        row_id="first.id",
        object_id="pool.id",
        rows="pool_participant as first join pool on pool.id = first.pool_id",
        mine="first.user_id = %(user_id)s and first.is_first and pool.owner_id <> %(user_id)s",
        is_open="pool.status = 'open'",
        created_at="first.created_at",
        updated_at="pool.updated_at",
        found="first.id = %(id)s",
    ),
)

# Each side walks its own index in the order asked for, no further than the page reaches: how far
# that is, the planner has to know. A cache for so few rows takes longer to make than all the rest.
_PLAN = "select set_config('enable_memoize', 'off', true)"

_COLUMNS = ", ".join(Reference._fields)

_FIND = f"""
    select {_COLUMNS}
    from ({" union all ".join(f"({side.select()} and {side.found})" for side in _SIDES)}) as moment
"""  # noqa: S608 (our own column names)


async def find(tx: Tx, *, user_id: UUID, moment_id: UUID) -> Reference:
    """The user's moment of this id. Raises MomentNotFound."""
    async with tx.cursor(row_factory=class_row(Reference)) as cursor:
        await cursor.execute(_FIND.encode(), {"user_id": user_id, "id": moment_id})
        found = await cursor.fetchone()
    if found is None:
        raise MomentNotFound
    return found


async def page(tx: Tx, *, user_id: UUID, query: ListQuery) -> list[Reference]:
    """The user's moments that `query` asks for, and one more if there is a next page."""
    wanted = _wanted(query)
    if not wanted:
        return []
    part = fragments(query, FILTERS, tie_break="row_id")
    sides = " union all ".join(f"({side.page(query, wanted)})" for side in _SIDES)
    sql = f"""
        select {_COLUMNS} from ({sides}) as moment
        order by {part.order} limit %(limit)s offset %(offset)s
    """  # noqa: S608
    async with tx.cursor(row_factory=class_row(Reference)) as cursor:
        await tx.execute(_PLAN)
        await cursor.execute(sql.encode(), {**part.parameters, "user_id": user_id}, prepare=False)
        return await cursor.fetchall()


def _wanted(query: ListQuery) -> list[MomentStatus]:
    """The statuses asked for, in both forms."""
    is_open, status = query.value("open"), query.value("status")
    asked = status if isinstance(status, tuple) else (status,)
    return [
        each
        for each in _STATUSES
        if is_open in {None, each == "open"} and (status is None or each in asked)
    ]
