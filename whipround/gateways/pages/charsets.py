"""Bytes to text, as the encoding of a page is told: by a mark, a header, or the page itself.

After the Encoding Standard (https://encoding.spec.whatwg.org/#names-and-labels) and the HTML
Standard's order of what tells an encoding. Python knows more codecs than those of the web, some of
which are no encodings at all: only those in the table are used.
"""

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_LABEL = re.compile(r"[a-z0-9_:.+-]{1,40}", re.ASCII)

# By the name that Python has for what a page calls its encoding. Where browsers read more into a
# name than it says, so do we.
_CODECS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
    "utf-16": "utf-16-le",
} | {
    name: name
    for name in (
        *("utf-8", "utf-16-le", "utf-16-be", "gb18030", "big5hkscs", "cp932", "cp949"),
        *("euc_jp", "iso2022_jp", "koi8-r", "koi8-u", "mac-roman", "mac-cyrillic"),
        *("cp866", "cp874", *(f"cp{number}" for number in range(1250, 1259))),
        *(f"iso8859-{number}" for number in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)),
    )
}

# How far into a page it may say how it is written.
_SAID_WITHIN_BYTES = 1024

_META = re.compile(
    rb"<meta[\s/][^>]*?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.+-]{1,40})", re.IGNORECASE
)
_XML = re.compile(rb"\s*<\?xml\s[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9_:.+-]{1,40})", re.IGNORECASE)


def page_text(body: bytes, *, charset: str | None) -> str:
    """The text of an HTML page; what is no text in its encoding becomes U+FFFD.

    `charset` is as the header tells it, if it does.
    """
    marked = _marked(body)
    if marked is not None:
        mark, its = marked
        return body[len(mark) :].decode(its, "replace")
    told = _codec(charset) or _said(body[:_SAID_WITHIN_BYTES])
    if told is not None:
        return body.decode(told, "replace")
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace")


def exact_text(body: bytes, *, charset: str | None) -> str:
    """The text of a script, which has to be what was written: an id with a hole is another id.

    UTF-8 where it can be that, whatever the header tells: servers tell one thing of all files.
    Raises UnicodeDecodeError.
    """
    marked = _marked(body)
    if marked is not None:
        mark, its = marked
        return body[len(mark) :].decode(its)
    try:
        return body.decode()
    except UnicodeDecodeError:
        told = _codec(charset)
        if told is None or told == "utf-8":
            raise
        return body.decode(told)


def _marked(body: bytes) -> tuple[bytes, str] | None:
    return next(((mark, codec) for mark, codec in _MARKS if body.startswith(mark)), None)


def _said(beginning: bytes) -> str | None:
    said = _XML.match(beginning) or _META.search(beginning)
    codec = _codec(said[1].decode()) if said else None
    # It was read as one byte for each character, so it is not what it says.
    return "utf-8" if codec in ("utf-16-le", "utf-16-be") else codec


def _codec(label: str | None) -> str | None:
    """The codec for what a page calls its encoding, if it is one of the web."""
    label = (label or "").strip().strip("\"'").lower()
    if not _LABEL.fullmatch(label):
        return None
    try:
        return _CODECS.get(codecs.lookup(label).name)
    except LookupError:
        return None
