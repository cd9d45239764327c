"""Payment requests, and pool invitations among them (Moneypool, "Payment Request Object")."""

from collections.abc import Sequence
from typing import Annotated

import msgspec

from whipround.api.moneypool.shapes.people import Person, person_shape
from whipround.api.moneypool.shapes_base import Amount, Shape, Time, decimal_string, local_time
from whipround.api.shapes import doc
from whipround.domain.images.gallery import Gallery
from whipround.domain.requests.mixed import Mixed, MixedType
from whipround.domain.requests.single import Single


class MixedPaymentRequest(Shape):
    """Something that waits to be paid, by the user or to them."""

    id: Annotated[int, doc("The id of the payment request, or of the pool.")]
    created_at: Annotated[
        Time, doc("When it was made; of a pool, when the user was invited to it.")
    ]
    type: Annotated[
        MixedType,
        doc(
            "`to_user` is asked of somebody by the user, `from_user` of the user by somebody;"
            " `pool` is a pool that the user is invited to, and has not paid yet."
        ),
    ]
    party: Annotated[
        str,
        doc(
            "The name of who is asked (where nobody has proven the number that was asked, what the"
            " asker calls them, or that number), or of who asks, or the pool's title."
        ),
    ]
    amount: Annotated[
        Amount, doc("What is asked for, in MXN; of a pool the least that it takes, if any.")
    ]
    description: Annotated[
        str | msgspec.UnsetType, doc("What it is asked for; not of a `pool`.")
    ] = msgspec.UNSET
    party_email: Annotated[
        str | msgspec.UnsetType,
        doc("The email of the party, if they have proven it, or empty; not of a `pool`."),
    ] = msgspec.UNSET
    rejected: Annotated[
        bool | msgspec.UnsetType,
        doc("Whether it was rejected by who was asked; not of a `pool`."),
    ] = msgspec.UNSET
    liability_id: Annotated[
        int | msgspec.UnsetType, doc("The id of the invitation; only of a `pool`.")
    ] = msgspec.UNSET


class MixedPaymentRequests(Shape):
    """What waits to be paid."""

    payment_requests: Annotated[
        list[MixedPaymentRequest], doc("What waits to be paid, newest first.")
    ]


class PaymentRequest(Shape):
    """What the user, or somebody else, is asked to pay."""

    id: Annotated[int, doc("The id of the payment request.")]
    description: Annotated[str, doc("What it is asked for.")]
    amount: Annotated[Amount, doc("What is asked for, in MXN.")]
    rejected: Annotated[bool, doc("Whether it was rejected by who was asked.")]
    user_requested: Annotated[Person, doc("Who is asked.")]


class PaymentRequestAnswer(Shape):
    """The answer about one payment request."""

    payment_request: Annotated[PaymentRequest, doc("The payment request.")]


def listed(found: Sequence[Mixed]) -> MixedPaymentRequests:
    """A page of what waits to be paid."""
    return MixedPaymentRequests([_mixed(each) for each in found])


def _mixed(found: Mixed) -> MixedPaymentRequest:
    shown = MixedPaymentRequest(
        id=found.number,
        created_at=local_time(found.created_at),
        type=found.type,
        party=found.party,
        amount=decimal_string(found.amount),
    )
    if found.liability_number is not None:
        shown.liability_id = found.liability_number
    else:
        shown.description = found.description
        shown.party_email = found.party_email
        shown.rejected = found.is_rejected
    return shown


def answered(found: Single, *, gallery: Gallery) -> PaymentRequestAnswer:
    """One payment request."""
    return PaymentRequestAnswer(
        PaymentRequest(
            id=found.number,
            description=found.description,
            amount=decimal_string(found.amount),
            rejected=found.is_rejected,
            user_requested=person_shape(found.asked, gallery=gallery),
        )
    )
