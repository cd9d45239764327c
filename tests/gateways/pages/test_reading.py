"""What a page says about itself."""

import html as entities
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gateways.pages.test_markup import SIZE
from whipround.gateways.pages.fetcher import Page
from whipround.gateways.pages.reading import (
    DESCRIPTION_CHARACTERS,
    KEYWORD_CHARACTERS,
    MAX_KEYWORDS,
    TITLE_CHARACTERS,
    URL_CHARACTERS,
    PageSays,
    read_page,
)

URL = "https://example.com/articles/1?a=b"


def read(
    html: str | bytes,
    *,
    url: str = URL,
    content_type: str = "text/html",
    charset: str | None = None,
) -> PageSays:
    """What a page says that is there."""
    body = html.encode() if isinstance(html, str) else html
    return read_page(Page(url, content_type, charset, body))


WHOLE = """
<!DOCTYPE html>
<html lang="en-GB">
<head>
  <meta charset="utf-8">
  <title>An
     article &amp; more</title>
  <meta name="description" content="About things">
  <meta name="keywords" content="things, other things,,things , more">
  <meta name='participation' content='{"participants": [{"id": "jane"}]}'>
  <link rel="participation" type="application/json" href="/script.json">
  <link rel="canonical" href="/articles/1">
  <link rel="copyright license" href="//license.example/by">
  <link rel="shortcut icon" href="favicon.png">
  <link rel="apple-touch-icon" sizes="180x180" href="/touch.png">
  <meta property="og:title" content="An article">
  <meta property="og:description" content="About">
  <meta property="og:image" content="https://cdn.example/1.png">
  <meta property="og:url" content="https://example.com/articles/1">
  <meta property="og:type" content="article">
  <meta property="og:locale" content="en_US">
</head>
<body><h1>An article</h1></body>
</html>
"""


def test_a_page_that_says_everything() -> None:
    assert read(WHOLE) == PageSays(
        script='{"participants": [{"id": "jane"}]}',
        script_link="https://example.com/script.json",
        title="An article & more",
        description="About things",
        canonical="https://example.com/articles/1",
        keywords=("things", "other things", "more"),
        language="en-GB",
        copyright="https://license.example/by",
        favicon="https://example.com/articles/favicon.png",
        touch_icon="https://example.com/touch.png",
        og_title="An article",
        og_description="About",
        og_image="https://cdn.example/1.png",
        og_url="https://example.com/articles/1",
        og_type="article",
    )


def test_a_page_that_says_nothing() -> None:
    for html in (
        "",
        "<p>Hello",
        "{}",
        "\x00\xff",
        "<html><head></head></html>",
        "<title> </title>",
    ):
        assert read(html) == PageSays()
    for content_type in ("application/json", "text/plain", "image/png", ""):
        assert read(WHOLE, content_type=content_type) == PageSays()


SCRIPT = '{"title": "Ann & Bob\'s \\"<b>\\"", "participants": [{"id": "mailto:ü@x.test"}]}'


@pytest.mark.parametrize(
    "written",
    [
        f"<meta name=participation content='{entities.escape(SCRIPT)}'>",
        f'<meta name="participation" content="{entities.escape(SCRIPT)}"/>',
        f"<META CONTENT='\n {SCRIPT.replace(chr(39), '&#39;')} \n' NAME=' Participation '>",
        f"<body><div><meta name=participation content='{entities.escape(SCRIPT)}'>",
        "<meta name=participation content=' '>{}<meta name=participation content='{{}}'>".format(
            f"<meta name=participation content='{entities.escape(SCRIPT)}'>"
        ),
    ],
    ids=range(5),
)
def test_a_script_is_as_it_was_written(written: str) -> None:
    assert read(written).script == SCRIPT


def test_a_script_that_is_none_is_handed_on() -> None:
    assert read("<meta name=participation content='{'>").script == "{"
    assert read("<meta name=participation>").script is None
    assert read("<meta property=og:x name=other content='{}'>").script is None
    assert "secret" not in repr(read("<meta name=participation content='secret'>"))


