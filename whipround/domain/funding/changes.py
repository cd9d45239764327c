"""People change and delete their funding sources."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from whipround.db.database import Tx
from whipround.domain.funding import reading
from whipround.domain.funding.reading import FundingSource
from whipround.domain.funding.wallet import WALLET
from whipround.domain.users import person
from whipround.errors import Declined, Invalid


class FundingSourceInUse(Declined):
    """The funding source is the wallet, or money is on its way through it."""

    code = "funding_source_in_use"


@dataclass(frozen=True, slots=True)
class Expiration:
    """The month until whose end a card is good."""

    month: int
    year: int


@dataclass(frozen=True, slots=True)
class Change:
    """What to change; `meta` and `expiration`, which only a card has, stay where they are None."""

    description: str
    meta: str | None = None
    expiration: Expiration | None = None


_UPDATE = """
    update funding_source
    set description = %(description)s, meta = coalesce(%(meta)s, meta), updated_at = %(now)s
    where id = %(id)s
"""

_UPDATE_CARD = """
    update card
    set expiration_month = %(month)s, expiration_year = %(year)s, updated_at = %(now)s
    where funding_source_id = %(id)s
"""

# A transaction that is active has either a call to the outside without a last word, or money that
# waits to be claimed, which is to return to one of its payer's funding sources.
_IN_USE = """
    select exists (
            select from gateway_call
            where funding_source_id = %(id)s and status in ('open', 'pending')
        )
        or exists (
            select from holding join transaction on transaction.id = holding.transaction_id
            where holding.status = 'held' and out_funding_source_id = %(id)s and source_id in (
                select id from funding_source where user_id = %(user_id)s
            )
        )
        or exists (
            select from payment_request where funding_source_id = %(id)s and status = 'open'
        )
        or exists (select from pool where funding_source_id = %(id)s and status = 'open')
        or exists (select from forwarding where funding_source_id = %(id)s and status = 'waiting')
"""

_DELETE = """
    with card as (
        update card set status = 'cancelled', sealed = null, updated_at = %(now)s
        where funding_source_id = %(id)s
    ), account as (
        update bank_account set enabled = false, sealed = null, updated_at = %(now)s
        where funding_source_id = %(id)s
    )
    update funding_source
    set status = 'disabled', code_digest = null, code_expires_at = null, deleted_at = %(now)s,
        updated_at = %(now)s
    where id = %(id)s
"""


async def update(
    tx: Tx, *, user_id: UUID, id_: UUID, change: Change, now: datetime
) -> FundingSource:
    """Change a funding source of the user's (Memento, Update a funding source).

    Raises FundingSourceNotFound, and Invalid for the expiration of what is no card.
    """
    found = await reading.lock(tx, user_id=user_id, id_=id_)
    if change.expiration is not None:
        if found.card is None:
            raise Invalid.field("card", "unsupported", "Card is not what this funding source is")
        expires = {"month": change.expiration.month, "year": change.expiration.year}
        await tx.execute(_UPDATE_CARD, {"id": id_, **expires, "now": now})
    described = {"description": change.description, "meta": change.meta}
    await tx.execute(_UPDATE, {"id": id_, **described, "now": now})
    return await reading.get(tx, user_id=user_id, id_=id_)


async def delete(tx: Tx, *, user_id: UUID, id_: UUID, now: datetime) -> None:
    """Delete a funding source of the user's: nobody sees it again, and its history stays.

    What its processor knew it by is forgotten. Raises FundingSourceNotFound, FundingSourceInUse.
    """
    # A payment reads its source under the lock of its payer: it is either seen here, or sees this.
    await person.lock(tx, user_id=user_id)
    found = await reading.lock(tx, user_id=user_id, id_=id_)
    if found.type == WALLET:
        raise FundingSourceInUse
    [[is_used]] = await (await tx.execute(_IN_USE, {"id": id_, "user_id": user_id})).fetchall()
    if is_used:
        raise FundingSourceInUse
    await tx.execute(_DELETE, {"id": id_, "now": now})
