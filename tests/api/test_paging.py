"""Links from one page of a list to those around it."""

import pytest

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
