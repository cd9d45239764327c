"""Mobbr, Payments: payment scripts as they are shown, before and when they are confirmed.

Names that begin with "." are the server's own: an answer has them unless they were not wanted, and
they are not looked at where a script is sent.
"""

from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType, field

from whipround.api.mobbr.shapes_base import PaymentId, Shape
from whipround.api.shapes import doc

Type = Literal["payment", "pledge", "pay", "donation"]


class Derivation(Shape):
    """How a share came about: `share` of `of`, of `percent` of the whole, and the remainder."""

    by: Annotated[
        Literal["percent", "parts"],
        doc("`percent` comes off first; `parts` divide what that leaves."),
    ]
    share: Annotated[str, doc("The percentage, or the whole number, of this participant.")]
    of: Annotated[str, doc("What the shares of this kind are counted by.")]
    percent: Annotated[str, doc("The part of the whole that they divide, in percent.")]
    remainder: Annotated[
        str | UnsetType,
        doc("What the amount has beyond that, cut down to 8 decimals: so nothing is left over."),
    ] = UNSET


class Participant(Shape):
    """Somebody who is paid, in one role."""

    id: Annotated[
        str,
        doc(
            "`mailto:` with an email address, `tel:` with a phone number, the address of a profile"
            " or, of a user here, of their page."
        ),
    ]
    role: Annotated[str, doc("The role; perhaps none.")]
    share: Annotated[
        int | str, doc("A whole number, relative to those of others, or a percentage: `10%`.")
    ]
    comment: Annotated[str | UnsetType, doc("A comment of whoever wrote the script.")] = UNSET
    x_id: Annotated[
        str | UnsetType,
        doc(
            "The username of whoever this is; a digest where that is nobody's business: of an"
            " address that nobody has proven, or for a caller without credentials."
        ),
    ] = field(name=".x-id", default=UNSET)
    amount: Annotated[
        str | UnsetType, doc("What they get, if an amount was given: a decimal string.")
    ] = field(name=".amount", default=UNSET)
    percentage: Annotated[
        str | UnsetType, doc("What that is of the whole, in percent; 100 in all.")
    ] = field(name=".percentage", default=UNSET)
    gravatar: Annotated[
        str | UnsetType, doc("The digest that Gravatar knows a picture of them by.")
    ] = field(name=".gravatar", default=UNSET)
    derivation: Annotated[Derivation | UnsetType, doc("How their share came about.")] = field(
        name=".derivation", default=UNSET
    )


class Script(Shape):
    """A payment script, of those who can be paid. What it does not say is left out."""

    participants: Annotated[list[Participant], doc("Who is paid.")]
    type: Annotated[Type, doc("`pledge` waits until it is claimed; all others are paid at once.")]
    id_base: Annotated[
        str | UnsetType, doc("What stands before a username where an id is an address.")
    ] = field(name="id-base", default=UNSET)
    image: Annotated[str | UnsetType, doc("The address of a picture.")] = UNSET
    url: Annotated[str | UnsetType, doc("The address of what is paid for.")] = UNSET
    language: Annotated[str | UnsetType, doc("The language of what is paid for.")] = UNSET
    title: Annotated[str | UnsetType, doc("What is paid for.")] = UNSET
    description: Annotated[str | UnsetType, doc("More about it.")] = UNSET
    copyright: Annotated[str | UnsetType, doc("Where its licence is, or what that is.")] = UNSET
    keywords: Annotated[list[str] | UnsetType, doc("Keywords.")] = UNSET
    message: Annotated[str | UnsetType, doc("A message that goes with payments by it.")] = UNSET
    script_type: Annotated[
        list[str] | UnsetType,
        doc(
            "Where a page's script comes from: `api` of a known host; else what there was of"
            " `domain`, its `/participation.txt`, and `meta` or `link`, in the page."
        ),
    ] = field(name=".script-type", default=UNSET)
    amount: Annotated[Decimal | UnsetType | None, doc("What is divided.")] = field(
        name=".amount", default=UNSET
    )
    fee: Annotated[
        Decimal | UnsetType | None,
        doc("What the product takes of the payer on top, whatever its fees are later."),
    ] = field(name=".fee", default=UNSET)
    currency: Annotated[str | UnsetType | None, doc("Its currency.")] = field(
        name=".currency", default=UNSET
    )
    invoiced: Annotated[
        bool | UnsetType, doc("Whether only those are paid whose profile is complete.")
    ] = field(name=".invoiced", default=UNSET)
    referrer: Annotated[str | UnsetType | None, doc("Where the payment began.")] = field(
        name=".referrer", default=UNSET
    )
    favicon: Annotated[str | UnsetType | None, doc("A small picture of the site.")] = field(
        name=".favicon", default=UNSET
    )
    logo: Annotated[str | UnsetType | None, doc("A large picture of the site.")] = field(
        name=".logo", default=UNSET
    )


class Preview(Shape):
    """What a payment would come to."""

    hash: Annotated[
        str | None,
        doc("What confirms it, once and within 10 minutes; null where no amount was given."),
    ]
    script: Annotated[Script, doc("The payment script, with what everybody gets.")]
    url: Annotated[str | None, doc("The address of what is paid for, if that has one.")]


class Confirmed(Shape):
    """A payment, or a pledge, that was confirmed."""

    payment_id: Annotated[PaymentId, doc("Its id.")]
    payment_script: Annotated[Script, doc("The script as it was previewed.")]


read = msgspec.json.Decoder(Script).decode
"""A script, from the JSON that is kept of it."""
