"""Moneypool's document, read: every endpoint, curl, sample, table and notice that is in it.

The document is in `spec`, as it was published. It is read for what it means: JSON is mended, and
where a curl contradicts the line below "HTTP Request", the line is right.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from tests.api import documents
from tests.api.documents import Endpoint, Section, cells, fenced, mended, sections

SPEC = (Path(__file__).parent / "spec" / "moneypool.md").read_text()
"""The document; what reads it takes another one too, to see that a change is noticed."""

HOST = "https://moneypool.mx"
_FILE = "<image file>"
_ID = re.compile(r":\w+|\d+")
_TYPES = {"boolean", "date", "integer", "string"}


class Curl(NamedTuple):
    """A call that is printed; `path` as it is, `body` None where it has none."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any

    @property
    def endpoint(self) -> Endpoint:
        """What it calls, by its own URL."""
        return _endpoint(self.method, self.path)


@dataclass(frozen=True, slots=True)
class Example:
    """A call of an endpoint; `answer` is None where there is no sample of one."""

    title: str
    endpoint: Endpoint
    curl: Curl
    answer: Any

    def __str__(self) -> str:
        return self.title


class Told(NamedTuple):
    """What a row of a table says of an attribute or a parameter; its type may be left out."""

    kind: str
    meaning: str

    @property
    def choices(self) -> list[str]:
        """The values that it is one of."""
        return re.findall(r"`(\w+)`", self.meaning)


class Taken(NamedTuple):
    """What an endpoint takes: its parameters by their path in the body."""

    title: str
    endpoint: Endpoint
    parameters: Mapping[str, Told]

    def __str__(self) -> str:
        return self.title


class Documented(NamedTuple):
    """An object: a sample of it, and what its table says of each attribute."""

    name: str
    sample: Any
    attributes: Mapping[str, Told]


class Notice(NamedTuple):
    """What an aside says, and under which heading."""

    title: str
    text: str

    def __str__(self) -> str:
        return self.title


_MEANT: Mapping[str, Endpoint] = {"Create a User": Endpoint("POST", "/api/users")}
"""Lines that repeat another section's by mistake."""

LATER_ENDPOINTS = (
    Endpoint("GET", "/api/confirmations/{id}"),
    Endpoint("POST", "/api/passwords"),
    Endpoint("PATCH", "/api/passwords"),
    Endpoint("POST", "/api/users/{id}/withdrawals"),
    Endpoint("POST", "/api/users/{id}/cash_payments"),
)
"""Endpoints that the document names without describing, or implies."""

_PAYMENT = {
    "payment": {
        "id": 1,
        "description": "Dinner",
        "payment_method": "card",
        "amount": "200.0",
        "wallet_amount": "100.0",
        "card_amount": "100.0",
        "party": "alex@mail.com",
        "created_at": "2015-01-07T00:32:47.390-06:00",
    }
}

_ANSWERED_AS: Mapping[str, str] = {"Reject a Payment Request": "Create a Payment Request"}
"""Calls that are answered as another one is."""

OURS: Mapping[str, Sequence[str]] = {
    "income": ("payment_id",),
    "outcome": ("payment_id", "fee", "refunded", "status"),
    "payment": ("fee", "status"),
    "user": ("email_confirmed", "username"),
}
"""The attributes that objects have besides what the document has."""


def endpoints(text: str = SPEC) -> list[Endpoint]:
    """All endpoints that a line below "HTTP Request" has, or that are known besides."""
    lines = [_line(section) for section in sections(text)]
    return sorted({*LATER_ENDPOINTS, *(line for line in lines if line is not None)})


def examples(text: str = SPEC) -> list[Example]:
    """All calls of an endpoint, in the order of the document."""
    answers = {
        section.title: mended(sample)
        for section in sections(text)
        for sample in fenced(section.text, "json")[:1]
    }
    found = []
    for section in sections(text):
        line = _line(section)
        if line is None:
            continue
        for block in fenced(section.text, "shell"):
            answer = answers.get(_ANSWERED_AS.get(section.title, section.title))
            if line.path.endswith("/mixed_payments"):
                answer = _PAYMENT
            found.append(Example(section.title, line, curl(block), answer))
    return found


def introductory(text: str = SPEC) -> list[Curl]:
    """The calls that show how any is made."""
    return [
        curl(block)
        for section in sections(text)
        if _line(section) is None
        for block in fenced(section.text, "shell")
    ]


def curl(printed: str) -> Curl:
    """What a curl sends."""
    method, path, headers, body = documents.curl(printed, host=HOST)
    told = mended(body.replace(_FILE, '"image file"'), parse_float=Decimal) if body else None
    return Curl(method, path, headers, told)


def taken(text: str = SPEC) -> list[Taken]:
    """What the endpoints take that have a table of it."""
    found = []
    for section in sections(text):
        line = _line(section)
        parts = re.split(r"^#{3,4} (.+)$", section.text, flags=re.MULTILINE)
        below = dict(zip(parts[1::2], parts[2::2], strict=True))
        rows = {
            f"{_root(section, title)}{name}": told
            for title, part in below.items()
            if title in {"Parameters", "Payment", "Transaction"}
            for name, told in _rows(part)
        }
        if line is not None and rows:
            found.append(Taken(section.title, line, rows))
    return found


def objects(text: str = SPEC) -> list[Documented]:
    """The objects that have a table of attributes."""
    found = []
    for section in sections(text):
        _, _, below = section.text.partition("### Attributes\n")
        if below:
            sample = mended(fenced(section.text, "json")[0])
            rows = _rows(below.partition("\n#")[0])
            found.append(Documented(section.title, sample, {n.lower(): told for n, told in rows}))
    return found


def history_types(text: str = SPEC) -> dict[str, list[str]]:
    """The types of payments in a history, by "income" and "outcome"."""
    found = re.findall(r"^#### (Income|Outcome)s\n\n((?:.+\n)+)", text, re.MULTILINE)
    return {kind.lower(): [name for name, _ in _rows(table)] for kind, table in found}


def notices(text: str = SPEC) -> list[Notice]:
    """All asides, in the order of the document."""
    return [
        Notice(section.title, " ".join(said.split()))
        for section in sections(text)
        for said in re.findall(r'<aside class="notice">(.*?)</aside>', section.text, re.DOTALL)
    ]


def _line(section: Section) -> Endpoint | None:
    """The endpoint below "HTTP Request"."""
    if section.title in _MEANT:
        return _MEANT[section.title]
    found = re.search(rf"^`([A-Z]+) +{HOST}(/api/\S+)`$", section.text, re.MULTILINE)
    return _endpoint(found[1], found[2]) if found else None


def _endpoint(method: str, path: str) -> Endpoint:
    return Endpoint(method, _ID.sub("{id}", path))


def _root(section: Section, heading: str) -> str:
    """What the parameters of a table are in: the one object that the sample of a body is of."""
    body = curl(fenced(section.text, "shell")[0]).body
    if heading != "Parameters":
        return f"{heading.lower()}."
    [(name, value), *others] = body.items()
    return f"{name}." if isinstance(value, dict) and not others else ""


def _rows(text: str) -> Iterator[tuple[str, Told]]:
    """The rows of the first table in a text, some of which have a cell too few or too many."""
    table = re.search(r"^-[- |]+\n((?:.*\|.*\n?)*)", text, re.MULTILINE)
    for row in table[1].splitlines() if table else []:
        name, *rest = cells(row)
        kind = rest[0] if rest[0] in _TYPES else ""
        yield name, Told(kind, " ".join(filter(None, rest[1:] if kind else rest)))
