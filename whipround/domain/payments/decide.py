"""Which payments happen: a pure function of the locked state and the commands, in order.

From a wallet to a wallet the money moves at once. To an address that nobody has proven it waits in
a holding. What only the outside can move becomes an intent: of a card's money nothing is here to be
moved yet, and what is to be paid out is set aside.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from whipround.domain import payees
from whipround.domain.credentials import judge_pin
from whipround.domain.funding.wallet import (
    CARD,
    CLEARING_ACCOUNT,
    FEES_ACCOUNT,
    WALLET,
    WALLET_ACCOUNT,
)
from whipround.domain.gateway_calls import CallKind, new_call
from whipround.domain.images.attaching import Attachment
from whipround.domain.images.wanting import Wanted
from whipround.domain.legs import Ends, Worth, through
from whipround.domain.limits import Direction
from whipround.domain.payees import Holding, Payee, hold_transfer
from whipround.domain.payments import making
from whipround.domain.payments.commands import (
    MOST_DECLINED,
    MOST_WAITING,
    Pay,
    Payment,
    Processing,
    TooManyDeclined,
    TooManyWaiting,
)
from whipround.domain.payments.shares import POOL_ACCOUNT, Refusal
from whipround.domain.payments.sides import Sides, check_visible, sides_of
from whipround.domain.payments.state import Decision, Outcome, Source, State
from whipround.domain.quotes import quote
from whipround.errors import DomainError
from whipround.ledger.accounts import PRODUCT, AccountName
from whipround.ledger.transfers import InsufficientFunds, Transfer
from whipround.money import Money


class _Order(NamedTuple):
    """A command with its two sides, and what it is worth on either."""

    command: Pay
    sides: Sides
    worth: Worth
    exchange_rate: Decimal | None


def decide(state: State, commands: Sequence[Pay | Refusal]) -> Decision:
    """Carry out the commands one after the other on `state`; a declined one disturbs no other."""
    decision = Decision()
    for command in commands:
        try:
            _check_pin(state, command, decision)
            check_visible(state, command)
            if isinstance(command, Refusal):
                raise command.error
            outcome: Outcome = _pay(state, command, decision)
        except DomainError as error:
            outcome = error
        decision.outcomes.append(outcome)
    return decision


def _check_pin(state: State, command: Pay | Refusal, decision: Decision) -> None:
    """Raise unless the PIN is right; what the attempt did to the user's PIN is to be written."""
    before = state.pins[command.payer_id]
    verdict = judge_pin(before, command.pin, state.now)
    if verdict.state != before:
        state.pins[command.payer_id] = decision.pins[command.payer_id] = verdict.state
    if verdict.error is not None:
        raise verdict.error


def _pay(state: State, command: Pay, decision: Decision) -> Payment | Processing:
    state.shares.check(command, now=state.now)
    sides = sides_of(state, command)
    order = _priced(state, command, sides)
    if sides.source.type == WALLET:
        _check_funds(state, order)
    if sides.is_unclaimed and state.waiting.get(command.payer_id, 0) >= MOST_WAITING:
        raise TooManyWaiting
    if sides.source.declined >= MOST_DECLINED:
        raise TooManyDeclined
    _take_from_limits(state, order)  # the last that can refuse
    if sides.source.type != WALLET:
        return _charge(state, order, sides.source, decision)
    if sides.destination is not None:
        return _pay_out(state, order, sides.destination, decision)
    if sides.is_unclaimed:
        return _hold(state, order, decision)
    return _transfer(state, order, decision)


def _priced(state: State, command: Pay, sides: Sides) -> _Order:
    """What the payment takes from the payer, and gives."""
    priced = quote(
        state.prices,
        kind=sides.kind if sides.kind in {"top_up", "withdrawal"} else "payment",
        types=sides.source.types,
        destination=command.amount,
        source_currency=command.source_currency,
        now=state.now,
    )
    worth = Worth(
        command.amount.amount,
        command.amount.currency,
        priced.amount.amount,
        priced.amount.currency,
        priced.fee.amount,
    )
    return _Order(command, sides, worth, priced.exchange_rate)


