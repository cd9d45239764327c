"""Calls to the outside: made once their intent is committed, recorded once there is word of them.

A crash between any two steps leaves a call that is due, and the sweep asks what became of it. The
request itself, a webhook and the sweep all record in one place, where a repeat is harmless.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from whipround.db.request_keys import Answer, InProgress, RequestKey
from whipround.domain import gateway_calls
from whipround.domain.gateway_calls import Asked, CallKind
from whipround.domain.payments.commands import Payment
from whipround.domain.settlements.commands import Settle
from whipround.flows import registrations
from whipround.flows.desk import ASK_SECONDS, Desk
from whipround.gateways.processors.protocol import (
    Charge,
    Operation,
    OutcomeUnknown,
    Payout,
    Processor,
    ProcessorUnavailable,
    Refund,
)
from whipround.money import Money
from whipround.outcomes import Outcome

logger = logging.getLogger(__name__)

GIVEN_UP_AFTER: Mapping[CallKind, timedelta] = {
    "register": timedelta(days=7),
    "charge": timedelta(hours=1),
    "payout": timedelta(hours=1),
    "refund": timedelta(days=7),
}
"""A call that never arrived is made anew as long as its owner may still expect it."""

_AT_ONCE = 16


async def carry_out(
    desk: Desk,
    asked: Asked,
    *,
    payment: Payment | None = None,
    render: Callable[[Any], Answer],
) -> Answer:
    """Make a call whose intent is committed, and record its outcome; the rendered answer.

    `payment` is the one it is made for, as it was intended.
    """
    outcome = await _carry_out(desk, asked)
    if outcome is None and asked.call.kind == "refund":  # it is owed: the sweep tries again
        outcome = Outcome("pending")
    return await _recorded(desk, Settle(asked.call.id, outcome, payment, render))


async def answer_late(desk: Desk, key: RequestKey, *, render: Callable[[Any], Answer]) -> Answer:
    """The answer to the repeat of a request that was cut off.

    Made, and kept, from what the sweep has recorded since. Raises InProgress while there is no word
    yet.
    """
    async with desk.db.transaction() as tx:
        call_id = await gateway_calls.answerable(tx, key=key)
    if call_id is None:
        raise InProgress
    # "Pending" says nothing new of a call, whatever has become of it.
    return await _recorded(desk, Settle(call_id, Outcome("pending"), None, render))


async def _recorded(desk: Desk, settle: Settle) -> Answer:
    """The answer of a request that waits for what is recorded."""
    answer = await desk.settlements.submit(settle)
    if answer is None:  # the call is gone, and nothing ever deletes one
        raise InProgress
    return answer


async def resolve(desk: Desk, call_id: UUID, *, now: datetime) -> None:
    """Ask what became of a call, and record it. For whoever hears that there is news of it.

    Raises GatewayCallNotFound, OutcomeUnknown, ProcessorUnavailable.
    """
    async with desk.db.transaction() as tx:
        asked = await gateway_calls.asked(tx, call_id=call_id)
    if asked.call.kind == "register":
        await registrations.settle(desk, call_id, render=None, now=now)
        return
    outcome = await _find(desk, asked)
    if outcome is not None:
        await desk.settlements.submit(Settle(call_id, outcome))


async def sweep(desk: Desk, *, now: datetime, limit: int = 100) -> int:
    """Ask about up to `limit` calls that are due, and record what there is; how many were asked.

    What goes wrong with one is logged, and keeps no other from its turn.
    """
    async with desk.db.transaction() as tx:
        due = await gateway_calls.due(tx, now=now, limit=limit)
    places = asyncio.Semaphore(_AT_ONCE)
    loop = asyncio.get_running_loop()
    began_at = loop.time()

    async def ask(call_id: UUID) -> None:
        async with places:
            try:
                # A lease counts from when it is taken, which may be a while from `now`.
                at = now + timedelta(seconds=loop.time() - began_at)
                await _sweep(desk, call_id, now=at)
            except (OutcomeUnknown, ProcessorUnavailable) as error:
                logger.warning("nobody can tell what became of call %s: %r", call_id, error)
            except Exception:
                logger.exception("the sweep failed at call %s", call_id)

    await asyncio.gather(*map(ask, due))
    return len(due)


async def _sweep(desk: Desk, call_id: UUID, *, now: datetime) -> None:
    async with desk.db.transaction() as tx:
        if not await gateway_calls.lease(tx, call_id=call_id, now=now):
            return
        asked = await gateway_calls.asked(tx, call_id=call_id)
    call = asked.call
    is_late = now - call.created_at > GIVEN_UP_AFTER[call.kind]
    if call.kind == "register":
        await registrations.settle(desk, call_id, render=None, now=now, is_last=is_late)
        return
    outcome = await _find(desk, asked)
    if outcome is None and call.status == "approved":
        outcome = Outcome("approved")  # it was, and nobody says that it came back
    elif outcome is None and call.status in {"open", "pending"} and not is_late:
        # Its lease is over, so that nobody else is making it any more.
        outcome = await _carry_out(desk, asked)
        if outcome is None:  # not this time; an earlier try may still be under way somewhere
            return
    await desk.settlements.submit(Settle(call_id, outcome))


async def _find(desk: Desk, asked: Asked) -> Outcome | None:
    """What became of a call; None if it was never heard of. Raises OutcomeUnknown."""
    processor, operation = _processor(desk, asked), _operation(desk, asked)
    try:
        async with asyncio.timeout(ASK_SECONDS):
            return await processor.find(operation)
    except TimeoutError as error:
        raise OutcomeUnknown("no answer in time") from error


async def _carry_out(desk: Desk, asked: Asked) -> Outcome | None:
    """What the outside says; None if this time it certainly did nothing."""
    operation, processor = _operation(desk, asked), _processor(desk, asked)
    try:
        async with asyncio.timeout(ASK_SECONDS):
            match operation:
                case Charge():
                    return await processor.charge(operation)
                case Refund():
                    return await processor.refund(operation)
                case Payout():
                    return await processor.pay_out(operation)
    except (OutcomeUnknown, TimeoutError) as error:
        logger.warning("no word of call %s: %r", asked.call.id, error)
        return Outcome("pending")
    except ProcessorUnavailable as error:
        logger.warning("call %s was not made: %s", asked.call.id, error)
        return None


def _processor(desk: Desk, asked: Asked) -> Processor:
    return desk.processors.of(asked.call.gateway)


def _operation(desk: Desk, asked: Asked) -> Operation:
    call = asked.call
    assert call.amount is not None  # noqa: S101 - of all calls that move money
    assert call.currency is not None  # noqa: S101
    amount = Money(call.amount, call.currency)
    if call.kind == "refund":
        assert call.charge_id is not None  # noqa: S101
        return Refund(
            key=call.id,
            product_id=desk.product_id,
            charge_key=call.charge_id,
            charge_reference=asked.charge_reference,
            amount=amount,
        )
    secret = ""
    if asked.sealed is not None and asked.account_id is not None:
        secret = desk.keyring.unseal(asked.account_id, asked.sealed)
    if call.kind == "payout":
        return Payout(call.id, desk.product_id, secret, amount, asked.description)
    is_once = call.sealed is not None
    return Charge(
        key=call.id,
        product_id=desk.product_id,
        reference="" if is_once else secret,
        amount=amount,
        description=asked.description,
        token=secret if is_once else "",
        holder=call.holder,
    )
