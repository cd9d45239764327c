"""What a page says about itself.

The script, after Mobbr's "Page-scripts": in `<meta name="participation" content='{…}'>`, or where
`<link rel="participation" type="application/json" href="…">` leads. The rest is what HTML, its
microformats and the Open Graph protocol (https://ogp.me) have for it.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from selectolax.lexbor import LexborDocumentOptions, LexborHTMLParser, LexborNode

from whipround.gateways.pages.charsets import page_text
from whipround.gateways.pages.fetcher import Page
from whipround.gateways.pages.markup import excerpt
from whipround.gateways.pages.wording import line

TITLE_CHARACTERS = 500
DESCRIPTION_CHARACTERS = 2_000
KEYWORD_CHARACTERS = 100
MAX_KEYWORDS = 50
URL_CHARACTERS = 2_000
"""A longer title, description or keyword is cut; a longer address is none."""

HTML = "text/html"
XHTML = "application/xhtml+xml"

_JSON = ("application/json", "text/json", "")

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8}){0,4}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PageSays:
    """What a page says: of each the first, cut to its length; None where it says nothing.

    `script` is the JSON text in the page, as it is, and `script_link` the address of the one that
    it links to. All addresses are whole, of http or https; what they lead to is not known.
    `language` is of the form en, en-GB or zh-Hant.
    """

    script: str | None = field(default=None, repr=False)
    script_link: str | None = None
    title: str | None = None
    description: str | None = None
    canonical: str | None = None
    keywords: tuple[str, ...] = ()
    language: str | None = None
    copyright: str | None = None
    favicon: str | None = None
    touch_icon: str | None = None
    og_title: str | None = None
    og_description: str | None = None
    og_image: str | None = None
    og_url: str | None = None
    og_type: str | None = None


def read_page(page: Page) -> PageSays:
    """What is said by an HTML page; by anything else, nothing."""
    if page.content_type not in (HTML, XHTML):
        return PageSays()
    html = excerpt(page_text(page.body, charset=page.charset), is_xml=page.content_type == XHTML)
    # What a parser does beyond the tree is of no use here.
    tree = LexborHTMLParser(html, options=LexborDocumentOptions.WO_EVENTS)
    base = _base(tree, page.url)
    said, links = _meta(tree), _links(tree, base)
    title = tree.css_first("title")
    root = tree.css_first("html")
    return PageSays(
        script=said.get("participation", "").strip() or None,
        script_link=links.get("participation"),
        title=line(title.text(), TITLE_CHARACTERS) if title else None,
        description=line(said.get("description"), DESCRIPTION_CHARACTERS),
        canonical=links.get("canonical") or _address(said.get("canonical"), base),
        keywords=_keywords(said.get("keywords", "")),
        language=_language(_attribute(root, "lang"), _attribute(root, "xml:lang"))
        or _language(said.get("og:locale")),
        copyright=links.get("copyright"),
        favicon=links.get("icon"),
        touch_icon=links.get("apple-touch-icon") or links.get("apple-touch-icon-precomposed"),
        og_title=line(said.get("og:title"), TITLE_CHARACTERS),
        og_description=line(said.get("og:description"), DESCRIPTION_CHARACTERS),
        og_image=_address(said.get("og:image") or said.get("og:image:url"), base),
        og_url=_address(said.get("og:url"), base),
        og_type=line(said.get("og:type"), KEYWORD_CHARACTERS),
    )


def _meta(tree: LexborHTMLParser) -> dict[str, str]:
    """What is said in `meta`, by name or property; an empty one says nothing."""
    said: dict[str, str] = {}
    for node in tree.css("meta"):
        content = _attribute(node, "content")
        if content.strip():
            # Open Graph is often written with the one for the other.
            for name in {_attribute(node, "name"), _attribute(node, "property")}:
                said.setdefault(name.strip().lower(), content)
    return said


def _links(tree: LexborHTMLParser, base: str) -> dict[str, str]:
    """Where links lead, by what they are to the page."""
    links: dict[str, str] = {}
    for node in tree.css("link, a, area"):
        found = _address(_attribute(node, "href"), base)
        if found is None:
            continue
        for relation in _attribute(node, "rel").lower().split():
            is_for_people = node.tag != "link"
            is_script = relation == "participation"
            if (is_for_people and relation != "copyright") or (is_script and not _is_json(node)):
                continue
            links.setdefault(relation, found)
    return links


def _is_json(node: LexborNode) -> bool:
    return _attribute(node, "type").partition(";")[0].strip().lower() in _JSON


def _base(tree: LexborHTMLParser, url: str) -> str:
    """What the page's addresses are relative to."""
    node = tree.css_first("base[href]")
    return _address(_attribute(node, "href"), url) or url


def _address(text: str | None, base: str) -> str | None:
    """The whole address, if it is one of the web."""
    text = (text or "").strip("\t\n\f\r ")
    if not text or len(text) > URL_CHARACTERS:
        return None
    try:
        whole = urljoin(base, text)
        parts = urlsplit(whole)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    if "@" in parts.netloc or "\\" in whole:  # not everybody finds the same host in it
        return None
    return whole if len(whole) <= URL_CHARACTERS and line(whole, URL_CHARACTERS) == whole else None


def _keywords(text: str) -> tuple[str, ...]:
    found = (line(each, KEYWORD_CHARACTERS) for each in text.split(",", 4 * MAX_KEYWORDS))
    return tuple(dict.fromkeys(each for each in found if each))[:MAX_KEYWORDS]


def _language(*said: str | None) -> str | None:
    """The first that is a language: `en_GB`, as Open Graph has it, is `en-GB`."""
    for each in said:
        if each and _LANGUAGE.fullmatch(each.strip()):
            return each.strip().replace("_", "-")
    return None


def _attribute(node: LexborNode | None, name: str) -> str:
    return (node.attributes.get(name) if node is not None else None) or ""
