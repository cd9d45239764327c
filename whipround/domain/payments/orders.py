"""Orders to pay with what they take: priced, and checked against funds and limits."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from whipround.domain.funding.wallet import CASH, WALLET, WALLET_ACCOUNT
from whipround.domain.legs import Part, Worth
from whipround.domain.limits import Direction
from whipround.domain.payments.commands import Pay
from whipround.domain.payments.means import FromWallet
from whipround.domain.payments.shares import POOL_ACCOUNT
from whipround.domain.payments.sides import Sides
from whipround.domain.payments.state import Source, State
from whipround.domain.quotes import Quote, quote
from whipround.errors import Invalid
from whipround.ledger.accounts import AccountName
from whipround.ledger.transfers import InsufficientFunds
from whipround.money import EXACT, Money

_ZERO = Decimal(0)


class PartTooLarge(Invalid):
    """The wallet is to bear all of it, or more."""

    def __init__(self) -> None:
        message = "Must be less than what is paid in all"
        super().__init__(Invalid.field("wallet_amount", "too_large", message).errors)


class Order(NamedTuple):
    """A command with its two sides, and what it is worth on either.

    `part` is what of it the payer's wallet bears, where a card pays the rest.
    """

    command: Pay
    sides: Sides
    worth: Worth
    exchange_rate: Decimal | None
    part: Part | None


def priced(state: State, command: Pay, sides: Sides) -> Order:
    """What the payment takes from the payer, and gives. Raises what `quote` does, PartTooLarge."""
    if command.means.wallet is not None:
        return _priced_together(state, command, sides, command.means.wallet)
    quoted = _quoted(state, command, sides, sides.source, command.amount)
    worth = Worth(
        command.amount.amount,
        command.amount.currency,
        quoted.amount.amount,
        quoted.amount.currency,
        quoted.fee.amount,
    )
    return Order(command, sides, worth, quoted.exchange_rate, None)


def _priced_together(state: State, command: Pay, sides: Sides, wallet: FromWallet) -> Order:
    """What a card and the wallet together bear: each its own part, and the fee for that."""
    assert sides.wallet is not None  # noqa: S101 - as the wallet is to bear a part
    amount, currency, borne = command.amount.amount, command.amount.currency, wallet.amount
    if borne >= amount or command.source_currency != currency:
        raise PartTooLarge
    by_card = Money(EXACT.subtract(amount, borne), currency)
    card_fee = _quoted(state, command, sides, sides.source, by_card).fee.amount
    by_wallet = Money(borne, currency)
    part = Part(borne, _quoted(state, command, sides, sides.wallet, by_wallet).fee.amount)
    worth = Worth(amount, currency, amount, currency, EXACT.add(card_fee, part.fee))
    return Order(command, sides, worth, None, part)


def _quoted(state: State, command: Pay, sides: Sides, source: Source, amount: Money) -> Quote:
    """What it takes out of a source for the amount to arrive. Of cash nobody could take a fee."""
    return quote(
        state.prices,
        kind=sides.kind if sides.kind in {"top_up", "withdrawal"} else "payment",
        types=() if source.type == CASH else source.types,
        destination=amount,
        source_currency=command.source_currency,
        now=state.now,
    )


def check_funds(state: State, order: Order) -> None:
    """Raise InsufficientFunds where the payer's wallet has less than it is to bear."""
    if order.part is not None and order.sides.wallet is not None:
        wallet_id, taken = order.sides.wallet.id, order.part.total
    elif order.sides.source.type == WALLET:
        wallet_id, taken = order.sides.source.id, order.worth.total
    else:
        return
    account_id = state.accounts.get((wallet_id, WALLET_ACCOUNT, order.worth.source_currency))
    if account_id is None or state.book.balance(account_id) < taken:
        raise InsufficientFunds


def take_from_limits(state: State, order: Order) -> None:
    """Count the payment against the limits of the payer's own sources. Raises LimitExceeded.

    Cash that has come is not counted: it cannot be sent away any more.
    """
    if not state.limits or order.sides.source.type == CASH:
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


def _movements(order: Order) -> Iterator[tuple[UUID, Sequence[str], Direction, Money]]:
    """What the payment moves out of the payer's own sources, and into them."""
    kind, source, recipient, destination, _, wallet = order.sides
    yield source.id, source.types, "out", paid(order)
    if order.part is not None and wallet is not None:
        borne = Money(order.part.total, order.worth.source_currency)
        yield wallet.id, wallet.types, "out", borne
    if destination is not None and kind == "withdrawal":
        yield destination.id, destination.types, "in", order.command.amount
    elif recipient is not None and kind == "top_up":
        yield recipient.wallet_id, (WALLET,), "in", order.command.amount


def account_from(order: Order) -> AccountName:
    """The account of the source that the payment takes from."""
    return (order.sides.source.id, WALLET_ACCOUNT, order.worth.source_currency)


def account_to(order: Order) -> AccountName:
    """The account that gets the amount: of the recipient's wallet, or of the pool."""
    recipient, pool = order.sides.recipient, order.sides.pool
    if pool is not None:
        return (pool.id, POOL_ACCOUNT, order.worth.currency)
    assert recipient is not None  # noqa: S101 - or it is held
    return (recipient.wallet_id, WALLET_ACCOUNT, order.worth.currency)


def paid(order: Order) -> Money:
    """What the payment takes out of its source."""
    borne = order.part.total if order.part else _ZERO
    return Money(EXACT.subtract(order.worth.total, borne), order.worth.source_currency)
