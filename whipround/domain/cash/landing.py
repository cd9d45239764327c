"""What was paid in cash becomes a payment: into the pool, else into the payer's own wallet.

The money is here, and has to go somewhere, exactly once. Each step is a command under a key made
from the order's own id, so that it does no harm to take it twice, or by several at once.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

from whipround.db.database import Tx
from whipround.db.request_keys import KEPT_FOR, Answer, RequestKey
from whipround.domain import notifications
from whipround.domain.cash import orders
from whipround.domain.cash.orders import CashOrder
from whipround.domain.funding.once import source_of
from whipround.domain.funding.wallet import wallet_of
from whipround.domain.notifications import Event, words
from whipround.domain.payments.commands import Pay, Payment
from whipround.domain.payments.means import Means
from whipround.domain.payments.shares import Contribution, PayShare
from whipround.domain.users import person
from whipround.domain.users.person import User
from whipround.errors import DomainError, Invalid, Message, NotFound
from whipround.locales import translate
from whipround.money import Money

LANDS_WITHIN = KEPT_FOR - timedelta(days=1)
"""How long after it was paid an order is landed by itself: as long as its keys are surely kept."""

Step = Literal["first", "second"]

_LANDED, _REFUSED, _WRONG = 200, 409, 422


class Payer(NamedTuple):
    """Who has paid in cash, where the money comes from, and where it goes if no pool takes it."""

    user: User
    source_id: UUID
    wallet_id: UUID


class Landing(NamedTuple):
    """What came of a step: the payment; or none. One that is `kept` is the last word of its key."""

    payment_id: UUID | None
    is_contribution: bool = False
    kept: bool = True


async def payer_of(tx: Tx, order: CashOrder, *, now: datetime) -> Payer:
    """The payer of an order, whose source of cash is made if absent."""
    user_id = order.user_id
    return Payer(
        await person.find(tx, user_id=user_id),
        await source_of(tx, user_id=user_id, kind="cash", now=now),
        await wallet_of(tx, user_id=user_id),
    )


def contribution(order: CashOrder, payer: Payer, *, step: Step = "first") -> PayShare:
    """Into the pool, as it was ordered."""
    return PayShare(
        key=_key(order, step),
        payer_id=order.user_id,
        payer_name=payer.user.full_name,
        pin=None,
        funding_source_id=payer.source_id,
        share=Contribution(order.pool_id, None, order.amount, by_amount=True),
        source_currency=None,
        meta="",
        render=render,
        means=Means(has_come=True),
        only_in=order.currency,
        description=order.description or None,
    )


def top_up(order: CashOrder, payer: Payer, *, step: Step) -> Pay:
    """Into the payer's wallet, however much it is that has come."""
    paid = order.amount if order.paid_amount is None else order.paid_amount
    said = Message("Cash that could not be contributed to: {pool}", pool=order.title)
    return Pay(
        key=_key(order, step),
        payer_id=order.user_id,
        payer_name=payer.user.full_name,
        pin=None,
        funding_source_id=payer.source_id,
        recipient_source_id=payer.wallet_id,
        amount=Money(paid, order.currency),
        source_currency=order.currency,
        description=translate(said, payer.user.locale),
        render=render,
        means=Means(has_come=True),
    )


def render(outcome: Payment | DomainError) -> Answer:
    """What a step came to, as it is kept under its key: nothing is, where it may yet be mended."""
    if isinstance(outcome, DomainError):
        status = _WRONG if isinstance(outcome, Invalid | NotFound) else _REFUSED
        return Answer(status, outcome.code.encode())
    return Answer(_LANDED, f"{outcome.id} {outcome.kind}".encode())


def read(answer: Answer) -> Landing:
    """What a step came to."""
    if answer.status != _LANDED:
        return Landing(None, kept=answer.status == _REFUSED)
    id_, kind = answer.body.decode().split()
    return Landing(UUID(id_), is_contribution=kind == "contribution")


async def landed(
    tx: Tx, order: CashOrder, payment_id: UUID, *, is_contribution: bool, now: datetime
) -> None:
    """The order has its payment: its payer is told, once."""
    if not await orders.landed(tx, order_id=order.id, payment_id=payment_id, now=now):
        return
    assert order.paid_amount is not None  # noqa: S101 - of all that have landed
    kind = "cash_paid" if is_contribution else "cash_returned"
    data = words(Money(order.paid_amount, order.currency), description=order.title)
    await notifications.tell(tx, [Event(order.user_id, kind, payment_id, None, data)], now=now)


def _key(order: CashOrder, step: Step) -> RequestKey:
    """The key of a step; of one that was refused for good there is another the next time."""
    framed = f"cash_order {order.id} {order.refused} {step}".encode()
    digest = hashlib.sha256(framed).digest()
    return RequestKey(digest, digest)
