"""Nothing that anybody sends takes long to read, however it is made up, or breaks a reader.

Texts are made of pieces that repeat, in which searches go astray, to the length that is taken.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from random import Random
from time import process_time
from typing import Any
from urllib.parse import quote_plus

import pytest
from pydantic import TypeAdapter, ValidationError

from tests.api.memento.test_filtering import COLUMNS
from tests.torture.effort import Effort
from whipround import locales
from whipround.api import accepting, bodies, fields, forms, people_fields
from whipround.api.memento import filtering
from whipround.api.mobbr import arguments, xml
from whipround.api.moneypool import fields as moneypool_fields
from whipround.domain.scripts import addresses, parsing, patterns, recipients
from whipround.errors import DomainError
from whipround.gateways.pages.charsets import page_text
from whipround.gateways.pages.fetcher import Page
from whipround.gateways.pages.reading import HTML, read_page

LONGEST = 64 * 1024
LONG_ADDRESS = "https://host.org/" + "a" * 2000
SECONDS = 1.0
"""More than anything takes by far, and less than what grows with the square of its length."""

Reader = Callable[[bytes], object]


def _field(kind: Any) -> Reader:
    adapter = TypeAdapter(kind)
    return lambda sent: adapter.validate_python(_text(sent))


def _text(sent: bytes) -> str:
    return sent.decode("latin-1")


def _quoted(name: str) -> Reader:
    return lambda sent: filtering.parse(
        f"{name}={quote_plus(sent)}".encode(), COLUMNS, searchable=True
    )


def _time(sent: bytes) -> None:
    with suppress(ValueError):
        fields.parse_time(_text(sent))


def _in_page(before: bytes, after: bytes) -> Reader:
    return lambda sent: read_page(
        Page("https://host.org/a", HTML, None, b"<html><head>" + before + sent + after)
    )


READERS: Mapping[str, Reader] = {
    "query string": lambda sent: filtering.parse(sent, COLUMNS, searchable=True),
    **{name: _quoted(name) for name in ("filter", "sort", "page", "limit", "search")},
    "since": filtering.since,
    "form in a query": arguments._in_form,
    "JSON": bodies.decode,
    "multipart": lambda sent: forms.parse(
        sent, b"multipart/form-data; boundary=x", files=frozenset({"file"})
    ),
    "boundary": lambda sent: forms.parse(
        b"--x--", b"multipart/form-data; boundary=" + sent, files=frozenset()
    ),
    "XML": xml.read,
    "text in XML": lambda sent: xml.read(b"<a><b>" + sent + b"</b></a>"),
    "Accept": accepting.media_ranges,
    "Accept-Language": lambda sent: locales.accepted(_text(sent)),
    "script": lambda sent: parsing.parse(sent, hosts={"host.org"}),
    "script data": lambda sent: parsing.parse_data(_text(sent), hosts={"host.org"}),
    "participation.txt": patterns.parse_rules,
    "url-pattern": lambda sent: patterns.matches("/" + _text(sent), LONG_ADDRESS),
    "address of a page": lambda sent: addresses.normalised("https://host.org/" + _text(sent)),
    "host of a page": lambda sent: addresses.normalised("https://" + _text(sent)),
    "recipient": lambda sent: recipients.recipient(_text(sent), hosts={"host.org"}),
    "page": _in_page(b"", b""),
    "script in a page": _in_page(b"<meta name='participation' content='", b"'>"),
    "title of a page": _in_page(b"<title>", b"</title>"),
    "text of a page": _in_page(b"</head><body>", b"</body>"),
    "charset of a page": lambda sent: page_text(sent, charset=None),
    "amount": _field(fields.Amount),
    "amount in pesos": _field(moneypool_fields.Pesos),
    "time": _time,
    "phone": _field(fields.Phone),
    "email": _field(fields.Email),
    "name": _field(fields.Name),
    "description": _field(fields.Description),
    "web address": _field(people_fields.WebAddress),
}
"""All that reads what somebody else has written, of any length that it may have."""

_WRITTEN = r"""
    a 0 9 - + . , : ; / \ @ = " ' [ ] { } ( < > & % * ? #
    a: a, a; a=b& a[ [] [[ a. a@ a- 1, 1. 1e %41 {"a": [{"a": "a", \u0041 // /* *a a* */*, ", ";
    en, en- en;q=1, --x &amp; &#65; &lt <a> <a/> </a> <!-- --> <b><i> <script> <base/href=a>
    <meta/charset= http:// https://a.b/ a@b.c, xn-- é filter=a& [a;b] amount:gte:1, 2018-
    created_at:gte:2018-01-01, tel:+ mailto: {"url-pattern":"/a*","script":{}}, {"id":"a"},
"""

PIECES = (
    *(it.encode() for it in _WRITTEN.split()),
    *(b" ", b"\n", b"\t", b"\0", b"\xff", b"\r\n", b"--x\r\n", b"<a b='c'>", b"<a b='c' "),
    *(b"<link rel=icon href=a>", b"<meta name=keywords content=a>", b"\xe2\x80\xae"),
)

REFUSALS = (DomainError, ValidationError, xml.Unreadable)
"""How a reader says that it cannot read something."""


def _texts(chance: Random, length: int) -> list[bytes]:
    """Some of one piece, and one of several in turn, with something else at the ends."""
    piece = b"".join(chance.choices(PIECES, k=chance.choice([1, 1, 2, 3])))
    middle = piece * (length // len(piece))
    ends = chance.choices([b"", *PIECES], k=2)
    return [middle, ends[0] + middle[: length - 20] + ends[1]]


def _read(reader: Reader, text: bytes) -> float:
    """How many seconds it takes to read, or not to."""
    began = process_time()
    with suppress(*REFUSALS):
        reader(text)
    return process_time() - began


@pytest.mark.parametrize("name", READERS)
def test_whatever_is_read_is_read_or_refused(name: str, chance: Random, effort: Effort) -> None:
    for _ in range(effort.of(2_000, quick=15)):
        for text in _texts(chance, chance.randrange(30, 600)):
            _read(READERS[name], text)


@pytest.mark.long
@pytest.mark.parametrize("name", READERS)
def test_nothing_takes_long_to_read(
    name: str, chance: Random, effort: Effort, tell: Callable[[str, object], None]
) -> None:
    slowest, what = 0.0, b""
    for piece in PIECES:
        seconds = _read(READERS[name], piece * (LONGEST // len(piece)))
        slowest, what = max((slowest, what), (seconds, piece))
    for _ in range(effort.of(100, quick=10)):
        for text in _texts(chance, LONGEST):
            seconds = _read(READERS[name], text)
            slowest, what = max((slowest, what), (seconds, text[:60]))

    tell("slowest", f"{slowest * 1000:.0f} ms, {what!r}")
    assert slowest < SECONDS, what
