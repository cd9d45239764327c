"""Money meets its owner: an address is proven, or its time runs out.

Lock order, as everywhere: payees, what waits for them, then accounts.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from whipround.db.batch import TRANSIENT
from whipround.db.database import Database, Tx
from whipround.domain import contacts, notifications, payees
from whipround.domain.funding.wallet import wallet_of
from whipround.domain.notifications import Event, words
from whipround.domain.payees import Address, Holding, PayeeKind
from whipround.domain.requests import claiming
from whipround.errors import Declined, Message
from whipround.ledger.accounts import lock_named
from whipround.ledger.transfers import Book, post_now
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
    set status = 'cancelled', error_code = %(reason)s, updated_at = %(now)s,
        -- What a card or a bank account paid has ended in the payer's wallet.
        in_funding_source_id = case when source_id <> out_funding_source_id then source_id end
    from holding
    where holding.object_id = transaction.payment_id and transaction.id = any(%(transactions)s)
"""

_PAYERS = """
    select payment.id, payment.owner_id, payment.recipient_user_id, payment.description,
        payee.address, crowd_id
    from payment
        join payee on payee.id = payment.recipient_payee_id
        left join crowd_share on crowd_share.payment_id = payment.id
    where payment.id = any(%(payments)s)
    order by payment.number
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


class NotProven(Declined):
    """Prove that this address is yours to receive what waits for it."""

    code = "not_proven"


_HOW: Mapping[PayeeKind, Message] = {
    "email": Message(
        "Prove that this email address is yours to receive what waits for it: log in, and follow"
        " the link in a mail to it"
    ),
    "phone": Message(
        "Prove that this phone number is yours to receive what waits for it: log in, and enter the"
        " code in a message to it"
    ),
    "profile": Message(
        "Prove that this profile is yours to receive what waits for it: log in, and then there"
    ),
}


async def claim_own(db: Database, *, user_id: UUID | None, address: Address, now: datetime) -> int:
    """Claim what still waits for an address of the user's; how many payments.

    Up to CLAIMED_AT_ONCE in one transaction. Raises NotProven where it is not theirs, and for
    whoever has not said who they are, whoever else may have proven it.
    """
    async with db.transaction() as tx:
        if user_id is None or await payees.owner_of(tx, address=address) != user_id:
            kind, _ = address
            raise NotProven(_HOW[kind])
    claimed = 0
    while True:
        count = await _claim_rest_of(db, address, user_id=user_id, now=now)
        claimed += count
        if count < CLAIMED_AT_ONCE:
            return claimed


async def _claim_rest_of(
    db: Database, address: Address, *, user_id: UUID | None = None, now: datetime
) -> int:
    """Claim some of what waits for whoever has proven the address; if it is this user, if given."""
    async with db.transaction() as tx:
        (payee,) = await payees.lock_payees(tx, [address], now=now)
        if payee.user_id is None or user_id not in {None, payee.user_id}:  # given up meanwhile
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
    # What is there is locked before what is missing is opened, as payments do: one that opens the
    # same account would wait for us, and we for it.
    wanted = [new for each in held for new in payees.settle_accounts(each, to_source_id=wallet_id)]
    locking = await lock_named(tx, [*wanted, *map(payees.holding_account, held)])
    accounts = await locking.locked(tx, now=now)
    book = Book(accounts.accounts)
    for holding in held:
        book.post(payees.settle_transfer(holding, to_source_id=wallet_id, accounts=accounts.ids))
    await book.write(tx, now=now)
    await payees.finish(tx, held, status="claimed", error_code="", now=now)
    moved = {**_ids(held), "user_id": user_id, "wallet_id": wallet_id, "now": now}
    await tx.execute(_PAYMENTS_CLAIMED, moved)
    await tx.execute(_TRANSACTIONS_CLAIMED, moved)
    await _tell_claimed(tx, held, now=now)
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
            await give_back(tx, held, reason="expired", now=now)
            await _tell_returned(tx, held, now=now)
    return len(held)


async def give_back(
    tx: Tx, held: Sequence[Holding], *, reason: Literal["expired", "revoked"], now: datetime
) -> None:
    """Return what waits for locked payees, fee and all, to the wallets it came from.

    Why it was not claimed is what payments and transactions say of themselves from then on.
    """
    await post_now(tx, [payees.release_transfer(holding) for holding in held], now=now)
    await payees.finish(tx, held, status="returned", error_code=reason, now=now)
    returned = {**_ids(held), "reason": reason, "now": now}
    await tx.execute(_PAYMENTS_RETURNED, returned)
    await tx.execute(_TRANSACTIONS_RETURNED, returned)


def _ids(held: Sequence[Holding]) -> dict[str, list[UUID]]:
    return {
        "payments": [holding.object_id for holding in held],
        "transactions": [holding.transaction_id for holding in held],
    }


class _Told(NamedTuple):
    """A payment that has waited, as its payer is told of it."""

    payment_id: UUID
    payer_id: UUID
    recipient_id: UUID | None
    description: str
    address: str
    crowd_id: UUID | None


async def _told(tx: Tx, held: Sequence[Holding]) -> list[_Told]:
    cursor = await tx.execute(_PAYERS, {"payments": [holding.object_id for holding in held]})
    return [_Told(*row) for row in await cursor.fetchall()]


async def _tell_claimed(tx: Tx, held: Sequence[Holding], *, now: datetime) -> None:
    """Tell the payers who has their money now; quietly where it was one share of many."""
    worth = {holding.object_id: holding.worth for holding in held}
    events = []
    for each in await _told(tx, held):
        money = Money(worth[each.payment_id].amount, worth[each.payment_id].currency)
        data = words(money, recipient=each.address, description=each.description)
        kind = "payment_claimed" if each.crowd_id is None else "share_claimed"
        events.append(Event(each.payer_id, kind, each.payment_id, each.recipient_id, data))
    await notifications.tell(tx, events, now=now)


async def _tell_returned(tx: Tx, held: Sequence[Holding], *, now: datetime) -> None:
    """Tell the payers that their money is back: of a crowd payment, all shares in one."""
    worth = {holding.object_id: holding.worth for holding in held}
    together: dict[UUID, list[_Told]] = {}
    for each in await _told(tx, held):
        together.setdefault(each.crowd_id or each.payment_id, []).append(each)
    events = []
    for first, *others in together.values():
        total = [worth[each.payment_id] for each in (first, *others)]
        parts = (Money(each.total, each.source_currency) for each in total[1:])
        money = sum(parts, Money(total[0].total, total[0].source_currency))
        data = words(money, recipient=first.address, description=first.description)
        kind = "shares_returned" if others else "payment_returned"
        events.append(Event(first.payer_id, kind, first.payment_id, None, data))
    await notifications.tell(tx, events, now=now)
