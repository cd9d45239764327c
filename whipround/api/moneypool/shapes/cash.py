"""Money from cash, and money to one's bank, as they are answered (later revisions, Moneypool)."""

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from whipround.api.moneypool.shapes_base import Amount, Shape, Time, decimal_string, local_time
from whipround.api.shapes import doc
from whipround.domain.cash.orders import CashOrder
from whipround.domain.funding.clabe import Clabe
from whipround.domain.payments.commands import Payment

CashStatus = Literal["waiting", "paid", "expired"]

_SHOWN: Mapping[str, CashStatus] = {each: each for each in get_args(CashStatus)}
"""Nothing is answered of what the cash desk has not taken."""


class CashPayment(Shape):
    """A payment to a pool that is to be made in cash, at a shop."""

    id: Annotated[int, doc("The id of the cash payment.")]
    reference: Annotated[str, doc("What to show at the shop, where it is paid.")]
    amount: Annotated[Amount, doc("What is to be paid, in MXN.")]
    description: Annotated[str, doc("What it is for.")]
    pool_id: Annotated[int, doc("The id of the pool it goes into.")]
    party: Annotated[str, doc("The title of the pool.")]
    status: Annotated[
        CashStatus,
        doc("`waiting` to be paid; `paid`; `expired` where nobody has paid in time."),
    ]
    expires_at: Annotated[Time, doc("The time until when it can be paid.")]
    created_at: Annotated[Time, doc("The time when it was asked for.")]


class CashPaymentCreated(Shape):
    """The answer to a cash payment."""

    cash_payment: Annotated[CashPayment, doc("The cash payment.")]


class Withdrawal(Shape):
    """Money on its way from one's wallet to one's bank account."""

    id: Annotated[int, doc("The id of the withdrawal.")]
    amount: Annotated[Amount, doc("What arrives at the bank account, in MXN.")]
    fee: Annotated[Amount, doc("What was taken from the wallet on top.")]
    clabe: Annotated[str, doc("The bank account; empty where it is deleted by now.")]
    bank: Annotated[str, doc("The name of the bank; or empty.")]
    status: Annotated[
        Literal["pending", "paid"],
        doc("`pending` while the bank has not decided. What does not arrive returns."),
    ]
    created_at: Annotated[Time, doc("The time when the withdrawal was made.")]


class WithdrawalCreated(Shape):
    """The answer to a withdrawal."""

    withdrawal: Annotated[Withdrawal, doc("The withdrawal.")]


def ordered(order: CashOrder) -> CashPaymentCreated:
    """An order that the cash desk has answered."""
    return CashPaymentCreated(
        CashPayment(
            id=order.number,
            reference=order.reference,
            amount=decimal_string(order.amount),
            description=order.description or order.title,
            pool_id=order.pool_number,
            party=order.title,
            status=_SHOWN[order.status],
            expires_at=local_time(order.expires_at),
            created_at=local_time(order.created_at),
        )
    )


def withdrawn(paid: Payment, to: Clabe | None) -> WithdrawalCreated:
    """A withdrawal to a CLABE, with its number; where that is gone by now, nobody knows it."""
    assert paid.number is not None  # noqa: S101 - it was ordered so
    return WithdrawalCreated(
        Withdrawal(
            id=paid.number,
            amount=decimal_string(paid.amount),
            fee=decimal_string(paid.fee),
            clabe=to.number if to else "",
            bank=to.bank if to else "",
            status="paid" if paid.fulfillment_status == "fulfilled" else "pending",
            created_at=local_time(paid.created_at),
        )
    )
