"""One's own payments, as they are answered (Mobbr, "List payments" and what follows it)."""

from typing import Annotated, TypeAlias

from whipround.api.mobbr.shapes_base import (
    Amount,
    Flag,
    PaymentId,
    Shape,
    Time,
    decimal_string,
    flag,
    payment_id,
    utc_time,
)
from whipround.api.shapes import doc
from whipround.domain.crowd.listing import Entry
from whipround.domain.crowd.naming import picture_of, stand_in
from whipround.domain.crowd.waiting import Pledge as PledgeFound
from whipround.domain.crowd.waiting import Unclaimed as UnclaimedFound

Id: TypeAlias = Annotated[PaymentId, doc("The id of the payment.")]
Url: TypeAlias = Annotated[str | None, doc("The address that was paid for; null if there is none.")]
Title: TypeAlias = Annotated[
    str | None, doc("The title of the script, or what the payment is for; null without any.")
]
Description: TypeAlias = Annotated[str | None, doc("The description of the script; null if none.")]
Memo: TypeAlias = Annotated[str | None, doc("The message of the script; null without one.")]
Currency: TypeAlias = Annotated[str, doc("The currency of the amount, by ISO 4217.")]
Fee: TypeAlias = Annotated[Amount, doc("What was paid on top of the amount.")]
Invoiced: TypeAlias = Annotated[
    Flag, doc("`1` where only those were to be paid who can be sent an invoice.")
]


class Listed(Shape):
    """A payment of one's own."""

    id: Id
    url: Url
    datetime: Annotated[Time, doc("The time when it was paid or pledged.")]
    amount: Annotated[Amount, doc("What came, or, below zero, what was paid without the fee.")]
    fee: Fee
    currency_iso: Currency
    title: Title
    description: Description
    memo: Memo
    invoiced: Invoiced
    copyright: Annotated[str | None, doc("Whose right what was paid for is; null if unknown.")]
    language: Annotated[str | None, doc("The language of the script; null if unknown.")]
    since_last_login: Annotated[Flag, doc("`1` if it is younger than the login before this one.")]


class Unclaimed(Shape):
    """A share, or a whole payment, that waits for somebody."""

    currency_iso: Currency
    amount: Annotated[Amount, doc("What waits, without the fee.")]
    share_id: Annotated[str, doc("What it is revoked by.")]
    recipient_id: Annotated[str, doc("Whom it waits for, as the script says.")]
    payment_id: Annotated[PaymentId, doc("The id of the payment that it is a part of.")]
    url: Url
    datetime: Annotated[Time, doc("The time when it was paid.")]
    title: Title
    description: Description
    memo: Memo
    username: Annotated[str, doc("What stands for a name as long as nobody has one: a digest.")]
    gravatar: Annotated[str, doc("The digest that Gravatar knows a picture by.")]


class Pledge(Shape):
    """A pledge of one's own."""

    id: Id
    domain: Annotated[str | None, doc("The host of the page; null without one.")]
    url: Url
    paiddatetime: Annotated[Time, doc("The time when it was pledged.")]
    amount: Annotated[Amount, doc("What was pledged without the fee, below zero.")]
    fee: Fee
    currency_iso: Currency
    title: Title
    description: Description
    callback_url: Annotated[None, doc("Null: nothing is called back.")]


def listed(found: Entry) -> Listed:
    """A line of somebody's list."""
    return Listed(
        id=payment_id(found.id),
        url=found.url,
        datetime=utc_time(found.happened_at),
        amount=decimal_string(found.amount),
        fee=decimal_string(found.fee),
        currency_iso=found.currency,
        title=found.title,
        description=found.description,
        memo=found.memo,
        invoiced=flag(found.is_invoiced),
        copyright=found.copyright,
        language=found.language,
        since_last_login=flag(found.is_new),
    )


def unclaimed(found: UnclaimedFound) -> Unclaimed:
    """What waits, as its payer sees it."""
    return Unclaimed(
        currency_iso=found.currency,
        amount=decimal_string(found.amount),
        share_id=str(found.number),
        recipient_id=found.recipient,
        payment_id=payment_id(found.payment_id),
        url=found.url,
        datetime=utc_time(found.happened_at),
        title=found.title,
        description=found.description,
        memo=found.memo,
        username=stand_in(found.recipient),
        gravatar=picture_of(found.recipient),
    )


def pledge(found: PledgeFound) -> Pledge:
    """A pledge, as who has made it sees it."""
    return Pledge(
        id=payment_id(found.id),
        domain=found.host,
        url=found.url,
        paiddatetime=utc_time(found.happened_at),
        amount=decimal_string(-found.amount),
        fee=decimal_string(found.fee),
        currency_iso=found.currency,
        title=found.title,
        description=found.description,
        callback_url=None,
    )
