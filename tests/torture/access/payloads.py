"""What is put into every field, to be taken for something else than text; and what came of it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.api.described import kinds

Json = dict[str, Any]
Path = tuple[str | int, ...]

BEGIN, END = "qz7k", "k7zq"
"""Around every payload, so that it is known again wherever it turns up."""

SUM = "60699681"
"""What 7791 × 7791 is, for whatever works it out."""

_INSIDE: Mapping[str, str] = {
    "SQL, in quotes": "';drop/**/table/**/users;--",
    "SQL, always true": "'/**/or/**/'1'='1",
    "SQL, in double quotes": '");delete/**/from/**/account;--',
    "SQL, escaped": "\\';update/**/users/**/set/**/pin_digest=null;--",
    "SQL, in dollars": "$$;truncate/**/transfer;--$$",
    "SQL, as a pattern": "%_%\\",
    "parameters": "%s%(id)s%%(now)b$1:id?",
    "templates": "{{7791*7791}}{%if/**/1%}{#",
    "other templates": "${7791*7791}#{7791*7791}<%=7791*7791%>",
    "formats": "{0.__class__.__mro__}{id}%n%x",
    "HTML": '"><script>alert(1)</script><img/src=x/onerror=alert(1)>',
    "an attribute": "'onmouseover='alert(1)'style='x",
    "headers": "\r\nSet-Cookie:qz=1\r\n\r\n<b>",
    "log lines": '\n{"level":"info","event":"forged"}\n',
    "paths": "../../../../etc/passwd",
    "paths, encoded": "%2e%2e%2f%2e%2e%5csecret.key%00",
    "XML": ']]><!DOCTYPE/**/a[<!ENTITY/**/b/**/"c">]>&b;',
    "a shell": "$(id)`id`;id|id&&id",
    "JSON": '","is_admin":true,"x":"',
}

PAYLOADS: Mapping[str, str] = {name: f"{BEGIN}{it}{END}" for name, it in _INSIDE.items()}
"""All in one word, as some names are cut at blanks."""

QUICK = f"{BEGIN}'\");--\\$$%s%(id)s{{{{7791*7791}}}}${{1}}<script>&amp;=../{END}"
"""Some of all of them in one, that even a single line may have."""

_HARMLESS = re.compile(r"[A-Za-z0-9._-]*")


def texts_of(schema: Json, above: Path = ()) -> Iterator[Path]:
    """The paths of all values in what has this schema; of a list, those of its first item."""
    for name, field in schema.get("properties", {}).items():
        path = (*above, name)
        inner = [it for it in kinds(field) if "properties" in it]
        items = [it["items"] for it in kinds(field) if "items" in it]
        for each in inner:
            yield from texts_of(each, path)
        for each in items:
            within = [it for it in kinds(each) if "properties" in it]
            for kind in within:
                yield from texts_of(kind, (*path, 0))
            if not within:
                yield (*path, 0)
        if not inner and not items:
            yield path


def is_free(schema: Json, path: Path) -> bool:
    """Whether what is there may be any text, as far as its schema says."""
    found = [schema]
    for name in path:
        within = [kind for each in found for kind in kinds(each)]
        if isinstance(name, int):
            found = [it["items"] for it in within if "items" in it]
        else:
            found = [it["properties"][name] for it in within if name in it.get("properties", {})]
    texts = [it for each in found for it in kinds(each) if it.get("type") == "string"]
    return any(_allows(it) for it in texts)


def _allows(kind: Json) -> bool:
    is_free = not {"enum", "const"} & kind.keys() and kind.get("format") in {None, "password"}
    return is_free and re.search(kind.get("pattern", ""), QUICK) is not None


def placed(body: Any, path: Path | None, value: Any) -> Any:
    """The body with the value at that place, which is made where there is none.

    Without a place it is the body as it is.
    """
    if path is None:
        return body
    if not path:
        return value
    first, *rest = path
    if isinstance(first, int):
        items = body if isinstance(body, list) and body else [{}]
        return [placed(items[0], tuple(rest), value), *items[1:]]
    fields = body if isinstance(body, dict) else {}
    return {**fields, first: placed(fields.get(first), tuple(rest), value)}


def strings(value: Any) -> Iterator[str]:
    """All texts in some JSON, names of fields too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from strings(each)


def mangled(text: str) -> bool:
    """Whether a text has a payload in it that is not as it was sent.

    What has only letters, digits and dots left, as the username that is made of a name, is none.
    """
    if SUM in text:
        return True
    left = text
    for payload in (*PAYLOADS.values(), QUICK):
        left = left.replace(payload, "")
    return BEGIN in left and not _HARMLESS.fullmatch(left)
