"""Outcomes by group commit: lock, read, decide, write, answer.

A fixed number of statements, whatever the size of the batch.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from whipround.db import outbox, request_keys
from whipround.db.database import Tx
from whipround.db.request_keys import Answer
from whipround.domain import gateway_calls, limits, notifications, payees
from whipround.domain.gateway_calls import GatewayDeclined, GatewayUnavailable
from whipround.domain.payments import reading
from whipround.domain.payments.commands import Participant, Payment, RecipientUnavailable
from whipround.domain.payments.share_rows import insert_forwardings, write_shares
from whipround.domain.refunds import settling
from whipround.domain.refunds.commands import Refund
from whipround.domain.settlements import cases
from whipround.domain.settlements.cases import Case, State
from whipround.domain.settlements.commands import Settle
from whipround.domain.settlements.decide import Change, Decision, decide
from whipround.errors import DomainError

logger = logging.getLogger(__name__)

_WRITE = """
    with settled as (
        select * from unnest(%(payments)b::uuid[], %(transactions)b::uuid[], %(statuses)b::text[],
            %(errors)b::text[], %(open)b::boolean[], %(participants)b::text[],
            %(recipients)b::uuid[], %(wallets)b::uuid[], %(expires_at)b::timestamptz[],
            %(strayed)b::boolean[], %(lands_at)b::uuid[], %(trackings)b::text[])
            as settled (payment_id, transaction_id, status, error_code, is_open, participant,
                recipient_id, wallet_id, expires_at, has_strayed, lands_at_id, tracking_code)
    ), moved as (
        update transaction
        set status = settled.status, error_code = settled.error_code,
            in_user_id = coalesce(transaction.in_user_id, settled.recipient_id),
            in_funding_source_id = case when has_strayed then settled.lands_at_id
                else coalesce(in_funding_source_id, settled.wallet_id) end,
            tracking_code = coalesce(nullif(settled.tracking_code, ''), transaction.tracking_code),
            expires_at = settled.expires_at, updated_at = %(now)s
        from settled
        where transaction.id = settled.transaction_id
    )
    update payment
    set status = case when is_open then 'open' else 'closed' end,
        fulfillment_status = case when participant = 'paid' then 'fulfilled' else 'unfulfilled' end,
        recipient_status = participant,
        recipient_user_id = coalesce(recipient_user_id, settled.recipient_id),
        expires_at = settled.expires_at, updated_at = %(now)s
    from settled
    where payment.id = settled.payment_id