@pytest.mark.parametrize(
    ("link", "leads_to"),
    [
        ("type=application/json href=script.json", "https://example.com/articles/script.json"),
        ('type="Application/JSON; charset=utf-8" href="?x=1&y=2"', "https://example.com/articles/1?x=1&y=2"),
        ("href=/script.json", "https://example.com/script.json"),
        ("href='https://other.test/&copy=1'", "https://other.test/&copy=1"),
        ("type=text/html href=/script", None),
        ("href=''", None),
        ("href='ftp://example.com/'", None),
        ("href='javascript:alert(1)'", None),
        ("href='data:application/json,{}'", None),
        ("href='http://[::1'", None),
        ("href='https://:80/x'", None),
        ("", None),
    ],
)  # fmt: skip
def test_where_a_script_is(link: str, leads_to: str | None) -> None:
    assert read(f"<link rel='alternate Participation' {link}>").script_link == leads_to


def test_addresses_are_relative_to_the_base() -> None:
    icon = "<link rel=icon href=i.png>"

    assert read(f"<base href='/b/c'>{icon}").favicon == "https://example.com/b/i.png"
    assert read(f"<base target=x><base href=//o.test/>{icon}").favicon == "https://o.test/i.png"
    for base in ("javascript:x", "data:,x", "http://[", "", "file:///etc/"):
        assert read(f"<base href='{base}'>{icon}").favicon == "https://example.com/articles/i.png"


def test_the_first_that_is_of_use() -> None:
    says = read(
        "<link rel=canonical href=mailto:a@b.test><link rel=canonical href=/1>"
        "<link rel=canonical href=/2><a rel=canonical href=/3>"
        "<a rel='copyright nofollow' href=/terms>© Example</a><link rel=copyright href=/later>"
        "<meta name=description content=''><meta name=description content=one>"
        "<meta name=description content=two><link rel=apple-touch-icon-precomposed href=/t.png>"
    )

    assert says.canonical == "https://example.com/1"
    assert says.copyright == "https://example.com/terms"
    assert says.description == "one"
    assert says.touch_icon == "https://example.com/t.png"


def test_what_is_written_in_other_ways() -> None:
    says = read(
        "<html xml:lang=pt_BR><meta name=canonical content=/home><meta name=og:title content=T>"
        "<meta property=og:image:url content=/i.png><meta PROPERTY=' OG:Type ' content='a\nb'>"
    )

    assert says == PageSays(
        canonical="https://example.com/home",
        language="pt-BR",
        og_title="T",
        og_image="https://example.com/i.png",
        og_type="a b",
    )


@pytest.mark.parametrize(
    ("html", "language"),
    [
        ("<html lang=EN>", "EN"),
        ("<html lang='nl' xml:lang='de'>", "nl"),
        ("<html lang=''><meta property=og:locale content=es_MX>", "es-MX"),
        ("<html lang='of the people'>", None),
        ("<html lang='x'><p lang=en>", None),
    ],
)
def test_languages(html: str, language: str | None) -> None:
    assert read(html).language == language


def test_what_is_too_long_is_cut() -> None:
    long = "x" * 5000
    says = read(
        f"<title>{long}</title><meta name=description content='{long}'>"
        f"<meta name=keywords content='{long},{','.join(str(n) for n in range(999))}'>"
        f"<meta property=og:title content='{long}'><meta property=og:url content='/{long}'>"
        f"<link rel=canonical href='/{'x' * (URL_CHARACTERS - len('https://example.com/'))}'>"
        f"<link rel=icon href='/{'x' * (URL_CHARACTERS - 1)}'>"
    )

    assert says.title == long[:TITLE_CHARACTERS]
    assert says.og_title == long[:TITLE_CHARACTERS]
    assert says.description == long[:DESCRIPTION_CHARACTERS]
    assert len(says.keywords) == MAX_KEYWORDS
    assert says.keywords[:2] == ("x" * KEYWORD_CHARACTERS, "0")
    assert says.canonical is not None
    assert len(says.canonical) == URL_CHARACTERS
    assert (says.favicon, says.og_url) == (None, None)


