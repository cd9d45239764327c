"""What a pool offers to contribute (Memento, The contribution option object)."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from whipround.db.database import Tx
from whipround.errors import FieldError, Invalid
from whipround.ledger.transfers import numerics


class Option(NamedTuple):
    """An amount, in the pool's currency, that can be contributed under a title."""

    id: UUID
    title: str
    amount: Decimal


class NewOption(NamedTuple):
    """An option as the owner describes it; with an `id` it is one that is there already."""

    title: str
    amount: Decimal
    id: UUID | None = None


_INSERT = """
    insert into contribution_option (id, pool_id, position, title, amount)
    select id, %(pool_id)s, position, title, amount
    from unnest(%(ids)s::uuid[], %(titles)s::text[], %(amounts)s::numeric[])
        with ordinality as new (id, title, amount, position)
"""

_DELETE = "delete from contribution_option where pool_id = %(pool_id)s returning id"

_OF = """
    select pool_id, id, title, amount
    from contribution_option
    where pool_id = any(%(ids)s)
    order by pool_id, position
"""


async def insert(tx: Tx, *, pool_id: UUID, new: Sequence[NewOption]) -> None:
    """Have a pool without options offer these."""
    await tx.execute(
        _INSERT,
        {
            "pool_id": pool_id,
            "ids": [option.id or uuid7() for option in new],
            "titles": [option.title for option in new],
            "amounts": numerics(option.amount for option in new),
        },
    )


async def replace(tx: Tx, *, pool_id: UUID, new: Sequence[NewOption]) -> None:
    """Have a locked pool offer these instead; one that names its id keeps it.

    Raises Invalid for an id that no option of the pool has, or that is named twice.
    """
    deleted = await tx.execute(_DELETE, {"pool_id": pool_id})
    free = {id_ for (id_,) in await deleted.fetchall()}
    wrong = []
    for position, option in enumerate(new):
        if option.id is not None and option.id not in free:
            field = f"contribution_options[{position}].id"
            wrong.append(FieldError(field, "not_found", "There is no such contribution option"))
        free.discard(option.id)
    if wrong:
        raise Invalid(wrong)
    await insert(tx, pool_id=pool_id, new=new)


async def of(tx: Tx, *, pool_ids: Sequence[UUID]) -> dict[UUID, list[Option]]:
    """The options of pools, in their order, by pool."""
    found: dict[UUID, list[Option]] = {id_: [] for id_ in pool_ids}
    cursor = await tx.execute(_OF, {"ids": list(pool_ids)})
    for pool_id, *option in await cursor.fetchall():
        found[pool_id].append(Option(*option))
    return found
