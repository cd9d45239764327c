"""Which format a client likes best."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whipround.api.accepting import best, media_ranges

OFFERED = ("application/json", "application/xml", "text/xml")


@pytest.mark.parametrize(
    ("accept", "found"),
    [
        ("", "application/json"),
        ("  ", "application/json"),
        ("*/*", "application/json"),
        ("text/*", "text/xml"),
        ("application/*;q=0.5, text/xml", "text/xml"),
        ("application/xml, application/json;q=0.9", "application/xml"),
        ("application/xml, */*", "application/json"),
        ("application/json;q=0, */*;q=0.1", "application/xml"),
        ("application/xml;q=0.2, application/xml;level=1;q=0.3", "application/xml"),
        ("APPLICATION/XML ; Q=1.000", "application/xml"),
        ("application/xml;q=nonsense", "application/xml"),
        ('text/html;a=", */*", application/xml', "application/xml"),
        ("*/*;q=0", None),
        ("application/json;q=0.0", None),
        ("text/html, image/*", None),
        ("json", None),
        (",", None),
        (f"{'text/html, ' * 200}application/json", None),
    ],
)
def test_the_best_of_those_that_are_offered(accept: str, found: str | None) -> None:
    assert best(accept.encode(), OFFERED) == found


def test_what_is_said_of_a_type() -> None:
    [first, second] = media_ranges(b'Text/HTML; Level="A"; q=0.5 , */*')

    assert first == ("text/html", {"level": "a"}, 0.5)
    assert second == ("*/*", {}, 1.0)


@given(st.binary() | st.text('*/;,=q"01.ajsontexml ', max_size=60).map(str.encode))
def test_whatever_is_accepted_the_best_is_one_that_is_offered(accept: bytes) -> None:
    assert best(accept, OFFERED) in {*OFFERED, None}
    assert all(0 <= each.quality <= 1 for each in media_ranges(accept))
