"""What a refund gives back, and along which way: pure functions of the locked payment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from whipround.domain import gateway_calls
from whipround.domain.funding.wallet import CLEARING_ACCOUNT, FEES_ACCOUNT, WALLET, WALLET_ACCOUNT
from whipround.domain.gateway_calls import Gateway, GatewayCall
from whipround.domain.legs import Accounts, Ends, Worth, positions, through, turned_round
from whipround.domain.refunds.commands import (
    AlreadyRefunded,
    NotRefundable,
    Refund,
    RefundOrder,
    WrongAmount,
)
from whipround.errors import Message
from whipround.ledger.accounts import PRODUCT, NewAccount
from whipround.ledger.transfers import Transfer
from whipround.money import EXACT, ROUNDING, digits, fits_currency, round_to_currency, shown


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment, locked, with all that a refund of it depends on.

    `returned` is what of its `worth` went back so far, or is on its way. The money is with the
    recipient in `recipient_source_id`. `charge_id` is the call that charged the payer's card or
    bank account, `source_id`, if it was not a wallet; `is_gone` says that nothing goes back there.
    `transfer_id` is the one transfer that paid, where no other was needed.
    """

    id: UUID
    kind: str
    fulfillment_status: str
    payer_id: UUID
    recipient_id: UUID | None
    recipient_source_id: UUID | None
    source_id: UUID
    source_type: str
    is_gone: bool
    wallet_id: UUID
    charge_id: UUID | None
    gateway: Gateway | None
    transfer_id: UUID | None
    worth: Worth
    returned: Worth
    exchange_rate: Decimal | None

    @property
    def takes_back(self) -> bool:
        """Whether the money goes back to where it was charged, and not to the payer's wallet."""
        return self.charge_id is not None and not self.is_gone

    @property
    def back_to_id(self) -> UUID:
        """The payer's funding source that the money goes back to."""
        return self.source_id if self.takes_back else self.wallet_id


class Giving(NamedTuple):
    """A refund that was decided: the transfer to post, and the call to make after it, if any."""

    refund: Refund
    transfer: Transfer
    call: GatewayCall | None


def check(paid: Paid, *, user_id: UUID) -> None:
    """Raise NotRefundable unless the user, a side of the payment, is the one to give it back."""
    if paid.recipient_id != user_id or paid.fulfillment_status != "fulfilled":
        raise NotRefundable
    if paid.kind in {"withdrawal", "payout"}:
        raise NotRefundable
    if paid.payer_id == user_id and not paid.takes_back:
        raise NotRefundable  # it is in the payer's wallet already


def part(worth: Worth, returned: Worth, amount: Decimal | None) -> Worth:
    """What goes back of a payment for `amount`, or for all that is left, after what `returned`.

    A part has its currency's digits at most; only all that is left may be finer, as a share of a
    crowd payment is. The fee goes back in proportion, and so does what was taken of another
    currency: rounded half-even to its digits over all that was refunded, so that nothing is left in
    the end. Raises AlreadyRefunded where nothing is left, and WrongAmount.
    """
    left = EXACT.subtract(worth.amount, returned.amount)
    if not left:
        raise AlreadyRefunded
    if amount is None:
        amount = left
    elif amount != left and not fits_currency(amount, worth.currency):
        message = Message.counted(
            "Amount must have at most {count} decimal",
            "Amount must have at most {count} decimals",
            count=digits(worth.currency),
        )
        raise WrongAmount("too_precise", message)
    elif amount > left:
        most = shown(left, worth.currency)
        raise WrongAmount("too_large", Message("Amount must be at most {most}", most=most))
    total = EXACT.add(returned.amount, amount)
    source_amount = amount
    if worth.converts:
        source_amount = EXACT.subtract(
            _share(worth, worth.source_amount, total), returned.source_amount
        )
    fee = EXACT.subtract(_share(worth, worth.fee, total), returned.fee)
    given = Worth(amount, worth.currency, source_amount, worth.source_currency, fee)
    if not given.total:
        raise WrongAmount("too_small", "Amount must be worth something to the payer")
    return given


def _share(worth: Worth, whole: Decimal, total: Decimal) -> Decimal:
    """What of `whole`, in the source currency, belongs to `total` of the amount."""
    if total == worth.amount:
        return whole
    exact = ROUNDING.divide(ROUNDING.multiply(whole, total), worth.amount)
    # Of a share the whole may be finer than the digits, and less than what it is rounded up to.
    return min(round_to_currency(exact, worth.source_currency), whole)


def accounts(paid: Paid) -> Sequence[NewAccount]:
    """The accounts a refund moves: the recipient's, where it goes, the fees', the positions."""
    worth = paid.worth
    assert paid.recipient_source_id is not None  # noqa: S101 - it was checked
    way = (PRODUCT, CLEARING_ACCOUNT) if paid.takes_back else (paid.wallet_id, WALLET_ACCOUNT)
    return (
        NewAccount(paid.recipient_source_id, WALLET_ACCOUNT, worth.currency),
        NewAccount(*way, worth.source_currency),
        NewAccount(PRODUCT, FEES_ACCOUNT, worth.source_currency),
        *(positions(worth) if worth.converts else ()),
    )


def give_back(
    paid: Paid, order: RefundOrder, ids: Accounts, *, request_number: int, now: datetime
) -> Giving:
    """What a refund of the payment comes to; `ids` has the `accounts`.

    The payment turned round, for a part of it. `request_number` is that of the key whose answer
    waits for the call, if one is to be made. Raises as `part`.
    """
    assert paid.recipient_id is not None  # noqa: S101 - it was checked
    given = part(paid.worth, paid.returned, order.amount)
    refund = Refund(
        id=uuid7(),
        payment_id=paid.id,
        transaction_id=uuid7(),
        payer_id=paid.payer_id,
        recipient_id=paid.recipient_id,
        status="pending" if paid.takes_back else "approved",
        worth=given,
        description=order.description,
        meta=order.meta,
        created_at=now,
        updated_at=now,
    )
    call = _call(paid, refund, request_number, now) if paid.takes_back else None
    return Giving(refund, _transfer(paid, refund, ids), call)


def _transfer(paid: Paid, refund: Refund, ids: Accounts) -> Transfer:
    recipient, back_to, fees = (ids[new.name] for new in accounts(paid)[:3])
    ends = Ends(source=back_to, destination=recipient, fee=fees)
    legs = turned_round(through(refund.worth, ends, ids))
    id_ = refund.transaction_id
    if paid.takes_back:
        return Transfer(id_, "hold", f"{id_}:hold", legs)
    mirrors = paid.source_type == WALLET and refund.worth == paid.worth
    return Transfer(id_, "refund", f"{id_}:refund", legs, paid.transfer_id if mirrors else None)


def _call(paid: Paid, refund: Refund, request_number: int, now: datetime) -> GatewayCall:
    assert paid.gateway is not None  # noqa: S101 - the charge was made through one
    return gateway_calls.new_call(
        uuid7(),
        gateway=paid.gateway,
        kind="refund",
        funding_source_id=paid.source_id,
        transaction_id=refund.transaction_id,
        charge_id=paid.charge_id,
        amount=refund.returned.amount,
        currency=refund.returned.currency,
        request_number=request_number,
        now=now,
    )
