"""What the web says about an address: the domain's script, the page's, and the page itself."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator, Callable, Sequence
from functools import cache
from ipaddress import ip_network

import pytest

from tests.website import Body, Site, website
from whipround.gateways.pages.fetcher import (
    AddressRefused,
    Fetcher,
    FetchError,
    NotGiven,
    NotNow,
    NotThere,
    TooLarge,
    TooManyRedirects,
    TooSlow,
    Unreachable,
    Unreadable,
    WrongType,
)
from whipround.gateways.pages.networks import LOOPBACK
from whipround.gateways.pages.reading import PageSays
from whipround.gateways.pages.sources import PARTICIPATION, Sources, ask

pytestmark = pytest.mark.anyio

DOMAIN = '[{"url-pattern": "*", "script": {"participants": [{"id": "owner"}]}}]'
SCRIPT = '{"participants": [{"id": "jane"}]}'
META = f"<meta name=participation content='{SCRIPT}'>"
LINK = "<link rel=participation type=application/json href=/script.json>"
MORE = "<title>An article</title><link rel=canonical href=/home#top>"


@pytest.fixture
async def site(anyio_backend: object) -> AsyncIterator[Site]:
    """A website on loopback, without a script of its own."""
    async with website() as site:
        site.serve(PARTICIPATION, status=404)
        yield site


async def sources(url: str, *, seconds: float = 5) -> Sources:
    """As a sandbox asks."""
    return await ask(_fetcher(), url, seconds=seconds)


@cache
def _fetcher() -> Fetcher:
    return Fetcher(allowed=LOOPBACK)


async def test_everything_there_is(site: Site) -> None:
    site.serve(PARTICIPATION, DOMAIN.encode(), content_type="text/plain")
    at = site.serve("/a?b=c", (META + LINK + MORE).encode())

    assert await sources(f"{at}#part") == Sources(
        url=at,
        canonical_url=site.url("/home"),
        page=PageSays(
            script=SCRIPT,
            script_link=site.url("/script.json"),
            title="An article",
            canonical=site.url("/home#top"),
        ),
        domain_script=DOMAIN,
        script=SCRIPT,
    )

    # What is in the page comes before what it links to, which is not asked for.
    paths = sorted(head.split()[1] for head in site.seen)
    assert paths == ["/a?b=c", PARTICIPATION]


async def test_a_script_that_is_linked_to(site: Site) -> None:
    script = "\N{ZERO WIDTH NO-BREAK SPACE}" + SCRIPT
    linked = site.serve("/script.json", script.encode(), content_type="application/json")
    says = await sources(site.serve("/", LINK.encode()))

    assert (says.script, says.script_url) == (SCRIPT, linked)
    assert says.troubles == ()
    assert "jane" not in repr(says)


async def test_a_script_on_another_host(site: Site) -> None:
    async with website() as other:
        linked = other.serve("/s", SCRIPT.encode(), content_type="application/json;charset=utf-8")
        says = await sources(site.serve("/", f"<link rel=participation href='{linked}'>".encode()))

    assert (says.script, says.script_url) == (SCRIPT, linked)


async def test_a_page_that_is_no_html_says_nothing(site: Site) -> None:
    site.serve(PARTICIPATION, b"not json", content_type="application/json")
    target = site.serve("/b.pdf", b"%PDF" + META.encode(), content_type="application/pdf")
    at = site.serve("/a", status=301, headers={"Location": "/b.pdf"})

    assert await sources(at) == Sources(
        url=target, canonical_url=target, page=PageSays(), domain_script="not json"
    )


@pytest.mark.parametrize(
    "given",
    [
        {"status": 404},
        {"status": 410},
        {"body": b"<p>Not here", "content_type": "text/html"},
        {"body": b"x", "content_type": "application/octet-stream"},
        {"body": b"x", "content_type": ""},
    ],
    ids=range(5),
)
async def test_a_domain_without_a_script(site: Site, given: dict[str, object]) -> None:
    site.serve(PARTICIPATION, **given)  # type: ignore[arg-type]

    says = await sources(site.serve("/", META.encode()))

    assert says.domain_script is None
    assert says.troubles == ()


async def test_the_domain_is_where_the_page_is(site: Site) -> None:
    async with website() as other:
        other.serve(PARTICIPATION, b"theirs", content_type="text/plain")
        site.serve(PARTICIPATION, b"not asked", content_type="text/plain")
        home = other.serve("/", b"<link rel=canonical href=//example.com/>")
        says = await sources(site.serve("/", status=302, headers={"Location": home}))

        assert says.domain_script == "theirs"
        # A page is not at home at somebody else's.
        assert says.url == says.canonical_url == home


@pytest.mark.parametrize(
    ("said", "is_at"),
    [
        ("<link rel=canonical href=/1>", "/1"),
        ("<link rel=canonical href=//example.com/1><meta property=og:url content=/2>", "/2"),
        ("<meta property=og:url content='http://www.127.0.0.1/3#x'>", "http://www.127.0.0.1/3"),
        ("<link rel=canonical href=https://127.0.0.1/4>", "https://127.0.0.1/4"),
        ("<link rel=canonical href=http://127.0.0.1.example.com/>", "/"),
        ("<link rel=canonical href='http://127.0.0.1@example.com/'>", "/"),
        ("<link rel=canonical href='http://example.com\\@127.0.0.1/'>", "/"),
        ("<link rel=canonical href=http://xn--a.com/>", "/"),
        ("", "/"),
    ],
    ids=range(9),
)
async def test_where_a_page_is_at_home(site: Site, said: str, is_at: str) -> None:
    says = await sources(site.serve("/", said.encode()))

    home = says.canonical_url
    assert home == (site.url(is_at) if is_at.startswith("/") else is_at)


async def _slowly() -> AsyncIterator[bytes]:
    while True:
        yield b" "
        await asyncio.sleep(0.02)


async def _endlessly() -> AsyncIterator[bytes]:
    while True:
        yield b" " * 65_536


BOMB = gzip.compress(bytes(20_000_000))

Serve = Callable[[Site, str], str]


def serving(body: Body | Callable[[], Body] = b"", **given: object) -> Serve:
    """Something served, wherever it is asked for."""
    return lambda site, path: site.serve(path, body, **given)  # type: ignore[arg-type]


JSON = "application/json"


@pytest.mark.parametrize(
    ("serve", "kind"),
    [
        (serving(status=503), NotNow),
        (serving(status=403), NotGiven),
        (serving(_slowly, content_type=JSON), TooSlow),
        (serving(_endlessly, content_type=JSON), TooLarge),
        (serving(BOMB, content_type=JSON, headers={"Content-Encoding": "gzip"}), TooLarge),
        (serving(BOMB, content_type=JSON, headers={"Content-Encoding": "br"}), Unreadable),
        (serving(b'"\xfc"', content_type=JSON), Unreadable),
        (serving(b"x", headers={"Content-Length": "9"}, content_type=JSON), Unreachable),
        (serving(status=302, headers={"Location": "http://10.0.0.1/"}), AddressRefused),
        (serving(status=302, headers={"Location": PARTICIPATION}), TooManyRedirects),
    ],
    ids=range(10),
)
async def test_trouble_with_scripts(site: Site, serve: Serve, kind: type[FetchError]) -> None:
    domain = serve(site, PARTICIPATION)
    link = f"<link rel=participation href={PARTICIPATION}>{MORE}"

    says = await sources(site.serve("/", link.encode()), seconds=0.5)

    assert says.page.title == "An article"
    assert (says.script, says.script_url, says.domain_script) == (None, None, None)
    assert [(each.source, each.url, type(each.error)) for each in says.troubles] == [
        ("domain", domain, kind),
        ("link", domain, kind),
    ]


@pytest.mark.parametrize(
    ("serve", "kind"),
    [
        (serving(status=404), NotThere),
        (serving(SCRIPT.encode()), WrongType),
        (serving(SCRIPT.encode(), content_type="text/plain"), WrongType),
        (serving(status=302, headers={"Location": "/"}), WrongType),
    ],
    ids=["absent", "html", "text", "page"],
)
async def test_a_link_to_no_script(site: Site, serve: Serve, kind: type[FetchError]) -> None:
    serve(site, "/script.json")

    says = await sources(site.serve("/", LINK.encode()))

    assert says.script is None
    assert [(each.source, type(each.error)) for each in says.troubles] == [("link", kind)]


async def test_links_in_a_circle_end(site: Site) -> None:
    itself = site.serve("/", b"<link rel=participation href=/>")
    says = await sources(itself)
    assert [type(each.error) for each in says.troubles] == [WrongType]

    site.seen.clear()
    script = b'{"url": "/", "participants": []}'
    site.serve("/script.json", script, content_type=JSON)
    says = await sources(site.serve("/", LINK.encode()))

    # A script that says where to go on is a script like any other.
    assert says.script == script.decode()
    assert len(site.seen) == 3


async def test_a_script_behind_our_walls_is_not_asked_for(site: Site) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"] if host == "outside.test" else ["127.0.0.2"]

    fetcher = Fetcher(allowed=[ip_network("127.0.0.1")], resolve=resolve)
    site.serve("/", f"<link rel=participation href=//inside.test:{site.port}/>".encode())

    says = await ask(fetcher, site.url("/", "outside.test"))

    assert [type(each.error) for each in says.troubles] == [AddressRefused]
    assert len(site.seen) == 2


@pytest.mark.parametrize(
    ("serve", "kind"),
    [
        (serving(status=404), NotThere),
        (serving(status=403), NotGiven),
        (serving(status=500), NotNow),
        (serving(_slowly), TooSlow),
        (serving(_endlessly), TooLarge),
        (serving(BOMB, headers={"Content-Encoding": "gzip"}), TooLarge),
        (serving(BOMB, headers={"Content-Encoding": "deflate"}), Unreadable),
        (serving(status=302, headers={"Location": "/"}), TooManyRedirects),
        (serving(status=302, headers={"Location": "http://169.254.169.254/"}), AddressRefused),
        (serving(b"x", headers={"Content-Length": "9"}), Unreachable),
    ],
    ids=range(10),
)
async def test_without_the_page_there_is_nothing(
    site: Site, serve: Serve, kind: type[FetchError]
) -> None:
    with pytest.raises(FetchError) as raised:
        await sources(serve(site, "/"), seconds=0.5)

    assert type(raised.value) is kind


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "/a",
        "http://",
        "ftp://a.test/",
        "http://a:b@127.0.0.1/",
        "a@b",
        "http://xn--a.com/",
    ],
)
async def test_what_is_no_address(url: str) -> None:
    with pytest.raises(AddressRefused):
        await sources(url)


async def test_all_of_it_has_to_be_there_in_time(site: Site) -> None:
    async def late() -> AsyncIterator[bytes]:
        await asyncio.sleep(0.2)
        yield (LINK + MORE).encode()

    site.serve("/", late)
    site.serve("/script.json", _slowly, content_type=JSON)
    site.serve(PARTICIPATION, _slowly, content_type=JSON)

    began = time.monotonic()
    says = await sources(site.url("/"), seconds=0.4)

    assert 0.3 < time.monotonic() - began < 0.9
    assert [type(each.error) for each in says.troubles] == [TooSlow, TooSlow]


async def test_whoever_asks_may_stop(site: Site) -> None:
    is_asked = asyncio.Event()

    async def never() -> AsyncIterator[bytes]:
        is_asked.set()
        await asyncio.sleep(60)
        yield b""

    site.serve("/", never)
    site.serve(PARTICIPATION, _slowly, content_type=JSON)

    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(sources(site.url("/")))
        await is_asked.wait()
        asking.cancel()

    assert asking.cancelled()
    assert not any("_domain_script" in repr(task) for task in asyncio.all_tasks())
