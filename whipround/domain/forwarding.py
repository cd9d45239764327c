"""Money that came for a request, or out of a pool, goes on to the bank account it is meant for.

It has landed in the owner's wallet first, so that it is safe whatever the bank says. From there it
is withdrawn without a fee: the bank is asked by whoever asks about calls that are due.
"""

import logging
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from whipround.db.batch import TRANSIENT
from whipround.db.database import Database, Tx
from whipround.domain import gateway_calls, limits
from whipround.domain.funding.wallet import CLEARING_ACCOUNT, WALLET_ACCOUNT
from whipround.domain.gateway_calls import new_call
from whipround.domain.limits import Usage
from whipround.domain.payments.commands import Payment
from whipround.domain.payments.making import to_oneself
from whipround.domain.payments.state import Recipient
from whipround.domain.payments.writing import insert_payments
from whipround.ledger.accounts import PRODUCT, NewAccount, lock_named
from whipround.ledger.transfers import Book, Leg, Transfer
from whipround.money import Money

logger = logging.getLogger(__name__)

_DUE = """
    select payment_id
    from forwarding
    where status = 'waiting'
    order by created_at
    limit %(limit)s
"""

_LOCK_USER = """
    select users.id
    from users join forwarding on forwarding.user_id = users.id
    where payment_id = %(id)s
    for no key update of users
"""

_LOCK = """
    select payment_id, user_id, funding_source_id, amount, currency
    from forwarding
    where payment_id = %(id)s and status = 'waiting'
    for no key update
"""

_SIDES = """
    select payment.description,
        source.status = 'enabled' and source.allows_in and source.deleted_at is null
            and bank_account.sealed is not null and payment.refunded = 0,
        users.id, users.parent_user_id, wallet.id, full_name, username, users.verified, official
    from payment
        join users on users.id = %(user_id)s
        join funding_source as wallet on wallet.user_id = users.id and wallet.type = 'virtual'
        join funding_source as source on source.id = %(source_id)s
        join bank_account on bank_account.funding_source_id = source.id
    where payment.id = %(payment_id)s
"""

_FINISH = """
    update forwarding
    set status = %(status)s, withdrawal_id = %(withdrawal_id)s, updated_at = %(now)s
    where payment_id = %(id)s
"""


class _Waiting(NamedTuple):
    payment_id: UUID
    user_id: UUID
    funding_source_id: UUID
    amount: Decimal
    currency: str


class _Sides(NamedTuple):
    """Whose money it is, and whether it can go on: to a bank account that takes money now, and not
    where some of it went back to the payer.
    """

    owner: Recipient
    description: str
    can_go: bool


async def send_due(db: Database, *, now: datetime, limit: int = 100) -> int:
    """Have up to `limit` sums go on that wait for it; how many did, or stay where they are.

    What goes wrong with one is logged, and keeps no other from its turn.
    """
    async with db.transaction() as tx:
        found = await (await tx.execute(_DUE, {"limit": limit})).fetchall()
    done = 0
    for (payment_id,) in found:
        try:
            async with db.transaction() as tx:
                done += await _send(tx, payment_id, now=now)
        except TRANSIENT:
            raise
        except Exception:
            logger.exception("what came by payment %s cannot go on to its bank", payment_id)
    return done


async def _send(tx: Tx, payment_id: UUID, *, now: datetime) -> bool:
    await tx.execute(_LOCK_USER, {"id": payment_id})
    row = await (await tx.execute(_LOCK, {"id": payment_id})).fetchone()
    if row is None:  # somebody else was faster
        return False
    waiting = _Waiting(*row)
    asked = {
        "payment_id": payment_id,
        "user_id": waiting.user_id,
        "source_id": waiting.funding_source_id,
    }
    [[description, can_go, *owner]] = await (await tx.execute(_SIDES, asked)).fetchall()
    sides = _Sides(Recipient(*owner), description, can_go)
    withdrawal = await _withdraw(tx, waiting, sides, now=now) if sides.can_go else None
    finished = {
        "id": payment_id,
        "status": "kept" if withdrawal is None else "sent",
        "withdrawal_id": None if withdrawal is None else withdrawal.id,
    }
    await tx.execute(_FINISH, {**finished, "now": now})
    return True


async def _withdraw(tx: Tx, waiting: _Waiting, sides: _Sides, *, now: datetime) -> Payment | None:
    """Set the money aside and intend the call; None if it is in the wallet no more."""
    wallet = NewAccount(sides.owner.wallet_id, WALLET_ACCOUNT, waiting.currency)
    clearing = NewAccount(PRODUCT, CLEARING_ACCOUNT, waiting.currency)
    locked = await (await lock_named(tx, [wallet, clearing])).locked(tx, now=now)
    book, from_id = Book(locked.accounts), locked.ids[wallet.name]
    if book.balance(from_id) < waiting.amount:
        return None
    payment = to_oneself(
        "withdrawal",
        owner=sides.owner,
        money=Money(waiting.amount, waiting.currency),
        from_id=sides.owner.wallet_id,
        to_id=waiting.funding_source_id,
        description=sides.description,
        done=False,
        now=now,
    )
    id_ = payment.transaction_id
    legs = (Leg(from_id, -waiting.amount), Leg(locked.ids[clearing.name], waiting.amount))
    book.post(Transfer(id_, "hold", f"{id_}:hold", legs))
    await book.write(tx, now=now)
    await insert_payments(tx, [payment], now=now)
    # Counted as any withdrawal is: what comes back is counted no longer. Nothing limits it.
    day = limits.day_of(now)
    used = (
        Usage(sides.owner.wallet_id, waiting.currency, "out", day, 1, waiting.amount),
        Usage(waiting.funding_source_id, waiting.currency, "in", day, 1, waiting.amount),
    )
    await limits.write(tx, used)
    call = new_call(
        uuid7(),
        gateway="banks",
        kind="payout",
        funding_source_id=waiting.funding_source_id,
        transaction_id=id_,
        amount=waiting.amount,
        currency=waiting.currency,
        now=now,
    )
    await gateway_calls.insert(tx, [replace(call, due_at=now)])
    return payment
