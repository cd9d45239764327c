"""Orders to be paid in cash: their rows, and what becomes of them as the cash desk says it.

Nobody has paid anything yet with an order. What is paid with one is a payment of its own, which
`landing` makes of it.
"""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from psycopg.rows import class_row

from whipround.db.database import Tx
from whipround.db.request_keys import RequestKey
from whipround.errors import Declined, NotFound
from whipround.money import Money

OrderStatus = Literal["opening", "waiting", "paid", "expired", "failed"]

GOOD_FOR = timedelta(days=3)
"""How long an order can be paid, unless the cash desk says otherwise."""

LEASE = timedelta(seconds=60)
"""How long an order is left to whoever looks after it: longer than any question to a cash desk may
take. While nothing comes of it, it is looked after less and less often, twice as long each time."""

LONGEST_LEASE_DOUBLINGS = 10

ASKED_EVERY = timedelta(days=1)
"""How often the cash desk is asked about what nobody has paid."""

WATCHED_FOR = timedelta(days=8)
"""How long after it has expired: a shop may tell late of what was paid in time."""


class CashOrderNotFound(NotFound):
    """There is no such order."""


class CashDeclined(Declined):
    """Cash is not taken for this payment."""

    code = "gateway_declined"


@dataclass(frozen=True, slots=True)
class CashOrder:
    """An order to be paid in cash. `money` is to be contributed to the pool, `title` is its title.

    `reference` is what the payer shows at the shop, and `slip_id` what the cash desk knows it by;
    both are empty until there is word of it. `paid_amount` has come, and is a payment once there is
    a `payment_id`. Times are UTC.
    """

    id: UUID
    number: int
    user_id: UUID
    pool_id: UUID
    amount: Decimal
    currency: str
    description: str
    status: OrderStatus
    reference: str
    slip_id: str
    error_code: str
    expires_at: datetime
    paid_amount: Decimal | None
    paid_at: datetime | None
    payment_id: UUID | None
    refused: int
    request_number: int | None
    created_at: datetime
    updated_at: datetime
    title: str
    pool_number: int

    @property
    def money(self) -> Money:
        """What is to be paid."""
        return Money(self.amount, self.currency)


_OWN = [each.name for each in fields(CashOrder) if each.name not in {"title", "pool_number"}]
_COLUMNS = ", ".join(
    "coalesce(reference, '') as reference" if name == "reference" else f"cash_order.{name}"
    for name in _OWN
)

_SELECT = f"""
    select {_COLUMNS}, pool.description as title, pool.number as pool_number
    from cash_order join pool on pool.id = pool_id
"""  # noqa: S608 (our own column names)

_FIND = f"{_SELECT} where cash_order.id = %(id)s"

_LOCK = f"{_SELECT} where cash_order.id = %(id)s for no key update of cash_order"

_OF_REQUEST = """
    select cash_order.id
    from request_key join cash_order on cash_order.request_number = request_key.number
    where request_key.id = %(id)s
"""

_DUE = """
    select id from cash_order where due_at <= %(now)s order by due_at limit %(limit)s
"""

_LEASE = """
    update cash_order
    set attempts = least(attempts, 32766) + 1, updated_at = %(now)s,
        due_at = %(now)s + %(lease)s * power(2, least(attempts, %(doublings)s))
    where id = %(id)s and due_at <= %(now)s
"""

# A reference without which the desk tells of it stays known.
_WRITE = """
    update cash_order
    set status = %(status)s, reference = coalesce(nullif(%(reference)s, ''), reference),
        slip_id = coalesce(nullif(%(slip_id)s, ''), slip_id), error_code = %(error_code)s,
        expires_at = coalesce(%(expires_at)s, expires_at),
        paid_amount = %(paid_amount)s, paid_at = %(paid_at)s,
        attempts = 0, due_at = %(due_at)s, updated_at = %(now)s
    where id = %(id)s
"""

_LANDED = """
    update cash_order set payment_id = %(payment_id)s, due_at = null, updated_at = %(now)s
    where id = %(id)s and payment_id is null
"""

_REFUSED = """
    update cash_order set refused = refused + 1, updated_at = %(now)s
    where id = %(id)s and refused = %(refused)s
"""

_GIVE_UP = "update cash_order set due_at = null, updated_at = %(now)s where id = %(id)s"


@dataclass(frozen=True, slots=True)
class Said:
    """What a cash desk says of an order: see `Slip`. `amount` is what was paid, if it was."""

    status: Literal["waiting", "paid", "expired"]
    slip_id: str
    reference: str
    amount: Money
    expires_at: datetime | None


