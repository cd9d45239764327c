"""A payment as it is made, and what is told of it."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from uuid_utils.compat import uuid7

from whipround.db.outbox import Channel, Message
from whipround.domain.legs import Worth
from whipround.domain.payees import HOLDING_ACCOUNT, Holding, Payee
from whipround.domain.payments.commands import (
    UNCLAIMED_FOR,
    Participant,
    ParticipantStatus,
    Pay,
    Payment,
)
from whipround.domain.payments.sides import Sides
from whipround.domain.payments.state import Recipient, Source
from whipround.ledger.accounts import NewAccount
from whipround.ledger.transfers import Book
from whipround.money import Money, round_to_currency


def made(
    command: Pay,
    sides: Sides,
    worth: Worth,
    exchange_rate: Decimal | None,
    *,
    transaction_id: UUID,
    holding: Holding | None = None,
    payee: Payee | None = None,
    done: bool = False,
    now: datetime,
) -> Payment:
    """The payment of a command: done, or open while its money waits or is still to be moved."""
    recipient, destination = sides.recipient, sides.destination
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
        image_url=command.image_url,
        status="closed" if done else "open",
        fulfillment_status="fulfilled" if done else "unfulfilled",
        recipient=_somebody(command) if recipient is None else _user(command, recipient, status),
        payee_id=None if payee is None else payee.id,
        transaction_id=transaction_id,
        in_funding_source_id=_arrives_at(recipient, destination),
        holding=holding,
        error_code="",
        expires_at=None if holding is None else holding.expires_at,
        created_at=now,
        updated_at=now,
    )


def _arrives_at(recipient: Recipient | None, destination: Source | None) -> UUID | None:
    if destination is not None:
        return destination.id
    return None if recipient is None else recipient.wallet_id


def _user(command: Pay, recipient: Recipient, status: ParticipantStatus) -> Participant:
    return Participant(
        id=uuid7(),
        user_id=recipient.user_id,
        parent_user_id=recipient.parent_user_id,
        status=status,
        full_name=recipient.full_name,
        username=recipient.username,
        verified=recipient.verified,
        official=recipient.official,
        meta=command.recipient_meta,
    )


def _somebody(command: Pay) -> Participant:
    return Participant(
        id=uuid7(),
        user_id=None,
        parent_user_id=None,
        status="pending",
        full_name=command.recipient_name,
        username="",
        verified=False,
        official=False,
        meta=command.recipient_meta,
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
        kind="payment",
        object_id=payment_id,
        transaction_id=transaction_id,
        amount=worth.source_amount,
        fee=worth.fee,
        currency=currency,
        status="held",
        error_code="",
        expires_at=now + UNCLAIMED_FOR,
        created_at=now,
        updated_at=now,
        pays_amount=worth.amount if worth.converts else None,
        pays_currency=worth.currency if worth.converts else None,
    )


def waiting_message(
    payee: Payee, *, amount: Money, payer: str, description: str, expires_at: datetime
) -> Message:
    """What tells an address that money waits for it."""
    data = {**words(amount, payer=payer, description=description), "expires_at": expires_at}
    channel: Channel = "sms" if payee.kind == "phone" else "email"
    return Message(channel, payee.address, "payment_waiting", "en", data)


def received_message(
    recipient: Recipient, *, amount: Money, payer: str, description: str
) -> Message | None:
    """What tells a user of money that came; None where there is no way to tell them."""
    if recipient.channel is None:
        return None
    data = words(amount, payer=payer, description=description)
    return Message(recipient.channel, recipient.address, "payment_received", recipient.locale, data)


def words(amount: Money, *, payer: str, description: str) -> dict[str, object]:
    """What a message about a payment says; the amount is formatted when it is sent."""
    return {
        "amount": str(round_to_currency(amount.amount, amount.currency)),
        "currency": amount.currency,
        "payer": payer,
        "description": description,
    }
