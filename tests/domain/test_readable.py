"""What can be read of a text."""

import pytest

from whipround.domain.readable import without_links


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("Zoë Quiñones", "Zoë Quiñones"),
        ("Dr. J.R. Roe jr.", "Dr. J R. Roe jr."),
        ("https://evil.example/?a=b", "https evil example ?a=b"),
        ("Win at www.evil.example", "Win at www evil example"),
        ("evil\u3002example me@evil.example", "evil example me evil example"),
        ("a" * 60, "a" * 40),
    ],
)
def test_no_name_is_a_link(name: str, read: str) -> None:
    assert without_links(name, most=40) == read
