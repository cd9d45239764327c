"""Which format an answer is in: JSON, or XML made of it, as the client accepts."""

from functools import partial

from whipround.api.accepting import best
from whipround.api.context import Call, Transcribe
from whipround.api.mobbr import xml

_JSON = "application/json"

OFFERED = (_JSON, "application/xml", "text/xml")
"""The content types of answers; a client that likes several alike gets the first."""


def wanted(call: Call) -> str | None:
    """The content type that the client likes best; None if it accepts none of ours."""
    return best(call.every(b"accept"), OFFERED)


def transcription(content_type: str | None) -> Transcribe | None:
    """What makes an answer of this type of its JSON; None where it is JSON."""
    if content_type is None or content_type == _JSON:
        return None
    return partial(_in_xml, f"{content_type}; charset=utf-8".encode("ascii"))


def _in_xml(content_type: bytes, body: bytes) -> tuple[bytes, bytes]:
    return xml.transcribed(body) if body else body, content_type
