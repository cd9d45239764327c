"""Who takes part in a request or a pool, and how many (Memento, Participation)."""

from typing import Annotated
from uuid import UUID

from whipround.api.memento.shapes_base import CREATED_AT, ID, UPDATED_AT, Amount, Shape, amount
from whipround.api.shapes import doc
from whipround.domain import participation as domain
from whipround.domain.participation import ParticipantStatus
from whipround.domain.payments.commands import Payment
from whipround.domain.users.person import User


class Participant(Shape):
    """Somebody who is asked for money, or puts it in (Memento, The participant object)."""

    id: ID
    user_id: Annotated[
        UUID | None, doc("The user; null while nobody has proven the number that was asked.")
    ]
    parent_user_id: Annotated[UUID | None, doc("The user's parent user, if there is one.")]
    transaction_id: Annotated[
        UUID | None,
        doc("The transaction of the payment, once there is one; null if it is not yours to see."),
    ]
    status: Annotated[ParticipantStatus, doc("The status; `settled` is paid in another way.")]
    amount: Annotated[
        Amount | None, doc("The amount asked for or paid; null of somebody only invited.")
    ]
    currency: Annotated[str, doc("The ISO 4217 code of the currency.")]
    full_name: Annotated[str, doc("The full name; the one that was given, of somebody unknown.")]
    username: Annotated[str, doc("The username; empty for somebody unknown.")]
    verified: Annotated[bool, doc("Whether the user's account has been verified.")]
    official: Annotated[bool, doc("Whether the user's account is an official one.")]
    meta: Annotated[str, doc("Text that the client owns.")]
    created_at: CREATED_AT
    updated_at: UPDATED_AT


class ParticipationCount(Shape):
    """How many take part (Memento, ParticipationCount)."""

    invited: Annotated[int, doc("How many have been invited, and no more.")]
    paid: Annotated[int, doc("How many have paid, or are settled.")]
    pending: Annotated[int, doc("How many have not responded.")]
    rejected: Annotated[int, doc("How many have rejected.")]
    total: Annotated[int, doc("How many there are in all, whatever their status.")]


class Participation(Shape):
    """Who takes part, in short (Memento, The participation object)."""

    count: Annotated[ParticipationCount, doc("How many take part.")]
    first_names: Annotated[
        list[str], doc("The first names of the first 6 whom the current user may see.")
    ]


def participant(found: domain.Participant) -> Participant:
    """A participant as whoever may see them does."""
    return Participant(
        id=found.id,
        user_id=found.user_id,
        parent_user_id=found.parent_user_id,
        transaction_id=found.transaction_id,
        status=found.status,
        amount=None if found.amount is None else amount(found.amount, found.currency),
        currency=found.currency,
        full_name=found.full_name,
        username=found.username,
        verified=found.verified,
        official=found.official,
        meta=found.meta,
        created_at=found.created_at,
        updated_at=found.updated_at,
    )


def payer(paid: Payment, user: User) -> Participant:
    """The participant whose share of a request or a pool the user has paid, or is about to."""
    assert paid.share is not None  # noqa: S101 (of what pays for a share)
    return Participant(
        id=paid.share.participant_id,
        user_id=user.id,
        parent_user_id=user.parent_user_id,
        transaction_id=paid.transaction_id,
        status=paid.share.status,
        amount=amount(paid.amount, paid.currency),
        currency=paid.currency,
        full_name=user.full_name,
        username=user.username,
        verified=user.verified,
        official=user.official,
        meta=paid.share.meta,
        created_at=paid.share.created_at,
        updated_at=paid.share.updated_at,
    )


def participation(found: domain.Participation) -> Participation:
    """How many take part, and the first names."""
    return Participation(
        count=ParticipationCount(
            invited=found.invited,
            paid=found.paid,
            pending=found.pending,
            rejected=found.rejected,
            total=found.total,
        ),
        first_names=list(found.first_names),
    )
