"""Picks from HTML the few elements that say something about a page, in time that its length bounds.

A parser that builds the whole tree takes time by the square of how deep elements are nested, and of
how many attributes one has: minutes for a MiB that was made for it. So a page is first cut into its
tags, as the HTML Standard's tokenizer does, and what is parsed is a flat document of those few.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

MAX_TAGS = 20_000
"""How many tags are looked at: what a page says of itself is near its beginning."""

MAX_KEPT = 1_000
MAX_ATTRIBUTES = 64
"""Of one element; one with more says nothing."""

_S = r"\t\n\f\r "
_ATTRIBUTE = (
    rf"[^{_S}/>][^{_S}/>=]*+"
    rf"(?:[{_S}]*+=[{_S}]*+"
    rf"(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|[^{_S}>\"'][^{_S}>]*+)?+)?+"
)
_NEXT = re.compile(r"<(?=[A-Za-z!?/])")
# Where this does not match, the page ends within the tag.
_TAG = re.compile(rf"<(/?)([A-Za-z][^{_S}/>]*+)((?:[{_S}/]++|{_ATTRIBUTE})*+)>")
_END_TAG_OR_TAG = re.compile(r"</?[A-Za-z]")
_COMMENT = re.compile(r"<!--(?:-?>|.*?(?:--!?>|\Z))", re.DOTALL)
_ATTRIBUTES = re.compile(_ATTRIBUTE)

# What is in them is no markup, or none of this page.
_OPAQUE = {
    name: re.compile(rf"</{name}(?=[{_S}/>])", re.IGNORECASE)
    for name in (
        *("script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes"),
        *("template", "svg", "math"),
    )
}
_FOREIGN = frozenset({"svg", "math"})


class _Tag(NamedTuple):
    name: str
    text: str
    content: str
    """What is in it, where that is no markup."""


def excerpt(html: str, *, is_xml: bool = False) -> str:
    """A page that says of itself what `html` does, and has nothing else in it.

    That is the first `html` and `title`, and each `base`, `meta`, `link` and link with a copyright.
    With `is_xml`, an element whose tag ends in a slash has nothing in it.
    """
    kept = ["<!DOCTYPE html>"]
    once = {"html", "title"}
    for tag in _tags(html, is_xml=is_xml):
        if tag.name in ("base", "meta", "link"):
            kept.append(tag.text)
        elif tag.name in ("a", "area") and "copyright" in tag.text.lower():
            kept.append(f"{tag.text}</{tag.name}>")
        elif tag.name in once:
            once.remove(tag.name)
            kept.append(f"<title>{tag.content}</title>" if tag.name == "title" else tag.text)
        if len(kept) > MAX_KEPT:
            break
    return "\n".join(kept)


def _tags(html: str, *, is_xml: bool) -> Iterator[_Tag]:
    """The start tags that are not within an element which is no markup, in order."""
    at = 0
    for _ in range(MAX_TAGS):
        opening = _NEXT.search(html, at)
        if opening is None:
            return
        at = opening.start()
        if not _END_TAG_OR_TAG.match(html, at):
            at = _after_comment(html, at)
            continue
        found = _TAG.match(html, at)
        if found is None:
            return
        at = found.end()
        is_end, name, attributes = found[1], found[2].lower(), found[3]
        if is_end:
            continue
        if name == "plaintext":
            return
        content = ""
        is_empty = attributes.endswith("/") and (is_xml or name in _FOREIGN)
        if name in _OPAQUE and not is_empty:
            end = _OPAQUE[name].search(html, at)
            if end is None:
                return
            content = html[at : end.start()]
            at = end.start()
        if len(attributes) <= 2 * MAX_ATTRIBUTES or _has_few(attributes):
            yield _Tag(name, found[0], content)


def _has_few(attributes: str) -> bool:
    counted = islice(_ATTRIBUTES.finditer(attributes), MAX_ATTRIBUTES + 1)
    return sum(1 for _ in counted) <= MAX_ATTRIBUTES


def _after_comment(html: str, at: int) -> int:
    """Where what the browser takes for a comment ends."""
    comment = _COMMENT.match(html, at)
    if comment is not None:
        return comment.end()
    end = html.find(">", at)
    return len(html) if end < 0 else end + 1
