"""Money meets its owner: an address is proven, or its time runs out.

Lock order, as everywhere: payees, what waits for them, then accounts.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from whipround.db.batch import TRANSIENT
from whipround.db.database import Database, Tx
from whipround.domain import contacts, notifications, payees
from whipround.domain.funding.wallet import wallet_of
from whipround.domain.notifications import Event, words
from whipround.domain.payees import Address, Holding, PayeeKind
from whipround.domain.requests import claiming
from whipround.ledger.accounts import open_accounts
from whipround.ledger.transfers import post_now
from whipround.money import Money

logger = logging.getLogger(__name__)

_PAYMENTS_CLAIMED = """
    update payment
    set status = 'closed', fulfillment_status = 'fulfilled', recipient_status = 'paid',
        recipient_user_id = %(user_id)s, updated_at = %(now)s
    where id = any(%(payments)s)
"""

_TRANSACTIONS_CLAIMED = """
    update transaction
    set status = 'approved', in_user_id = %(user_id)s, in_funding_source_id = %(wallet_id)s,
        expires_at = null, updated_at = %(now)s
    where id = any(%(transactions)s)
"""

_PAYMENTS_RETURNED = """
    update payment
    set status = 'closed', recipient_status = 'cancelled', updated_at = %(now)s
    where id = any(%(payments)s)
"""

_TRANSACTIONS_RETURNED = """
    update transaction
    set status = 'cancelled', error_code = 'expired', updated_at = %(now)s,
        -- What a card or a bank account paid has ended in the payer's wallet.
        in_funding_source_id = case when source_id <> out_funding_source_id then source_id end
    from holding
    where holding.transaction_id = transaction.id and transaction.id = any(%(transactions)s)
"""

_PAYERS = """
    select payment.id, payment.owner_id, payment.recipient_user_id, payment.description,
        payee.address
    from payment join payee on payee.id = payment.recipient_payee_id
    where payment.id = any(%(payments)s)
"""


CLAIMED_AT_ONCE = 200
"""How much of what waits for a person moves in one transaction: it holds up the fees account, and
with it every payment."""

RETURNED_AT_ONCE = 200


async def prove(
    tx: Tx, *, user_id: UUID, addresses: Iterable[Address], now: datetime
) -> Sequence[Holding]:
    """The user has proven the addresses: they are theirs, and what waits for them moves.

    Whoever was asked for money there, or is somebody's contact, is the user from now on.

    The addresses are normalised (E.164, lower-case email), and given all at once, so that the
    accounts are locked in one order. Gives what was claimed: what is more than CLAIMED_AT_ONCE
    follows by `claim_rest`.
    """
    locked = await payees.lock_payees(tx, addresses, now=now)
    for payee in locked:
        await payees.bind(tx, payee_id=payee.id, user_id=user_id, now=now)
    payee_ids = [payee.id for payee in locked]
    await claiming.claim(tx, payee_ids=payee_ids, user_id=user_id, now=now)
    phones = [payee.address for payee in locked if payee.kind == "phone"]
    await contacts.claim(tx, phones=phones, user_id=user_id, now=now)
    return await _claim(tx, user_id=user_id, payee_ids=payee_ids, now=now)


async def claim_rest(db: Database, *, now: datetime) -> int:
    """Claim what still waits for addresses that somebody has proven; how many holdings.

    Up to CLAIMED_AT_ONCE in one transaction: call again until it gives 0. What cannot be claimed is
    logged, and keeps nothing else from its owner.
    """
    async with db.transaction() as tx:
        addresses = await payees.proven_with_money(tx, now=now, limit=CLAIMED_AT_ONCE)
    claimed = 0
    for address in addresses:
        try:
            claimed += await _claim_rest_of(db, address, now=now)
        except TRANSIENT:
            raise
        except Exception:
            logger.exception("what waits for one payee cannot be claimed")
    return claimed


async def _claim_rest_of(db: Database, address: Address, *, now: datetime) -> int:
    async with db.transaction() as tx:
        (payee,) = await payees.lock_payees(tx, [address], now=now)
        if payee.user_id is None:  # given up meanwhile
            return 0
        return len(await _claim(tx, user_id=payee.user_id, payee_ids=[payee.id], now=now))


async def _claim(
    tx: Tx, *, user_id: UUID, payee_ids: Sequence[UUID], now: datetime
) -> Sequence[Holding]:
    """Move what waits for locked payees of the user into the user's wallet, the oldest first."""
    held = await payees.lock_held(tx, payee_ids=payee_ids, now=now, limit=CLAIMED_AT_ONCE)
    if not held:
        return []
    wallet_id = await wallet_of(tx, user_id=user_id)
    wanted = {
        new.name: new
        for holding in held
        for new in payees.settle_accounts(holding, to_source_id=wallet_id)
    }
    opened = await open_accounts(tx, list(wanted.values()), now=now)
    accounts = dict(zip(wanted, opened, strict=True))
    await post_now(
        tx,
        [
            payees.settle_transfer(holding, to_source_id=wallet_id, accounts=accounts)
            for holding in held
        ],
        now=now,
    )
    await payees.finish(tx, held, status="claimed", error_code="", now=now)
    moved = {**_ids(held), "user_id": user_id, "wallet_id": wallet_id, "now": now}
    await tx.execute(_PAYMENTS_CLAIMED, moved)
    await tx.execute(_TRANSACTIONS_CLAIMED, moved)
    await _tell_payers(tx, held, "payment_claimed", now=now)
    return [replace(holding, status="claimed") for holding in held]


