"""Asks the web what there is to know about an address before it is paid.

Mobbr, "Payment scripts": the script of the domain, in `/participation.txt`; the script of the page,
in it or where it links to; and what the page says elsewhere. Nothing is understood here: scripts
are handed on as the texts that they are.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Literal, NamedTuple
from urllib.parse import urldefrag

import httpx

from whipround.gateways.pages.charsets import exact_text
from whipround.gateways.pages.fetcher import (
    SECONDS,
    AddressRefused,
    FetchError,
    Fetches,
    NotThere,
    Page,
    Unreadable,
    WrongType,
)
from whipround.gateways.pages.reading import HTML, XHTML, PageSays, read_page

PARTICIPATION = "/participation.txt"

_PAGES = (HTML, XHTML)
_SCRIPTS = ("application/json",)
_DOMAIN_SCRIPTS = ("text/plain", "application/json")


@dataclass(frozen=True, slots=True)
class Trouble:
    """A script that may be there and could not be had: of the `domain`, or the page's `link`.

    `error` says by its kind whether it may be had later.
    """

    source: Literal["domain", "link"]
    url: str
    error: FetchError


@dataclass(frozen=True, slots=True)
class Sources:
    """What the web says about an address.

    `url` is where the page was after all redirects, and `canonical_url` where the page says that it
    is at home, if that is on the same host; both are without a fragment. `domain_script` is the
    text of the domain's `/participation.txt`, and `script` the JSON text of the page's script,
    which was at `script_url` if it was not in the page: both as they are, right or wrong.
    """

    url: str
    canonical_url: str
    page: PageSays
    domain_script: str | None = field(default=None, repr=False)
    script: str | None = field(default=None, repr=False)
    script_url: str | None = None
    troubles: tuple[Trouble, ...] = ()


class _Script(NamedTuple):
    text: str | None = None
    trouble: Trouble | None = None


async def ask(fetcher: Fetches, url: str, *, seconds: float = SECONDS) -> Sources:
    """What there is to know about an address, all of it asked within so many seconds.

    The domain's script is that of the domain where the page is, after all redirects. A page that is
    no HTML says nothing. A script that a page links to is the last thing asked: it leads nowhere.

    Raises FetchFailed where the page could not be had, and FetchRefused where it never will.
    """
    clock = _Clock(seconds)
    root = _root(url)
    early = asyncio.create_task(_domain_script(fetcher, root, clock))
    try:
        at, says = await _page(fetcher, url, clock)
        domain, linked = await asyncio.gather(
            early if _root(at) == root else _domain_script(fetcher, _root(at), clock),
            _linked_script(fetcher, says, clock),
        )
    finally:  # where it is of no use, or the page is not there
        early.cancel()
        await asyncio.wait([early])
    return Sources(
        url=at,
        canonical_url=_canonical(at, says),
        page=says,
        domain_script=domain.text,
        script=says.script or linked.text,
        script_url=says.script_link if linked.text is not None else None,
        troubles=tuple(each.trouble for each in (domain, linked) if each.trouble is not None),
    )


class _Clock:
    """What is left of the time for everything."""

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.time() + seconds

    @property
    def seconds(self) -> float:
        return max(0.0, self._end - self._loop.time())


async def _page(fetcher: Fetches, url: str, clock: _Clock) -> tuple[str, PageSays]:
    """Where the page is, and what it says. Raises FetchError."""
    try:
        page = await fetcher.fetch(url, accept=_PAGES, seconds=clock.seconds)
    except WrongType as error:
        return urldefrag(error.url).url, PageSays()
    # Some milliseconds of work for a page of a MiB.
    return urldefrag(page.url).url, await asyncio.to_thread(read_page, page)


async def _domain_script(fetcher: Fetches, root: str, clock: _Clock) -> _Script:
    url = f"{root}{PARTICIPATION}"
    try:
        page = await fetcher.fetch(url, accept=_DOMAIN_SCRIPTS, seconds=clock.seconds)
        return _Script(_text(page))
    except (NotThere, WrongType):  # many a site answers with a page of its own
        return _Script()
    except FetchError as error:
        return _Script(trouble=Trouble("domain", url, error))


async def _linked_script(fetcher: Fetches, says: PageSays, clock: _Clock) -> _Script:
    """The script that the page links to, if it has none in itself."""
    url = says.script_link
    if says.script is not None or url is None:
        return _Script()
    try:
        page = await fetcher.fetch(url, accept=_SCRIPTS, seconds=clock.seconds)
        return _Script(_text(page))
    except FetchError as error:
        return _Script(trouble=Trouble("link", url, error))


def _text(page: Page) -> str:
    try:
        return exact_text(page.body, charset=page.charset)
    except UnicodeDecodeError as error:
        raise Unreadable("it is not text in the encoding it should be in") from error


def _root(url: str) -> str:
    """The root of the domain that the address is at. Raises AddressRefused."""
    parts = _parsed(url)
    if parts is None:
        raise AddressRefused("the address is not of the web")
    return str(parts.copy_with(userinfo=b"", raw_path=b"/", fragment=None)).rstrip("/")


def _canonical(url: str, says: PageSays) -> str:
    """Where the page says it is at home: not in another's house, whose payments it would show."""
    house = _house(url)
    for said in (says.canonical, says.og_url):
        if said is not None and _house(said) == house:
            return urldefrag(said).url
    return url


def _house(url: str) -> bytes | None:
    parts = _parsed(url)
    return parts.raw_host.removeprefix(b"www.") if parts else None


def _parsed(url: str) -> httpx.URL | None:
    """The parts of an address of the web, as the fetcher sees them."""
    try:
        parts = httpx.URL(url)
        # To be shown a host is decoded: of many a name in ASCII that fails.
        is_of_the_web = parts.scheme in ("http", "https") and bool(parts.host)
    except (httpx.InvalidURL, UnicodeError):
        return None
    return parts if is_of_the_web else None
