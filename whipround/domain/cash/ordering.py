"""People order what they are going to pay in cash (later revisions, "Moneypool").

What would refuse the payment now refuses the order. What changes until it is paid is seen then.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from uuid_utils.compat import uuid7

from whipround.db.database import Tx
from whipround.domain import relationships, throttles
from whipround.domain.cash import landing, orders
from whipround.domain.cash.orders import GOOD_FOR, LEASE, CashOrder
from whipround.domain.payments.share_rows import lock_shares
from whipround.domain.payments.shares import Refusal
from whipround.domain.pools.errors import PoolNotFound
from whipround.domain.relationships import Blocked
from whipround.domain.throttles import CASH_ORDERS_PER_USER, Charge
from whipround.domain.users import person
from whipround.errors import Declined
from whipround.keyring import Keyring

MOST_UNPAID = 10
"""How many orders of one person may wait to be paid at a time."""


class TooManyCashOrders(Declined):
    """Too many of your cash payments wait to be paid already."""

    code = "limit_exceeded"


@dataclass(frozen=True, slots=True)
class NewCashOrder:
    """What somebody is going to pay in cash: into which pool, how much in its currency.

    An empty description stands for the pool's title.
    """

    pool_id: UUID
    amount: Decimal
    currency: str
    description: str


_COUNT = """
    select count(*) from cash_order
    where user_id = %(user_id)s and status in ('opening', 'waiting') and expires_at > %(now)s
"""

_INSERT = """
    insert into cash_order (id, user_id, pool_id, amount, currency, description, gateway, status,
        expires_at, request_number, due_at, created_at, updated_at)
    values (%(id)s, %(user_id)s, %(pool_id)s, %(amount)s, %(currency)s, %(description)s,
        %(gateway)s, 'opening', %(expires_at)s, %(request_number)s, %(due_at)s, %(now)s, %(now)s)
"""


async def create(
    tx: Tx,
    *,
    user_id: UUID,
    new: NewCashOrder,
    gateway: str,
    request_number: int | None,
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> CashOrder:
    """An order that the cash desk `gateway` is to be asked for, once `tx` has committed.

    `request_number` is that of the request key whose answer waits for what it says. Raises
    PoolNotFound for a pool that the person does not see, or that is in another currency;
    PoolClosed, PoolNotStarted, AlreadyContributed, Blocked; Invalid for an amount that the pool
    does not take; TooManyCashOrders, Throttled.
    """
    subject = Charge(CASH_ORDERS_PER_USER, str(user_id))
    await throttles.charge(tx, [subject], keyring=keyring, now=now, multiplier=limit_multiplier)
    await person.lock(tx, user_id=user_id)
    [[count]] = await (await tx.execute(_COUNT, {"user_id": user_id, "now": now})).fetchall()
    if count >= MOST_UNPAID:
        raise TooManyCashOrders
    id_ = uuid7()
    values = {
        "id": id_,
        "user_id": user_id,
        "pool_id": new.pool_id,
        "amount": new.amount,
        "currency": new.currency,
        "description": new.description,
        "gateway": gateway,
        "expires_at": now + GOOD_FOR,
        "request_number": request_number,
        "due_at": now + LEASE,
        "now": now,
    }
    await tx.execute(_INSERT, values)
    order = await orders.find(tx, order_id=id_)
    await _check(tx, order, now=now)
    return order


async def _check(tx: Tx, order: CashOrder, *, now: datetime) -> None:
    """Raise whatever the payment itself would be refused with now."""
    payer = await landing.payer_of(tx, order, now=now)
    command = landing.contribution(order, payer)
    shares = await lock_shares(tx, [command])
    pool = shares.pools[order.pool_id]
    pair = (order.user_id, pool.owner_id)
    is_blocked = bool(await (await relationships.ask_blocks(tx, pairs=[pair])).fetchall())
    if is_blocked and (pool.id, order.user_id) not in shares.firsts:
        raise PoolNotFound
    intended = shares.order_of(command)
    if isinstance(intended, Refusal):
        raise intended.error
    shares.check(intended, now=now)
    if is_blocked:
        raise Blocked
