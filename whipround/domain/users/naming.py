"""One name and no username, where people have both elsewhere (Moneypool, Create a User)."""

import re
import secrets
import string
import unicodedata
from collections.abc import Iterator

SHORTEST_USERNAME = 3

_LONGEST_STEM = 20
"""Leaves room, of the 30 characters of a username, for what tells two of a name apart."""

_SAID_OF_NOBODY = "user"
"""What the usernames begin with of people whose names are not written in Latin letters."""

_DIGITS = (4, 6, 10)
"""How many digits follow, from try to try; the last number for all further ones."""

# Letters that are not made of a plain one and a mark.
_PLAIN = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ı": "i", "ħ": "h"}
)
_NEITHER_LETTER_NOR_DIGIT = re.compile(r"[^a-z0-9]")


def split(name: str) -> tuple[str, str]:
    """First and last name: the first word, and all others, with one blank between them."""
    first, *others = name.split() or [""]
    return first, " ".join(others)


def usernames(name: str) -> Iterator[str]:
    """Usernames that resemble a name, without end: small ASCII letters, and digits.

    The first is the plainest; from the second on they are not to be foreseen.
    """
    stem = _stem(name)
    if not set(stem) & set(string.ascii_lowercase):  # every username has a letter
        stem = _SAID_OF_NOBODY
    elif len(stem) >= SHORTEST_USERNAME:
        yield stem
    for count in _DIGITS[:-1]:
        yield _followed(stem, count)
    while True:
        yield _followed(stem, _DIGITS[-1])


def _stem(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.casefold().translate(_PLAIN))
    return _NEITHER_LETTER_NOR_DIGIT.sub("", plain)[:_LONGEST_STEM]


def _followed(stem: str, count: int) -> str:
    return stem + "".join(secrets.choice(string.digits) for _ in range(count))
