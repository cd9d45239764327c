"""What was paid to pages, as it is answered (Mobbr, "List payments for domain", "… for URL")."""

from typing import Annotated

from whipround.api.mobbr.shapes.payments import Currency, Description, Id, Invoiced, Title, Url
from whipround.api.mobbr.shapes_base import (
    Amount,
    Flag,
    Shape,
    Time,
    decimal_string,
    flag,
    payment_id,
    utc_time,
)
from whipround.api.shapes import doc
from whipround.domain.crowd import pages
from whipround.domain.crowd.naming import Named


class Somebody(Shape):
    """Somebody who has paid, or has a part in it."""

    gravatar: Annotated[str, doc("The digest that Gravatar knows a picture by.")]
    username: Annotated[
        str, doc("The username; of who is not here yet the profile, or what may be seen of it.")
    ]


class PaidToHost(Shape):
    """A payment to a page of the host."""

    url: Annotated[str, doc("The address of the page.")]
    datetime: Annotated[Time, doc("The time when it was paid or pledged.")]
    amount: Annotated[Amount, doc("What was paid or pledged.")]
    currency_iso: Currency
    title: Title


class PaidToPage(Shape):
    """A payment to the page."""

    id: Id
    url: Annotated[str, doc("The address of the page.")]
    datetime: Annotated[Time, doc("The time when it was paid or pledged.")]
    amount: Annotated[Amount, doc("What was paid or pledged.")]
    currency_iso: Currency
    is_pledge: Annotated[Flag, doc("`1` for a pledge that nobody has claimed yet.")]
    receiver: Annotated[
        list[Somebody], doc("The first 25 who have a part in it; nobody has one in a pledge.")
    ]
    senders: Annotated[list[Somebody], doc("Who has paid.")]


class Claimable(Shape):
    """A pledge, or what waits in a payment for somebody."""

    url: Url
    title: Title
    description: Description
    id: Id
    invoiced: Invoiced
    ref_uri: Annotated[str | None, doc("The address where the payment began; null if not known.")]
    amount: Annotated[Amount, doc("What waits, below zero as it has left its payer.")]
    currency_iso: Currency


def somebody(found: Named) -> Somebody:
    """Somebody, as everybody may see them."""
    return Somebody(found.gravatar, found.name)


def paid_to_host(found: pages.PaidToHost) -> PaidToHost:
    """A payment to a page of a host."""
    return PaidToHost(
        url=found.url,
        datetime=utc_time(found.happened_at),
        amount=decimal_string(found.amount),
        currency_iso=found.currency,
        title=found.title,
    )


def paid_to_page(found: pages.PaidToPage) -> PaidToPage:
    """A payment to a page."""
    return PaidToPage(
        id=payment_id(found.id),
        url=found.url,
        datetime=utc_time(found.happened_at),
        amount=decimal_string(found.amount),
        currency_iso=found.currency,
        is_pledge=flag(found.is_pledge),
        receiver=[somebody(each) for each in found.receivers],
        senders=[somebody(found.sender)],
    )


def claimable(found: pages.Claimable) -> Claimable:
    """What can be claimed."""
    return Claimable(
        url=found.url,
        title=found.title,
        description=found.description,
        id=payment_id(found.id),
        invoiced=flag(found.is_invoiced),
        ref_uri=found.referrer,
        amount=decimal_string(-found.amount),
        currency_iso=found.currency,
    )
