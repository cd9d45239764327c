"""Making a refund: the PIN, the payment under lock, the money, and the call if one is to follow.

Lock order, as everywhere: users, payments, accounts.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from whipround.db import request_keys
from whipround.db.database import Database, Tx
from whipround.db.request_keys import Answer
from whipround.domain import credentials, gateway_calls, notifications
from whipround.domain.legs import Worth
from whipround.domain.payments.reading import PaymentNotFound
from whipround.domain.refunds import decide, telling
from whipround.domain.refunds.commands import Refund, RefundOrder
from whipround.domain.refunds.decide import Giving, Paid
from whipround.domain.refunds.reading import worth_of
from whipround.errors import Declined
from whipround.keyring import Keyring
from whipround.ledger.accounts import lock_named
from whipround.ledger.transfers import Book

_LOCK = """
    select id
    from payment
    where id = %(id)s and (
        owner_id = %(user_id)s or recipient_user_id = %(user_id)s and recipient_status = 'paid'
    )
    for no key update
"""

_READ = """
    select payment.id, payment.kind, payment.fulfillment_status, payment.owner_id as payer_id,
        payment.recipient_user_id as recipient_id,
        transaction.in_funding_source_id as recipient_source_id,
        source.id as source_id, source.type as source_type,
        -- What a card and the wallet have paid together goes back to the wallet.
        source.deleted_at is not null and not source.is_once
            or payment.wallet_amount is not null as is_gone,
        wallet.id as wallet_id,
        charge.id as charge_id, charge.gateway, transfer.id as transfer_id,
        payment.amount, payment.currency, payment.fee, payment.exchange_rate,
        coalesce(payment.source_amount, payment.amount) as source_amount,
        coalesce(payment.source_currency, payment.currency) as source_currency,
        payment.refunded, payment.refunded_fee,
        case when payment.source_amount is null then payment.refunded
            else payment.refunded_source end as refunded_source
    from payment
        join transaction on transaction.id = payment.transaction_id
        -- What was paid out of a pool comes from no source, and is refused.
        join funding_source as source
            on source.id = coalesce(payment.funding_source_id, transaction.in_funding_source_id)
        join funding_source as wallet
            on wallet.user_id = payment.owner_id and wallet.type = 'virtual'
        left join gateway_call as charge
            on charge.transaction_id = payment.transaction_id and charge.kind = 'charge'
        left join transfer
            on transfer.id = payment.transaction_id and transfer.kind = 'payment'
    where payment.id = %(id)s
"""

_INSERT = """
    with made as (
        insert into transaction (id, kind, payment_id, out_user_id, in_user_id,
            out_funding_source_id, in_funding_source_id, status, amount, fee, currency,
            source_amount, source_currency, exchange_rate, tracking_code, created_at, updated_at)
        values (%(transaction_id)s, 'refund', %(payment_id)s, %(recipient_id)s, %(payer_id)s,
            %(recipient_source_id)s, %(back_to_id)s, %(status)s, %(amount)s, 0, %(currency)s,
            %(source_amount)s, %(source_currency)s, %(exchange_rate)s, '', %(now)s, %(now)s)
    )
    insert into refund (id, payment_id, transaction_id, amount, fee, currency, source_amount,
        source_currency, description, meta, created_at, updated_at)
    values (%(id)s, %(payment_id)s, %(transaction_id)s, %(amount)s, %(fee)s, %(currency)s,
        %(source_amount)s, %(source_currency)s, %(description)s, %(meta)s, %(now)s, %(now)s)
"""

_ADD_UP = """
    update payment
    set refunded = refunded + %(amount)s, refunded_fee = refunded_fee + %(fee)s,
        refunded_source = refunded_source + coalesce(%(source_amount)s, 0), updated_at = %(now)s
    where id = %(payment_id)s
"""


async def make(
    db: Database, order: RefundOrder, *, keyring: Keyring, now: datetime
) -> Answer | UUID:
    """Carry out the order once; its answer, or the id of the call that has to be made for one.

    A wrong PIN counts whatever else is wrong, and a refusal by a rule is remembered. Raises
    PaymentNotFound, WrongAmount, and what `request_keys.begin` does.
    """

    async def act(tx: Tx, number: int) -> Answer | UUID:
        error = await credentials.check_pin(
            tx, user_id=order.user_id, pin=order.pin, keyring=keyring, now=now
        )
        if error is not None:
            return order.render(error)
        try:
            giving = await _give_back(tx, order, request_number=number, now=now)
        except Declined as refusal:  # nothing is written yet but what the PIN has come to
            return order.render(refusal)
        return order.render(giving.refund) if giving.call is None else giving.call.id

    return await request_keys.begin(db, order.key, act, refuse=lambda _: None, now=now)


async def _give_back(tx: Tx, order: RefundOrder, *, request_number: int, now: datetime) -> Giving:
    paid = await _lock(tx, payment_id=order.payment_id, user_id=order.user_id)
    decide.check(paid, user_id=order.user_id)
    locking = await lock_named(tx, decide.accounts(paid))
    locked = await locking.locked(tx, now=now)
    book = Book(locked.accounts)
    giving = decide.give_back(paid, order, locked.ids, request_number=request_number, now=now)
    book.post(giving.transfer)
    await book.write(tx, now=now)
    await _write(tx, paid, giving.refund, now=now)
    if giving.call is not None:
        await gateway_calls.insert(tx, [giving.call])
    else:
        about = (await telling.paid(tx, payment_ids=[paid.id]))[paid.id]
        events = telling.events(about, giving.refund, to_wallet=True)
        await notifications.tell(tx, events, now=now)
    return giving


async def _lock(tx: Tx, *, payment_id: UUID, user_id: UUID) -> Paid:
    """The payment as it stands once it is locked. Raises PaymentNotFound for a stranger."""
    seen = await tx.execute(_LOCK, {"id": payment_id, "user_id": user_id})
    if await seen.fetchone() is None:
        raise PaymentNotFound
    async with tx.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_READ, {"id": payment_id})
        [row] = await cursor.fetchall()
    return _paid(row)


def _paid(row: dict[str, Any]) -> Paid:
    worth = worth_of(row)
    returned = Worth(
        row["refunded"],
        worth.currency,
        row["refunded_source"],
        worth.source_currency,
        row["refunded_fee"],
    )
    known = {name: row[name] for name in Paid.__slots__ if name in row}
    return Paid(**known, worth=worth, returned=returned)


async def _write(tx: Tx, paid: Paid, refund: Refund, *, now: datetime) -> None:
    worth = refund.worth
    values = {
        "id": refund.id,
        "payment_id": paid.id,
        "transaction_id": refund.transaction_id,
        "recipient_id": refund.recipient_id,
        "payer_id": refund.payer_id,
        "recipient_source_id": paid.recipient_source_id,
        "back_to_id": paid.back_to_id,
        "status": "active" if refund.status == "pending" else "approved",
        "amount": worth.amount,
        "fee": worth.fee,
        "currency": worth.currency,
        "source_amount": worth.source_amount if worth.converts else None,
        "source_currency": worth.source_currency if worth.converts else None,
        "exchange_rate": paid.exchange_rate,
        "description": refund.description,
        "meta": refund.meta,
        "now": now,
    }
    await tx.execute(_INSERT, values)
    await tx.execute(_ADD_UP, values)
