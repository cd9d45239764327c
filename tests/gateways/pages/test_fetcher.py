"""Fetching what a user names: from whom, how much, how long."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Sequence
from functools import cache

import pytest

from tests.website import Site, website
from whipround.gateways.pages.fetcher import (
    MAX_BYTES,
    Fetcher,
    FetchError,
    FetchFailed,
    FetchRefused,
    Page,
)
from whipround.gateways.pages.live import fetcher_of
from whipround.gateways.pages.networks import LOOPBACK
from whipround.settings import Settings

pytestmark = pytest.mark.anyio

HTML = ("text/html",)
PATIENCE_SECONDS = 0.4


@pytest.fixture
async def site(anyio_backend: object) -> AsyncIterator[Site]:
    """A website on loopback."""
    async with website() as site:
        yield site


@cache
def _of(*, sandbox: bool) -> Fetcher:
    return fetcher_of(Settings(), sandbox=sandbox)


async def fetch(url: str, *, max_bytes: int = MAX_BYTES) -> Page:
    """As a sandbox fetches."""
    return await _of(sandbox=True).fetch(url, accept=HTML, max_bytes=max_bytes)


async def refusal(url: str, *, max_bytes: int = MAX_BYTES) -> str:
    """Why nothing will ever be had at the address."""
    with pytest.raises(FetchRefused) as refused:
        await fetch(url, max_bytes=max_bytes)
    assert "\n" not in str(refused.value)
    return str(refused.value)


async def failure(url: str, fetcher: Fetcher | None = None) -> str:
    """Why nothing is had at the address for now."""
    fetcher = fetcher or Fetcher(allowed=LOOPBACK, seconds=PATIENCE_SECONDS)
    with pytest.raises(FetchFailed) as failed:
        await fetcher.fetch(url, accept=HTML)
    return str(failed.value)


async def test_a_page(site: Site) -> None:
    url = site.serve("/a?b=c", b"<p>", content_type="Text/HTML; charset=latin-1")

    page = await fetch(url)

    assert page == Page(url, "text/html", "latin-1", b"<p>")
    assert "user-agent: whipround/" in site.seen[0].lower()
    assert "accept: text/html" in site.seen[0].lower()


async def test_compressed(site: Site) -> None:
    url = site.serve("/", gzip.compress(b"x" * 5000), headers={"Content-Encoding": "gzip"})

    assert (await fetch(url)).body == b"x" * 5000


async def test_redirects_are_followed_three_times(site: Site) -> None:
    target = site.serve("/3", b"<p>")
    for number in (2, 1, 0):
        to = f"/{number + 1}"
        site.serve(f"/{number}", b"x" * 99, status=302, headers={"Location": to})
    site.serve("/more", status=307, headers={"Location": "/0"})

    assert (await fetch(site.url("/0"))).url == target
    assert await refusal(site.url("/more")) == "more than 3 redirects"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "017700000001",
        "0177.1",
        "0.0.0.0",
        "0",
        "localhost",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[fe80::1]",
        "169.254.169.254",
        "10.0.0.1",
        "100.64.0.1",
    ],
)
async def test_what_is_not_public_is_not_asked(site: Site, host: str) -> None:
    site.serve("/", b"secret")
    fetcher = _of(sandbox=False)

    with pytest.raises(FetchRefused, match="is not public"):
        await fetcher.fetch(site.url("/", host), accept=HTML)

    assert site.seen == []


async def test_a_redirect_to_what_is_not_public(site: Site) -> None:
    # The first host is allowed, by its address alone; the one it leads to is not.
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"] if host == "outside.test" else ["127.0.0.2"]

    fetcher = Fetcher(allowed=LOOPBACK[:1], resolve=resolve)
    inside = site.url("/secret", "inside.test")
    first = site.serve("/", status=302, headers={"Location": inside}).replace(
        "127.0.0.1", "outside.test"
    )
    narrow = fetcher_of(Settings(fetch_allow="127.0.0.1"), sandbox=False)

    with pytest.raises(FetchError):  # nothing listens there: asked it was
        await fetcher.fetch(first, accept=HTML)
    site.serve("/", status=302, headers={"Location": "http://127.0.0.2:1/"})
    with pytest.raises(FetchRefused, match=r"127\.0\.0\.2 is not public"):
        await narrow.fetch(site.url("/"), accept=HTML)


@pytest.mark.parametrize(
    "location",
    ["ftp://127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1/", "http://user:x@127.0.0.1/"],
)
async def test_a_redirect_to_what_is_not_of_the_web(site: Site, location: str) -> None:
    url = site.serve("/", status=301, headers={"Location": location})

    assert "the address, or one it leads to" in await refusal(url)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "file:///etc/passwd",
        "/etc/passwd",
        "http://",
        "http://:80/",
        "http://user:password@example.com/",
        "http://exa\x00mple.com/",
        "http://[::1",
        "http://example.com:99999/",
        "nonsense",
        "",
    ],
    ids=range(11),
)
async def test_what_is_no_address_of_the_web(url: str) -> None:
    assert await refusal(url)


async def test_a_name_that_changes_its_mind(site: Site) -> None:
    asked = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        # Public when it is checked, and within our walls when it would be looked up again.
        asked.append((host, port))
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    url = site.serve("/", b"<p>").replace("127.0.0.1", "mind.test")
    fetcher = Fetcher(allowed=LOOPBACK, resolve=resolve)

    assert (await fetcher.fetch(url, accept=HTML)).body == b"<p>"

    # It was looked up once, and that very address was asked, under its name.
    assert asked == [("mind.test", site.port)]
    assert f"host: mind.test:{site.port}" in site.seen[0].lower()
    with pytest.raises(FetchRefused, match="is not public"):
        await fetcher.fetch(url, accept=HTML)


async def test_of_several_addresses_the_public_ones_are_asked_in_turn(site: Site) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["10.0.0.1", "::1", "127.0.0.1"]  # on ::1 nobody listens

    url = site.serve("/", b"<p>").replace("127.0.0.1", "several.test")

    assert (await Fetcher(allowed=LOOPBACK, resolve=resolve).fetch(url, accept=HTML)).body == b"<p>"


async def test_proxies_of_the_environment_are_not_used(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert (await fetch(site.serve("/", b"<p>"))).body == b"<p>"


async def _slowly() -> AsyncIterator[bytes]:
    while True:
        yield b"x"
        await asyncio.sleep(0.02)


async def _endlessly() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 65_536


def _bomb() -> bytes:
    return gzip.compress(bytes(20 * 1024 * 1024))


async def test_what_takes_too_long(site: Site) -> None:
    site.serve("/slow", _slowly)
    site.serve("/lost", _slowly, status=302, headers={"Location": "/lost"})

    async def resolve(host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(60)
        return []

    nameless = Fetcher(resolve=resolve, seconds=0.05)
    said = await asyncio.gather(failure(site.url("/slow")), failure("http://slow.test/", nameless))

    assert list(said) == ["no answer within 0.4 seconds", "no answer within 0.05 seconds"]


async def test_what_is_too_much(site: Site) -> None:
    gzipped = {"Content-Encoding": "gzip"}
    site.serve("/endless", _endlessly)
    site.serve("/bomb", _bomb(), headers=gzipped)
    site.serve("/redirect", _endlessly, status=302, headers={"Location": "/small"})
    site.serve("/small", b"<p>")

    assert await refusal(site.url("/endless")) == "it has more than 1048576 bytes"
    assert await refusal(site.url("/bomb")) == "it has more than 1048576 bytes"
    assert await refusal(site.url("/small"), max_bytes=2) == "it has more than 2 bytes"
    assert (await fetch(site.url("/small"), max_bytes=3)).body == b"<p>"
    # What comes along with a redirect is not even read.
    assert (await fetch(site.url("/redirect"))).body == b"<p>"


@pytest.mark.parametrize(
    ("given", "body", "why"),
    [
        ({"content_type": "image/png"}, b"", "it is image/png"),
        ({"content_type": ""}, b"", "it is of no type"),
        ({"headers": {"Content-Encoding": "br"}}, b"", "it is compressed as br"),
        ({"headers": {"Content-Encoding": "gzip, gzip"}}, b"", "it is compressed as gzip, gzip"),
        ({"headers": {"Content-Encoding": "gzip"}}, b"plain", "it is not compressed as it says"),
        ({"status": 404}, b"", "the answer is 404"),
        ({"status": 403}, b"", "the answer is 403"),
        ({"status": 206}, b"", "the answer is 206"),
        ({"status": 302}, b"", "the answer is 302"),
    ],
    ids=range(9),
)
async def test_what_is_not_what_was_asked_for(
    site: Site, given: dict[str, object], body: bytes, why: str
) -> None:
    url = site.serve("/", body, **given)  # type: ignore[arg-type]

    assert await refusal(url) == why


async def test_what_may_be_there_another_time(site: Site) -> None:
    site.serve("/busy", status=503)
    site.serve("/later", status=429)
    site.serve("/short", b"<p>", headers={"Content-Length": "10"})
    site.serve("/cut", gzip.compress(b"x" * 99)[:-9], headers={"Content-Encoding": "gzip"})
    site.pages["/silent"] = lambda: b""
    site.pages["/nonsense"] = lambda: b"nonsense\r\n\r\n"
    unknown = "http://no.such.name.invalid/"
    closed = "http://127.0.0.1:9/"

    assert await failure(site.url("/busy")) == "the answer is 503"
    assert await failure(site.url("/later")) == "the answer is 429"
    assert "RemoteProtocolError" in await failure(site.url("/short"))
    assert await failure(site.url("/cut")) == "it ends before it is complete"
    assert "RemoteProtocolError" in await failure(site.url("/silent"))
    assert "RemoteProtocolError" in await failure(site.url("/nonsense"))
    assert "is not known" in await failure(unknown)
    assert "ConnectError" in await failure(closed)
