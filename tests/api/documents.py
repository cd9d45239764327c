"""How documents are read: headings, fenced blocks, tables, and JSON that needs mending."""

import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple


class Endpoint(NamedTuple):
    """A method, and a path in which every id is `{id}`."""

    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Section(NamedTuple):
    """What is below one heading, up to the next of the first two levels."""

    title: str
    text: str


class Curl(NamedTuple):
    """A call that is printed: `path` with its query, as it is; `body` empty where it has none."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: str


def sections(text: str) -> list[Section]:
    """The sections of a text whose headings are marked as such."""
    parts = re.split(r"^#{1,2}(?!#) *(.+)$", text, flags=re.MULTILINE)
    return [Section(*each) for each in zip(parts[1::2], parts[2::2], strict=True)]


def fenced(text: str, language: str) -> list[str]:
    """The fenced blocks in a text that are of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def curl(printed: str, *, host: str) -> Curl:
    """What a curl sends there; lines that lack their backslash belong to it too."""
    words = iter(shlex.split(printed.replace("\\\n", " "))[1:])
    method, headers, body, url = "GET", {}, "", ""
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        elif word == "-d":
            body = next(words)
        else:
            assert not url, word
            url = word
    assert url.startswith(host), url
    return Curl(method, url.removeprefix(host), headers, body)


def cells(row: str) -> list[str]:
    """What the cells of a row of a table have; its outer bars may be left out."""
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def mended(text: str, *, parse_float: Callable[[str], Any] = float) -> Any:
    """The JSON that a text begins with: without comments, and with the right commas."""
    text = re.sub(r"\s// .*$", "", text, flags=re.MULTILINE)
    text = re.sub(r'(["}\]\de])(\s*\n\s*")', r"\1,\2", text)
    text = re.sub(r",(\s*[}\]])", r"\1", text)
    return json.JSONDecoder(parse_float=parse_float).raw_decode(text.lstrip())[0]


def replaced(printed: Any, values: Mapping[str, Any]) -> Any:
    """A body with other values for some names, wherever they are.

    Where an iterator is given, its values are put there one after the other.
    """
    if isinstance(printed, list):
        return [replaced(each, values) for each in printed]
    if not isinstance(printed, dict):
        return printed
    return {
        name: _given(values[name]) if name in values else replaced(value, values)
        for name, value in printed.items()
    }


def _given(value: Any) -> Any:
    return next(value) if isinstance(value, Iterator) else value
