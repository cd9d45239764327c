"""A payment as it is made, and what is told of it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal
from uuid import UUID

from uuid_utils.compat import uuid7

from whipround.db.outbox import Channel, Message
from whipround.domain.legs import Part, Worth
from whipround.domain.notifications import Event, words
from whipround.domain.payees import HOLDING_ACCOUNT, Holding, Payee
from whipround.domain.payments.commands import (
    UNCLAIMED_FOR,
    Participant,
    ParticipantStatus,
    Pay,
    Payment,
    PaymentKind,
)
from whipround.domain.payments.sides import Sides
from whipround.domain.payments.state import Recipient
from whipround.ledger.accounts import NewAccount
from whipround.ledger.transfers import Book
from whipround.money import Money


def made(
    command: Pay,
    sides: Sides,
    worth: Worth,
    exchange_rate: Decimal | None,
    *,
    transaction_id: UUID,
    holding: Holding | None = None,
    payee: Payee | None = None,
    part: Part | None = None,
    done: bool = False,
    now: datetime,
) -> Payment:
    """The payment of a command: done, or open while its money waits or is still to be moved."""
    status: ParticipantStatus = "paid" if done else "pending"
    return Payment(
        id=uuid7() if holding is None else holding.object_id,
        kind=sides.kind,
        owner_id=command.payer_id,
        funding_source_id=command.funding_source_id,
        amount=worth.amount,
        fee=worth.fee,
        currency=worth.currency,
        source_amount=worth.source_amount,
        source_currency=worth.source_currency,
        exchange_rate=exchange_rate,
        refunded=Decimal(0),
        description=command.description,
        meta=command.meta,
        status="closed" if done else "open",
        fulfillment_status="fulfilled" if done else "unfulfilled",
        recipient=_participant(command, sides, status),
        payee_id=None if payee is None else payee.id,
        transaction_id=transaction_id,
        in_funding_source_id=_arrives_at(sides),
        holding=holding,
        error_code="",
        expires_at=None if holding is None else holding.expires_at,
        created_at=now,
        updated_at=now,
        part=part,
    )


def _arrives_at(sides: Sides) -> UUID | None:
    """The funding source that the money gets into; None of a pool, and while it is unknown."""
    if sides.destination is not None:
        return sides.destination.id
    return None if sides.recipient is None else sides.recipient.wallet_id


def _participant(command: Pay, sides: Sides, status: ParticipantStatus) -> Participant:
    if sides.recipient is None:
        return _other(command, sides, status)
    return participant_of(sides.recipient, status, meta=command.recipient_meta)


def participant_of(recipient: Recipient, status: ParticipantStatus, *, meta: str) -> Participant:
    """A user who is paid, as the payment shows them."""
    return Participant(
        id=uuid7(),
        user_id=recipient.user_id,
        parent_user_id=recipient.parent_user_id,
        status=status,
        full_name=recipient.full_name,
        username=recipient.username,
        verified=recipient.verified,
        official=recipient.official,
        meta=meta,
        image_id=recipient.image_id,
    )


def _other(command: Pay, sides: Sides, status: ParticipantStatus) -> Participant:
    """A recipient who is no user: somebody unknown, or a pool."""
    return Participant(
        id=uuid7(),
        user_id=None,
        parent_user_id=None,
        status=status,
        full_name=command.recipient_name if sides.pool is None else sides.pool.description,
        username="",
        verified=False,
        official=False,
        meta=command.recipient_meta,
    )


def to_oneself(
    kind: PaymentKind,
    *,
    owner: Recipient,
    money: Money,
    from_id: UUID | None,
    to_id: UUID,
    description: str,
    pool_id: UUID | None = None,
    done: bool,
    now: datetime,
) -> Payment:
    """What the system moves for a person, between what is theirs, without a fee.

    From the funding source `from_id`, or a pool, to the funding source `to_id`: done, or still to
    be moved by the outside.
    """
    return Payment(
        id=uuid7(),
        kind=kind,
        owner_id=owner.user_id,
        funding_source_id=from_id,
        amount=money.amount,
        fee=Decimal(0),
        currency=money.currency,
        source_amount=money.amount,
        source_currency=money.currency,
        exchange_rate=None,
        refunded=Decimal(0),
        description=description,
        meta="",
        status="closed" if done else "open",
        fulfillment_status="fulfilled" if done else "unfulfilled",
        recipient=participant_of(owner, "paid" if done else "pending", meta=""),
        payee_id=None,
        transaction_id=uuid7(),
        in_funding_source_id=to_id,
        holding=None,
        error_code="",
        expires_at=None,
        created_at=now,
        updated_at=now,
        pool_id=pool_id,
    )


def hold(
    book: Book,
    worth: Worth,
    *,
    payee: Payee,
    payment_id: UUID,
    transaction_id: UUID,
    returns_to: UUID,
    return_account_id: UUID,
    kind: Literal["payment", "share"] = "payment",
    waits_for: timedelta = UNCLAIMED_FOR,
    now: datetime,
) -> Holding:
    """A holding for the payee, in an account of its own, which is opened once money gets there.

    The money is to return to the wallet `returns_to` and its account.
    """
    holding_id = uuid7()
    currency = worth.source_currency
    return Holding(
        id=holding_id,
        payee_id=payee.id,
        account_id=book.open(NewAccount(holding_id, HOLDING_ACCOUNT, currency)),
        source_account_id=return_account_id,
        source_id=returns_to,
        kind=kind,
        object_id=payment_id,
        transaction_id=transaction_id,
        amount=worth.source_amount,
        fee=worth.fee,
        currency=currency,
        status="held",
        error_code="",
        expires_at=now + waits_for,
        created_at=now,
        updated_at=now,
        pays_amount=worth.amount if worth.converts else None,
        pays_currency=worth.currency if worth.converts else None,
    )


def waiting_message(
    payee: Payee, *, amount: Money, payer: str, description: str, expires_at: datetime
) -> Message:
    """What tells an address that money waits for it."""
    data = words(amount, payer=payer, description=description, expires_at=expires_at)
    channel: Channel = "sms" if payee.kind == "phone" else "email"
    return Message(channel, payee.address, "payment_waiting", "en", data)


def arrived(
    kind: PaymentKind,
    *,
    user_id: UUID,
    object_id: UUID,
    payer_id: UUID,
    amount: Money,
    payer: str,
    description: str,
) -> Event:
    """What tells a user of money that came to them, or into what is theirs: `object_id`."""
    data = words(amount, payer=payer, description=description)
    return Event(user_id, _ARRIVED.get(kind, "payment_received"), object_id, payer_id, data)


_ARRIVED: Mapping[PaymentKind, str] = {
    "request": "request_paid",
    "contribution": "pool_contribution",
}
