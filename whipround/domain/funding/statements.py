"""The bank account on whose statement a code is to appear."""

from dataclasses import dataclass, field
from uuid import UUID

from psycopg.rows import class_row

from whipround.db.database import Tx


@dataclass(frozen=True, slots=True)
class StatementAccount:
    """A bank account, and what its processor knows it by, sealed for `id`."""

    id: UUID
    country: str
    sealed: bytes = field(repr=False)


_FIND = """
    select bank_account.id, country, sealed
    from bank_account join funding_source on funding_source.id = funding_source_id
    where funding_source_id = %(source_id)s and deleted_at is null and sealed is not null
"""


async def find(tx: Tx, *, source_id: UUID) -> StatementAccount | None:
    """The bank account of a funding source; None where it has none, or has it no more."""
    async with tx.cursor(row_factory=class_row(StatementAccount)) as cursor:
        await cursor.execute(_FIND, {"source_id": source_id})
        return await cursor.fetchone()
