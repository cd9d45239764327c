"""Mobbr's document, read: every request line, argument, call, sample and sentence that is in it.

The document is in `spec`, as it was published. It is read for what it means, and all of it: a line
that is nothing known is an error. What is indented is what a call is made of; the words around it
say of what it is an example.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

from tests.api import documents
from tests.api.documents import Curl, Endpoint, Section, mended, sections

SPEC = (Path(__file__).parent / "spec" / "mobbr-payments.md").read_text()
"""The document; what reads it takes another one too, to see that a change is noticed."""

HOST = "https://test-api.mobbr.com"

_LABEL = re.compile(
    r"\*\*(Arguments|[Ee]xample)\*\*|\*notes\*|Request( data)?"
    r"|Response(, arrays reduced to a single element)?"
)
_LINE = re.compile(r"(GET|POST|PUT|DELETE)\s+(/api_v1/\S+)")
_ARGUMENT = re.compile(r"(array )?(\w+)(?: *\(=(\w+)\))? *(?:: *(.+))?")
_LINK = re.compile(r"- \[([^]*]+?) *(\*public\*)?\] ?\(\S+#([\w-]+)\)")


class Piece(NamedTuple):
    """A part of a section: what is indented, or one line of words; `label` is the last one before
    it that only says what follows."""

    is_block: bool
    text: str
    label: str


class Argument(NamedTuple):
    """An argument of a call; without a default, it is needed."""

    name: str
    is_array: bool
    default: str | None
    meaning: str

    @property
    def value(self) -> Any:
        """The default as a value."""
        return None if self.default is None else json.loads(self.default.lower())


class Taken(NamedTuple):
    """What a call takes."""

    title: str
    endpoint: Endpoint
    arguments: Sequence[Argument]

    def __str__(self) -> str:
        return self.title


@dataclass(frozen=True, slots=True)
class Example:
    """A call and its answer, as they are printed; `data` is what is said to be sent, if it is."""

    title: str
    endpoint: Endpoint
    curl: Curl
    data: str | None
    answer: str

    def __str__(self) -> str:
        return self.title


class Linked(NamedTuple):
    """A line of the document's contents."""

    name: str
    is_public: bool
    anchor: str


class Statement(NamedTuple):
    """A line of words, and below which heading it is."""

    title: str
    text: str

    def __str__(self) -> str:
        return f"{self.title}: {self.text}"


def endpoints(text: str = SPEC) -> list[Endpoint]:
    """What the request lines call, in the order of the document."""
    return [_line(section) for section in _calls(text)]


def taken(text: str = SPEC) -> list[Taken]:
    """What every call takes: nothing, where the document has no table of it."""
    found = []
    for section in _calls(text):
        blocks = [it for it in _pieces(section) if it.is_block and it.label == "**Arguments**"]
        rows = [row.strip() for it in blocks for row in it.text.splitlines()]
        found.append(Taken(section.title, _line(section), [_argument(row) for row in rows]))
    return found


def examples(text: str = SPEC) -> list[Example]:
    """All calls with their answers, in the order of the document."""
    return [each for section in _calls(text) for each in _examples(section)]


def scripts(text: str = SPEC) -> list[Mapping[str, Any]]:
    """The payment scripts that are printed beside the calls."""
    return [
        mended(piece.text)
        for section in _calls(text)
        for piece in _pieces(section)
        if _role(piece) == "script"
    ]


def contents(text: str = SPEC) -> list[Linked]:
    """The contents of the document, in order."""
    found = [_LINK.fullmatch(each.text) for each in statements(text)]
    return [Linked(it[1], it[2] is not None, it[3]) for it in found if it is not None]


def statements(text: str = SPEC) -> list[Statement]:
    """All lines of words, in the order of the document."""
    return [
        Statement(section.title, piece.text)
        for section in sections(text)
        for piece in _pieces(section)
        if not piece.is_block
    ]


def said(text: str = SPEC) -> list[Statement]:
    """The lines of words but for the contents."""
    return [it for it in statements(text) if not _LINK.fullmatch(it.text)]


# The parts of a section.


def _calls(text: str) -> list[Section]:
    """The sections about a call: all but the first, which is about the document."""
    return sections(text)[1:]


def _line(section: Section) -> Endpoint:
    """The endpoint of the one request line in a section."""
    [found] = [it.text.strip() for it in _pieces(section) if _role(it) == "line"]
    method, path = found.split()
    return Endpoint(method, path)


def _pieces(section: Section) -> Iterator[Piece]:
    """The parts of a section, in order; labels are not among them."""
    label, block = "", ""
    for line in [*section.text.splitlines(), "."]:
        if re.match(r"    |\t", line) or not line.strip():
            block += f"{line.expandtabs(4)}\n" if block or line.strip() else ""
            continue
        if block:
            yield Piece(is_block=True, text=dedent(block).strip("\n"), label=label)
            block = ""
        if _LABEL.fullmatch(line.strip()):
            label = line.strip()
        elif line != ".":
            label = ""
            yield Piece(is_block=False, text=line.strip(), label=label)


def _role(piece: Piece) -> str:
    """What is indented: the request line, the arguments, what is sent, a script, an answer."""
    if not piece.is_block:
        return "words"
    text = piece.text.strip()
    if _LINE.fullmatch(text):
        return "line"
    if piece.label == "**Arguments**":
        return "arguments"
    if text.startswith("curl"):
        assert piece.label == "Request", piece
        return "call"
    assert text.startswith("{"), piece
    return {"Request data": "data", "Response": "answer"}.get(piece.label.split(",")[0], "script")


def _argument(row: str) -> Argument:
    found = _ARGUMENT.fullmatch(row)
    assert found is not None, row
    return Argument(found[2], found[1] is not None, found[3], found[4] or "")


def _examples(section: Section) -> Iterator[Example]:
    data, call, count = None, None, 0
    for piece in _pieces(section):
        match _role(piece):
            case "data":
                data = piece.text
            case "call":
                call = _meant(documents.curl(piece.text, host=HOST))
            case "answer":
                assert call is not None, piece
                count += 1
                title = section.title if count == 1 else f"{section.title}, {count}"
                yield Example(title, _line(section), call, data, piece.text)
                data = call = None
    assert data is None, section.title
    assert call is None, section.title


def _meant(call: Curl) -> Curl:
    """A call as it is meant: one path has an argument in it for want of a question mark."""
    return call._replace(path=re.sub(r"/domain=", "/domain?domain=", call.path).strip())
