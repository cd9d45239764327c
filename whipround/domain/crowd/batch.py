"""Crowd payments by group commit: take the keys, lock, read, decide, write.

A number of statements that does not grow with the recipients: a thousand of them are one transfer.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from whipround.db import request_keys
from whipround.db.database import Tx
from whipround.db.request_keys import Claims, InProgress, KeyReused
from whipround.domain import limits, notifications, payees
from whipround.domain.crowd import locking, telling, writing
from whipround.domain.crowd.commands import ClaimPledge, Command, Confirm, Result
from whipround.domain.crowd.decide import decide
from whipround.domain.crowd.state import Decision, State
from whipround.domain.payments.writing import insert_payments
from whipround.errors import DomainError

SHARE_WEIGHT = 4
"""A share takes as long as several legs: it is a payment, and has perhaps an account of its own.

While a batch is written the account of the fees is locked, which all payments wait for.
"""


def weigh(command: Command) -> int:
    """How much of a batch a command takes, in legs."""
    shares = command.plan.shares if isinstance(command, Confirm) else command.shares
    return SHARE_WEIGHT * len(shares) + 2


class CrowdBatch:
    """The work of the batcher of crowd payments: many commands in one transaction.

    Safe to run twice with the same commands: what was confirmed is answered from its key, and a
    pledge that was claimed waits no more.
    """

    def __init__(self, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock

    async def __call__(self, tx: Tx, commands: Sequence[Command]) -> Sequence[Result | Exception]:
        """One result per command: what it comes to, or why it is refused."""
        keys = [command.key for command in commands if isinstance(command, Confirm)]
        claims = await (await request_keys.take(tx, keys, now=self._clock())).taken(tx)
        results: dict[int, Result | Exception] = {}
        leaders: dict[bytes, int] = {}
        ours: list[int] = []
        for position, command in enumerate(commands):
            earlier = claims.earlier(command.key) if isinstance(command, Confirm) else None
            if earlier is not None:
                results[position] = earlier
            elif _leads(command, position, leaders):
                ours.append(position)
        if ours:
            mine = [commands[position] for position in ours]
            state = await locking.read(tx, mine, clock=self._clock)
            outcomes = await self._carry_out(tx, claims, mine, state)
            results.update(zip(ours, outcomes, strict=True))
        for position, command in enumerate(commands):
            if position not in results and isinstance(command, Confirm):
                leader = leaders[command.key.id]
                results[position] = _followed(commands[leader], command, results[leader])
        return [results[position] for position in range(len(commands))]

    async def _carry_out(
        self, tx: Tx, claims: Claims, commands: Sequence[Command], state: State
    ) -> Sequence[Result | Exception]:
        decision = decide(state, commands)
        await _write(tx, state, decision)
        results: list[Result | Exception] = []
        kept, forgotten = [], []
        for command, outcome in zip(commands, decision.outcomes, strict=True):
            if isinstance(command, ClaimPledge):
                results.append(outcome)
            elif isinstance(outcome, DomainError):
                # The same hash may well do once there is enough money.
                forgotten.append(command.key)
                results.append(outcome)
            else:
                answer = command.render(outcome)
                kept.append((claims.number(command.key), answer))
                results.append(answer)
        if kept:
            await request_keys.keep(tx, kept)
        if forgotten:
            await request_keys.forget(tx, forgotten)
        return results


def _leads(command: Command, position: int, leaders: dict[bytes, int]) -> bool:
    """Whether the command is to be carried out, and not one before it with the same key."""
    if isinstance(command, ClaimPledge):
        return True
    return leaders.setdefault(command.key.id, position) == position


def _followed(leader: Command, command: Confirm, result: Result | Exception) -> Result | Exception:
    """What a command gets whose key another of the same batch has taken."""
    assert isinstance(leader, Confirm)  # noqa: S101 - as it has a key
    if leader.key.fingerprint == command.key.fingerprint:
        return result
    # The next time round, a key that was given back is free.
    return InProgress() if isinstance(result, Exception) else KeyReused()


async def _write(tx: Tx, state: State, decision: Decision) -> None:
    """Everything that was decided, one statement per table."""
    await state.book.write(tx, now=state.now)
    await limits.write(tx, state.limits.changed)
    await writing.insert(tx, decision.made)
    await writing.finish(tx, [each.id for each in decision.claimed], status="paid", now=state.now)
    await writing.use_previews(tx, decision.used, now=state.now)
    if decision.payments:
        await insert_payments(tx, decision.payments, now=state.now)
    await writing.insert_shares(tx, decision.shares)
    if decision.told:
        await payees.write_told(tx, list(decision.told.values()))
    if decision.holdings:
        await payees.insert_holdings(tx, decision.holdings, now=state.now)
    await notifications.tell(tx, decision.events, now=state.now)
    await telling.tell(tx, decision.notices, now=state.now)