async def find(tx: Tx, *, order_id: UUID) -> CashOrder:
    """The order of this id. Raises CashOrderNotFound."""
    return await _one(tx, _FIND, order_id)


async def lock(tx: Tx, *, order_id: UUID) -> CashOrder:
    """The same, nobody else changing it until `tx` ends. Raises CashOrderNotFound."""
    return await _one(tx, _LOCK, order_id)


async def of_request(tx: Tx, *, key: RequestKey) -> CashOrder | None:
    """The order that a request has made, if any, under lock."""
    row = await (await tx.execute(_OF_REQUEST, {"id": key.id})).fetchone()
    return None if row is None else await lock(tx, order_id=row[0])


async def due(tx: Tx, *, now: datetime, limit: int) -> list[UUID]:
    """The ids of orders that are to be looked after, those first that wait longest."""
    cursor = await tx.execute(_DUE, {"now": now, "limit": limit})
    return [id_ for (id_,) in await cursor.fetchall()]


async def lease(tx: Tx, *, order_id: UUID, now: datetime) -> bool:
    """Take an order that is due for as long as looking after it takes; False if somebody has it."""
    values = {"id": order_id, "now": now, "lease": LEASE, "doublings": LONGEST_LEASE_DOUBLINGS}
    return bool((await tx.execute(_LEASE, values)).rowcount)


async def record(tx: Tx, order: CashOrder, said: Said, *, now: datetime) -> None:
    """Write what the cash desk says of an order that is locked and not paid yet."""
    is_paid = said.status == "paid"
    await _write(
        tx,
        order,
        now,
        status=said.status,
        reference=said.reference,
        slip_id=said.slip_id,
        expires_at=said.expires_at,
        paid_amount=said.amount.amount if is_paid else None,
        paid_at=now if is_paid else None,
        due_at=_due_at(said, said.expires_at or order.expires_at, now),
    )


async def fail(tx: Tx, order: CashOrder, *, error_code: str, now: datetime) -> None:
    """Nobody can pay an order that was opening, and that is locked."""
    await _write(tx, order, now, status="failed", error_code=error_code)


async def lose(tx: Tx, order: CashOrder, *, now: datetime) -> None:
    """The cash desk knows nothing of an order, which is locked: it expires as it would have."""
    status: OrderStatus = "waiting" if now < order.expires_at else "expired"
    due_at = now + ASKED_EVERY if status == "waiting" else None
    await _write(tx, order, now, status=status, due_at=due_at)


async def landed(tx: Tx, *, order_id: UUID, payment_id: UUID, now: datetime) -> bool:
    """What was paid is a payment now; whether nobody has said so before."""
    values = {"id": order_id, "payment_id": payment_id, "now": now}
    return bool((await tx.execute(_LANDED, values)).rowcount)


async def refused(tx: Tx, order: CashOrder, *, now: datetime) -> None:
    """Neither pool nor wallet could take it this time; it is tried again when it is due."""
    await tx.execute(_REFUSED, {"id": order.id, "refused": order.refused, "now": now})


async def give_up(tx: Tx, order: CashOrder, *, now: datetime) -> None:
    """Nobody looks after the order any more."""
    await tx.execute(_GIVE_UP, {"id": order.id, "now": now})


def _due_at(said: Said, expires_at: datetime, now: datetime) -> datetime | None:
    """When to look after an order again of which the cash desk says this, if ever."""
    if said.status == "paid":  # whoever has recorded it goes on with it at once
        return now + LEASE
    later = now + ASKED_EVERY
    if said.status == "waiting":
        return min(later, expires_at) if now < expires_at else later
    return later if now < expires_at + WATCHED_FOR else None


async def _write(tx: Tx, order: CashOrder, now: datetime, **given: Any) -> None:
    values: dict[str, Any] = {
        "id": order.id,
        "reference": "",
        "slip_id": "",
        "error_code": "",
        "expires_at": None,
        "paid_amount": None,
        "paid_at": None,
        "due_at": None,
        "now": now,
        **given,
    }
    await tx.execute(_WRITE, values)


async def _one(tx: Tx, sql: str, order_id: UUID) -> CashOrder:
    async with tx.cursor(row_factory=class_row(CashOrder)) as cursor:
        await cursor.execute(sql.encode(), {"id": order_id})
        found = await cursor.fetchone()
    if found is None:
        raise CashOrderNotFound
    return found