"""


class SettlementBatch:
    """The work of the settlements batcher: many `Settle` commands in one transaction.

    Safe to run twice with the same commands, and beside others that settle the same calls.
    """

    def __init__(self, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock

    async def __call__(self, tx: Tx, commands: Sequence[Settle]) -> Sequence[Answer | None]:
        """The rendered answer of each command, None for one that no request waits for."""
        call_ids = [command.call_id for command in commands]
        state = await cases.read(tx, call_ids, clock=self._clock)
        # Of all others there was word before: somebody may have been answered, too.
        new = {call_id for call_id, it in state.standings.items() if it.status == "open"}
        decision = decide(state, commands)
        for call_id, said in decision.said.items():
            if said.status == "overpaid":
                logger.error("call %s went through after its money had gone back", call_id)
        await _write(tx, state, decision)
        return await _answers(tx, state, commands, decision, new)


async def _write(tx: Tx, state: State, decision: Decision) -> None:
    """Everything that was decided, one statement per table."""
    await state.book.write(tx, now=state.now)
    if decision.said:
        await gateway_calls.record(tx, list(decision.said.values()), now=state.now)
    if decision.changes:
        await tx.execute(_WRITE, _columns(decision, state.now))
    if decision.refunds:
        await settling.write(tx, list(decision.refunds.values()), now=state.now)
    if decision.told:
        await payees.write_told(tx, list(decision.told.values()))
    if decision.holdings:
        await payees.insert_holdings(tx, decision.holdings, now=state.now)
    if decision.given_back:
        await limits.give_back(tx, decision.given_back)
    await write_shares(tx, state.shares, now=state.now)
    await insert_forwardings(tx, state.shares.forwardings, now=state.now)
    await notifications.tell(tx, decision.events, now=state.now)
    await outbox.put(tx, decision.messages, now=state.now)


def _columns(decision: Decision, now: datetime) -> dict[str, Any]:
    changes = list(decision.changes.values())
    said = [decision.said[call_id].outcome for call_id in decision.changes]
    paid = [change.recipient for change in changes]
    return {
        "payments": [change.case.payment_id for change in changes],
        "transactions": [change.case.transaction_id for change in changes],
        "statuses": [change.transaction for change in changes],
        "errors": [change.error_code for change in changes],
        "open": [change.is_open for change in changes],
        "participants": [change.participant for change in changes],
        "recipients": [None if it is None else it.user_id for it in paid],
        "wallets": [None if it is None else it.wallet_id for it in paid],
        "expires_at": [None if it.holding is None else it.holding.expires_at for it in changes],
        "strayed": [change.has_strayed for change in changes],
        "lands_at": [change.lands_at_id for change in changes],
        "trackings": [outcome.tracking_code for outcome in said],
        "now": now,
    }


async def _answers(
    tx: Tx,
    state: State,
    commands: Sequence[Settle],
    decision: Decision,
    new: Collection[UUID],
) -> list[Answer | None]:
    """What the requests that wait are answered, kept under their keys.

    One about a call that is not `new` gets what it was answered before, if it was.
    """
    awaited = {
        position: state.cases[command.call_id]
        for position, command in enumerate(commands)
        if command.render is not None and command.call_id in state.cases
    }
    to_read = [
        case.payment_id
        for position, case in awaited.items()
        if case.kind != "refund"
        and (commands[position].payment is None or case.call_id not in decision.changes)
    ]
    found = await reading.many(tx, payment_ids=to_read) if to_read else {}
    answers: list[Answer | None] = [None] * len(commands)
    kept, late = [], {}
    for position, case in awaited.items():
        command = commands[position]
        assert command.render is not None  # noqa: S101 - as it is awaited
        if case.kind == "refund":
            answer = command.render(_refund(state, case, decision))
        else:
            intended, change = command.payment, decision.changes.get(case.call_id)
            found_now = found.get(case.payment_id)
            answer = command.render(_payment(state, intended, found_now, change))
        answers[position] = answer
        if case.request_number is None:
            continue
        if case.call_id in new:
            kept.append((case.request_number, answer))
        else:
            late[position] = (case.request_number, answer)
    if kept:
        await request_keys.keep(tx, kept)
    if late:
        first = await request_keys.keep_late(tx, list(late.values()))
        for position, (number, _) in late.items():
            answers[position] = first[number]
    return answers


def _refund(state: State, case: Case, decision: Decision) -> Refund:
    """The refund as it stands now."""
    settled = decision.refunds.get(case.call_id)
    return state.refunds[case.transaction_id].refund if settled is None else settled.refund


def _payment(
    state: State, intended: Payment | None, found: Payment | None, change: Change | None
) -> Payment | DomainError:
    """The payment as it stands now, or why there is none."""
    if change is not None and change.error is not None:
        return change.error
    if found is not None:
        # What waited to be claimed was made, and returned if nobody did.
        if found.error_code and found.holding is None:
            return _ERRORS.get(found.error_code, GatewayDeclined)()
        return found
    assert intended is not None  # noqa: S101 - or it was read
    assert change is not None  # noqa: S101
    done = change.participant == "paid"
    held = change.holding
    return intended._replace(
        status="open" if change.is_open else "closed",
        fulfillment_status="fulfilled" if done else "unfulfilled",
        recipient=_participant(intended.recipient, change),
        share=state.shares.standing(change.case.participant_id),
        in_funding_source_id=intended.in_funding_source_id
        or (change.recipient.wallet_id if change.recipient else None),
        holding=held,
        expires_at=None if held is None else held.expires_at,
        updated_at=state.now,
    )


def _participant(intended: Participant, change: Change) -> Participant:
    """The recipient, who may have proven the address meanwhile."""
    recipient = change.recipient
    if recipient is None or intended.user_id is not None:
        return intended._replace(status=change.participant)
    return intended._replace(
        user_id=recipient.user_id,
        parent_user_id=recipient.parent_user_id,
        status=change.participant,
        full_name=recipient.full_name,
        username=recipient.username,
        verified=recipient.verified,
        official=recipient.official,
    )


_ERRORS: Mapping[str, type[DomainError]] = {
    GatewayUnavailable.code: GatewayUnavailable,
    RecipientUnavailable.code: RecipientUnavailable,
}
"""What a payment ended with, by the code that is kept of it; anything else was declined."""