def _check_funds(state: State, order: _Order) -> None:
    account_id = state.accounts.get(_from(order))
    if account_id is None or state.book.balance(account_id) < order.worth.total:
        raise InsufficientFunds


def _take_from_limits(state: State, order: _Order) -> None:
    """Count the payment against the limits of the payer's own sources. Raises LimitExceeded."""
    if not state.limits:
        return
    is_verified = order.command.payer_id in state.verified
    movements = list(_movements(order))
    # All are looked at before any is counted; counting one looks at it itself.
    checks = (state.limits.check,) if len(movements) > 1 else ()
    for act in (*checks, state.limits.take):
        for source_id, types, direction, money in movements:
            act(
                funding_source_id=source_id,
                types=types,
                direction=direction,
                money=money,
                is_verified=is_verified,
                now=state.now,
            )


def _movements(order: _Order) -> Iterator[tuple[UUID, Sequence[str], Direction, Money]]:
    """What the payment moves out of the payer's own sources, and into them."""
    kind, source, recipient, destination, _ = order.sides
    yield source.id, source.types, "out", _paid(order)
    if destination is not None and kind == "withdrawal":
        yield destination.id, destination.types, "in", order.command.amount
    elif recipient is not None and kind == "top_up":
        yield recipient.wallet_id, (WALLET,), "in", order.command.amount


def _transfer(state: State, order: _Order, decision: Decision) -> Payment:
    """Out of the wallet into another one, or into a pool: done at once."""
    worth, accounts = order.worth, state.accounts
    transaction_id = uuid7()
    ends = Ends(
        source=accounts[_from(order)],
        destination=accounts[_to(order)],
        fee=accounts[PRODUCT, FEES_ACCOUNT, worth.source_currency],
    )
    legs = through(worth, ends, accounts)
    state.book.post(Transfer(transaction_id, "payment", f"{transaction_id}:pay", legs))
    payment = _made(state, order, transaction_id=transaction_id, done=True)
    return _accept(state, order, payment, decision)


def _give_picture(command: Pay, payment: Payment, decision: Decision) -> None:
    """Have its picture fetched, or make the upload its own."""
    if isinstance(command.picture, str):
        decision.wanted.append(Wanted(payment.owner_id, "payment", payment.id, command.picture))
    elif command.picture is not None:
        decision.attachments.append(
            Attachment(payment.owner_id, "payment", payment.id, command.picture)
        )


def _accept(state: State, order: _Order, payment: Payment, decision: Decision) -> Payment:
    """The payment is to be written, and whoever has the money now is told."""
    command, sides = order.command, order.sides
    payment = state.shares.take(command, payment, now=state.now)
    decision.payments.append(payment)
    _give_picture(command, payment, decision)
    owner_id = sides.pool.owner_id if sides.pool else payment.recipient.user_id
    is_done = payment.fulfillment_status == "fulfilled"
    if is_done and owner_id is not None and owner_id != command.payer_id:
        decision.events.append(
            making.arrived(
                sides.kind,
                user_id=owner_id,
                object_id=payment.request_id or payment.pool_id or payment.id,
                payer_id=command.payer_id,
                amount=command.amount,
                payer=command.payer_name,
                description=command.description,
            )
        )
    return payment


def _hold(state: State, order: _Order, decision: Decision) -> Payment:
    """To an address that nobody has proven: the money waits in an account of its own."""
    payee = _payee(state, order.command)
    source_id, from_account = order.sides.source.id, state.accounts[_from(order)]
    holding = making.hold(
        state.book,
        order.worth,
        payee=payee,
        payment_id=uuid7(),
        transaction_id=uuid7(),
        returns_to=source_id,
        return_account_id=from_account,
        now=state.now,
    )
    state.book.post(hold_transfer(holding, from_account_id=from_account))
    _count_waiting(state, order.command)
    payment = _made(
        state, order, transaction_id=holding.transaction_id, holding=holding, payee=payee
    )
    decision.holdings.append(holding)
    _tell_payee(state, order.command, holding.expires_at, decision)
    return _accept(state, order, payment, decision)


