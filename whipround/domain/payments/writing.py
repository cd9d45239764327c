"""Writing payments, each with the transaction that carries its money."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from whipround.db.database import Tx
from whipround.domain.payments.commands import Payment
from whipround.ledger.transfers import numerics

_INSERT_PAYMENTS = """
    with made as (
        select * from unnest(%(ids)b::uuid[], %(owners)b::uuid[], %(sources)b::uuid[],
            %(in_sources)b::uuid[], %(amounts)s::numeric[], %(fees)s::numeric[],
            %(currencies)b::text[], %(descriptions)b::text[], %(metas)b::text[],
            %(statuses)b::text[], %(fulfillments)b::text[],
            %(recipients)b::uuid[], %(recipient_users)b::uuid[], %(recipient_payees)b::uuid[],
            %(recipient_names)b::text[], %(recipient_metas)b::text[],
            %(recipient_statuses)b::text[], %(transactions)b::uuid[],
            %(expires_at)b::timestamptz[], %(payment_kinds)b::text[], %(source_amounts)s::numeric[],
            %(source_currencies)b::text[], %(exchange_rates)s::numeric[],
            %(requests)b::uuid[], %(pools)b::uuid[], %(participants)b::uuid[],
            %(wallet_amounts)s::numeric[], %(wallet_fees)s::numeric[])
            as made (id, owner_id, source_id, in_source_id, amount, fee, currency, description,
                meta, status, fulfillment_status, recipient_id, recipient_user_id,
                payee_id, recipient_name, recipient_meta, recipient_status, transaction_id,
                expires_at, kind, source_amount, source_currency, exchange_rate, request_id,
                pool_id, participant_id, wallet_amount, wallet_fee)
    ), moved as (
        insert into transaction (id, payment_id, out_user_id, in_user_id, out_funding_source_id,
            in_funding_source_id, status, amount, fee, currency, tracking_code, expires_at,
            created_at, updated_at, source_amount, source_currency, exchange_rate)
        select transaction_id, id, owner_id, recipient_user_id, source_id, in_source_id,
            case when fulfillment_status = 'fulfilled' then 'approved' else 'active' end,
            amount, fee, currency, '', expires_at, %(now)s, %(now)s,
            source_amount, source_currency, exchange_rate
        from made
    )
    insert into payment (id, owner_id, funding_source_id, amount, fee, currency, description, meta,
        status, fulfillment_status, recipient_id, recipient_user_id, recipient_payee_id,
        recipient_name, recipient_meta, recipient_status, transaction_id, expires_at, created_at,
        updated_at, kind, source_amount, source_currency, exchange_rate, request_id, pool_id,
        participant_id, wallet_amount, wallet_fee)
    select id, owner_id, source_id, amount, fee, currency, description, meta, status,
        fulfillment_status, recipient_id, recipient_user_id, payee_id, recipient_name,
        recipient_meta, recipient_status, transaction_id, expires_at, %(now)s, %(now)s,
        kind, source_amount, source_currency, exchange_rate, request_id, pool_id, participant_id,
        wallet_amount, wallet_fee
    from made
"""


_NUMBERS = "select id, number from payment where id = any(%(ids)b)"


async def numbers(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, int]:
    """The numbers of payments that are written, by their ids; nothing is asked for none."""
    if not ids:
        return {}
    return dict(await (await tx.execute(_NUMBERS, {"ids": list(ids)})).fetchall())


async def insert_payments(tx: Tx, payments: Sequence[Payment], *, now: datetime) -> None:
    """Write payments as they were made at `now`; the same transaction moves their money."""
    await tx.execute(_INSERT_PAYMENTS, _columns(payments, now))


def _columns(payments: Sequence[Payment], now: datetime) -> dict[str, Any]:
    return {
        "ids": [p.id for p in payments],
        "owners": [p.owner_id for p in payments],
        "sources": [p.funding_source_id for p in payments],
        "in_sources": [p.in_funding_source_id for p in payments],
        "amounts": numerics(p.amount for p in payments),
        "fees": numerics(p.fee for p in payments),
        "currencies": [p.currency for p in payments],
        "descriptions": [p.description for p in payments],
        "metas": [p.meta for p in payments],
        "statuses": [p.status for p in payments],
        "fulfillments": [p.fulfillment_status for p in payments],
        "recipients": [p.recipient.id for p in payments],
        "recipient_users": [p.recipient.user_id for p in payments],
        "recipient_payees": [p.payee_id for p in payments],
        "recipient_names": [p.recipient.full_name for p in payments],
        "recipient_metas": [p.recipient.meta for p in payments],
        "recipient_statuses": [p.recipient.status for p in payments],
        "transactions": [p.transaction_id for p in payments],
        "expires_at": [p.expires_at for p in payments],
        "payment_kinds": [p.kind for p in payments],
        # Only of what converts: of all else both sides are the same.
        "source_amounts": numerics(p.source_amount if p.exchange_rate else None for p in payments),
        "source_currencies": [p.source_currency if p.exchange_rate else None for p in payments],
        "exchange_rates": numerics(p.exchange_rate for p in payments),
        "requests": [p.request_id for p in payments],
        "pools": [p.pool_id for p in payments],
        "participants": [p.share.participant_id if p.share else None for p in payments],
        "wallet_amounts": numerics(p.part.amount if p.part else None for p in payments),
        "wallet_fees": numerics(p.part.fee if p.part else None for p in payments),
        "now": now,
    }
