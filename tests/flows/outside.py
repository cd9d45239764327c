"""A processor of cards and banks that says what it is told to."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from uuid_utils.compat import uuid7

from whipround.db.batch import Batcher
from whipround.db.database import Database, Tx
from whipround.db.request_keys import Answer
from whipround.flows.desk import Desk
from whipround.gateways.processors.protocol import (
    Charge,
    Operation,
    Payout,
    Processors,
    Refund,
    Registered,
    Registration,
)
from whipround.keyring import Keyring
from whipround.money import Money
from whipround.outcomes import Outcome

ACCEPTED = Registered("ref_secret", is_verified=False, card=None)


class CutOff(Exception):
    """The process ends here."""


@dataclass(slots=True)
class Outside:
    """A processor that says what it is told to, and knows a key again."""

    says: Registered | Outcome | Exception = ACCEPTED
    asked: list[Registration] = field(default_factory=list)
    meanwhile: Callable[[], Awaitable[object]] | None = None
    name: str = "outside"

    async def register(self, registration: Registration) -> Registered | Outcome:
        self.asked.append(registration)
        await asyncio.sleep(0)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    async def charge(self, charge: Charge) -> Outcome:
        raise NotImplementedError

    async def refund(self, refund: Refund) -> Outcome:
        raise NotImplementedError

    async def pay_out(self, payout: Payout) -> Outcome:
        raise NotImplementedError

    async def find(self, operation: Operation) -> Outcome | None:
        raise NotImplementedError

    def least_payout(self, currency: str) -> Money:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError


def registering(db: Database, outside: Outside, *, keyring: Keyring) -> Desk:
    """A desk that has this processor know funding sources; it moves no money."""
    return Desk(
        db=db,
        product_id=uuid7(),
        keyring=keyring,
        processors=Processors(cards=outside, banks=outside),
        settlements=Batcher(db, _no_money),
    )


async def _no_money(tx: Tx, commands: Sequence[Any]) -> Sequence[Answer | None]:
    raise NotImplementedError
