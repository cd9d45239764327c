"""Forms with files: what is read, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whipround.api.forms import MalformedForm, canonical, parse

FILES = frozenset({"file"})
TYPE = b"multipart/form-data; boundary=xyz"


def part(name: str, content: bytes, more: str = "") -> bytes:
    head = f'--xyz\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return head.encode() + content + b"\r\n"


def test_a_file_is_bytes_and_everything_else_text() -> None:
    body = (
        part("file", b"\xff\x00--xyz\r\n", '; filename="a.png"\r\nContent-Type: image/png')
        + part("description", "Þór".encode())
        + part("empty", b"")
        + part("twice", b"1")
        + part("twice", b"2")
        + b"--xyz--\r\n"
    )

    form = parse(body, b'Multipart/Form-Data; charset=utf-8; boundary="xyz"', files=FILES)

    assert form == {"file": b"\xff\x00--xyz\r\n", "description": "Þór", "twice": "2"}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (b"", part("a", b"1") + b"--xyz--"),
        (b"application/json", b"{}"),
        (b"application/x-www-form-urlencoded", b"a=1"),
        (b"multipart/mixed; boundary=xyz", part("a", b"1") + b"--xyz--"),
        (b"multipart/form-data", part("a", b"1") + b"--xyz--"),
        (b"multipart/form-data; boundary=", part("a", b"1") + b"--xyz--"),
        (b"multipart/form-data; boundary=\xff", part("a", b"1") + b"--xyz--"),
        (b'multipart/form-data; boundary="x\ny"', part("a", b"1") + b"--xyz--"),
        (b"multipart/form-data; boundary=other", part("a", b"1") + b"--xyz--"),
        (TYPE, b""),
        (TYPE, b"nonsense"),
        (TYPE, part("a", b"1")),
        (TYPE, part("a", b"1")[:-4]),
        (TYPE, part("a", b"\xff") + b"--xyz--"),
        (TYPE, b"--xyz\r\n\r\n1\r\n--xyz--"),
        (TYPE, b"--xyz\r\nContent-Disposition\r\n\r\n1\r\n--xyz--"),
        (TYPE, b"--xyz\r\n" + b"X: " + b"x" * 9000 + b"\r\n\r\n1\r\n--xyz--"),
        (TYPE, part("a", b"1") * 51 + b"--xyz--"),
    ],
    ids=range(18),
)
def test_what_is_no_form(content_type: bytes, body: bytes) -> None:
    with pytest.raises(MalformedForm):
        parse(body, content_type, files=FILES)


@given(st.binary(max_size=200), st.binary(max_size=60))
def test_nonsense_is_no_failure(body: bytes, more: bytes) -> None:
    whole = part("a", body) + b"--xyz" + more
    try:
        parse(whole, TYPE, files=FILES)
    except MalformedForm:
        return


def test_what_is_the_same_however_it_was_sent() -> None:
    one = parse(part("a", b"1") + part("file", b"2") + b"--xyz--", TYPE, files=FILES)
    other = parse(
        (part("file", b"2") + part("a", b"1") + b"--xyz--").replace(b"xyz", b"abc"),
        b"multipart/form-data; boundary=abc",
        files=FILES,
    )

    assert canonical(one) == canonical(other)
    assert canonical({"a": "1", "b": "2"}) != canonical({"a": "1b2"})
