"""The Accept header: which formats a client takes, and how gladly (RFC 9110, 12.5.1)."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

_LONGEST = 1000

# Of a header the parts between commas, and of such a part those between semicolons.
_RANGES = re.compile(r'(?:[^,"]|"[^"]*"?)+')
_PARAMETERS = re.compile(r'(?:[^;"]|"[^"]*"?)+')
_QUALITY = re.compile(r"0(\.[0-9]*)?|1(\.0*)?")


class MediaRange(NamedTuple):
    """What a client takes: `text/html`, `text/*` or `*/*`, its parameters, and how gladly.

    All is in lower case. What has quality 0 is not taken.
    """

    kind: str
    parameters: Mapping[str, str]
    quality: float


def media_ranges(accept: bytes) -> Sequence[MediaRange]:
    """The media ranges in an Accept header, of which no more than 1,000 bytes are looked at."""
    return _read(accept[:_LONGEST])


@lru_cache(maxsize=256)
def _read(accept: bytes) -> Sequence[MediaRange]:
    return [_media_range(each) for each in _RANGES.findall(accept.decode("latin-1").lower())]


def _media_range(text: str) -> MediaRange:
    kind, *parameters = _PARAMETERS.findall(text) or [""]
    given = {}
    for each in parameters:
        name, _, value = each.partition("=")
        given[name.strip()] = value.strip().strip('"')
    quality = given.pop("q", "1")
    return MediaRange(kind.strip(), given, float(quality) if _QUALITY.fullmatch(quality) else 1.0)


def best(accept: bytes, offered: Sequence[str]) -> str | None:
    """Which of the `offered` content types a client likes best; None if it takes none of them.

    Of those that it likes alike it is the first. Who says nothing takes anything.
    """
    if not accept.strip():
        return offered[0]
    liked = {each: _quality(each, media_ranges(accept)) for each in offered}
    found = max(offered, key=liked.__getitem__)
    return found if liked[found] else None


def _quality(content_type: str, ranges: Sequence[MediaRange]) -> float:
    """How much a type is liked: the range that says most about it counts."""
    for kind in (content_type, f"{content_type.partition('/')[0]}/*", "*/*"):
        said = [each.quality for each in ranges if each.kind == kind]
        if said:
            return max(said)
    return 0.0
