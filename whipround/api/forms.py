"""Forms with files (multipart/form-data, RFC 7578): bytes to named values.

A file is bytes, everything else text. What is empty counts as not sent, as forms send all fields.
"""

from collections.abc import Mapping
from typing import TypeAlias

from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from whipround.api.bodies import BodyTooLarge, MalformedBody

MAX_FORM_BYTES = 11 * 1024 * 1024
"""A file of 10 MiB, and what goes with it."""

_MOST_PARTS = 50

Form: TypeAlias = Mapping[str, str | bytes]


class MalformedForm(MalformedBody):
    """The body is not a form with files (multipart/form-data)."""


class FormTooLarge(BodyTooLarge):
    """The body is larger than 11 MiB."""


def parse(body: bytes, content_type: bytes, *, files: frozenset[str]) -> Form:
    """The values in a form; those of the names in `files` are bytes. Of a repeated name the last.

    Raises MalformedForm.
    """
    try:
        kind, options = parse_options_header(content_type.decode("latin-1"))
        if kind != "multipart/form-data":
            raise MalformedForm
        return dict(_values(body, options.get("boundary", ""), files))
    except (MultipartError, UnicodeError) as error:
        raise MalformedForm from error


def _values(body: bytes, boundary: str, files: frozenset[str]) -> Form:
    found: dict[str, str | bytes] = {}
    parts: list[bytes] = []
    name = ""
    with PushMultipartParser(boundary, max_segment_count=_MOST_PARTS) as parser:
        for event in parser.parse(body) if body else ():
            if isinstance(event, MultipartSegment):
                name = event.name
                parts = []
            elif event is not None:
                parts.append(bytes(event))
            elif value := b"".join(parts):
                found[name] = value if name in files else value.decode()
    return found


def canonical(form: Form) -> bytes:
    """What a form says, whatever it was sent as: a repeat has another boundary."""
    said = b""
    for name, value in sorted(form.items()):
        content = value if isinstance(value, bytes) else value.encode()
        said += b"%d %d " % (len(name), len(content)) + name.encode() + content
    return said