async def release_address(
    tx: Tx, *, user_id: UUID, kind: PayeeKind, address: str, now: datetime
) -> None:
    """The address is no longer the user's: what is paid to it from now on waits to be claimed."""
    (payee,) = await payees.lock_payees(tx, [(kind, address)], now=now)
    if payee.user_id == user_id:
        await payees.bind(tx, payee_id=payee.id, user_id=None, now=now)


async def return_expired(db: Database, *, now: datetime, limit: int = RETURNED_AT_ONCE) -> int:
    """Return money that waited too long, fee and all, to the wallets it came from; how many.

    Up to `limit` in one transaction: call again until it gives 0. What cannot be returned is
    logged, and keeps nothing else from its owner.
    """
    async with db.transaction() as tx:
        addresses = await payees.with_expired(tx, now=now, limit=limit)
    if not addresses:
        return 0
    try:
        return await _return(db, addresses, now=now, limit=limit)
    except TRANSIENT:
        raise
    except Exception:
        logger.exception("expired payments could not be returned together; one payee at a time now")
    returned = 0
    for address in addresses:
        try:
            returned += await _return(db, [address], now=now, limit=limit)
        except TRANSIENT:
            raise
        except Exception:
            logger.exception("the expired payments to one payee cannot be returned")
    return returned


async def _return(db: Database, addresses: Sequence[Address], *, now: datetime, limit: int) -> int:
    async with db.transaction() as tx:
        locked = await payees.lock_payees(tx, addresses, now=now)
        held = await payees.lock_expired(
            tx, payee_ids=[payee.id for payee in locked], now=now, limit=limit
        )
        if held:
            await post_now(tx, [payees.release_transfer(holding) for holding in held], now=now)
            await payees.finish(tx, held, status="returned", error_code="expired", now=now)
            await tx.execute(_PAYMENTS_RETURNED, {**_ids(held), "now": now})
            await tx.execute(_TRANSACTIONS_RETURNED, {**_ids(held), "now": now})
            await _tell_payers(tx, held, "payment_returned", now=now)
    return len(held)


def _ids(held: Sequence[Holding]) -> dict[str, list[UUID]]:
    return {
        "payments": [holding.object_id for holding in held],
        "transactions": [holding.transaction_id for holding in held],
    }


async def _tell_payers(tx: Tx, held: Sequence[Holding], kind: str, *, now: datetime) -> None:
    """Write to the payers what became of their money."""
    by_payment = {holding.object_id: holding for holding in held}
    cursor = await tx.execute(_PAYERS, {"payments": list(by_payment)})
    events = []
    for payment_id, payer_id, recipient_id, description, address in await cursor.fetchall():
        worth = by_payment[payment_id].worth
        money = Money(worth.amount, worth.currency)
        if kind == "payment_returned":
            money = Money(worth.total, worth.source_currency)
        data = words(money, recipient=address, description=description)
        events.append(Event(payer_id, kind, payment_id, recipient_id, data))
    await notifications.tell(tx, events, now=now)
