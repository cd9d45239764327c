"""People, as Moneypool shows them to others and to themselves."""

from decimal import Decimal
from typing import Annotated

from msgspec import UNSET, UnsetType

from whipround.api.moneypool.shapes_base import Amount, Shape, decimal_string
from whipround.api.shapes import doc
from whipround.domain.funding.clabe import Clabe
from whipround.domain.images.gallery import Gallery
from whipround.domain.users import person


class Person(Shape):
    """Somebody else."""

    id: Annotated[int, doc("The id of the user.")]
    name: Annotated[str, doc("The name.")]
    email: Annotated[str, doc("The email, if it is proven to be theirs; else empty.")]
    avatar_url: Annotated[str, doc("Where their picture is; empty if there is none.")]


class User(Shape):
    """A user; what is marked so is only shown to themselves."""

    id: Annotated[int, doc("The id of the user.")]
    name: Annotated[str, doc("The name.")]
    email: Annotated[str, doc("The email; of somebody else empty until it is proven to be theirs.")]
    avatar_url: Annotated[str, doc("Where the picture is; empty if there is none.")]
    auth_token: Annotated[
        str | UnsetType, doc("Oneself only: the token to call with, which is good for 90 days.")
    ] = UNSET
    bank: Annotated[str | UnsetType, doc("Oneself only: the name of the bank.")] = UNSET
    clabe: Annotated[
        str | UnsetType, doc("Oneself only: the CLABE of the bank account; empty if there is none.")
    ] = UNSET
    wallet: Annotated[Amount | UnsetType, doc("Oneself only: what the wallet holds, in MXN.")] = (
        UNSET
    )
    email_confirmed: Annotated[
        bool | UnsetType,
        doc("Oneself only: whether the link has been followed that was sent to the email."),
    ] = UNSET
    username: Annotated[
        str | UnsetType,
        doc("Oneself only: the name to log in with to the other APIs of this installation."),
    ] = UNSET


class UserAnswer(Shape):
    """The answer that is a user."""

    user: Annotated[User, doc("The user.")]


def person_shape(found: person.User, *, gallery: Gallery) -> Person:
    """A user as others see them."""
    return Person(
        id=found.number,
        name=found.full_name,
        email=_proven(found),
        avatar_url=_picture(found, gallery),
    )


def other(found: person.User, *, gallery: Gallery) -> UserAnswer:
    """The answer that is somebody else."""
    return UserAnswer(
        User(
            id=found.number,
            name=found.full_name,
            email=_proven(found),
            avatar_url=_picture(found, gallery),
        )
    )


def oneself(
    me: person.User, *, token: str, wallet: Decimal, clabe: Clabe | None, gallery: Gallery
) -> UserAnswer:
    """The answer that is the current user; `wallet` is in MXN."""
    return UserAnswer(
        User(
            id=me.number,
            name=me.full_name,
            email=me.email or "",
            avatar_url=_picture(me, gallery),
            auth_token=token,
            bank=clabe.bank if clabe else "",
            clabe=clabe.number if clabe else "",
            wallet=decimal_string(wallet),
            email_confirmed=me.email_verified_at is not None,
            username=me.username,
        )
    )


def _proven(found: person.User) -> str:
    return found.email or "" if found.email_verified_at else ""


def _picture(shown: person.User, gallery: Gallery) -> str:
    return gallery.url(gallery.name(shown.image_id), "ui") if shown.image_id else ""
