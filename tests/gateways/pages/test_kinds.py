"""Why a page cannot be had: each reason is of a kind of its own."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from functools import cache
from ipaddress import ip_network

import pytest

from tests.website import Body, Site, website
from whipround.gateways.pages.fetcher import (
    AddressRefused,
    Fetcher,
    FetchError,
    FetchFailed,
    FetchRefused,
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

pytestmark = pytest.mark.anyio

HTML = ("text/html",)


@pytest.fixture
async def site(anyio_backend: object) -> AsyncIterator[Site]:
    """A website on loopback."""
    async with website() as site:
        yield site


async def _raised(
    url: str, kind: type[FetchError], *, fetcher: Fetcher | None = None, seconds: float = 5
) -> FetchError:
    """What is raised: it must be of that very kind."""
    with pytest.raises(FetchError) as raised:
        await (fetcher or _at_home()).fetch(url, accept=HTML, seconds=seconds)
    assert type(raised.value) is kind
    return raised.value


@cache
def _at_home() -> Fetcher:
    return Fetcher(allowed=LOOPBACK)


async def _resolve(name: str, port: int) -> Sequence[str]:
    """Names are what a hostile domain says that they are: all at home."""
    return ["127.0.0.1", "::1", "192.168.1.1", "169.254.169.254"]


@cache
def _outside(*, is_fooled: bool) -> Fetcher:
    """Who may not ask this machine; and whether names are looked up where they mean no good."""
    return Fetcher(resolve=_resolve) if is_fooled else Fetcher()


@pytest.mark.parametrize(
    ("status", "kind", "is_for_good"),
    [
        (404, NotThere, True),
        (410, NotThere, True),
        (401, NotGiven, True),
        (403, NotGiven, True),
        (451, NotGiven, True),
        (204, NotGiven, True),
        (304, NotGiven, True),
        (408, NotNow, False),
        (429, NotNow, False),
        (500, NotNow, False),
        (503, NotNow, False),
    ],
)
async def test_statuses(
    site: Site, status: int, kind: type[NotGiven | NotNow], *, is_for_good: bool
) -> None:
    error = await _raised(site.serve("/", status=status), kind)

    assert isinstance(error, NotGiven | NotNow)
    assert error.status == status
    assert isinstance(error, FetchRefused if is_for_good else FetchFailed)


async def test_types(site: Site) -> None:
    target = site.serve("/b", b"%PDF", content_type="Application/PDF; x=y")
    error = await _raised(site.serve("/a", status=302, headers={"Location": "/b"}), WrongType)

    assert isinstance(error, WrongType)
    assert (error.url, error.content_type) == (target, "application/pdf")


async def test_redirects(site: Site) -> None:
    site.serve("/a", status=302, headers={"Location": "/b"})
    site.serve("/b", status=302, headers={"Location": "/a"})

    await _raised(site.url("/a"), TooManyRedirects)

    assert len(site.seen) == 4


def _head(*lines: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode()


async def _slow_head() -> AsyncIterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        yield b"X-Slow: x\r\n"
        await asyncio.sleep(0.02)


async def _slow_body() -> AsyncIterator[bytes]:
    yield _head("Content-Type: text/html", "Transfer-Encoding: chunked")
    while True:
        yield b"1\r\nx\r\n"
        await asyncio.sleep(0.02)


async def _endless_head() -> AsyncIterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        yield b"X-Long: " + b"x" * 1000 + b"\r\n"


async def _endless_line() -> AsyncIterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nX-Long: "
    while True:
        yield b"x" * 65_536


async def _endless_chunks() -> AsyncIterator[bytes]:
    yield _head("Content-Type: text/html", "Transfer-Encoding: chunked")
    while True:
        yield b"10000\r\n" + b"x" * 65_536 + b"\r\n"


async def _endless_early_hints() -> AsyncIterator[bytes]:
    while True:
        yield b"HTTP/1.1 103 Early Hints\r\n\r\n" * 99
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (_slow_head, TooSlow),
        (_slow_body, TooSlow),
        (_endless_early_hints, TooSlow),
        (_endless_head, Unreachable),
        (_endless_line, Unreachable),
        (_endless_chunks, TooLarge),
        (lambda: _head("Content-Type: text/html", "Content-Length: 99") + b"x", Unreachable),
        (lambda: b"SSH-2.0-OpenSSH_9.9\r\n\r\n", Unreachable),
        (lambda: b"", Unreachable),
    ],
    ids=range(9),
)
async def test_servers_that_mean_no_good(
    site: Site, answer: Callable[[], Body], kind: type[FetchError]
) -> None:
    site.pages["/"] = answer

    await _raised(site.url("/"), kind, seconds=0.3 if kind is TooSlow else 5)


async def test_a_time_that_is_over_at_once(site: Site) -> None:
    await _raised(site.serve("/", b"<p>"), TooSlow, seconds=0)


@pytest.mark.parametrize(
    ("encoding", "body", "kind"),
    [
        ("gzip", gzip.compress(bytes(20_000_000)), TooLarge),
        ("gzip", gzip.compress(gzip.compress(bytes(20_000_000)))[:-9], Unreachable),
        ("gzip", b"<p>", Unreadable),
        ("deflate", zlib.compress(bytes(20_000_000)), Unreadable),
        ("br", b"\xcf\xff\xff\x7f", Unreadable),
        ("zstd", b"\x28\xb5\x2f\xfd", Unreadable),
        ("gzip, gzip", gzip.compress(gzip.compress(b"<p>")), Unreadable),
        ("gzip, identity", gzip.compress(b"<p>"), Unreadable),
        ("br, gzip", gzip.compress(b"<p>"), Unreadable),
        ("nonsense", b"<p>", Unreadable),
    ],
    ids=range(10),
)
async def test_compression(site: Site, encoding: str, body: bytes, kind: type[FetchError]) -> None:
    await _raised(site.serve("/", body, headers={"Content-Encoding": encoding}), kind)


@pytest.mark.parametrize(
    "host",
    [
        "public.test@127.0.0.1",
        "public.test:80@127.0.0.1",
        "127.0.0.1\\@public.test",
        "public.test\\@127.0.0.1",
        "public.test%2f@127.0.0.1",
        "127.0.0.1.",
        "localhost.",
        "LOCALHOST",
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
        "[::ffff:127.0.0.1]",
        "[0:0:0:0:0:ffff:7f00:1]",
        "[::1%25lo]",
        "printer.local",
        "metadata.internal",
    ],
)
async def test_spellings_of_what_is_not_public(site: Site, host: str) -> None:
    site.serve("/", b"secret")
    url = f"http://{host}:{site.port}/"

    await _raised(url, AddressRefused, fetcher=_outside(is_fooled=True))
    with pytest.raises(FetchError):
        await _outside(is_fooled=False).fetch(url, accept=HTML)

    assert site.seen == []


async def test_redirects_to_what_is_not_public(site: Site) -> None:
    fetcher = Fetcher(allowed=[ip_network("127.0.0.1")])
    for location in ("//127.0.0.2:1/", "http://[::ffff:127.0.0.2]:1/", "http://a@127.0.0.1/"):
        url = site.serve("/", status=307, headers={"Location": location})

        await _raised(url, AddressRefused, fetcher=fetcher)


async def test_a_host_that_nobody_knows() -> None:
    async def resolve(name: str, port: int) -> Sequence[str]:
        raise OSError

    await _raised("http://nowhere.test/", Unreachable, fetcher=Fetcher(resolve=resolve))
    await _raised("http://127.0.0.1:9/", Unreachable)


async def test_addresses_are_not_told_to_the_log(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        await _at_home().fetch(site.serve("/?key=s3cret", b"<p>"), accept=HTML)

    assert "s3cret" not in caplog.text
