"""Payments as they are answered (later revisions, Moneypool, "Decision: `mixed_payments`")."""

from decimal import Decimal
from typing import Annotated, Literal

from whipround.api.moneypool.shapes_base import Amount, Shape, Time, decimal_string, local_time
from whipround.api.shapes import doc
from whipround.domain.payments.commands import Payment as Paid
from whipround.money import EXACT


class Payment(Shape):
    """A payment that was made."""

    id: Annotated[int, doc("The id of the payment.")]
    description: Annotated[str, doc("What the payment is for.")]
    payment_method: Annotated[
        Literal["card", "wallet", "mixed"], doc("What it was paid from: `mixed` is both.")
    ]
    amount: Annotated[Amount, doc("What arrives, in MXN.")]
    wallet_amount: Annotated[Amount, doc("What of the amount came out of the wallet.")]
    card_amount: Annotated[Amount, doc("What of the amount the card was charged.")]
    fee: Annotated[Amount, doc("What the payer paid on top.")]
    party: Annotated[
        str,
        doc("The name of whoever is paid, the title of the pool, or the email nobody has proven."),
    ]
    status: Annotated[
        Literal["paid", "waiting", "pending"],
        doc(
            "`paid`; `waiting` for somebody to prove the email; `pending` while the card's bank has"
            " not decided."
        ),
    ]
    created_at: Annotated[Time, doc("The time when the payment was made.")]


class PaymentCreated(Shape):
    """The answer to a payment."""

    payment: Annotated[Payment, doc("The payment.")]


def created(paid: Paid, *, is_by_card: bool) -> PaymentCreated:
    """A payment, from a card (and perhaps the wallet) or from the wallet alone, with its number."""
    assert paid.number is not None  # noqa: S101 - it was ordered so, or read
    by_wallet = paid.part.amount if paid.part else Decimal(0) if is_by_card else paid.amount
    return PaymentCreated(
        Payment(
            id=paid.number,
            description=paid.description,
            payment_method="mixed" if paid.part else "card" if is_by_card else "wallet",
            amount=decimal_string(paid.amount),
            wallet_amount=decimal_string(by_wallet),
            card_amount=decimal_string(EXACT.subtract(paid.amount, by_wallet)),
            fee=decimal_string(paid.fee),
            party=paid.recipient.full_name,
            status=_status(paid),
            created_at=local_time(paid.created_at),
        )
    )


def _status(paid: Paid) -> Literal["paid", "waiting", "pending"]:
    if paid.fulfillment_status == "fulfilled":
        return "paid"
    return "pending" if paid.holding is None else "waiting"
