"""Pools that a crowd puts money into."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from bench.people import Crowd, Payer
from whipround.db.database import Tx
from whipround.domain.pools import creation
from whipround.domain.pools.creation import NewPool
from whipround.domain.users import person
from whipround.domain.users.person import User
from whipround.keyring import Keyring


async def open_pools(
    crowd: Crowd, *, count: int, keyring: Keyring, now: datetime
) -> Sequence[UUID]:
    """Make so many public pools, each of another person if there are enough; their ids."""
    owners = [crowd.payers[number % len(crowd.payers)] for number in range(count)]
    async with crowd.db.transaction(patient=True) as tx:
        users = await person.many(tx, user_ids=(owner.user_id for owner in owners))
        return [
            await _open(tx, owner, users[owner.user_id], keyring=keyring, now=now)
            for owner in owners
        ]


async def _open(tx: Tx, owner: Payer, user: User, *, keyring: Keyring, now: datetime) -> UUID:
    """A pool in which everybody chooses what to give, as often as they like."""
    new = NewPool(
        description="Gift",
        detailed_description="",
        funding_source_id=owner.wallet_id,
        hashtag="",
        meta="",
        currency="EUR",
        options=(),
        invites=(),
        picture=None,
        is_public=True,
        only_owner_sees_participants=False,
        has_unique_participants=False,
        allows_optional_amount=True,
        minimum_user_amount=None,
        maximum_user_amount=None,
        start_at=None,
        end_at=None,
    )
    made = await creation.create(tx, owner=user, new=new, keyring=keyring, now=now)
    return made.id
