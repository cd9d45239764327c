"""A person, as Mobbr shows them to themselves, and what they are told on their way in."""

from typing import Annotated

from msgspec import UNSET, UnsetType

from whipround.api.mobbr.shapes_base import (
    Amount,
    Shape,
    Time,
    decimal_string,
    optional_utc_time,
    utc_time,
)
from whipround.api.shapes import doc
from whipround.domain.claim_links import Waiting
from whipround.domain.crowd.gravatars import gravatar
from whipround.domain.images.gallery import Gallery
from whipround.domain.payees import Address
from whipround.domain.scripts.recipients import Recipient, written
from whipround.domain.users.profile import Profile


class User(Shape):
    """The user who is calling."""

    username: Annotated[str, doc("The name to log in with, and to be paid by.")]
    email: Annotated[str | None, doc("The email of the profile.")]
    email_confirmed: Annotated[bool, doc("Whether it is proven to be theirs.")]
    status: Annotated[str, doc("`activated` once any address is proven, `registered` before that.")]
    currency_iso: Annotated[str, doc("The currency that this installation counts in first.")]
    registerdatetime: Annotated[Time, doc("When they signed up.")]
    lastlogindatetime: Annotated[Time | None, doc("When they last logged in to get a token.")]
    lastupdateddatetime: Annotated[Time, doc("When something of this last changed.")]
    language_iso: Annotated[str, doc("The language that they are written to in.")]
    timezone: Annotated[str, doc("Their time zone.")]
    firstname: Annotated[str, doc("The first name.")]
    lastname: Annotated[str, doc("The last name; perhaps empty.")]
    birthday: Annotated[str | None, doc("The date of birth, `YYYY-MM-DD`.")]
    companyname: Annotated[str, doc("The company that is on invoices, if any.")]
    vat_number: Annotated[str, doc("Its VAT number.")]
    address: Annotated[str, doc("Street and number, for invoices.")]
    zip: Annotated[str, doc("The postal code.")]
    city: Annotated[str, doc("The city.")]
    country_of_residence: Annotated[str, doc("The country, two letters; empty if unknown.")]
    id: Annotated[
        list[str],
        doc("All that they have proven to be theirs: whatever is paid to one of these arrives."),
    ]
    gravatar: Annotated[str, doc("What Gravatar knows their picture by.")]
    thumbnail: Annotated[str | None, doc("Where the picture is that they show here, if any.")]
    token: Annotated[
        str | UnsetType,
        doc("The login token, with which to call from now on: only where one has just been made."),
    ] = UNSET


class Link(Shape):
    """What a link is worth that was mailed."""

    what: Annotated[str, doc("What the token in it is for, in the words of the API.")]
    is_good: Annotated[bool, doc("Whether it can still be used.")]


class WaitingAmount(Shape):
    """What waits in one currency."""

    amount: Annotated[Amount, doc("The amount.")]
    currency_iso: Annotated[str, doc("Its currency.")]


class ClaimLink(Shape):
    """What waits for whoever has a link that was mailed."""

    email: Annotated[str, doc("The address that it was mailed to.")]
    amounts: Annotated[list[WaitingAmount], doc("What waits there, by currency.")]
    payments: Annotated[int, doc("How many payments that is.")]
    good_until: Annotated[Time, doc("Until when the link can be used.")]


class Returned(Shape):
    """What somebody came back with from a site where they have proven who they are."""

    code: Annotated[str, doc("What to call `PUT /api_v1/user/oauth_id` with.")]
    state: Annotated[str, doc("The same.")]


def user(
    profile: Profile,
    *,
    people: str,
    currency: str,
    gallery: Gallery,
    token: str | UnsetType = UNSET,
) -> User:
    """A user as they see themselves; `people` begins the addresses of people here."""
    me, billing = profile.user, profile.billing
    proven_email = me.email if me.email_verified_at else None
    name = written(Recipient("username", me.username.lower()), people=people)
    return User(
        username=me.username,
        email=me.email,
        email_confirmed=proven_email is not None,
        status="activated" if profile.addresses else "registered",
        currency_iso=currency,
        registerdatetime=utc_time(me.created_at),
        lastlogindatetime=optional_utc_time(profile.last_login_at),
        lastupdateddatetime=utc_time(me.updated_at),
        language_iso=me.locale.replace("_", "-").partition("-")[0].upper(),
        timezone=me.timezone,
        firstname=me.first_name,
        lastname=me.last_name,
        birthday=me.date_of_birth.isoformat() if me.date_of_birth else None,
        companyname=billing.company_name,
        vat_number=billing.vat_number,
        address=billing.address,
        zip=billing.zip,
        city=billing.city,
        country_of_residence=billing.country,
        id=[name, *(_written(each) for each in profile.addresses)],
        gravatar=gravatar(me.username, email=proven_email),
        thumbnail=gallery.url(gallery.name(me.image_id), "ui") if me.image_id else None,
        token=token,
    )


def _written(address: Address) -> str:
    kind, value = address
    return written(Recipient(kind, value), people="")


def claim_link(waiting: Waiting) -> ClaimLink:
    """What waits for whoever has the link."""
    return ClaimLink(
        email=waiting.email,
        amounts=[
            WaitingAmount(decimal_string(each.amount), each.currency) for each in waiting.amounts
        ],
        payments=waiting.payments,
        good_until=utc_time(waiting.expires_at),
    )
