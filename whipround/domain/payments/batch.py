"""Payments by group commit: take the keys, lock, read, decide, write.

A fixed number of statements, whatever the size of the batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from whipround.db import outbox, request_keys
from whipround.db.database import Tx
from whipround.db.request_keys import Answer, Claims, InProgress, KeyReused
from whipround.domain import gateway_calls, limits, notifications, payees
from whipround.domain.images import attaching, wanting
from whipround.domain.payments.commands import Pay, Payment, Processing
from whipround.domain.payments.decide import decide
from whipround.domain.payments.locking import read
from whipround.domain.payments.share_rows import insert_forwardings, write_shares
from whipround.domain.payments.shares import PayShare, Refusal
from whipround.domain.payments.state import Decision, Outcome, State
from whipround.domain.payments.writing import insert_payments, numbers
from whipround.errors import DomainError, Invalid, NotFound

_WRITE_PINS = """
    update users
    set pin_failures = judged.failures, locks = judged.locks, locked_until = judged.locked_until
    from unnest(%(ids)s::uuid[], %(failures)s::smallint[], %(locks)s::smallint[],
        %(until)s::timestamptz[]) as judged (id, failures, locks, locked_until)
    where users.id = judged.id
"""


class PaymentBatch:
    """The work of the payments batcher: many orders to pay in one transaction.

    Safe to run twice with the same commands: what was committed is answered from its key.
    """

    def __init__(self, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock

    async def __call__(
        self, tx: Tx, commands: Sequence[Pay | PayShare]
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
            mine = [reading.orders[position] for position in ours]
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
        self, tx: Tx, claims: Claims, commands: Sequence[Pay | Refusal], state: State
    ) -> tuple[Sequence[Answer | Processing], set[bytes]]:
        """The results, and the ids of the keys that are given back."""
        decision = decide(state, commands)
        await _write(tx, state, decision)
        outcomes = await _numbered(tx, commands, decision.outcomes)
        results: list[Answer | Processing] = []
        kept, forgotten, calls = [], [], []
        for command, outcome in zip(commands, outcomes, strict=True):
            if isinstance(outcome, Processing):
                call = replace(outcome.call, request_number=claims.number(command.key))
                calls.append(call)
                results.append(outcome._replace(call=call))
                continue
            answer = command.render(outcome)
            results.append(answer)
            if isinstance(outcome, Invalid | NotFound):
                forgotten.append(command.key)
            else:
                kept.append((claims.number(command.key), answer))
        if calls:
            await gateway_calls.insert(tx, calls)
        await request_keys.keep(tx, kept)
        if forgotten:
            await request_keys.forget(tx, forgotten)
        return results, {key.id for key in forgotten}


async def _numbered(
    tx: Tx, commands: Sequence[Pay | Refusal], outcomes: Sequence[Outcome]
) -> Sequence[Outcome]:
    """The outcomes, those payments with their numbers that were ordered so."""
    asked = {
        position: outcome
        for position, (command, outcome) in enumerate(zip(commands, outcomes, strict=True))
        if isinstance(command, Pay) and command.means.numbered
        if not isinstance(outcome, DomainError)
    }
    found = await numbers(tx, [_payment(outcome).id for outcome in asked.values()])
    numbered = list(outcomes)
    for position, outcome in asked.items():
        payment = _payment(outcome)
        payment = payment._replace(number=found[payment.id])
        if isinstance(outcome, Processing):
            numbered[position] = outcome._replace(payment=payment)
        else:
            numbered[position] = payment
    return numbered


def _payment(outcome: Payment | Processing) -> Payment:
    return outcome.payment if isinstance(outcome, Processing) else outcome


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
        await insert_payments(tx, decision.payments, now=state.now)
    await write_shares(tx, state.shares, now=state.now)
    await insert_forwardings(tx, state.shares.forwardings, now=state.now)
    if decision.told:
        await payees.write_told(tx, list(decision.told.values()))
    if decision.holdings:
        await payees.insert_holdings(tx, decision.holdings, now=state.now)
    await wanting.want(tx, decision.wanted, now=state.now)
    await attaching.attach_many(tx, decision.attachments, now=state.now)
    await notifications.tell(tx, decision.events, now=state.now)
    await outbox.put(tx, decision.messages, now=state.now)
