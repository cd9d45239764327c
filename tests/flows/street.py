"""Somebody who pays in cash, a pool to pay to, the shops, and what goes on behind them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from tests.flows.outside import CutOff
from tests.money import Person, Scene, held, held_by, new_key, rows
from whipround.db.batch import Batcher
from whipround.db.request_keys import Answer, RequestKey
from whipround.domain.cash import orders
from whipround.domain.cash.ordering import NewCashOrder
from whipround.domain.cash.orders import CashOrder
from whipround.errors import DomainError, Invalid
from whipround.flows import cash
from whipround.flows.desk import Desk
from whipround.gateways.processors import cash as gateway
from whipround.gateways.processors import sandbox_cash
from whipround.gateways.processors.cash import Slip
from whipround.gateways.processors.sandbox_cash import SandboxCashDesk
from whipround.outcomes import Outcome

LATER = timedelta(minutes=2)


class Clock:
    """A time that passes when told to."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@dataclass(slots=True)
class Shops:
    """The sandbox's cash desk, which may say something else, or be cut off."""

    inner: SandboxCashDesk
    says: Outcome | Exception | None = None
    after: Exception | None = None
    name: str = "sandbox"

    async def open_order(self, order: gateway.CashOrder) -> Slip | Outcome:
        if isinstance(self.says, Exception):
            raise self.says
        if self.says is not None:
            return self.says
        slip = await self.inner.open_order(order)
        if self.after is not None:
            raise self.after
        return slip

    async def find_order(self, order: gateway.CashOrder) -> Slip | None:
        return await self.inner.find_order(order)

    async def close(self) -> None:
        raise NotImplementedError


@dataclass(slots=True)
class Till:
    """What carries out payments; it may be cut off, or something may happen in between."""

    inner: "Batcher[Any, Any]"
    cut: str | None = None
    meanwhile: Callable[[], Awaitable[object]] | None = None
    keys: list[bytes] = field(default_factory=list)

    async def submit(self, command: Any) -> Any:
        self.keys.append(command.key.id)
        if self.cut == "before":
            raise CutOff
        result = await self.inner.submit(command)
        if self.cut == "after":
            raise CutOff
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        return result


def render(outcome: CashOrder | DomainError) -> Answer:
    """The answer, as a dialect would make one."""
    if isinstance(outcome, Invalid):
        return Answer(422, outcome.errors[0].field.encode())
    if isinstance(outcome, DomainError):
        return Answer(422, outcome.code.encode())
    return Answer(201, f"{outcome.reference} {outcome.status}".encode())


@dataclass(frozen=True, slots=True)
class Street:
    """Somebody who pays in cash, a pool to pay to, the shops, and what goes on behind them."""

    scene: Scene
    clock: Clock
    shops: Shops
    till: Till
    desk: Desk
    ann: Person
    ben: Person
    pool_id: UUID

    @property
    def db(self) -> Any:
        return self.scene.db

    async def order(self, amount: str = "50.00", *, key: RequestKey | None = None) -> str:
        """Order to pay in cash; the answer as text."""
        answer = await cash.order(
            self.desk,
            key=key or new_key(),
            user_id=self.ann.id,
            new=NewCashOrder(self.pool_id, Decimal(amount), "MXN", ""),
            render=render,
            now=self.clock.now,
            limit_multiplier=1,
        )
        return answer.body.decode()

    async def ordered(self, amount: str = "50.00") -> CashOrder:
        """Order to pay in cash; the order, which waits."""
        reference, status = (await self.order(amount)).split()
        assert status == "waiting"
        [[id_]] = await rows(self.db, "select id from cash_order where reference = %s", reference)
        return await self.found(id_)

    async def found(self, id_: UUID) -> CashOrder:
        async with self.db.transaction() as tx:
            return await orders.find(tx, order_id=id_)

    async def pay(self, order: CashOrder) -> None:
        """Pay at a shop, of which nobody hears yet."""
        await sandbox_cash.pay(self.db, reference=order.reference, now=self.clock.now)

    async def resolve(self, order: CashOrder) -> None:
        """Hear that there is news."""
        await cash.resolve(self.desk, self.payments, order.id, now=self.clock.now)

    async def sweep(self, after: timedelta = LATER) -> int:
        """What two workers do at once, a while later."""
        self.clock.now += after
        found = await asyncio.gather(
            *(cash.sweep(self.desk, self.payments, now=self.clock.now) for _ in range(2))
        )
        return max(found)

    @property
    def payments(self) -> Any:
        return self.till

    async def in_pool(self) -> Decimal:
        return await held_by(self.db, self.pool_id, "MXN", kind="pool")

    async def is_in(self) -> list[Decimal]:
        """What the pool and Ann's wallet hold."""
        return [await self.in_pool(), await held(self.db, self.ann, "MXN")]

    async def paid(self) -> list[tuple[Any, ...]]:
        """The payments there are."""
        return await rows(self.db, "select kind, amount from payment order by created_at, id")

    async def told(self, person: Person) -> list[str]:
        sql = "select kind from notification where user_id = %s order by created_at, id"
        return [kind for (kind,) in await rows(self.db, sql, person.id)]
