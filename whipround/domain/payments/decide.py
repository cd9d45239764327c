"""Which payments happen: a pure function of the locked state and the commands, in order."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from uuid_utils.compat import uuid7

from whipround.db.outbox import Channel, Message
from whipround.domain import payees
from whipround.domain.credentials import PinState, judge_pin
from whipround.domain.fees import FeeRules, quote
from whipround.domain.funding.reading import FundingSourceDisabled
from whipround.domain.funding.wallet import WALLET
from whipround.domain.payees import HOLDING_ACCOUNT, Address, Holding, Payee, hold_transfer
from whipround.domain.payments.commands import (
    MOST_WAITING,
    UNCLAIMED_FOR,
    Blocked,
    PaidToOneself,
    Participant,
    Pay,
    Payment,
    RecipientNotFound,
    TooManyWaiting,
    UnknownFundingSource,
)
from whipround.errors import DomainError, Invalid
from whipround.ledger.accounts import PRODUCT, NewAccount
from whipround.ledger.transfers import Book, InsufficientFunds, Leg, Transfer
from whipround.money import EXACT, round_to_currency


@dataclass(frozen=True, slots=True)
class Source:
    """A funding source that a command names; `usable` if money may leave it now."""

    id: UUID
    user_id: UUID
    type: str
    usable: bool


@dataclass(frozen=True, slots=True)
class Recipient:
    """A user who can be paid, and how to tell them."""

    user_id: UUID
    parent_user_id: UUID | None
    wallet_id: UUID
    full_name: str
    username: str
    verified: bool
    official: bool
    locale: str
    channel: Channel | None
    address: str


@dataclass(slots=True)
class State:
    """All that the decisions depend on, read under lock.

    `accounts` are by owner, a funding source or the product, and currency; `waiting` says how many
    payments from a source nobody has claimed yet.
    """

    now: datetime
    pins: dict[UUID, PinState]
    sources: dict[UUID, Source]
    recipients: dict[UUID, Recipient]
    payees: dict[Address, Payee]
    blocks: set[tuple[UUID, UUID]]
    fee_rules: FeeRules
    waiting: dict[UUID, int]
    accounts: dict[tuple[UUID, str], UUID]
    book: Book


@dataclass(slots=True)
class Decision:
    """One outcome per command, in order, and the rows to write for those that were accepted."""

    outcomes: list[Payment | DomainError] = field(default_factory=list)
    pins: dict[UUID, PinState] = field(default_factory=dict)
    payments: list[Payment] = field(default_factory=list)
    holdings: list[Holding] = field(default_factory=list)
    told: dict[UUID, Payee] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Priced:
    """A command with the account it takes from and what it costs on top."""

    command: Pay
    account_id: UUID
    fee: Decimal


def decide(state: State, commands: Sequence[Pay]) -> Decision:
    """Carry out the commands one after the other on `state`; a declined one disturbs no other."""
    decision = Decision()
    for command in commands:
        try:
            _check_pin(state, command, decision)
            outcome: Payment | DomainError = _pay(state, command, decision)
        except DomainError as error:
            outcome = error
        decision.outcomes.append(outcome)
    return decision


def _check_pin(state: State, command: Pay, decision: Decision) -> None:
    """Raise unless the PIN is right; what the attempt did to the user's PIN is to be written."""
    before = state.pins[command.payer_id]
    verdict = judge_pin(before, command.pin, state.now)
    if verdict.state != before:
        state.pins[command.payer_id] = decision.pins[command.payer_id] = verdict.state
    if verdict.error is not None:
        raise verdict.error


def _pay(state: State, command: Pay, decision: Decision) -> Payment:
    source, recipient = _sides(state, command)
    fee = quote(
        state.fee_rules,
        kind="payment",
        funding_source_type=source.type,
        amount=command.amount,
    ).amount
    from_account = state.accounts.get((source.id, command.amount.currency))
    if from_account is None:
        raise InsufficientFunds
    priced = _Priced(command, from_account, fee)
    if recipient is None:
        return _hold(state, priced, decision)
    return _transfer(state, priced, recipient, decision)


def _sides(state: State, command: Pay) -> tuple[Source, Recipient | None]:
    """Where the money comes from and goes to. What is wrong with both is told together."""
    source = recipient = None
    refusals: list[DomainError] = []
    try:
        source = _source(state, command)
    except DomainError as error:
        refusals.append(error)
    try:
        recipient = _recipient(state, command)
    except DomainError as error:
        refusals.append(error)
    invalid = [error for error in refusals if isinstance(error, Invalid)]
    if len(invalid) > 1:
        raise Invalid([each for error in invalid for each in error.errors])
    if source is None or refusals:
        raise (invalid or refusals)[0]
    return source, recipient


def _source(state: State, command: Pay) -> Source:
    source = state.sources.get(command.funding_source_id)
    if source is None or source.user_id != command.payer_id:
        raise UnknownFundingSource
    if not source.usable or source.type != WALLET:
        raise FundingSourceDisabled
    return source


