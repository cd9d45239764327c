"""Making a pool (Memento, Create a money pool)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from uuid_utils.compat import uuid7

from whipround.db.database import Tx
from whipround.domain import throttles
from whipround.domain.funding import receiving
from whipround.domain.images import giving
from whipround.domain.images.giving import Picture
from whipround.domain.payments.shares import POOL_ACCOUNT
from whipround.domain.pools import inviting, options, rules
from whipround.domain.pools import pool as pools
from whipround.domain.pools.options import NewOption
from whipround.domain.pools.pool import Pool
from whipround.domain.pools.rules import Terms
from whipround.domain.throttles import Charge
from whipround.domain.users.person import User
from whipround.keyring import Keyring
from whipround.ledger.accounts import NewAccount, open_accounts


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPool:
    """A pool as its owner describes it. Amounts are in its currency, times in UTC."""

    description: str
    detailed_description: str
    funding_source_id: UUID
    hashtag: str
    meta: str
    currency: str
    options: Sequence[NewOption]
    invites: Sequence[UUID]
    picture: Picture | None
    is_public: bool
    only_owner_sees_participants: bool
    has_unique_participants: bool
    allows_optional_amount: bool
    minimum_user_amount: Decimal | None
    maximum_user_amount: Decimal | None
    start_at: datetime | None
    end_at: datetime | None


_INSERT = """
    insert into pool (id, owner_id, funding_source_id, account_id, currency, description,
        detailed_description, hashtag, meta, is_public, only_owner_sees_participants,
        has_unique_participants, allows_optional_amount, minimum_user_amount, maximum_user_amount,
        status, fulfillment_status, start_at, end_at, created_at, updated_at)
    values (%(id)s, %(owner_id)s, %(funding_source_id)s, %(account_id)s, %(currency)s,
        %(description)s, %(detailed_description)s, %(hashtag)s, %(meta)s, %(is_public)s,
        %(only_owner_sees_participants)s, %(has_unique_participants)s,
        %(allows_optional_amount)s, %(minimum_user_amount)s, %(maximum_user_amount)s, 'open',
        'unfulfilled', %(start_at)s, %(end_at)s, %(now)s, %(now)s)
"""


async def create(
    tx: Tx,
    *,
    owner: User,
    new: NewPool,
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> Pool:
    """Make a pool of the owner's, with an account of its own in the ledger.

    `limit_multiplier` widens how many a person may make a day. Raises Throttled, Blocked,
    TooManyInvited, and Invalid for terms that contradict each other, a funding source that cannot
    receive, people to be invited who are nobody, and a picture that is not there.
    """
    charges = [Charge(throttles.POOLS_PER_USER, str(owner.id))]
    await throttles.charge(tx, charges, keyring=keyring, now=now, multiplier=limit_multiplier)
    rules.check(_terms(new), now=now)
    await receiving.check(tx, user_id=owner.id, funding_source_id=new.funding_source_id)
    pool_id = uuid7()
    account = NewAccount(pool_id, POOL_ACCOUNT, new.currency)
    [account_id] = await open_accounts(tx, [account], now=now)
    values = {name: getattr(new, name) for name in _SAID}
    await tx.execute(
        _INSERT,
        {**values, "id": pool_id, "owner_id": owner.id, "account_id": account_id, "now": now},
    )
    await options.insert(tx, pool_id=pool_id, new=new.options)
    await giving.give(
        tx,
        owner_id=owner.id,
        object_type="pool",
        object_id=pool_id,
        picture=new.picture,
        now=now,
    )
    if new.invites:
        await inviting.charge(
            tx, user_id=owner.id, keyring=keyring, now=now, limit_multiplier=limit_multiplier
        )
        made = await pools.find_own(tx, owner_id=owner.id, pool_id=pool_id)
        await inviting.add(
            tx, owner=owner, pool=made, user_ids=new.invites, field="invites", now=now
        )
    return await pools.find_own(tx, owner_id=owner.id, pool_id=pool_id)


_SAID = [name for name in NewPool.__slots__ if name not in {"options", "invites", "picture"}]
"""What is said of a pool that is a column of the same name."""


def _terms(new: NewPool) -> Terms:
    return Terms(
        currency=new.currency,
        minimum_user_amount=new.minimum_user_amount,
        maximum_user_amount=new.maximum_user_amount,
        options=new.options,
        start_at=new.start_at,
        end_at=new.end_at,
    )
