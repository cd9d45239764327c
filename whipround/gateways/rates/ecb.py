"""The European Central Bank's daily reference rates, from their address or from a file.

The document: https://www.ecb.europa.eu/stats/eurofxref/eurofxref-daily.xml; that of the last ninety
days has the same form, and its newest day counts.
"""

import asyncio
import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

import httpx
from defusedxml import DefusedXmlException, ElementTree

from whipround.gateways.rates.protocol import Published, RatesError, RatesSource

MAX_BYTES = 1024 * 1024
TIMEOUT_SECONDS = 10
MAX_REDIRECTS = 3

_ENVELOPE = "{http://www.gesmes.org/xml/2002-08-01}Envelope"
_CUBE = "{http://www.ecb.int/vocabulary/2002-08-01/eurofxref}Cube"

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_RATE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)


class EcbFile:
    """Reads the document from a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def fetch(self, *, now: datetime) -> Published:  # noqa: ARG002 (it has its own date)
        """The newest rates of the file. Raises RatesError, OSError when it cannot be read."""
        return parse(await asyncio.to_thread(self._read))

    def _read(self) -> bytes:
        with self._path.open("rb") as file:
            return file.read(MAX_BYTES + 1)


class EcbAddress:
    """Gets the document by HTTP.

    The address is the operator's own, and so are the proxies of the environment, which are used.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    async def fetch(self, *, now: datetime) -> Published:  # noqa: ARG002 (it has its own date)
        """The newest rates of the document. Raises RatesError."""
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return parse(await self._get())
        except TimeoutError as error:
            raise _failed(f"no answer within {TIMEOUT_SECONDS} seconds") from error
        except httpx.TooManyRedirects as error:
            raise _failed(f"more than {MAX_REDIRECTS} redirects") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _failed(f"{type(error).__name__} {error}".strip()) from error

    async def _get(self) -> bytes:
        async with (
            httpx.AsyncClient(
                follow_redirects=True, max_redirects=MAX_REDIRECTS, timeout=TIMEOUT_SECONDS
            ) as client,
            client.stream("GET", self._url) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                raise _failed(f"the answer is {answer.status_code}")
            document = b""
            async for part in answer.aiter_bytes():
                document += part
                if len(document) > MAX_BYTES:
                    break
            return document


def _failed(why: str) -> RatesError:
    # Without the address, which may hold a password.
    return RatesError(f"the rates cannot be fetched: {why}")


def source_of(place: str) -> RatesSource:
    """What gets rates from an http(s) address, or from the file of that name."""
    if place.lower().startswith(("http://", "https://")):
        return EcbAddress(place)
    return EcbFile(Path(place))


def parse(document: bytes) -> Published:
    """The newest rates in a document of the European Central Bank.

    Raises RatesError naming what is wrong with it. Entities and document types are refused.
    """
    if len(document) > MAX_BYTES:
        raise _bad("it has more than 1 MiB")
    try:
        root: Element = ElementTree.fromstring(document, forbid_dtd=True)
    except DefusedXmlException as error:
        raise _bad("it has a document type or entities, which are refused") from error
    except (ParseError, ValueError, LookupError) as error:  # LookupError: an unknown encoding
        raise _bad(f"it is no XML: {error}") from error
    if root.tag != _ENVELOPE:
        raise _bad(f"it begins with {root.tag!r}, not with a gesmes:Envelope")
    days = {_day(cube): cube for cube in root.iter(_CUBE) if "time" in cube.attrib}
    if not days:
        raise _bad("there is no Cube with a time")
    newest = max(days)
    per_euro: dict[str, Decimal] = {}
    for currency, rate in _rates(days[newest]):
        if currency in per_euro:
            raise _bad(f"{currency} comes twice")
        per_euro[currency] = rate
    if not per_euro:
        raise _bad(f"there are no rates of {newest}")
    return Published(newest, per_euro)


def _day(cube: Element) -> date:
    text = cube.attrib["time"]
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise _bad(f"{text!r} is no day")


def _rates(day: Element) -> Iterator[tuple[str, Decimal]]:
    for cube in day.findall(_CUBE):
        currency, rate = cube.get("currency", ""), cube.get("rate", "")
        if not _CURRENCY.fullmatch(currency) or currency == "EUR":
            raise _bad(f"{currency!r} is no currency with a rate for the euro")
        if not _RATE.fullmatch(rate) or not Decimal(rate):
            raise _bad(f"{rate!r} is no rate for {currency}")
        yield currency, Decimal(rate)


def _bad(why: str) -> RatesError:
    return RatesError(f"the document is not one of the ECB's reference rates: {why}")
