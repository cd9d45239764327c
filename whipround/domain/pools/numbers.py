"""Pools by the number that Moneypool knows each one by."""

from collections.abc import Sequence
from uuid import UUID

from whipround.db.database import Tx
from whipround.domain import numbers

_FIND = "select number, id from pool where number = any(%(numbers)s::bigint[])"


async def ids_of(tx: Tx, wanted: Sequence[int]) -> dict[int, UUID]:
    """The ids of the pools that have these numbers, by number, whoever may see them."""
    values = {"numbers": [number for number in wanted if numbers.can_be(number)]}
    return dict(await (await tx.execute(_FIND, values)).fetchall())
