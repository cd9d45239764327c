"""One payment, as it is answered (Mobbr, "Inspect payment")."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Literal, TypeAlias

from whipround.api.mobbr.shapes.pages import Somebody
from whipround.api.mobbr.shapes.payments import Currency, Description, Id, Invoiced, Memo, Title
from whipround.api.mobbr.shapes_base import (
    Amount,
    Shape,
    Time,
    decimal_string,
    flag,
    optional_utc_time,
    payment_id,
    utc_time,
)
from whipround.api.shapes import doc
from whipround.domain.crowd import inspecting

_Share: TypeAlias = Annotated[str, doc("How much of the payment it is, in per cent.")]
_ALL = decimal_string(Decimal(100))


class Keyword(Shape):
    """A keyword of the script."""

    keyword: Annotated[str, doc("The keyword.")]
    language_iso: Annotated[str | None, doc("The language of the script; null if unknown.")]


class Receiver(Somebody):
    """Somebody who gets a share."""

    share_id: Annotated[str, doc("The id of the share.")]
    amount: Annotated[Amount, doc("What they get.")]
    currency_iso: Currency
    share: _Share
    role: Annotated[str, doc("Their role, as the script says; may be empty.")]
    unclaimed: Annotated[
        str | None, doc("Whom it waits for; an email as far as it may be seen. Null once claimed.")
    ]
    unclaim_id: Annotated[
        str | None, doc("What its payer can revoke it by, as long as it is unclaimed; else null.")
    ]


class Sender(Somebody):
    """Who has paid."""

    share_id: Annotated[None, doc("Null: who pays has no share.")]
    amount: Annotated[Amount, doc("What they have paid without the fee, below zero.")]
    currency_iso: Currency
    share: _Share
    role: Annotated[Literal["Payer"], doc("`Payer`.")]


class Inspected(Shape):
    """A payment with all that is known of it."""

    id: Id
    uri: Annotated[str | None, doc("The address that was paid for; null if there is none.")]
    ref_uri: Annotated[str | None, doc("The address where the payment began; null if not known.")]
    img_uri: Annotated[str | None, doc("The picture of the script; null without one.")]
    paiddatetime: Annotated[Time, doc("The time when it was paid or pledged.")]
    approveddatetime: Annotated[
        Time | None, doc("The time when the pledge was claimed; null for what was none, or waits.")
    ]
    amount: Annotated[
        Amount,
        doc(
            "What was paid without the fee: below zero, as it has left its payer; of a payment that"
            " was not divided, above zero for who got it."
        ),
    ]
    fee: Annotated[
        Amount | None, doc("What was paid on top of the amount; null for whoever has not paid it.")
    ]
    currency_iso: Currency
    invoiced: Invoiced
    callback_url: Annotated[None, doc("Null: nothing is called back.")]
    callback_datetime: Annotated[None, doc("Null: nothing is called back.")]
    title: Title
    description: Description
    copyright: Annotated[str | None, doc("Whose right what was paid for is; null if unknown.")]
    language_iso: Annotated[str | None, doc("The language of the script; null if unknown.")]
    mime_type: Annotated[None, doc("Null: what was paid for is not kept.")]
    memo: Memo
    domain: Annotated[str | None, doc("The host of the page; null without one.")]
    favicon: Annotated[str | None, doc("The icon of the page; null if unknown.")]
    keywords: Annotated[list[Keyword] | None, doc("Its keywords; null if not asked for.")]
    receivers: Annotated[
        list[Receiver] | None,
        doc("Who gets it, without what was returned; null if not asked for."),
    ]
    senders: Annotated[list[Sender] | None, doc("Who has paid it; null if not asked for.")]


def inspected(
    found: inspecting.Paid,
    receivers: Sequence[inspecting.Receiver] | None,
    senders: Sequence[inspecting.Sender] | None,
    keywords: Sequence[str] | None,
) -> Inspected:
    """A payment, and of what belongs to it that which was asked for."""
    language = found.language
    return Inspected(
        id=payment_id(found.id),
        uri=found.url,
        ref_uri=found.referrer,
        img_uri=found.image,
        paiddatetime=utc_time(found.happened_at),
        approveddatetime=optional_utc_time(found.claimed_at),
        amount=decimal_string(found.amount),
        fee=None if found.fee is None else decimal_string(found.fee),
        currency_iso=found.currency,
        invoiced=flag(found.is_invoiced),
        callback_url=None,
        callback_datetime=None,
        title=found.title,
        description=found.description,
        copyright=found.copyright,
        language_iso=language,
        mime_type=None,
        memo=found.memo,
        domain=found.host,
        favicon=found.favicon,
        keywords=None if keywords is None else [Keyword(each, language) for each in keywords],
        receivers=None if receivers is None else [_receiver(each) for each in receivers],
        senders=None if senders is None else [_sender(each) for each in senders],
    )


def _receiver(found: inspecting.Receiver) -> Receiver:
    number = str(found.number)
    return Receiver(
        gravatar=found.who.gravatar,
        username=found.who.name,
        share_id=number,
        amount=decimal_string(found.amount),
        currency_iso=found.currency,
        share=decimal_string(found.percentage),
        role=found.role,
        unclaimed=found.unclaimed,
        unclaim_id=None if found.unclaimed is None else number,
    )


def _sender(found: inspecting.Sender) -> Sender:
    return Sender(
        gravatar=found.who.gravatar,
        username=found.who.name,
        share_id=None,
        amount=decimal_string(found.amount),
        currency_iso=found.currency,
        share=_ALL,
        role="Payer",
    )
