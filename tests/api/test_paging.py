"""Links from one page of a list to those around it."""

from urllib.parse import unquote_to_bytes

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whipround.api.context import Call
from whipround.api.paging import links
from whipround.db.listing import MAX_DEPTH, Page


@pytest.mark.parametrize(
    ("number", "more", "expected"),
    [
        (1, False, ()),
        (2, True, (3, 1)),
        (MAX_DEPTH // 100, True, (MAX_DEPTH // 100 - 1,)),
    ],
    ids=["only", "middle", "deepest"],
)
def test_what_is_around_a_page(number: int, more: bool, expected: tuple[int, ...]) -> None:
    call = Call({"path": "/list", "query_string": b"q=<1>&page=7"}, {})

    [(_, header)] = links(call, Page(number, 100), more=more) or [(b"", b"")]

    assert [each.split(";")[0] for each in header.decode().split(", ") if each] == [
        f"</list?q=%3C1%3E&page={page}>" for page in expected
    ]


@given(st.binary(max_size=60) | st.text('page=&%<>,;" é2', max_size=30).map(str.encode))
def test_a_link_asks_for_the_same_but_for_the_page(query: bytes) -> None:
    call = Call({"path": "/list", "query_string": query}, {})

    [(_, header)] = links(call, Page(1, 100), more=True)

    found = httpx.Response(200, headers=[(b"link", header)]).links
    assert found.keys() == {"next"}
    asked = found["next"]["url"].partition("?")[2].encode()
    before = [it for it in query.split(b"&") if it and it.partition(b"=")[0] != b"page"]
    assert list(map(unquote_to_bytes, asked.split(b"&"))) == [
        *map(unquote_to_bytes, before),
        b"page=2",
    ]
