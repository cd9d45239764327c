"""The sandbox's cash desk: it plays the shops, and keeps its slips in a table of its own.

It is another party, so its transactions are its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from whipround.db.database import Database, Tx
from whipround.errors import Unavailable
from whipround.gateways.processors.cash import CashOrder, Slip
from whipround.gateways.processors.protocol import OutcomeUnknown
from whipround.gateways.processors.sandbox import NoSuchOperation, NotInThatState
from whipround.money import Money


@dataclass(frozen=True, slots=True)
class _Row:
    key: UUID
    reference: str
    amount: Decimal
    currency: str
    paid_at: datetime | None
    expires_at: datetime

    def slip(self, now: datetime) -> Slip:
        is_over = self.expires_at <= now
        return Slip(
            id=f"sandbox_{self.key.hex}",
            reference=self.reference,
            status="paid" if self.paid_at else "expired" if is_over else "waiting",
            amount=Money(self.amount, self.currency),
            expires_at=self.expires_at,
        )


_COLUMNS = "key, reference, amount, currency, paid_at, expires_at"

# Whichever index shows first that somebody else is making the same slip, it is no error.
_INSERT = """
    insert into sandbox_slip (key, reference, amount, currency, expires_at, created_at)
    values (%(key)s, %(reference)s, %(amount)s, %(currency)s, %(expires_at)s, %(now)s)
    on conflict do nothing
"""

_FIND = f"select {_COLUMNS} from sandbox_slip where key = %(key)s"  # noqa: S608 (our own names)

_LOCK = f"""
    select {_COLUMNS} from sandbox_slip where reference = %(reference)s for update
"""  # noqa: S608

_PAY = "update sandbox_slip set paid_at = %(now)s where key = %(key)s"


class SandboxCashDesk:
    """Plays a cash desk that makes a slip for everything; `pay` plays the payer."""

    name = "sandbox"

    def __init__(
        self, db: Database, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._db = db
        self._clock = clock

    async def open_order(self, order: CashOrder) -> Slip:
        """Make a slip, with a reference of 14 digits."""
        values = {
            "key": order.key,
            "reference": f"{order.key.int % 10**14:014}",
            "amount": order.amount.amount,
            "currency": order.amount.currency,
            "expires_at": order.expires_at,
            "now": self._clock(),
        }
        try:
            async with self._db.transaction() as tx:
                await tx.execute(_INSERT, values)
                row = await _one(tx, _FIND, {"key": order.key})
        except (psycopg.OperationalError, Unavailable) as error:
            raise OutcomeUnknown from error
        assert row is not None  # noqa: S101 - it was just made, or before
        return row.slip(self._clock())

    async def find_order(self, order: CashOrder) -> Slip | None:
        """The slip as it is by now; None if none was made."""
        try:
            async with self._db.transaction() as tx:
                row = await _one(tx, _FIND, {"key": order.key})
        except (psycopg.OperationalError, Unavailable) as error:
            raise OutcomeUnknown from error
        return None if row is None else row.slip(self._clock())

    async def close(self) -> None:
        """Nothing is held but the database, which is not ours."""


async def pay(db: Database, *, reference: str, now: datetime) -> UUID:
    """Pay at a shop with a reference; the key of its order. To have paid before is no error.

    Raises NoSuchOperation, and NotInThatState once it has expired.
    """
    async with db.transaction() as tx:
        row = await _one(tx, _LOCK, {"reference": reference})
        if row is None:
            raise NoSuchOperation
        if row.paid_at is None:
            if row.expires_at <= now:
                raise NotInThatState
            await tx.execute(_PAY, {"key": row.key, "now": now})
    return row.key


async def _one(tx: Tx, statement: str, values: dict[str, object]) -> _Row | None:
    async with tx.cursor(row_factory=class_row(_Row)) as cursor:
        await cursor.execute(statement.encode(), values)
        return await cursor.fetchone()
