"""Pools, as Memento shows them (Memento, Money Pools)."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from whipround.api.memento.shapes import images, participation, people
from whipround.api.memento.shapes_base import CREATED_AT, ID, UPDATED_AT, Amount, Shape, amount
from whipround.api.shapes import doc
from whipround.domain.images.gallery import Gallery
from whipround.domain.pools import pool as domain
from whipround.domain.pools.reading import Seen


class ContributionOption(Shape):
    """What can be contributed (Memento, The contribution option object)."""

    id: ID
    title: Annotated[str, doc("The option's title.")]
    amount: Annotated[Amount, doc("The amount to be paid.")]


class Pool(Shape):
    """A money pool (Memento, The money pool object)."""

    id: ID
    status: Annotated[domain.PoolStatus, doc("Whether anything can still be contributed.")]
    fulfillment_status: Annotated[
        Literal["unfulfilled", "fulfilled"], doc("`fulfilled` once it is closed and paid out.")
    ]
    amount: Annotated[Amount, doc("The total amount collected.")]
    currency: Annotated[str, doc("The ISO 4217 code of the currency.")]
    description: Annotated[str, doc("The title.")]
    detailed_description: Annotated[str, doc("What it is for, at length; or empty.")]
    hashtag: Annotated[str, doc("The hashtag, without the `#`; or empty.")]
    funding_source_id: Annotated[
        UUID | None, doc("The funding source it is paid out to; null for everybody but the owner.")
    ]
    is_public: Annotated[bool, doc("Whether everybody can see it, or only who is invited.")]
    only_owner_sees_participants: Annotated[
        bool, doc("Whether only the owner sees who takes part; others see themselves.")
    ]
    has_unique_participants: Annotated[bool, doc("Whether everybody can contribute only once.")]
    allows_optional_amount: Annotated[
        bool, doc("Whether people can choose an amount where there are options.")
    ]
    minimum_user_amount: Annotated[
        Amount | None, doc("The lowest amount that can be chosen, if there is one.")
    ]
    maximum_user_amount: Annotated[
        Amount | None, doc("The highest amount that can be chosen, if there is one.")
    ]
    contribution_options: Annotated[
        list[ContributionOption], doc("What can be contributed; empty if any amount can.")
    ]
    image: Annotated[images.Image | None, doc("The picture, if there is one.")]
    owner: Annotated[people.User, doc("The user who created it.")]
    participants: Annotated[
        list[participation.Participant],
        doc("The 6 most recent participants whom the current user may see."),
    ]
    participation: Annotated[participation.Participation, doc("Who takes part, in short.")]
    meta: Annotated[str, doc("Text that the client owns.")]
    start_at: Annotated[
        datetime | None, doc("The time from which on it takes money; null: from the beginning.")
    ]
    end_at: Annotated[
        datetime | None, doc("The time at which it ends; null: when its owner closes it.")
    ]
    created_at: CREATED_AT
    updated_at: UPDATED_AT


def pool(found: domain.Pool, seen: Seen, *, gallery: Gallery, now: datetime) -> Pool:
    """A pool as the one sees it who `seen` is of."""
    least, most = found.minimum_user_amount, found.maximum_user_amount
    between = seen.relationships.get(found.owner_id, ())
    shown = seen.participants[found.id]
    return Pool(
        id=found.id,
        status=found.status,
        fulfillment_status=found.fulfillment_status,
        amount=amount(found.amount, found.currency),
        currency=found.currency,
        description=found.description,
        detailed_description=found.detailed_description,
        hashtag=found.hashtag,
        funding_source_id=found.funding_source_id if found.owner_id == seen.viewer_id else None,
        is_public=found.is_public,
        only_owner_sees_participants=found.only_owner_sees_participants,
        has_unique_participants=found.has_unique_participants,
        allows_optional_amount=found.allows_optional_amount,
        minimum_user_amount=None if least is None else amount(least, found.currency),
        maximum_user_amount=None if most is None else amount(most, found.currency),
        contribution_options=[
            ContributionOption(
                id=each.id, title=each.title, amount=amount(each.amount, found.currency)
            )
            for each in seen.options[found.id]
        ],
        image=images.first(seen.images[found.id], gallery),
        owner=people.user(seen.owners[found.owner_id], between, gallery=gallery, now=now),
        participants=[participation.participant(each) for each in shown.recent],
        participation=participation.participation(found.participation(shown.first_names)),
        meta=found.meta,
        start_at=found.start_at,
        end_at=found.end_at,
        created_at=found.created_at,
        updated_at=found.updated_at,
    )
