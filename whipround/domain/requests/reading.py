"""Requests as they are read: one, lists of them, and who takes part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple
from uuid import UUID

from psycopg.rows import class_row

from whipround.db.database import Tx
from whipround.db.listing import EQ, EQ_IN, TIMES, Column, ListQuery, fragments
from whipround.domain import relationships
from whipround.domain.images import reading as images
from whipround.domain.images.gallery import Face
from whipround.domain.images.reading import Image
from whipround.domain.participation import FIRST_NAMES, Participant, Participation
from whipround.domain.relationships import Relationship
from whipround.domain.requests.errors import RequestNotFound
from whipround.domain.users import person
from whipround.domain.users.person import User

MOST_PARTICIPANTS = 100
"""How many people one request asks, and how many go with the object of one."""

MOST_LISTED = 10
"""How many participants go with each request of a list, beside the viewer's own."""


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """A request for money. Amounts are in its currency, times UTC.

    The counts are those of its participants; what is settled is paid.
    """

    id: UUID
    owner_id: UUID
    funding_source_id: UUID
    amount: Decimal
    currency: str
    description: str
    meta: str
    only_owner_sees_participants: bool
    status: Literal["open", "closed"]
    fulfillment_status: Literal["unfulfilled", "partial", "fulfilled"]
    amount_paid: Decimal
    pending_count: int
    paid_count: int
    rejected_count: int
    cancelled_count: int
    created_at: datetime
    updated_at: datetime

    def shows_all(self, user_id: UUID) -> bool:
        """Whether the user sees all participants, and not only themselves."""
        return self.owner_id == user_id or not self.only_owner_sees_participants


class Taking(NamedTuple):
    """A participant of a request, what they are called, or empty, and their picture, if any."""

    request_id: UUID
    first_name: str
    image_id: UUID | None
    participant: Participant


@dataclass(frozen=True, slots=True)
class Seen:
    """Requests as one person sees them, with all that is shown of each.

    `taking` are the participants whom the viewer may see, the first of them, in order.
    """

    viewer_id: UUID
    requests: list[PaymentRequest]
    taking: dict[UUID, list[Taking]]
    owners: dict[UUID, User]
    relationships: dict[UUID, list[Relationship]]
    images: dict[UUID, list[Image]]

    def participants(self, request_id: UUID) -> list[Participant]:
        """The participants of a request who are shown with it."""
        return [each.participant for each in self.taking[request_id]]

    def faces(self, request_id: UUID) -> list[Face]:
        """The participants as a group picture shows them."""
        return [Face(each.participant.full_name, each.image_id) for each in self.taking[request_id]]

    def own(self, request_id: UUID) -> Participant | None:
        """The viewer as a participant; of several the one that waits for an answer."""
        return own([each.participant for each in self.taking[request_id]], self.viewer_id)

    def participation(self, request: PaymentRequest) -> Participation:
        """How many take part in a request, and the first names of the first few."""
        names = [each.first_name for each in self.taking[request.id][:FIRST_NAMES]]
        return Participation(
            invited=0,
            paid=request.paid_count,
            pending=request.pending_count,
            rejected=request.rejected_count,
            total=request.paid_count
            + request.pending_count
            + request.rejected_count
            + request.cancelled_count,
            first_names=tuple(name for name in names if name),
        )


def own(participants: Sequence[Participant], user_id: UUID) -> Participant | None:
    """Which of the participants the user is.

    Somebody can be asked twice, by a number that they had not proven yet: the one that waits for an
    answer comes first.
    """
    mine = [each for each in participants if each.user_id == user_id]
    return min(mine, key=lambda each: (each.status != "pending", each.id), default=None)


FILTERS: Mapping[str, Column] = {
    "owner": Column(None, bool, EQ),
    "status": Column("request.status", str, EQ_IN, choices=("open", "closed")),
    **{name: replace(column, expression=f"request.{name}") for name, column in TIMES.items()},
}
"""Memento, "Get a list of requests"."""

PARTICIPANT_FILTERS: Mapping[str, Column] = {
    "status": Column(
        "participant.status",
        str,
        EQ_IN,
        choices=("cancelled", "paid", "pending", "rejected", "settled"),
    ),
    **{name: replace(column, expression=f"participant.{name}") for name, column in TIMES.items()},
}
"""Memento, "Get request participants"."""

