"""Contributions in cash: commit the order, ask for a slip, commit; pay once the cash has come.

A crash between any two steps leaves an order that is due, and the sweep goes on with it. What a
webhook, the sandbox or the sweep hears of an order is recorded in one place, where a repeat is
harmless.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID

from whipround.db import request_keys
from whipround.db.batch import Batcher
from whipround.db.database import Tx
from whipround.db.request_keys import Answer, InProgress, RequestKey
from whipround.domain import notifications
from whipround.domain.cash import landing, ordering, orders
from whipround.domain.cash.landing import LANDS_WITHIN, Landing
from whipround.domain.cash.ordering import NewCashOrder
from whipround.domain.cash.orders import CashDeclined, CashOrder, Said
from whipround.domain.notifications import Event, words
from whipround.domain.payments.commands import Pay, Processing
from whipround.domain.payments.shares import PayShare
from whipround.domain.users import person
from whipround.errors import Declined, DomainError, Invalid, Message, Unavailable
from whipround.flows.desk import ASK_SECONDS, Desk
from whipround.gateways.processors import cash as gateway
from whipround.gateways.processors.cash import Slip
from whipround.gateways.processors.protocol import (
    OutcomeUnknown,
    ProcessorUnavailable,
    Unconfigured,
)
from whipround.outcomes import Outcome

logger = logging.getLogger(__name__)

Payments: TypeAlias = Batcher[Pay | PayShare, Answer | Processing]

Render: TypeAlias = Callable[[CashOrder | DomainError], Answer]
"""Makes the answer to whoever orders."""

GIVEN_UP_AFTER = timedelta(hours=1)
"""How long a slip is still wanted that the cash desk has never heard of."""

_UNAVAILABLE = "gateway_unavailable"
_WRONG_AMOUNT = {
    "amount_too_small": ("too_small", Message("Amount is less than can be paid in cash")),
    "amount_too_large": ("too_large", Message("Amount is more than can be paid in cash")),
}
_AT_ONCE = 8


async def order(
    desk: Desk,
    *,
    key: RequestKey,
    user_id: UUID,
    new: NewCashOrder,
    render: Render,
    now: datetime,
    limit_multiplier: int = 1,
) -> Answer:
    """Order exactly once what is to be paid in cash; the rendered answer, kept under the key.

    Raises what `ordering.create` raises and is not remembered (Invalid, NotFound, Throttled);
    Unavailable where no cash is taken now; KeyReused; InProgress while the first request with the
    key is under way, or there is no word yet of what it began.
    """
    if desk.processors.cash.name == Unconfigured.name:
        raise Unavailable

    async def act(tx: Tx, request_number: int) -> Answer | UUID:
        made = await ordering.create(
            tx,
            user_id=user_id,
            new=new,
            gateway=desk.processors.cash.name,
            request_number=request_number,
            keyring=desk.keyring,
            now=now,
            limit_multiplier=limit_multiplier,
        )
        return made.id

    def refuse(error: DomainError) -> Answer | None:
        return render(error) if isinstance(error, Declined) else None

    try:
        begun = await request_keys.begin(desk.db, key, act, refuse=refuse, now=now)
    except InProgress:
        return await _answer(desk, key, render=render)
    if isinstance(begun, Answer):
        return begun
    async with desk.db.transaction() as tx:
        made = await orders.find(tx, order_id=begun)
    await _open(desk, made, now=now)
    return await _answer(desk, key, render=render)


async def resolve(desk: Desk, payments: Payments, order_id: UUID, *, now: datetime) -> None:
    """Ask what became of an order, record it, and have what was paid arrive.

    For whoever hears that there is news of it; harmless twice and at once. Raises
    CashOrderNotFound, OutcomeUnknown, ProcessorUnavailable.
    """
    async with desk.db.transaction() as tx:
        found = await orders.find(tx, order_id=order_id)
    if found.status != "paid":
        slip = await _find(desk, found)
        if slip is None:
            await _lose(desk, order_id, now=now)
            return
        found = await _record(desk, order_id, slip, now=now)
    if found.status == "paid" and found.payment_id is None:
        await _land(desk, payments, found, now=now)


async def sweep(desk: Desk, payments: Payments, *, now: datetime, limit: int = 100) -> int:
    """Look after up to `limit` orders that are due; how many there were.

    What goes wrong with one is logged, and keeps no other from its turn.
    """
    async with desk.db.transaction() as tx:
        due = await orders.due(tx, now=now, limit=limit)
    places = asyncio.Semaphore(_AT_ONCE)

    async def look_after(order_id: UUID) -> None:
        async with places:
            try:
                await _look_after(desk, payments, order_id, now=now)
            except (OutcomeUnknown, ProcessorUnavailable) as error:
                logger.warning("nobody can tell what became of cash order %s: %r", order_id, error)
            except Exception:
                logger.exception("the sweep failed at cash order %s", order_id)

    await asyncio.gather(*map(look_after, due))
    return len(due)


async def _look_after(desk: Desk, payments: Payments, order_id: UUID, *, now: datetime) -> None:
    async with desk.db.transaction() as tx:
        if not await orders.lease(tx, order_id=order_id, now=now):
            return
        found = await orders.find(tx, order_id=order_id)
    if found.status == "opening":
        await _open_late(desk, found, now=now)
    else:
        await resolve(desk, payments, order_id, now=now)


async def _open_late(desk: Desk, found: CashOrder, *, now: datetime) -> None:
    """Find out about the slip of an order, or have one made as long as somebody may want it."""
    slip = await _find(desk, found)
    if slip is not None:
        await _record(desk, found.id, slip, now=now)
    elif now - found.created_at > GIVEN_UP_AFTER:
        await _fail(desk, found.id, _UNAVAILABLE, now=now)
    else:
        await _open(desk, found, now=now, is_late=True)


async def _open(desk: Desk, found: CashOrder, *, now: datetime, is_late: bool = False) -> None:
    """Have the slip of an order made, and record what the cash desk says."""
    asked = await _asked(desk, found)
    try:
        async with asyncio.timeout(ASK_SECONDS):
            said = await desk.processors.cash.open_order(asked)
    except (OutcomeUnknown, TimeoutError) as error:
        logger.warning("no word of cash order %s: %r", found.id, error)
        return
    except ProcessorUnavailable as error:
        logger.warning("cash order %s was not made: %r", found.id, error)
        if not is_late:  # an earlier try may still be under way somewhere
            await _fail(desk, found.id, _UNAVAILABLE, now=now)
        return
    if isinstance(said, Outcome):
        await _fail(desk, found.id, said.error_code or CashDeclined.code, now=now)
    else:
        await _record(desk, found.id, said, now=now)


async def _find(desk: Desk, found: CashOrder) -> Slip | None:
    asked = await _asked(desk, found)
    try:
        async with asyncio.timeout(ASK_SECONDS):
            return await desk.processors.cash.find_order(asked)
    except TimeoutError as error:
        raise OutcomeUnknown("no answer in time") from error


async def _asked(desk: Desk, found: CashOrder) -> gateway.CashOrder:
    async with desk.db.transaction() as tx:
        payer = await person.find(tx, user_id=found.user_id)
    return gateway.CashOrder(
        key=found.id,
        product_id=desk.product_id,
        amount=found.money,
        description=found.description or found.title,
        payer_name=payer.full_name,
        payer_email=payer.email or "",
        expires_at=found.expires_at,
        slip_id=found.slip_id,
    )


async def _record(desk: Desk, order_id: UUID, slip: Slip, *, now: datetime) -> CashOrder:
    """Write down what the cash desk says; the order as it is then. What is paid stays so."""
    said = Said(slip.status, slip.id, slip.reference, slip.amount, slip.expires_at)
    async with desk.db.transaction() as tx:
        locked = await orders.lock(tx, order_id=order_id)
        if locked.status == "paid":
            return locked
        await orders.record(tx, locked, said, now=now)
        written = await orders.find(tx, order_id=order_id)
        if locked.status == "opening" and written.status == "waiting":
            await _tell(tx, written, now=now)
    return written


async def _tell(tx: Tx, waiting: CashOrder, *, now: datetime) -> None:
    """Send the payer the reference: it is needed at a shop, days later."""
    data = words(
        waiting.money,
        description=waiting.title,
        reference=waiting.reference,
        expires_at=waiting.expires_at,
    )
    event = Event(waiting.user_id, "pool_cash_ordered", waiting.pool_id, None, data)
    await notifications.tell(tx, [event], now=now)


async def _fail(desk: Desk, order_id: UUID, error_code: str, *, now: datetime) -> None:
    async with desk.db.transaction() as tx:
        locked = await orders.lock(tx, order_id=order_id)
        if locked.status == "opening":
            await orders.fail(tx, locked, error_code=error_code, now=now)


async def _lose(desk: Desk, order_id: UUID, *, now: datetime) -> None:
    """An order that the cash desk has no word of expires by itself."""
    async with desk.db.transaction() as tx:
        locked = await orders.lock(tx, order_id=order_id)
        if locked.status in {"waiting", "expired"}:
            await orders.lose(tx, locked, now=now)


async def _land(desk: Desk, payments: Payments, found: CashOrder, *, now: datetime) -> None:
    """Put what was paid into the pool, else into the payer's wallet.

    Of what neither could take it is tried again, less and less often.
    """
    assert found.paid_at is not None  # noqa: S101 - the caller's case
    if now - found.paid_at > LANDS_WITHIN:
        logger.error("cash order %s was paid long ago, and never arrived: see to it", found.id)
        async with desk.db.transaction() as tx:
            await orders.give_up(tx, found, now=now)
        return
    landed = await _pay(desk, payments, found, now=now)
    async with desk.db.transaction() as tx:
        if landed.payment_id is not None:
            await landing.landed(
                tx, found, landed.payment_id, is_contribution=landed.is_contribution, now=now
            )
        elif landed.kept:
            logger.error("cash order %s can go neither into its pool nor a wallet", found.id)
            await orders.refused(tx, found, now=now)


async def _pay(desk: Desk, payments: Payments, found: CashOrder, *, now: datetime) -> Landing:
    """The payment that an order becomes; none if it can go nowhere now.

    What a pool refuses without remembering it may take a moment later. Then the wallet is tried
    under the same key, so that whatever comes first is what everybody gets. Only once that key has
    its last word is there another one.
    """
    async with desk.db.transaction() as tx:
        payer = await landing.payer_of(tx, found, now=now)
    outcome = Landing(None, kept=False)
    if found.paid_amount == found.amount:
        outcome = await _try(payments, landing.contribution(found, payer))
    if outcome.payment_id is None and not outcome.kept:
        outcome = await _try(payments, landing.top_up(found, payer, step="first"))
    if outcome.payment_id is None and outcome.kept:
        outcome = await _try(payments, landing.top_up(found, payer, step="second"))
    return outcome


async def _try(payments: Payments, command: Pay | PayShare) -> Landing:
    try:
        result = await payments.submit(command)
    except InProgress:  # somebody else is at it
        return Landing(None, kept=False)
    assert isinstance(result, Answer)  # noqa: S101 - nobody outside is asked about it
    return landing.read(result)


async def _answer(desk: Desk, key: RequestKey, *, render: Render) -> Answer:
    """The answer to a request, from what is known of its order by now.

    Raises InProgress while there is no word of it, Unavailable where no slip could be had.
    """
    async with desk.db.transaction() as tx:
        made = await orders.of_request(tx, key=key)
        if made is None or made.status == "opening":
            raise InProgress
        if made.error_code == _UNAVAILABLE:  # and the request may be repeated
            await request_keys.forget(tx, [key])
        else:
            answer = render(_why(made) if made.status == "failed" else made)
            number = made.request_number
            assert number is not None  # noqa: S101 - it is found by that
            return (await request_keys.keep_late(tx, [(number, answer)]))[number]
    raise Unavailable


def _why(failed: CashOrder) -> DomainError:
    """Why the cash desk has not taken an order."""
    if failed.error_code in _WRONG_AMOUNT:
        return Invalid.field("amount", *_WRONG_AMOUNT[failed.error_code])
    return CashDeclined()
