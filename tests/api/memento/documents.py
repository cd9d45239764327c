"""Memento's documents, read: every endpoint, object and example that is in them.

The documents are in `spec`, as they were published. They are read for what they mean: JSON is
mended, and where a curl contradicts the line below "HTTP Request", the line is right.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tests.api.documents import Endpoint, Section, fenced, mended, sections

SPEC = Path(__file__).parent / "spec"
REFERENCE, REQUESTS, FIRST_DRAFT = "memento.md", "memento-requests.md", "memento-first-draft.md"

_HOST = "https://api.mementopayments.com"
_METHOD = "GET|POST|PUT|DELETE"
_ID = re.compile(r"{\w+}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Example:
    """A request that a document prints.

    `body` is None where it has none, `answer` where there is no sample of the answer.
    """

    document: str
    title: str
    endpoint: Endpoint
    body: Any
    answer: Any

    def __str__(self) -> str:
        return f"{self.document} {self.title} {self.endpoint}"


class Documented(NamedTuple):
    """An object: a sample of it, and what its table says of each attribute's type."""

    name: str
    sample: Any
    types: Mapping[str, str]


class Taken(NamedTuple):
    """What an endpoint takes: the attributes of its body, and filters with their operators."""

    endpoint: Endpoint
    attributes: Sequence[str]
    filters: Mapping[str, Sequence[str]]

    def __str__(self) -> str:
        return str(self.endpoint)


LATER: Mapping[str, Mapping[str, str]] = {
    "announcement": {"image": "Image", "webview_url": "string"},
    "bank account": {"meta": "string"},
    "card": {"meta": "string"},
    "contact": {"user": "User"},
    "image": {"cropped_url": "string", "description": "string", "meta": "string"},
    "moment": {"amount_indicator": "AmountIndicator"},
    "money pool": {"meta": "string"},
    "participant": {"verified": "boolean", "official": "boolean", "meta": "string"},
    "payment": {"unclaimed_payment": "UnclaimedPayment", "meta": "string"},
    "relationship": {"contact_id": "uuid"},
    "request": {"meta": "string"},
    "transaction": {"meta": "string"},
    "user": {"meta": "string"},
}
"""What later revisions added to objects, as far as that is known."""

LATER_ENDPOINTS = (
    Endpoint("GET", "/v1/funding_sources/{id}/limits"),
    Endpoint("GET", "/v1/images/{id}"),
    Endpoint("POST", "/v1/images"),
    Endpoint("POST", "/v1/requests/{id}/participants/{id}/settle"),
)
"""Endpoints that the documents have no line for, or a wrong one."""

_MISPRINTS = {
    ("receipt", f"amount.{name}"): f"amounts.{name}" for name in ("total", "paid", "cost")
} | {("receipt", "amount.currency"): "amounts.currency"}
"""Attributes that a table calls otherwise than the sample above it."""


def documented_endpoints() -> list[Endpoint]:
    """All endpoints, those of the curls too, which are older forms of some."""
    found = {
        *LATER_ENDPOINTS,
        *(each.endpoint for each in examples()),
        *(each for document in (REFERENCE, FIRST_DRAFT) for each in _lines_and_curls(document)),
    }
    # The current device is got by its line, and made up by its curl.
    return sorted(found - {Endpoint("POST", "/v1/devices/current")})


def examples() -> list[Example]:
    """All examples of requests, in the order of the documents."""
    return [*_examples(REFERENCE), *_newer_examples(), *_examples(FIRST_DRAFT)]


def taken() -> list[Taken]:
    """What the endpoints take; one that several documents have is there as often."""
    found = [*_taken(REFERENCE), *_newer_taken()]
    return [each for each in found if each.attributes or each.filters]


def without(documented: Documented, name: str) -> Documented:
    """An object, but for one attribute."""
    name_, sample, types = documented
    return Documented(name_, _without(sample, name), _without(types, name))