_COLUMNS = """request.id, owner_id, funding_source_id, request.amount, currency, description,
    request.meta, only_owner_sees_participants, request.status, fulfillment_status, amount_paid,
    pending_count, paid_count, rejected_count, cancelled_count, request.created_at,
    request.updated_at"""

_FIND = f"""
    select {_COLUMNS}
    from payment_request as request
    where id = any(%(ids)s) and (owner_id = %(user_id)s or exists (
        select from request_participant
        where request_id = request.id and user_id = %(user_id)s
    ))
"""  # noqa: S608 (our own column names)

# Each side of the union walks its own index in the order asked for, no further than the page
# reaches. A participant is as old as the request, whose age the index of participants so has.
# Somebody who is in one request twice sees it once.
_PAGE = """
    select {columns}
    from (
        (
            select {columns}
            from payment_request as request
            where %(owned)s and owner_id = %(user_id)s and {where}
            order by {order} limit %(reach)s
        ) union all (
            select {columns}
            from (
                select payment_request.id, owner_id, funding_source_id, payment_request.amount,
                    currency, description, payment_request.meta, only_owner_sees_participants,
                    payment_request.status, fulfillment_status, amount_paid, pending_count,
                    paid_count, rejected_count, cancelled_count, asked.created_at,
                    payment_request.updated_at
                from request_participant as asked
                    join payment_request on payment_request.id = request_id
                where %(asked)s and user_id = %(user_id)s and {asked_where}
                    and owner_id <> %(user_id)s and not exists (
                        select from request_participant as other
                        where other.user_id = asked.user_id and other.id < asked.id
                            and other.created_at = asked.created_at
                            and other.request_id = asked.request_id
                    )
            ) as request
            where {where}
            order by {order} limit %(reach)s
        )
    ) as request
    order by {order} limit %(limit)s offset %(offset)s
"""

# Whose transaction it is not does not learn its id: the owner's it is once the money is there.
_SHOWN = """
    select participant.request_id,
        coalesce(users.first_name, split_part(participant.name, ' ', 1)), users.image_id,
        participant.id, participant.user_id, users.parent_user_id,
        case when participant.user_id = %(user_id)s
                or request.owner_id = %(user_id)s and participant.status = 'paid'
            then payment.transaction_id end,
        participant.status, participant.amount, request.currency,
        coalesce(users.full_name, participant.name), coalesce(users.username, ''),
        coalesce(users.verified, false), coalesce(users.official, false), participant.meta,
        participant.created_at, participant.updated_at
"""

_WITH_THEM = """
        join {requests} as request on request.id = participant.request_id
        left join users on users.id = participant.user_id
        left join payment on payment.id = participant.payment_id
"""

_TAKING = f"""
    {_SHOWN}
    from request_participant as participant {_WITH_THEM.format(requests="payment_request")}
"""

# Of one request after the other the first few, by the index of participants, and the viewer's own,
# who may be among them.
_TAKING_OF = f"""
    with wanted as (
        select *
        from unnest(%(ids)s::uuid[], %(owners)s::uuid[], %(currencies)s::text[],
                %(shows_all)s::boolean[], %(made)s::timestamptz[])
            as wanted (id, owner_id, currency, shows_all, created_at)
    ), participant as (
        select first.*
        from wanted cross join lateral (
            select *
            from request_participant
            where request_id = wanted.id and (shows_all or user_id = %(user_id)s)
            order by created_at, id
            limit %(most)s
        ) as first
        union all
        select mine.*
        from wanted join request_participant as mine
            on user_id = %(user_id)s and mine.created_at = wanted.created_at
                and request_id = wanted.id
    )
    {_SHOWN}
    from participant {_WITH_THEM.format(requests="wanted")}
    order by participant.request_id, participant.created_at, participant.id
"""  # noqa: S608


async def find(tx: Tx, *, user_id: UUID, request_id: UUID) -> Seen:
    """The one request of this id that the user made or is asked by. Raises RequestNotFound."""
    seen = await many(tx, user_id=user_id, request_ids=[request_id], most=MOST_PARTICIPANTS)
    if not seen.requests:
        raise RequestNotFound
    return seen


