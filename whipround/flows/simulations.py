"""What happens outside a sandbox, at a word of its user: the processor changes its mind."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Protocol, TypeAlias
from uuid import UUID

from whipround.db.database import Database
from whipround.domain import gateway_calls
from whipround.domain.cash import orders
from whipround.domain.cash.orders import CashOrder
from whipround.domain.gateway_calls import GatewayCall
from whipround.flows import calls, cash
from whipround.flows.cash import Payments
from whipround.flows.desk import Desk
from whipround.gateways.processors import sandbox, sandbox_cash


class _Change(Protocol):
    def __call__(self, db: Database, *, key: UUID, now: datetime) -> Awaitable[None]: ...


Act: TypeAlias = Callable[[Desk, UUID, datetime], Awaitable[GatewayCall]]


async def _play(change: _Change, desk: Desk, id_: UUID, now: datetime) -> GatewayCall:
    """Have something happen to the call of a gateway response or transaction; what it is then.

    Raises NotFound; Conflict where that cannot happen to it any more; ProcessorError.
    """
    async with desk.db.transaction() as tx:
        call_id = await gateway_calls.known_as(tx, id_=id_)
    await change(desk.db, key=call_id, now=now)
    await calls.resolve(desk, call_id, now=now)
    async with desk.db.transaction() as tx:
        return await gateway_calls.find(tx, call_id=call_id)


ACTS: Mapping[tuple[str, str], Act] = {
    ("charges", "approve"): partial(_play, partial(sandbox.approve, kind="charge")),
    ("charges", "decline"): partial(_play, sandbox.decline),
    ("payouts", "approve"): partial(_play, partial(sandbox.approve, kind="payout")),
    ("payouts", "fail"): partial(_play, sandbox.fail_payout),
}
"""What can be made to happen, by what it happens to and its name. See `_play`."""


async def pay_cash(desk: Desk, payments: Payments, reference: str, *, now: datetime) -> CashOrder:
    """Pay at a shop with a reference, as often as one likes; the order as it is then.

    Raises NotFound; Conflict once it has expired; ProcessorError.
    """
    order_id = await sandbox_cash.pay(desk.db, reference=reference, now=now)
    await cash.resolve(desk, payments, order_id, now=now)
    async with desk.db.transaction() as tx:
        return await orders.find(tx, order_id=order_id)
