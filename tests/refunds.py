"""Makers of refunds."""

from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from tests.money import Person, Scene, new_key
from tests.people import PIN
from whipround.db.database import Database
from whipround.db.request_keys import Answer
from whipround.domain.refunds.commands import Refund, RefundOrder
from whipround.domain.refunds.making import make
from whipround.errors import DomainError, Invalid


class Refunded(NamedTuple):
    """What an answer says: the refund that was made, or why none was."""

    id: UUID | None
    status: str
    fields: tuple[str, ...] = ()


def render(outcome: Refund | DomainError) -> Answer:
    """The answer, as a dialect would make one."""
    if isinstance(outcome, Refund):
        return Answer(201, msgspec.json.encode(Refunded(outcome.id, outcome.status)))
    return Answer(400, msgspec.json.encode(Refunded(None, outcome.code)))


def refund_order(
    by: Person, payment_id: UUID, amount: str | None = None, **given: Any
) -> RefundOrder:
    """Somebody's order to give a payment back."""
    said: dict[str, Any] = {
        "key": new_key(),
        "payment_id": payment_id,
        "user_id": by.id,
        "pin": PIN,
        "amount": None if amount is None else Decimal(amount),
        "description": "Sorry",
        "meta": "",
        "render": render,
    }
    return RefundOrder(**{**said, **given})


async def carried_out(scene: Scene, order: RefundOrder, *, on: Database | None = None) -> Refunded:
    """What carrying out the order comes to, on this server or on another one."""
    try:
        made = await make(on or scene.db, order, keyring=scene.keyring, now=scene.now)
    except Invalid as error:
        return Refunded(None, "invalid", tuple(f"{it.field} {it.code}" for it in error.errors))
    except DomainError as error:
        return Refunded(None, error.code)
    assert isinstance(made, Answer), "a call would have to follow"
    return msgspec.json.decode(made.body, type=Refunded)


async def refund(
    scene: Scene, by: Person, payment_id: UUID | None, amount: str | None = None, **given: Any
) -> Refunded:
    """Give a payment back; what that comes to."""
    assert payment_id is not None
    return await carried_out(scene, refund_order(by, payment_id, amount, **given))