async def many(
    tx: Tx, *, user_id: UUID, request_ids: Sequence[UUID], most: int = MOST_LISTED
) -> Seen:
    """Those of the requests that the user made or is asked by, each with `most` participants."""
    found = await _read(tx, _FIND, {"ids": list(request_ids), "user_id": user_id})
    return await _seen(tx, found, user_id=user_id, most=most)


async def page(tx: Tx, *, user_id: UUID, query: ListQuery) -> Seen:
    """The user's requests that `query` asks for, and one more if there is a next page."""
    part = fragments(query, FILTERS, tie_break="request.id")
    # Said in so many words, it has indexes of its own.
    is_open = query.value("status") in ("open", ("open",))
    where = f"{part.where} and request.status = 'open'" if is_open else part.where
    asked_where = "is_open" if is_open else "true"
    owner = query.value("owner")
    parameters = {
        **part.parameters,
        "user_id": user_id,
        "owned": owner is not False,
        "asked": owner is not True,
    }
    sql = _PAGE.format(where=where, asked_where=asked_where, order=part.order, columns=_COLUMNS)
    found = await _read(tx, sql, parameters)
    return await _seen(tx, found, user_id=user_id, most=MOST_LISTED)


async def participants(
    tx: Tx, *, user_id: UUID, request_id: UUID, query: ListQuery
) -> list[Participant]:
    """The participants whom the user may see, and one more if there is a next page.

    Raises RequestNotFound.
    """
    found = await _read(tx, _FIND, {"ids": [request_id], "user_id": user_id})
    if not found:
        raise RequestNotFound
    part = fragments(query, PARTICIPANT_FILTERS, tie_break="participant.id")
    sql = f"""{_TAKING}
        where participant.request_id = %(request_id)s
            and (%(shows_all)s or participant.user_id = %(user_id)s) and {part.where}
        order by {part.order} limit %(limit)s offset %(offset)s"""
    parameters = {
        **part.parameters,
        "request_id": request_id,
        "user_id": user_id,
        "shows_all": found[0].shows_all(user_id),
    }
    return [each.participant for each in await _taking(tx, sql, parameters)]


async def participant(tx: Tx, *, user_id: UUID, participant_id: UUID) -> Participant:
    """One participant as the user sees them, who may."""
    sql = f"{_TAKING} where participant.id = %(id)s"
    [found] = await _taking(tx, sql, {"id": participant_id, "user_id": user_id})
    return found.participant


async def _seen(tx: Tx, found: list[PaymentRequest], *, user_id: UUID, most: int) -> Seen:
    owners = await person.many(tx, user_ids=(request.owner_id for request in found))
    others = [owner for owner in owners if owner != user_id]
    return Seen(
        viewer_id=user_id,
        requests=found,
        taking=await _taking_of(tx, found, user_id=user_id, most=most),
        owners=owners,
        relationships=await relationships.between(tx, user_id=user_id, other_user_ids=others),
        images=await images.of(tx, [request.id for request in found]),
    )


async def _taking_of(
    tx: Tx, requests: Sequence[PaymentRequest], *, user_id: UUID, most: int
) -> dict[UUID, list[Taking]]:
    parameters = {
        "ids": [request.id for request in requests],
        "owners": [request.owner_id for request in requests],
        "currencies": [request.currency for request in requests],
        "shows_all": [request.shows_all(user_id) for request in requests],
        "made": [request.created_at for request in requests],
        "user_id": user_id,
        "most": most,
    }
    by_request: dict[UUID, list[Taking]] = {request.id: [] for request in requests}
    if requests:
        found = await _taking(tx, _TAKING_OF, parameters)
        for each in {each.participant.id: each for each in found}.values():
            by_request[each.request_id].append(each)
    return by_request


async def _read(tx: Tx, sql: str, parameters: dict[str, Any]) -> list[PaymentRequest]:
    async with tx.cursor(row_factory=class_row(PaymentRequest)) as cursor:
        await cursor.execute(sql.encode(), parameters)
        return await cursor.fetchall()


async def _taking(tx: Tx, sql: str, parameters: dict[str, Any]) -> list[Taking]:
    cursor = await tx.execute(sql.encode(), parameters)
    return [
        Taking(row[0], row[1], row[2], Participant._make(row[3:]))
        for row in await cursor.fetchall()
    ]
