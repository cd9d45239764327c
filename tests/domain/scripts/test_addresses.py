"""An address has one spelling, and what is no address of the web has none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whipround.domain.scripts.addresses import normalised, pieces


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("https://github.com/mobbr", "https://github.com/mobbr"),
        ("HTTPS://GitHub.COM:443/Mobbr", "https://github.com/Mobbr"),
        ("http://host.org:80", "http://host.org/"),
        ("http://host.org:8080?a=b", "http://host.org:8080/?a=b"),
        ("https://host.org:/a", "https://host.org/a"),
        ("https://host.org./a", "https://host.org/a"),
        ("https://host.org/a/./b/../c", "https://host.org/a/c"),
        ("https://host.org/a/%2e%2E/b", "https://host.org/b"),
        ("https://host.org/%7Ea%2fb%", "https://host.org/~a%2Fb%25"),
        ("https://host.org/ü?ö", "https://host.org/%C3%BC?%C3%B6"),
        ("https://münchen.de", "https://xn--mnchen-3ya.de/"),
        ("https://straße.de", "https://xn--strae-oqa.de/"),
        ("http://[0:0::1]:8000/x", "http://[::1]:8000/x"),
        ("https://host.org/a#part", "https://host.org/a"),
        ("https://host.org#/person/ü", "https://host.org/#/person/%C3%BC"),
        ("https://host.org/#!/person/x", "https://host.org/#!/person/x"),
    ],
)
def test_one_spelling(written: str, normal: str) -> None:
    assert normalised(written) == normal
    assert normalised(normal) == normal


@pytest.mark.parametrize(
    "text",
    [
        "",
        "github.com/mobbr",
        "ftp://host.org/",
        "javascript:alert(1)",
        "https:host.org",
        "https://",
        "https:///path",
        "https://a..b/",
        "https://-a.org/",
        "https://" + "a" * 64 + ".org",
        "https://" + "a." * 130 + "org",
        "https://host.org:0/",
        "https://host.org:65536/",
        "https://host.org:123456/",
        "https://host.org:x/",
        "https://user:password@host.org/",
        "https://github.com\\@evil.org/",
        "https://github.com%40evil.org/",
        "https://host.org/a b",
        "https://host.org/\x00",
        "https://host.org/\n",
        "https://host\u200b.org/",
        "https://host.org/\u202egpj",
        "https://host.org/\ud800",
        "https://[::g]/",
        "https://[:::]/",
        "https://[1:2]/",
        "https://[::1",
        "https://xn--\u00e9/",
        "https://host.org/" + "a" * 2000,
        "https://host.org/" + "ü" * 1000,
    ],
)
def test_what_is_no_address(text: str) -> None:
    assert normalised(text) is None


@given(
    st.from_regex(r"https?://[a-zA-Zü0-9.:\[\]%@-]{1,12}(/[ -~ü]{0,12})?", fullmatch=True)
    | st.text(max_size=20).map(lambda text: f"https://{text}")
    | st.text(max_size=20).map(lambda text: f"https://host.org/{text}")
)
def test_the_normal_form_is_its_own_normal_form(text: str) -> None:
    normal = normalised(text)

    if normal is not None:
        assert normal.isascii()
        assert normalised(normal) == normal


def test_pieces() -> None:
    assert pieces("http://host.org:8000/a/b?c=d#/e") == ("host.org:8000", "/a/b", "c=d", "/e")
