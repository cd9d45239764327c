"""How people are named where others read it: addresses are nobody's to see but their owners'."""

import hashlib
from collections.abc import Collection
from typing import NamedTuple

from whipround.domain.crowd.gravatars import gravatar
from whipround.domain.payees import PayeeKind
from whipround.domain.users.person import User

_MAILTO, _TEL = "mailto:", "tel:"
_SCHEMES = {"email": _MAILTO, "phone": _TEL}

_SHOWN_OF_NUMBER = 2
"""How many digits of a phone number are shown at its end; as many, with the +, at the beginning."""


class Named(NamedTuple):
    """Somebody as others see them: `name` is a username, or what may be seen of an address."""

    name: str
    gravatar: str


def recipient_of(kind: PayeeKind, address: str) -> str:
    """The id of whom an address belongs to, as a script writes it: `mailto:…`, `tel:…`, a URL."""
    return _SCHEMES.get(kind, "") + address


def own_ids(user: User) -> frozenset[str]:
    """The ids of addresses that a user has proven, and may see."""
    own = set()
    if user.email and user.email_verified_at:
        own.add(recipient_of("email", user.email.lower()))
    if user.phone and user.phone_verified_at:
        own.add(recipient_of("phone", user.phone))
    return frozenset(own)


def masked(recipient: str, *, own: Collection[str] = ()) -> str:
    """An id as it is shown to whoever has the `own` ids: `mailto:j…@example.org`, `tel:+44…05`."""
    if recipient in own:
        return recipient
    if recipient.startswith(_MAILTO):
        name, _, host = recipient.removeprefix(_MAILTO).rpartition("@")
        return f"{_MAILTO}{name[:1]}…@{host}"
    if recipient.startswith(_TEL):
        number = recipient.removeprefix(_TEL)
        return f"{_TEL}{number[: _SHOWN_OF_NUMBER + 1]}…{number[-_SHOWN_OF_NUMBER:]}"
    return recipient


def named(
    recipient: str, *, username: str | None, email: str | None, own: Collection[str] = ()
) -> Named:
    """Somebody who is paid under an id: a user, whose proven `email` gives the picture, or nobody.

    `username` is None of whoever is no user; who reads it has the `own` ids.
    """
    if username is not None:
        return Named(username, gravatar(username, email=email))
    shown = masked(recipient, own=own).removeprefix(_MAILTO).removeprefix(_TEL)
    return Named(shown, picture_of(recipient))


def picture_of(recipient: str) -> str:
    """The digest of what somebody who is no user looks like.

    There are so few phone numbers that one would be found by its digest: it is that of what may be
    seen of it.
    """
    return gravatar(masked(recipient) if recipient.startswith(_TEL) else recipient)


def stand_in(recipient: str) -> str:
    """What stands for the username of somebody who has none: a digest of the id they are paid at,
    in hexadecimal.
    """
    return hashlib.md5(masked(recipient).encode(), usedforsecurity=False).hexdigest()
