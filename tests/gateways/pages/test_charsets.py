"""Bytes to text."""

import codecs

import pytest

from whipround.gateways.pages.charsets import exact_text, page_text

RUSSIAN = "Привет"


@pytest.mark.parametrize(
    ("body", "charset", "text"),
    [
        ("ü".encode(), None, "ü"),
        (b"\xfc", None, "ü"),
        (b"\xfc\x80", "ISO-8859-1", "ü€"),
        (b"\xfc", "us-ascii", "ü"),
        ("ü".encode(), "UTF8", "ü"),
        (b"a\xfcb", "utf-8", "a\N{REPLACEMENT CHARACTER}b"),
        (RUSSIAN.encode("cp1251"), "windows-1251", RUSSIAN),
        (RUSSIAN.encode("koi8-r"), ' "KOI8-R" ', RUSSIAN),
        ("日本".encode("shift_jis"), "Shift_JIS", "日本"),
        ("日本".encode("euc_jp"), "euc-jp", "日本"),
        ("日本".encode("iso2022_jp"), "iso-2022-jp", "日本"),
        ("中文".encode("gb2312"), "gb2312", "中文"),
        ("中文".encode("big5"), "big5", "中文"),
        ("한국".encode("euc_kr"), "euc-kr", "한국"),
        ("ü".encode("utf-16-le"), "utf-16", "ü"),
        # A mark wins over the header, and the header over the page.
        (codecs.BOM_UTF8 + "ü".encode(), "latin1", "ü"),
        (codecs.BOM_UTF16_BE + "ü".encode("utf-16-be"), "utf-8", "ü"),
        (codecs.BOM_UTF16_LE + "ü".encode("utf-16-le"), None, "ü"),
        (b'<meta charset="koi8-r">\xfc', "latin1", '<meta charset="koi8-r">ü'),
        # What Python knows and the web does not is nothing.
        ("ü".encode(), "base64", "ü"),
        ("ü".encode(), "rot13", "ü"),
        ("ü".encode(), "unicode_escape", "ü"),
        (b"+AGE-", "utf-7", "+AGE-"),
        ("ü".encode(), "no-such-thing", "ü"),
        ("ü".encode(), "a\x00b", "ü"),
        ("ü".encode(), "x" * 500, "ü"),
        ("ü".encode(), "../../etc/passwd", "ü"),
        (b"", None, ""),
    ],
)
def test_pages(body: bytes, charset: str | None, text: str) -> None:
    assert page_text(body, charset=charset) == text


@pytest.mark.parametrize(
    "said",
    [
        b"<meta charset=windows-1251>",
        b"<META Charset = 'WINDOWS-1251' />",
        b'<meta http-equiv="Content-Type" content="text/html; charset=windows-1251">',
        b'<?xml version="1.0" encoding="windows-1251"?>',
    ],
)
def test_pages_that_say_it_themselves(said: bytes) -> None:
    assert page_text(said + RUSSIAN.encode("cp1251"), charset=None).endswith(RUSSIAN)


def test_pages_that_say_it_too_late_or_wrong() -> None:
    late = b" " * 1024 + b'<meta charset="windows-1251">' + "ü".encode()
    wrong = b'<meta charset="utf-16">' + "ü".encode()

    assert page_text(late, charset=None).endswith(">ü")
    assert page_text(wrong, charset=None).endswith(">ü")


@pytest.mark.parametrize(
    ("body", "charset", "text"),
    [
        ("ü".encode(), None, "ü"),
        ("ü".encode(), "iso-8859-1", "ü"),
        (b"\xfc", "iso-8859-1", "ü"),
        (codecs.BOM_UTF8 + b"{}", None, "{}"),
        (codecs.BOM_UTF16_LE + "ü".encode("utf-16-le"), None, "ü"),
    ],
)
def test_scripts(body: bytes, charset: str | None, text: str) -> None:
    assert exact_text(body, charset=charset) == text


@pytest.mark.parametrize(
    ("body", "charset"),
    [
        (b"a\xfcb", None),
        (b"a\xfcb", "utf-8"),
        (b"a\xfcb", "base64"),
        (b"a\x81b", "windows-1252"),
        (codecs.BOM_UTF16_LE + b"a", None),
        (codecs.BOM_UTF8 + b"\xfc", "latin1"),
    ],
)
def test_scripts_that_are_not_what_was_written(body: bytes, charset: str | None) -> None:
    with pytest.raises(UnicodeDecodeError):
        exact_text(body, charset=charset)
