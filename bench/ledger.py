"""Posting onto the ledger in groups of 500: lock, post, write, commit."""

import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from uuid_utils.compat import uuid7

from whipround.db.database import Database, Tx
from whipround.ledger.accounts import PRODUCT, NewAccount, open_accounts
from whipround.ledger.transfers import Leg, Transfer, post_now

GROUP = 500
AMOUNT = Decimal("1.00")

_GRANT = Decimal("1000000.00")
_WALLETS_PER_GRANT = 1_000


async def open_wallets(db: Database, *, count: int, now: datetime) -> Sequence[UUID]:
    """Open so many accounts that cannot fall below zero, each with enough money; their ids."""
    async with db.transaction(patient=True) as tx:
        wanted = [NewAccount(uuid7(), "wallet", "EUR") for _ in range(count)]
        ids = await open_accounts(tx, wanted, now=now)
        await grant(tx, ids, amount=_GRANT, now=now)
    return ids


async def grant(
    tx: Tx,
    account_ids: Sequence[UUID],
    *,
    amount: Decimal,
    currency: str = "EUR",
    now: datetime,
) -> None:
    """Put `amount` from the outside world into each of the accounts, all of one currency."""
    wanted = NewAccount(PRODUCT, "grants", currency, floor=None)
    [outside] = await open_accounts(tx, [wanted], now=now)
    for start in range(0, len(account_ids), _WALLETS_PER_GRANT):
        some = account_ids[start : start + _WALLETS_PER_GRANT]
        id_ = uuid7()
        legs = (Leg(outside, -amount * len(some)), *(Leg(each, amount) for each in some))
        await post_now(tx, [Transfer(id_, "grant", f"{id_}:grant", legs)], now=now)


async def measure(
    db: Database, accounts: Sequence[UUID], *, seconds: float, onto_one: bool
) -> float:
    """Transfers posted per second, between random accounts or from random ones onto one."""
    chance = random.Random()  # noqa: S311 (no secret)
    payers, hot = accounts[1:], accounts[0]
    posted = 0
    started = time.perf_counter()
    while (taken := time.perf_counter() - started) < seconds:
        group = [
            _transfer(*(chance.choice(payers), hot) if onto_one else chance.sample(payers, 2))
            for _ in range(GROUP)
        ]
        async with db.pipeline() as tx:
            await post_now(tx, group, now=datetime.now(UTC))
        posted += GROUP
    return posted / taken


def _transfer(payer: UUID, payee: UUID) -> Transfer:
    id_ = uuid7()
    return Transfer(id_, "payment", f"{id_}:pay", (Leg(payer, -AMOUNT), Leg(payee, AMOUNT)))