def _recipient(state: State, command: Pay) -> Recipient | None:
    """The user to be paid; None for an address that nobody has proven."""
    user_id, at = command.recipient_user_id, "user_id"
    if command.recipient_address is not None:
        user_id, at = state.payees[command.recipient_address].user_id, command.recipient_address[0]
        if user_id is None:
            return None
    if user_id == command.payer_id:
        raise PaidToOneself(at)
    recipient = state.recipients.get(user_id) if user_id else None
    if recipient is None:
        raise RecipientNotFound(at)
    if (command.payer_id, recipient.user_id) in state.blocks:
        raise Blocked
    return recipient


def _transfer(state: State, priced: _Priced, recipient: Recipient, decision: Decision) -> Payment:
    """Wallet to wallet: done at once."""
    command, fee = priced.command, priced.fee
    amount, currency = command.amount.amount, command.amount.currency
    transaction_id = uuid7()
    legs = (
        Leg(priced.account_id, -EXACT.add(amount, fee)),
        Leg(state.accounts[recipient.wallet_id, currency], amount),
        Leg(state.accounts[PRODUCT, currency], fee),
    )
    state.book.post(Transfer(transaction_id, "payment", f"{transaction_id}:pay", legs))
    payment = _payment(
        state,
        priced,
        recipient=Participant(
            id=uuid7(),
            user_id=recipient.user_id,
            parent_user_id=recipient.parent_user_id,
            status="paid",
            full_name=recipient.full_name,
            username=recipient.username,
            verified=recipient.verified,
            official=recipient.official,
            meta=command.recipient_meta,
        ),
        transaction_id=transaction_id,
        in_funding_source_id=recipient.wallet_id,
    )
    decision.payments.append(payment)
    if recipient.channel is not None:
        data = _told(command)
        decision.messages.append(
            Message(
                recipient.channel, recipient.address, "payment_received", recipient.locale, data
            )
        )
    return payment


def _hold(state: State, priced: _Priced, decision: Decision) -> Payment:
    """To an address that nobody has proven: the money waits in an account of its own."""
    command, fee = priced.command, priced.fee
    assert command.recipient_address is not None  # noqa: S101 - the caller's case
    payee = state.payees[command.recipient_address]
    amount, currency = command.amount.amount, command.amount.currency
    holding_id = uuid7()
    holding = Holding(
        id=holding_id,
        payee_id=payee.id,
        account_id=state.book.open(NewAccount(holding_id, HOLDING_ACCOUNT, currency)),
        source_account_id=priced.account_id,
        source_id=command.funding_source_id,
        kind="payment",
        object_id=uuid7(),  # the payment's
        transaction_id=uuid7(),
        amount=amount,
        fee=fee,
        currency=currency,
        status="held",
        error_code="",
        expires_at=state.now + UNCLAIMED_FOR,
        created_at=state.now,
        updated_at=state.now,
    )
    if state.waiting.get(holding.source_id, 0) >= MOST_WAITING:
        raise TooManyWaiting
    state.book.post(hold_transfer(holding))
    state.waiting[holding.source_id] = state.waiting.get(holding.source_id, 0) + 1
    payment = _payment(
        state,
        priced,
        recipient=Participant(
            id=uuid7(),
            user_id=None,
            parent_user_id=None,
            status="pending",
            full_name=command.recipient_name,
            username="",
            verified=False,
            official=False,
            meta=command.recipient_meta,
        ),
        transaction_id=holding.transaction_id,
        holding=holding,
    )
    decision.payments.append(payment)
    decision.holdings.append(holding)
    _tell_payee(state, command, holding, decision)
    return payment


def _payment(
    state: State,
    priced: _Priced,
    *,
    recipient: Participant,
    transaction_id: UUID,
    in_funding_source_id: UUID | None = None,
    holding: Holding | None = None,
) -> Payment:
    """The payment of a command: open while its money waits in a holding, done if it does not."""
    command = priced.command
    return Payment(
        id=uuid7() if holding is None else holding.object_id,
        owner_id=command.payer_id,
        funding_source_id=command.funding_source_id,
        amount=command.amount.amount,
        fee=priced.fee,
        currency=command.amount.currency,
        description=command.description,
        meta=command.meta,
        image_url=command.image_url,
        status="closed" if holding is None else "open",
        fulfillment_status="fulfilled" if holding is None else "unfulfilled",
        recipient=recipient,
        payee_id=None if holding is None else holding.payee_id,
        transaction_id=transaction_id,
        in_funding_source_id=in_funding_source_id,
        holding=holding,
        expires_at=None if holding is None else holding.expires_at,
        created_at=state.now,
        updated_at=state.now,
    )


def _tell_payee(state: State, command: Pay, holding: Holding, decision: Decision) -> None:
    """Tell an address that money waits for it, but not more often in a day than is bearable."""
    assert command.recipient_address is not None  # noqa: S101 - the caller's case
    payee = payees.told(state.payees[command.recipient_address], now=state.now)
    if payee is None:
        return
    state.payees[command.recipient_address] = decision.told[payee.id] = payee
    data = {**_told(command), "expires_at": holding.expires_at}
    channel: Channel = "sms" if payee.kind == "phone" else "email"
    decision.messages.append(Message(channel, payee.address, "payment_waiting", "en", data))


def _told(command: Pay) -> dict[str, object]:
    """What a message about the payment says; the amount is formatted when it is sent."""
    return {
        "amount": str(round_to_currency(command.amount.amount, command.amount.currency)),
        "currency": command.amount.currency,
        "payer": command.payer_name,
        "description": command.description,
    }