def _without(attributes: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {each: value for each, value in attributes.items() if each != name}


def objects() -> list[Documented]:
    """All objects; one that several documents have is there as often."""
    return [
        *_objects(REFERENCE),
        *_newer_objects(),
        *_objects(FIRST_DRAFT),
        *(Documented(name, {}, types) for name, types in LATER.items()),
    ]


# The documents whose headings are marked as such.


def _sections(document: str) -> list[Section]:
    # What the tool that made them left in them comes last.
    return sections((SPEC / document).read_text().partition("\n# Kittens\n")[0])


def _endpoint(method: str, path: str) -> Endpoint:
    return Endpoint(method, _ID.sub("{id}", path))


def _line(section: Section) -> Endpoint | None:
    """The endpoint below "HTTP Request"."""
    found = re.search(rf"^`({_METHOD})`? `?(?:{_HOST})?(/v1/[^`]+)`$", section.text, re.MULTILINE)
    return _endpoint(found[1], found[2]) if found and "?" not in found[2] else None


def _curl(block: str) -> Endpoint | None:
    """The endpoint of a curl."""
    found = re.match(rf'curl (?:-X ({_METHOD}) )?"{_HOST}(/v1/[^"]+)"', block)
    return _endpoint(found[1] or "GET", found[2]) if found else None


def _samples(blocks: list[str]) -> list[Any]:
    return [mended(block) for block in blocks if block.startswith(("{", "["))]


def _lines_and_curls(document: str) -> Iterator[Endpoint]:
    for section in _sections(document):
        for found in (_line(section), *map(_curl, fenced(section.text, "shell"))):
            if found is not None:
                yield found


def _examples(document: str) -> Iterator[Example]:
    for section in _sections(document):
        blocks, line = fenced(section.text, "shell"), _line(section)
        answer = next(iter(_samples(blocks)), None)
        curls = [(curl, block) for block in blocks if (curl := _curl(block)) is not None]
        for curl, block in curls:
            body = re.search(r"-d \$'(.*[}\]])", block, re.DOTALL)
            asked = mended(body[1]) if body else None
            yield Example(document, section.title, _meant(line, curl), asked, answer)
        if line and answer and not curls:
            yield Example(document, section.title, line, None, answer)


def _meant(line: Endpoint | None, curl: Endpoint) -> Endpoint:
    """The endpoint that an example is of, whose curl may be an older form of it."""
    if line is None or curl in {
        Endpoint("POST", "/v1/announcement/{id}/ack"),
        Endpoint("POST", "/v1/pools/{id}/export"),
        Endpoint("POST", "/v1/requests/{id}/participants/{id}/settle"),
        Endpoint("POST", "/v1/verifications"),
        Endpoint("PUT", "/v1/users"),
    }:
        return curl
    return line


def _objects(document: str) -> Iterator[Documented]:
    for section in _sections(document):
        named = re.fullmatch(r"The (.+) object", section.title)
        blocks = fenced(section.text, "shell")
        if (named or section.title == "Activity summary") and blocks:
            name = named[1] if named else "activity summary"
            sample = _samples(blocks)[0]
            # Of errors the table has what is in the list.
            sample = sample["errors"][0] if "errors" in sample else sample
            yield Documented(name, sample, _types(name, section.text))


def _types(name: str, text: str) -> dict[str, str]:
    """The attributes of an object, with their types."""
    rows = next(iter(_tables(text, "Description")), [])
    return {_MISPRINTS.get((name, row[0]), row[0]): row[1] for row in rows}


def _tables(text: str, last: str) -> list[list[list[str]]]:
    """The tables about attributes in a text whose last column is this: cells of rows of tables."""
    found = re.findall(
        rf"^\| ?Attribute ?\|.*\b{last} ?\|\n\|.*\n((?:\|.*\n?)+)", text, re.MULTILINE
    )
    return [
        [
            [cell.strip().replace("\\", "") for cell in row.split("|")[1:]]
            for row in rows.splitlines()
        ]
        for rows in found
    ]


def _taken(document: str) -> Iterator[Taken]:
    for section in _sections(document):
        curls = filter(None, map(_curl, fenced(section.text, "shell")))
        endpoint = _line(section) or next(curls, None)
        if endpoint is not None:
            attributes = next(iter(_tables(section.text, "Description")), [])
            filters = [row for table in _tables(section.text, "Values") for row in table]
            yield Taken(
                endpoint,
                [row[0] for row in attributes if endpoint.method != "GET"],
                {row[0]: re.findall(r"\w+", row[2]) for row in filters},
            )


# The newer document of requests, which was copied from a page: a line for each cell of a table.


def _newer_sample(text: str) -> Any:
    """The first JSON in a text, if there is any."""
    begins = re.search(r"^[{\[]$", text, re.MULTILINE)
    return mended(text[begins.start() :]) if begins else None


def _newer_table(text: str, *columns: str) -> list[Sequence[str]]:
    """The rows of the table with these columns."""
    _, _, below = text.partition("\n".join(columns) + "\n")
    lines = re.split(r"\n\n|^(?:{|200 OK)", below, maxsplit=1, flags=re.MULTILINE)[0].splitlines()
    return [lines[at : at + len(columns)] for at in range(0, len(lines), len(columns))]


def _newer_parts() -> Iterator[tuple[str, Endpoint, str, str]]:
    """The title of each endpoint, and what is said of asking for it, and of its answer."""
    text = (SPEC / REQUESTS).read_text()
    parts = re.split(rf"^({_METHOD}) (/v1/\S+)$", text, flags=re.MULTILINE)
    before = parts[0]
    for method, path, below in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        title = re.findall(r"^([A-Z][\w ]+)\n\n", before, re.MULTILINE)[-1]
        asked, _, answered = re.split(r"^(20[01]) \w+$", below, maxsplit=1, flags=re.MULTILINE)
        yield title, _endpoint(method, path), asked, answered
        before = below


def _newer_examples() -> Iterator[Example]:
    for title, endpoint, asked, answered in _newer_parts():
        yield Example(REQUESTS, title, endpoint, _newer_sample(asked), _newer_sample(answered))


def _newer_taken() -> Iterator[Taken]:
    for _, endpoint, asked, _ in _newer_parts():
        attributes = _newer_table(asked, "Attribute", "Type", "Description")
        filters = _newer_table(asked, "Attribute", "Type", "Operators", "Values")
        yield Taken(
            endpoint,
            [row[0] for row in attributes],
            {row[0]: row[2].split(", ") for row in filters},
        )


def _newer_objects() -> Iterator[Documented]:
    text = (SPEC / REQUESTS).read_text()
    types = {row[0]: row[1] for row in _newer_table(text, "Attribute", "Type", "Description")}
    yield Documented("request", _newer_sample(text), types)
