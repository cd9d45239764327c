"""Whom a participant's id means, whichever way it is written (later revisions, "Recipients")."""

import re
from collections.abc import Collection
from typing import Literal, NamedTuple
from urllib.parse import unquote

from whipround.domain import emails, phones
from whipround.domain.scripts import addresses

LONGEST = addresses.LONGEST

Kind = Literal["username", "email", "phone", "profile", "url", "bitcoin"]

MOBBR = "mobbr.com"
"""A person's page there is that of the person of this name here."""


class Recipient(NamedTuple):
    """Somebody to be paid, however they were written: equal if they are the same.

    `value` is a username or an email address in lower case, a phone number in E.164, an address of
    the web in its normal form, or an address of bitcoin, to which nothing can be paid. Which
    addresses are those of profiles is not known here: whoever knows makes them `profile`.
    """

    kind: Kind
    value: str


_USERNAME = re.compile(r"[A-Za-z0-9._-]{1,100}", re.ASCII)
_SCHEME = re.compile(r"(mailto|tel|bitcoin):", re.ASCII | re.IGNORECASE)
_BITCOIN = re.compile(r"([A-Za-z0-9]{20,100})(?:\?.*)?", re.ASCII)
_PERSON = re.compile(r"/person/([^/?]+)/?(?:\?.*)?", re.ASCII)


def recipient(text: str, *, hosts: Collection[str]) -> Recipient | None:
    """Whom `text` means; None if it cannot be read.

    It is a username, an email address, `mailto:`, `tel:` with an international number, `bitcoin:`,
    or an http or https address, of which `https://HOST/#/person/NAME` is the user of that name
    where HOST is mobbr.com or one of `hosts` (in lower case, with the port if it has one).
    """
    text = text.strip()
    if len(text) > LONGEST:
        return None
    scheme = _SCHEME.match(text)
    if scheme is not None:
        return _of_scheme(scheme[1].lower(), text[scheme.end() :])
    if "://" in text:
        return _of_address(text, hosts)
    return _email(text) if "@" in text else _user(text)


def is_name(text: str) -> bool:
    """Whether an id is no more than a name: of somebody here, unless something says where."""
    return not (_SCHEME.match(text.strip()) or "://" in text or "@" in text)


def written(recipient: Recipient, *, people: str) -> str:
    """The id of a recipient, as answers write it.

    A username follows `people`, the beginning of the addresses of people here (`https://this.host
    /#/person/`).
    """
    kind, value = recipient
    if kind == "username":
        return people + value
    if kind == "email":
        return "mailto:" + value.replace("%", "%25")
    if kind == "phone":
        return "tel:" + value
    if kind == "bitcoin":
        return "bitcoin:" + value
    return value


def _of_scheme(scheme: str, rest: str) -> Recipient | None:
    if scheme == "mailto":
        return _email(unquote(rest))
    if scheme == "tel":
        number = phones.normalised(unquote(rest))
        return Recipient("phone", number) if number is not None else None
    address = _BITCOIN.fullmatch(rest)
    return Recipient("bitcoin", address[1]) if address is not None else None


def _email(text: str) -> Recipient | None:
    address = emails.normalised(text)
    return Recipient("email", address) if address is not None else None


def _user(text: str) -> Recipient | None:
    return Recipient("username", text.lower()) if _USERNAME.fullmatch(text) else None


def _of_address(text: str, hosts: Collection[str]) -> Recipient | None:
    address = addresses.normalised(text)
    if address is None:
        return None
    host, path, query, fragment = addresses.pieces(address)
    if path == "/" and not query and (host == MOBBR or host in hosts):
        person = _PERSON.fullmatch(fragment)
        if person is not None:
            return _user(unquote(person[1]))
    if not query and not fragment and path != "/":
        # A profile is the same with and without the slash at its end.
        address = address.removesuffix(path) + (path.rstrip("/") or "/")
    return Recipient("url", address)
