"""What payments cost (Memento, Fees)."""

from decimal import Decimal
from typing import Annotated

from whipround.api.memento.shapes_base import Amount, Shape, amount
from whipround.api.shapes import doc
from whipround.domain.quotes import Quote


class FeeDestination(Shape):
    """What arrives."""

    amount: Annotated[Amount, doc("The amount that arrives.")]
    currency: Annotated[str, doc("The ISO 4217 code of its currency.")]


class FeeLine(Shape):
    """A part of the fee."""

    title: Annotated[str, doc("What it is called.")]
    amount: Annotated[Amount, doc("What it comes to, in the currency of the fee.")]


class Fee(Shape):
    """What a payment costs (Memento, Calculate payment fee)."""

    amount: Annotated[Amount, doc("What is taken from the source for the payment itself.")]
    fee: Annotated[Amount, doc("What is taken on top.")]
    total: Annotated[Amount, doc("What is taken in all.")]
    currency: Annotated[str, doc("The ISO 4217 code of the currency of all three.")]
    destination: Annotated[FeeDestination, doc("What arrives.")]
    exchange_rate: Annotated[
        Amount,
        doc("How much arrives for one unit of what is taken, without the fee; 1 if it is the same"),
    ]
    fees: Annotated[list[FeeLine], doc("What the fee is made of; empty if it costs nothing.")]


def fee(quoted: Quote) -> Fee:
    """A quote."""
    currency, arrives = quoted.amount.currency, quoted.destination
    rate = quoted.exchange_rate
    return Fee(
        amount=amount(quoted.amount.amount, currency),
        fee=amount(quoted.fee.amount, currency),
        total=amount(quoted.total.amount, currency),
        currency=currency,
        destination=FeeDestination(
            amount=amount(arrives.amount, arrives.currency), currency=arrives.currency
        ),
        exchange_rate=Decimal(1) if rate is None else rate,
        fees=[
            FeeLine(title=line.title, amount=amount(line.amount.amount, currency))
            for line in quoted.lines
        ],
    )