def _charge(state: State, order: _Order, source: Source, decision: Decision) -> Processing:
    """From a card or a bank: nothing is here to be moved before the outside has said yes."""
    payee = None
    if order.sides.is_unclaimed:
        payee = _payee(state, order.command)
        _count_waiting(state, order.command)
    payment = _made(state, order, transaction_id=uuid7(), payee=payee)
    payment = _accept(state, order, payment, decision)
    return _processing(state, payment, source, "charge", _paid(order))


def _pay_out(state: State, order: _Order, destination: Source, decision: Decision) -> Processing:
    """From the wallet to the payer's bank: set aside until the outside has said yes."""
    worth, accounts = order.worth, state.accounts
    payment = _made(state, order, transaction_id=uuid7())
    ends = Ends(
        source=accounts[_from(order)],
        destination=accounts[PRODUCT, CLEARING_ACCOUNT, worth.currency],
        fee=accounts[PRODUCT, CLEARING_ACCOUNT, worth.source_currency],
    )
    legs = through(worth, ends, accounts)
    id_ = payment.transaction_id
    state.book.post(Transfer(id_, "hold", f"{id_}:hold", legs))
    payment = _accept(state, order, payment, decision)
    return _processing(state, payment, destination, "payout", order.command.amount)


def _processing(
    state: State, payment: Payment, outside: Source, kind: CallKind, money: Money
) -> Processing:
    assert outside.account_id is not None  # noqa: S101 - a source that gives or takes has both
    assert outside.sealed is not None  # noqa: S101
    call = new_call(
        uuid7(),
        gateway="cards" if outside.type == CARD else "banks",
        kind=kind,
        funding_source_id=outside.id,
        transaction_id=payment.transaction_id,
        amount=money.amount,
        currency=money.currency,
        now=state.now,
    )
    return Processing(payment, call, outside.account_id, outside.sealed)


def _count_waiting(state: State, command: Pay) -> None:
    """One more payment of the payer waits, or may come to wait, to be claimed."""
    state.waiting[command.payer_id] = state.waiting.get(command.payer_id, 0) + 1


def _made(
    state: State,
    order: _Order,
    *,
    transaction_id: UUID,
    holding: Holding | None = None,
    payee: Payee | None = None,
    done: bool = False,
) -> Payment:
    return making.made(
        order.command,
        order.sides,
        order.worth,
        order.exchange_rate,
        transaction_id=transaction_id,
        holding=holding,
        payee=payee,
        done=done,
        now=state.now,
    )


def _from(order: _Order) -> AccountName:
    """The account of the source that the payment takes from."""
    return (order.sides.source.id, WALLET_ACCOUNT, order.worth.source_currency)


def _to(order: _Order) -> AccountName:
    """The account that gets the amount: of the recipient's wallet, or of the pool."""
    recipient, pool = order.sides.recipient, order.sides.pool
    if pool is not None:
        return (pool.id, POOL_ACCOUNT, order.worth.currency)
    assert recipient is not None  # noqa: S101 - or it is held
    return (recipient.wallet_id, WALLET_ACCOUNT, order.worth.currency)


def _paid(order: _Order) -> Money:
    """What the payer pays in all."""
    return Money(order.worth.total, order.worth.source_currency)


def _payee(state: State, command: Pay) -> Payee:
    assert command.recipient_address is not None  # noqa: S101 - the caller's case
    return state.payees[command.recipient_address]


def _tell_payee(state: State, command: Pay, expires_at: datetime, decision: Decision) -> None:
    """Tell an address that money waits for it, but not more often in a day than is bearable."""
    payee = payees.told(_payee(state, command), now=state.now)
    if payee is None:
        return
    state.payees[payee.kind, payee.address] = decision.told[payee.id] = payee
    decision.messages.append(
        making.waiting_message(
            payee,
            amount=command.amount,
            payer=command.payer_name,
            description=command.description,
            expires_at=expires_at,
        )
    )
