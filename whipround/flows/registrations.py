"""Funding sources that a processor has to know of: commit, ask it under our key, commit.

A crash between any two steps leaves an open call, which the sweep settles by the same function.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from whipround.db import request_keys
from whipround.db.database import Tx
from whipround.db.request_keys import Answer, InProgress, RequestKey
from whipround.domain import gateway_calls
from whipround.domain.funding import creation, reading, registration
from whipround.domain.funding.creation import NewSource
from whipround.domain.funding.reading import FundingSource, FundingSourceNotFound
from whipround.domain.funding.registration import CardFacts, Registering
from whipround.domain.gateway_calls import GatewayDeclined, GatewayUnavailable
from whipround.errors import Declined, DomainError
from whipround.flows.desk import ASK_SECONDS, Desk
from whipround.gateways.processors.protocol import (
    OutcomeUnknown,
    ProcessorUnavailable,
    Registered,
    Registration,
)
from whipround.outcomes import Outcome

logger = logging.getLogger(__name__)

Render: TypeAlias = Callable[[FundingSource | DomainError], Answer]
"""Makes the answer to whoever adds a funding source."""

RenderIn: TypeAlias = Callable[[Tx, FundingSource | DomainError], Awaitable[Answer]]
"""As `Render`, in the transaction that records what the processor says."""

Act: TypeAlias = Callable[[Tx, int], Awaitable[Answer | UUID]]
"""What a request does, given the number of its key: its answer, or the call that it waits for."""

Refuse: TypeAlias = Callable[[DomainError], Answer | None]
"""What is remembered of a request that was refused; None for nothing."""


async def register(
    desk: Desk,
    *,
    key: RequestKey,
    user_id: UUID,
    new: NewSource,
    render: Render,
    now: datetime,
    limit_multiplier: int = 1,
) -> Answer:
    """Add a funding source exactly once; the rendered answer, which is kept under the key.

    A processor that declines makes it `rejected` (GatewayDeclined); one that cannot be asked leaves
    nothing behind (GatewayUnavailable); what becomes of one that does not answer is found out by
    the sweep. Raises KeyReused; InProgress while the first request with the key is under way;
    Throttled; Invalid.
    """
    gateway = creation.gateway_for(new.details)

    async def act(tx: Tx, request_number: int) -> Answer | UUID:
        created = await creation.create(
            tx,
            user_id=user_id,
            new=new,
            processor_name=desk.processors.of(gateway).name if gateway else "",
            request_number=request_number,
            keyring=desk.keyring,
            now=now,
            limit_multiplier=limit_multiplier,
        )
        return created.call_id or render(created.source)

    def refuse(error: DomainError) -> Answer | None:
        return render(error) if isinstance(error, Declined) else None

    async def render_in(_: Tx, outcome: FundingSource | DomainError) -> Answer:
        return render(outcome)

    return await carry_out(desk, key=key, act=act, render=render_in, refuse=refuse, now=now)


async def carry_out(
    desk: Desk, *, key: RequestKey, act: Act, render: RenderIn, refuse: Refuse, now: datetime
) -> Answer:
    """Do exactly once what may have to wait for the word of a processor; the answer, as kept.

    Raises KeyReused; InProgress while the first request with the key is under way; what `act`
    raises and `refuse` gives no answer to.
    """
    try:
        begun = await request_keys.begin(desk.db, key, act, refuse=refuse, now=now)
    except InProgress:
        return await _answer_late(desk, key, render=render)
    if isinstance(begun, Answer):
        return begun
    answer = await settle(desk, begun, render=render, now=now)
    if answer is None:  # the sweep was quicker
        return await _answer_late(desk, key, render=render)
    return answer


async def settle(
    desk: Desk, call_id: UUID, *, render: RenderIn | None, now: datetime, is_last: bool = False
) -> Answer | None:
    """Ask the processor about a call that registers something, and record what it says.

    Harmless twice and at once: the processor knows the call's id again, and the first to record
    does. `render` makes the answer, which is kept under the key of the request; None where it is
    not the request itself that asks. None, too, if the call was settled already. `is_last` gives it
    up where nobody can tell even now.
    """
    async with desk.db.transaction() as tx:
        registering = await registration.find(tx, call_id=call_id, keyring=desk.keyring)
    if registering is None:
        return None
    said = await _ask(desk, registering)
    async with desk.db.transaction() as tx:
        locked = await registration.lock(tx, registering=registering)
        if locked is None:
            return None
        # Whoever still waits can be told that there is no processor; in the end it makes no odds.
        may_cancel = is_last or locked.request_number is not None
        outcome = await _record(
            tx, desk, registering, said, may_cancel=may_cancel, is_last=is_last, now=now
        )
        if locked.request_number is None or render is None:
            return None
        answer = await render(tx, outcome)
        await request_keys.keep(tx, [(locked.request_number, answer)])
        await registration.answered(tx, registering=registering)
    return answer


async def _answer_late(desk: Desk, key: RequestKey, *, render: RenderIn) -> Answer:
    """The answer to a request that was cut off, from what the sweep has recorded since.

    Raises InProgress while there is no word yet.
    """
    async with desk.db.transaction() as tx:
        call_id = await gateway_calls.answerable(tx, key=key)
        if call_id is None:
            raise InProgress
        call = await gateway_calls.find(tx, call_id=call_id)
        outcome: FundingSource | DomainError
        try:
            outcome = await registration.result(tx, call_id=call_id)
        except FundingSourceNotFound as error:  # it is deleted by now
            outcome = error
        answer = await render(tx, outcome)
        number = call.request_number
        if number is not None:
            answer = (await request_keys.keep_late(tx, [(number, answer)]))[number]
    return answer


_Said: TypeAlias = Registered | Outcome | ProcessorUnavailable | OutcomeUnknown


async def _ask(desk: Desk, registering: Registering) -> _Said:
    """What the processor says, or why it says nothing."""
    asked = Registration(
        key=registering.call_id,
        kind=registering.kind,
        user_id=registering.user_id,
        product_id=desk.product_id,
        token=registering.token,
        holder=registering.holder,
        details=registering.details,
    )
    try:
        async with asyncio.timeout(ASK_SECONDS):
            return await desk.processors.of(registering.gateway).register(asked)
    except (OutcomeUnknown, ProcessorUnavailable) as error:
        logger.warning("no word of call %s: %r", registering.call_id, error)
        return error
    except TimeoutError:
        logger.warning("no word of call %s in time", registering.call_id)
        return OutcomeUnknown("no answer in time")


async def _record(
    tx: Tx,
    desk: Desk,
    registering: Registering,
    said: _Said,
    *,
    may_cancel: bool,
    is_last: bool,
    now: datetime,
) -> FundingSource | DomainError:
    match said:
        case Registered():
            return await registration.approve(
                tx,
                registering=registering,
                reference=said.reference,
                is_verified=said.is_verified,
                card=_facts(said),
                keyring=desk.keyring,
                now=now,
            )
        case Outcome():
            await registration.decline(tx, registering=registering, outcome=said, now=now)
            return GatewayDeclined()
        case ProcessorUnavailable() if may_cancel:
            await registration.cancel(tx, registering=registering, now=now)
            return GatewayUnavailable()
        case OutcomeUnknown() if is_last:
            await registration.cancel(tx, registering=registering, now=now)
            return GatewayUnavailable()
    # Nobody can tell, or its owner has been told that it is under way: it is asked again later.
    return await reading.get(tx, user_id=registering.user_id, id_=registering.source_id)


def _facts(said: Registered) -> CardFacts | None:
    card = said.card
    if card is None:
        return None
    return CardFacts(
        brand=card.brand,
        last_digits=card.last_digits,
        type=card.type,
        expiration_month=card.expiration_month,
        expiration_year=card.expiration_year,
    )
