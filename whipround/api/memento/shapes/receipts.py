"""Receipts (Memento, Receipt), with what was refunded, which is ours."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from whipround.api.memento.shapes_base import ID, Rate, Shape
from whipround.api.shapes import doc
from whipround.domain.payments import receipts
from whipround.errors import Message
from whipround.locales import translate
from whipround.money import Money, format_money


class ReceiptParty(Shape):
    """One side of a receipt."""

    id: ID
    title: Annotated[str, doc('The name: "John Dough (@johndough)"; or that of a pool.')]
    details: Annotated[
        list[str] | None,
        doc("More about the user: the bank account that was paid out to. Or null."),
    ]


class ReceiptMethod(Shape):
    """How it was paid."""

    id: ID
    title: Annotated[str, doc("The funding source's title.")]
    details: Annotated[
        list[str] | None, doc("The card or the bank account, and the processor's codes; or null.")
    ]


class ReceiptAmounts(Shape):
    """What it came to, as a person writes it in their language.

    Of a payment that converts: for the payer in the currency it was paid in, for the recipient in
    their own.
    """

    total: Annotated[str, doc("What left the payer: paid and cost together.")]
    paid: Annotated[str, doc("What the recipient got.")]
    cost: Annotated[str, doc("The fee.")]
    refunded: Annotated[str, doc("What went back: to the payer with the fee, if there was one.")]
    currency: Annotated[str, doc("The ISO 4217 code of the currency.")]
    exchange_rate: Annotated[
        Rate | None,
        doc("Units of the recipient's currency for one of this; null if none was converted."),
    ]


class ReceiptRefund(Shape):
    """What went back of the payment at one time."""

    id: ID
    reference_code: Annotated[str, doc("A code to refer to the refund by.")]
    time: Annotated[datetime, doc("The time when it was given back.")]
    amount: Annotated[str, doc("What the payer gets, or what the recipient gave.")]
    status: Annotated[
        Literal["pending", "approved"], doc("`pending` while it is on its way to a card or a bank.")
    ]


class Receipt(Shape):
    """A receipt (Memento, The receipt object)."""

    description: Annotated[str, doc("The payment's title.")]
    reference_code: Annotated[str, doc("A code to refer to the payment by.")]
    time: Annotated[datetime, doc("The time when the money arrived.")]
    payer: Annotated[ReceiptParty, doc("Who paid.")]
    recipient: Annotated[ReceiptParty, doc("Who was paid.")]
    payment_method: Annotated[
        ReceiptMethod | None, doc("How it was paid; null in the recipient's version.")
    ]
    amounts: Annotated[ReceiptAmounts, doc("What it came to.")]
    refunds: Annotated[list[ReceiptRefund], doc("What went back of it, the oldest first.")]


def receipt(found: receipts.Receipt, *, locale: str) -> Receipt:
    """A receipt in the reader's language."""

    def said(money: Money) -> str:
        return format_money(money.amount, money.currency, locale)

    return Receipt(
        description=found.description,
        reference_code=found.reference_code,
        time=found.time,
        payer=_party(found.payer),
        recipient=_party(found.recipient),
        payment_method=_method(found.method, locale),
        amounts=ReceiptAmounts(
            total=said(found.total),
            paid=said(found.paid),
            cost=said(found.cost),
            refunded=said(found.refunded),
            currency=found.paid.currency,
            exchange_rate=found.exchange_rate,
        ),
        refunds=[
            ReceiptRefund(
                id=each.id,
                reference_code=each.reference_code,
                time=each.time,
                amount=said(each.amount),
                status=each.status,
            )
            for each in found.refunds
        ],
    )


def _party(party: receipts.Party) -> ReceiptParty:
    title = f"{party.full_name} (@{party.username})" if party.username else party.full_name
    return ReceiptParty(id=party.id, title=title, details=_details(party.details))


def _method(method: receipts.Method | None, locale: str) -> ReceiptMethod | None:
    if method is None:
        return None
    called, details, borne = method.description, list(method.details), method.from_wallet
    if isinstance(called, Message):  # else it is its owner's own
        called = translate(called, locale)
    if borne is not None:
        amount = format_money(borne.amount, borne.currency, locale)
        details.append(translate(Message("Of it from the wallet: {amount}", amount=amount), locale))
    return ReceiptMethod(
        id=method.funding_source_id,
        title=called,
        details=_details(details),
    )


def _details(details: Sequence[str]) -> list[str] | None:
    return list(details) or None
