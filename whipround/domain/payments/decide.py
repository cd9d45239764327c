"""Which payments happen: a pure function of the locked state and the commands, in order.

From a wallet to a wallet the money moves at once. To an address that nobody has proven it waits in
a holding. What only the outside can move becomes an intent: of a card's money nothing is here to be
moved yet, and what is to be paid out is set aside.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from whipround.domain import payees
from whipround.domain.credentials import UserLocked, judge_pin
from whipround.domain.funding.wallet import (
    CARD,
    CASH,
    CLEARING_ACCOUNT,
    FEES_ACCOUNT,
    WALLET,
    WALLET_ACCOUNT,
)
from whipround.domain.gateway_calls import CallKind, new_call
from whipround.domain.images.attaching import Attachment
from whipround.domain.images.wanting import Wanted
from whipround.domain.legs import Ends, through
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
from whipround.domain.payments.means import OnceCard
from whipround.domain.payments.orders import (
    Order,
    account_from,
    account_to,
    check_funds,
    paid,
    priced,
    take_from_limits,
)
from whipround.domain.payments.shares import Refusal
from whipround.domain.payments.sides import check_visible, sides_of
from whipround.domain.payments.state import Decision, Outcome, Source, State
from whipround.errors import DomainError
from whipround.ledger.accounts import PRODUCT
from whipround.ledger.transfers import Leg, Transfer
from whipround.money import Money


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
    """Raise unless the PIN is right, where one is asked for; what the try did is to be written."""
    before = state.pins[command.payer_id]
    if command.pin is None:
        is_locked = before.locked_until is not None and before.locked_until > state.now
        if is_locked and not (isinstance(command, Pay) and command.means.has_come):
            raise UserLocked
        return
    verdict = judge_pin(before, command.pin, state.now)
    if verdict.state != before:
        state.pins[command.payer_id] = decision.pins[command.payer_id] = verdict.state
    if verdict.error is not None:
        raise verdict.error


def _pay(state: State, command: Pay, decision: Decision) -> Payment | Processing:
    state.shares.check(command, now=state.now)
    sides = sides_of(state, command)
    order = priced(state, command, sides)
    check_funds(state, order)
    if sides.is_unclaimed and state.waiting.get(command.payer_id, 0) >= MOST_WAITING:
        raise TooManyWaiting
    if sides.source.declined >= MOST_DECLINED:
        raise TooManyDeclined
    take_from_limits(state, order)  # the last that can refuse
    if sides.source.type not in {WALLET, CASH}:
        return _charge(state, order, sides.source, decision)
    if sides.kind == "withdrawal" and sides.destination is not None:
        return _pay_out(state, order, sides.destination, decision)
    if sides.is_unclaimed:
        return _hold(state, order, decision)
    return _transfer(state, order, decision)


def _transfer(state: State, order: Order, decision: Decision) -> Payment:
    """What is here already into a wallet, or into a pool: done at once."""
    worth, accounts = order.worth, state.accounts
    transaction_id = uuid7()
    ends = Ends(
        source=accounts[account_from(order)],
        destination=accounts[account_to(order)],
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


def _accept(state: State, order: Order, payment: Payment, decision: Decision) -> Payment:
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


def _hold(state: State, order: Order, decision: Decision) -> Payment:
    """To an address that nobody has proven: the money waits in an account of its own."""
    payee = _payee(state, order.command)
    source_id, from_account = order.sides.source.id, state.accounts[account_from(order)]
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


def _charge(state: State, order: Order, source: Source, decision: Decision) -> Processing:
    """From a card or a bank: nothing of theirs is here to be moved before they have said yes."""
    payee = None
    if order.sides.is_unclaimed:
        payee = _payee(state, order.command)
        _count_waiting(state, order.command)
    if source.is_once:
        state.sources[source.id] = replace(source, declined=source.declined + 1)
    payment = _made(state, order, transaction_id=uuid7(), payee=payee)
    _set_part_aside(state, order, payment.transaction_id)
    payment = _accept(state, order, payment, decision)
    money, card = paid(order), order.command.means.card
    return _processing(payment, source, "charge", money, card=card, now=state.now)


def _set_part_aside(state: State, order: Order, transaction_id: UUID) -> None:
    """What the wallet is to bear waits until the card has paid the rest, or has not."""
    if order.part is None or order.sides.wallet is None:
        return
    currency, taken = order.worth.source_currency, order.part.total
    legs = (
        Leg(state.accounts[order.sides.wallet.id, WALLET_ACCOUNT, currency], -taken),
        Leg(state.accounts[PRODUCT, CLEARING_ACCOUNT, currency], taken),
    )
    state.book.post(Transfer(uuid7(), "hold", f"{transaction_id}:aside", legs))


def _pay_out(state: State, order: Order, destination: Source, decision: Decision) -> Processing:
    """From the wallet to the payer's bank: set aside until the outside has said yes."""
    worth, accounts = order.worth, state.accounts
    payment = _made(state, order, transaction_id=uuid7())
    ends = Ends(
        source=accounts[account_from(order)],
        destination=accounts[PRODUCT, CLEARING_ACCOUNT, worth.currency],
        fee=accounts[PRODUCT, CLEARING_ACCOUNT, worth.source_currency],
    )
    legs = through(worth, ends, accounts)
    id_ = payment.transaction_id
    state.book.post(Transfer(id_, "hold", f"{id_}:hold", legs))
    payment = _accept(state, order, payment, decision)
    return _processing(payment, destination, "payout", order.command.amount, now=state.now)


def _processing(
    payment: Payment,
    outside: Source,
    kind: CallKind,
    money: Money,
    *,
    card: OnceCard | None = None,
    now: datetime,
) -> Processing:
    """The payment, and the call that moves the money outside, of a source or a card of the time."""
    id_, account_id, sealed = uuid7(), outside.account_id, outside.sealed
    if card is not None:
        id_, account_id, sealed = card.call_id, card.call_id, card.sealed
    assert account_id is not None  # noqa: S101 - a source that gives or takes has both
    assert sealed is not None  # noqa: S101
    call = new_call(
        id_,
        gateway="cards" if outside.type == CARD else "banks",
        kind=kind,
        funding_source_id=outside.id,
        transaction_id=payment.transaction_id,
        amount=money.amount,
        currency=money.currency,
        now=now,
    )
    if card is not None:
        call = replace(call, sealed=card.sealed, holder=card.holder)
    return Processing(payment, call, account_id, sealed)


def _count_waiting(state: State, command: Pay) -> None:
    """One more payment of the payer waits, or may come to wait, to be claimed."""
    state.waiting[command.payer_id] = state.waiting.get(command.payer_id, 0) + 1


def _made(
    state: State,
    order: Order,
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
        part=order.part,
        done=done,
        now=state.now,
    )


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
