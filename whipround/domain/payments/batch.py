"""Payments by group commit: take the keys, lock, read, decide, write.

A fixed number of statements, whatever the size of the batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from whipround.db import outbox, request_keys
from whipround.db.database import Tx
from whipround.db.request_keys import Answer, Claims, InProgress, KeyReused
from whipround.domain import gateway_calls, limits, payees
from whipround.domain.payments.commands import Pay, Payment, Processing
from whipround.domain.payments.decide import decide
from whipround.domain.payments.locking import read
from whipround.domain.payments.state import Decision, State
from whipround.errors import Invalid
from whipround.ledger.transfers import numerics

_WRITE_PINS = """
    update users
    set pin_failures = judged.failures, locks = judged.locks, locked_until = judged.locked_until
    from unnest(%(ids)s::uuid[], %(failures)s::smallint[], %(locks)s::smallint[],
        %(until)s::timestamptz[]) as judged (id, failures, locks, locked_until)
    where users.id = judged.id
"""

_INSERT_PAYMENTS = """
    with made as (
        select * from unnest(%(ids)b::uuid[], %(owners)b::uuid[], %(sources)b::uuid[],
            %(in_sources)b::uuid[], %(amounts)s::numeric[], %(fees)s::numeric[],
            %(currencies)b::text[], %(descriptions)b::text[], %(metas)b::text[],
            %(image_urls)b::text[], %(statuses)b::text[], %(fulfillments)b::text[],
            %(recipients)b::uuid[], %(recipient_users)b::uuid[], %(recipient_payees)b::uuid[],
            %(recipient_names)b::text[], %(recipient_metas)b::text[],
            %(recipient_statuses)b::text[], %(transactions)b::uuid[],
            %(expires_at)b::timestamptz[], %(payment_kinds)b::text[], %(source_amounts)s::numeric[],
            %(source_currencies)b::text[], %(exchange_rates)s::numeric[])
            as made (id, owner_id, source_id, in_source_id, amount, fee, currency, description,
                meta, image_url, status, fulfillment_status, recipient_id, recipient_user_id,
                payee_id, recipient_name, recipient_meta, recipient_status, transaction_id,
                expires_at, kind, source_amount, source_currency, exchange_rate)
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
        image_url, status, fulfillment_status, recipient_id, recipient_user_id, recipient_payee_id,
        recipient_name, recipient_meta, recipient_status, transaction_id, expires_at, created_at,
        updated_at, kind, source_amount, source_currency, exchange_rate)
    select id, owner_id, source_id, amount, fee, currency, description, meta, image_url, status,
        fulfillment_status, recipient_id, recipient_user_id, payee_id, recipient_name,
        recipient_meta, recipient_status, transaction_id, expires_at, %(now)s, %(now)s,
        kind, source_amount, source_currency, exchange_rate
    from made
"""


class PaymentBatch:
    """The work of the payments batcher: many `Pay` commands in one transaction.

    Safe to run twice with the same commands: what was committed is answered from its key.
    """

    def __init__(self, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock

    async def __call__(
        self, tx: Tx, commands: Sequence[Pay]
    ) -> Sequence[Answer | Processing | Exception]:
        """One result per command: its answer, or what the outside is to be asked first.

        KeyReused or InProgress for a key that is not the command's.
        """
        keys = [command.key for command in commands]
        taking = await request_keys.take(tx, keys, now=self._clock())
        reading = await read(tx, commands, clock=self._clock)
        claims = await taking.taken(tx)
        results: dict[int, Answer | Processing | Exception] = {}
        first: dict[bytes, int] = {}
        ours: list[int] = []
        forgotten: set[bytes] = set()
        for position, key in enumerate(keys):
            earlier = claims.earlier(key)
            if earlier is not None:
                results[position] = earlier
            elif first.setdefault(key.id, position) == position:
                ours.append(position)
        if ours:
            mine = [commands[position] for position in ours]
            outcomes, forgotten = await self._carry_out(tx, claims, mine, await reading.state(tx))
            results.update(zip(ours, outcomes, strict=True))
        # A command whose key came earlier in the same batch gets what that one got.
        for position, key in enumerate(keys):
            if position not in results:
                leader = first[key.id]
                same = keys[leader].fingerprint == key.fingerprint
                results[position] = _followed(
                    results[leader], same=same, forgotten=key.id in forgotten
                )
        return [results[position] for position in range(len(commands))]

    async def _carry_out(
        self, tx: Tx, claims: Claims, commands: Sequence[Pay], state: State
    ) -> tuple[Sequence[Answer | Processing], set[bytes]]:
        """The results, and the ids of the keys that are given back."""
        decision = decide(state, commands)
        results: list[Answer | Processing] = []
        kept, forgotten, calls = [], [], []
        for command, outcome in zip(commands, decision.outcomes, strict=True):
            if isinstance(outcome, Processing):
                call = replace(outcome.call, request_number=claims.number(command.key))
                calls.append(call)
                results.append(outcome._replace(call=call))
                continue
            answer = command.render(outcome)
            results.append(answer)
            if isinstance(outcome, Invalid):
                forgotten.append(command.key)
            else:
                kept.append((claims.number(command.key), answer))
        await _write(tx, state, decision)
        if calls:
            await gateway_calls.insert(tx, calls)
        await request_keys.keep(tx, kept)
        if forgotten:
            await request_keys.forget(tx, forgotten)
        return results, {key.id for key in forgotten}


def _followed(
    leading: Answer | Processing | Exception, *, same: bool, forgotten: bool
) -> Answer | Processing | Exception:
    """What a command gets whose key another of the same batch has taken."""
    if same and not isinstance(leading, Processing):
        return leading
    if same or forgotten:  # the next time round, a key that was given back is free
        return InProgress()
    return KeyReused()


async def _write(tx: Tx, state: State, decision: Decision) -> None:
    """Everything that was decided, one statement per table."""
    if decision.pins:
        await tx.execute(
            _WRITE_PINS,
            {
                "ids": list(decision.pins),
                "failures": [pin.failures for pin in decision.pins.values()],
                "locks": [pin.locks for pin in decision.pins.values()],
                "until": [pin.locked_until for pin in decision.pins.values()],
            },
        )
    await state.book.write(tx, now=state.now)
    if state.limits.changed:
        await limits.write(tx, state.limits.changed)
    if decision.payments:
        await tx.execute(_INSERT_PAYMENTS, _columns(decision.payments, state.now))
    if decision.told:
        await payees.write_told(tx, list(decision.told.values()))
    if decision.holdings:
        await payees.insert_holdings(tx, decision.holdings, now=state.now)
    await outbox.put(tx, decision.messages, now=state.now)


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
        "image_urls": [p.image_url for p in payments],
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
        "now": now,
    }