def test_what_is_not_to_be_seen_is_not_there() -> None:
    says = read("<title>\u202eevil\u2066 &#0;&#x1b;[0m\x00 \ud800</title>".encode(errors="replace"))

    assert says.title is not None
    assert says.title.isprintable()
    assert read("<link rel=icon href='/a&#x202e;b'>").favicon is None


def test_encodings() -> None:
    russian = "<title>Привет</title>"

    assert read(russian.encode("cp1251"), charset="windows-1251").title == "Привет"
    said = b"<meta charset=koi8-r>" + russian.encode("koi8-r")
    assert read(said).title == "Привет"
    assert read(russian.encode("utf-16")).title == "Привет"
    assert read(b"<title>caf\xe9</title>").title == "café"


def test_broken_html() -> None:
    says = read(
        "<title>One</title</title>\n<p <b>>x<meta name=description content=two <link rel=icon "
        "href='/i.png'><meta name=keywords content=three></head></head><html lang=en><tr>"
    )

    assert says.title == "One</title"
    assert says.description == "two"
    assert says.keywords == ("three",)
    assert says.language == "en"


def test_xhtml() -> None:
    xhtml = (
        '<?xml version="1.0" encoding="iso-8859-1"?><html xmlns="http://www.w3.org/1999/xhtml" '
        'xml:lang="fr"><head><script src="a.js"/><title>caf\xe9</title></head></html>'
    )

    says = read(xhtml.encode("latin-1"), content_type="application/xhtml+xml")

    assert says == PageSays(title="café", language="fr")


def test_a_megabyte_of_script() -> None:
    script = json.dumps({"participants": [{"id": f"user{n}"} for n in range(50_000)]})
    assert len(script) > 900_000

    assert read(f"<meta name=participation content='{script}'>").script == script


@pytest.mark.parametrize(
    "part",
    [
        "<div>",
        "<a><div>",
        "<a rel=copyright href=/x>",
        "<meta name=a content=b>",
        "<link rel=icon href=/x>",
        "<base href=/x>",
        "<html a b c>",
        "<b a=1><p>",
    ],
)
def test_time_is_bounded_by_length(part: str) -> None:
    html = part * (SIZE // len(part))

    began = time.process_time()
    read(html)

    assert time.process_time() - began < 1


def test_time_is_bounded_by_the_length_of_one_element() -> None:
    began = time.process_time()
    for content in ("," * SIZE, "&amp;" * (SIZE // 5), "\x01" * SIZE, " a" * (SIZE // 2)):
        read(f"<meta name=keywords content='{content}'><link href=/x rel='{content}'>")
    assert time.process_time() - began < 3


_TAGS = st.sampled_from(
    [
        *(
            "<html lang=",
            "<head>",
            "<title>",
            "</title>",
            "<meta name=",
            "participation",
            " content=",
        ),
        *(
            "<link rel=",
            "canonical",
            "icon",
            " href=",
            "<base href=",
            "http://[",
            "//x",
            "'",
            '"',
            ">",
        ),
        *(
            "<meta charset=",
            "utf-7",
            "<body>",
            "<p class=summary>",
            "&#0;",
            "&#x110000;",
            "<!--",
            "\0",
        ),
        *(
            "<svg><title>",
            "<template>",
            "<noscript>",
            "property=og:url",
            "keywords",
            ",",
            "é",
            "{}",
        ),
    ]
)


@given(
    st.binary() | st.lists(_TAGS, max_size=30).map(" ".join).map(str.encode),
    st.sampled_from(["text/html", "application/xhtml+xml", "text/plain", ""]),
    st.none() | st.text(max_size=10) | st.sampled_from(["utf-16", "latin-1", "base64", "idna"]),
)
def test_any_page_can_be_read(body: bytes, content_type: str, charset: str | None) -> None:
    says = read_page(Page(URL, content_type, charset, body))

    addresses = (says.script_link, says.canonical, says.favicon, says.og_image, says.og_url)
    assert all(it is None or it.startswith(("http://", "https://")) for it in addresses)
    assert len(says.title or "") <= TITLE_CHARACTERS
    assert len(says.keywords) <= MAX_KEYWORDS
