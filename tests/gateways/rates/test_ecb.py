"""The rates of the European Central Bank: its document, from a file and by HTTP."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tests.gateways.rates.documents import DAILY, DAYS
from whipround.gateways.rates import ecb
from whipround.gateways.rates.ecb import MAX_BYTES, EcbAddress, EcbFile, parse, source_of
from whipround.gateways.rates.protocol import RatesError


@pytest.mark.parametrize("document", [DAILY, DAYS], ids=["daily", "days"])
def test_the_rates_of_the_newest_day(document: bytes) -> None:
    published = parse(document)

    assert published.on == date(2026, 1, 14)
    assert len(published.per_euro) == 10
    assert published.per_euro["USD"] == Decimal("1.1651")
    assert str(published.per_euro["GBP"]) == "0.86730"


_LAUGHS = b"""<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">]>
<lolz>&lol2;</lolz>"""
_FILE = b"""<?xml version="1.0"?>
<!DOCTYPE a [<!ENTITY file SYSTEM "file:///etc/passwd">]><a>&file;</a>"""
_TYPE = DAILY.replace(b"?>", b'?><!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd">', 1)


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (b"", "it is no XML"),
        (b"\xff\xfe\x00", "it is no XML"),
        (DAILY[:-20], "it is no XML"),
        (DAILY.replace(b"UTF-8", b"UTF-99"), "it is no XML"),
        (b"<html><body>Not found</body></html>", "it begins with 'html'"),
        (DAILY.replace(b"gesmes.org", b"gesmes.com"), "it begins with"),
        (_LAUGHS, "document type or entities"),
        (_FILE, "document type or entities"),
        (_TYPE, "document type or entities"),
        (DAILY.replace(b'eurofxref"', b'other"'), "no Cube with a time"),
        (DAILY.replace(b"2026-01-14", b"2026-02-30"), "'2026-02-30' is no day"),
        (DAILY.replace(b"2026-01-14", b"20260114"), "'20260114' is no day"),
        (DAILY.replace(b"'USD'", b"'usd'"), "'usd' is no currency"),
        (DAILY.replace(b"'USD'", b"'EUR'"), "'EUR' is no currency"),
        (DAILY.replace(b"currency='USD'", b""), "'' is no currency"),
        (DAILY.replace(b"'JPY'", b"'USD'"), "USD comes twice"),
        (DAILY.replace(b"'1.1651'", b"'0.0000'"), "'0.0000' is no rate for USD"),
        (DAILY.replace(b"'1.1651'", b"'-1'"), "'-1' is no rate for USD"),
        (DAILY.replace(b"'1.1651'", b"'1e5'"), "'1e5' is no rate for USD"),
        (DAILY.replace(b"'1.1651'", b"'NaN'"), "'NaN' is no rate for USD"),
        (DAILY.replace(b"'1.1651'", "'١'".encode()), "is no rate for USD"),
        (DAILY.replace(b"rate='1.1651'", b""), "'' is no rate for USD"),
        (DAILY.replace(b"<Cube>", b"<Cube><Cube time='2026-01-15'/>"), "no rates of 2026-01-15"),
        (DAILY + b" " * MAX_BYTES, "more than 1 MiB"),
    ],
    ids=range(24),
)
def test_a_bad_document_is_one_line_that_says_why(document: bytes, why: str) -> None:
    with pytest.raises(RatesError) as refused:
        parse(document)

    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.anyio
async def test_rates_from_a_file(tmp_path: Path, now: datetime) -> None:
    path = tmp_path / "rates.xml"
    path.write_bytes(DAILY)

    source = source_of(str(path))

    assert isinstance(source, EcbFile)
    assert (await source.fetch(now=now)).on == date(2026, 1, 14)
    with pytest.raises(OSError, match="No such file"):
        await source_of(str(tmp_path / "none.xml")).fetch(now=now)
    path.write_bytes(DAILY + b" " * MAX_BYTES)
    with pytest.raises(RatesError, match="more than 1 MiB"):
        await source.fetch(now=now)


Answer = Callable[[str, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def publishing(answer: Answer) -> AsyncIterator[str]:
    """The address of a server that answers so; `answer` gets the path that is asked for."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        try:
            await answer(head.split()[1].decode(), reader, writer)
            await writer.drain()
        except ConnectionError:
            pass  # who asked has had enough
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _answer(path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    if path == "/there":
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + DAILY)
    elif path == "/moved":
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n")
    elif path == "/round":
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /round\r\nContent-Length: 0\r\n\r\n")
    elif path == "/away":
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n")
    elif path == "/endless":
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:
            writer.write(b" " * 65536)
            await writer.drain()
    elif path == "/silent":
        await reader.read()  # until who asked has gone
    else:
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")


@pytest.fixture
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.mark.anyio
@pytest.mark.usefixtures("_no_proxy")
async def test_rates_by_http(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    async with publishing(_answer) as address:

        async def refused(path: str) -> str:
            with pytest.raises(RatesError) as error:
                await EcbAddress(f"{address}{path}").fetch(now=now)
            return str(error.value)

        source = source_of(f"{address}/there")
        assert isinstance(source, EcbAddress)
        assert (await source.fetch(now=now)).per_euro["MXN"] == Decimal("20.7638")
        assert (await EcbAddress(f"{address}/moved").fetch(now=now)).on == date(2026, 1, 14)
        assert "more than 3 redirects" in await refused("/round")
        assert "UnsupportedProtocol" in await refused("/away")
        assert "the answer is 404" in await refused("/gone")
        assert "more than 1 MiB" in await refused("/endless")
        assert "InvalidURL" in await refused("0:\n")
        with monkeypatch.context() as hurried:
            hurried.setattr(ecb, "TIMEOUT_SECONDS", 0.2)
            assert "no answer within" in await refused("/silent")

    assert "ConnectError" in await refused("/there")
