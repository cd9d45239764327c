"""Addresses of web pages in one spelling, by which they are compared, matched and not met twice."""

import re
from ipaddress import IPv6Address
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx

LONGEST = 2_000

_DEFAULT_PORTS = {"http": 80, "https": 443}

_ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[^/?#@:\[\]%]+)(?::(?P<port>[0-9]{0,5}))?"
    r"(?P<path>/[^?#]*)?(?P<query>\?[^#]*)?(?:#(?P<fragment>.*))?",
    re.ASCII | re.IGNORECASE,
)

# Blanks, control characters, halves of characters; and the backslash, which browsers take for a
# slash and others do not.
_NOT_IN_ADDRESSES = re.compile(
    r"[\x00-\x20\x7f-\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\ud800-\udfff\\]"
)
_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_][a-z0-9_-]{0,62}")
_LONGEST_HOST = 253

_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")
_UNRESERVED = frozenset("-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


def normalised(text: str) -> str | None:
    """An http or https address in its normal form (RFC 3986, 6.2); None for what is no address.

    Scheme and host in lower case, an international host in ASCII, no default port, nothing escaped
    that need not be, no `..`. Of the fragment remains what a page in it is known by (`#/…`, `#!/…`)
    and not a place in the page. An address with a name or password in it is refused.
    """
    match = None
    if len(text) <= LONGEST and not _NOT_IN_ADDRESSES.search(text):
        match = _ADDRESS.fullmatch(text)
    if match is None:
        return None
    scheme = match["scheme"].lower()
    port = int(match["port"] or _DEFAULT_PORTS[scheme])
    if not 0 < port < 2**16:
        return None
    rest = _escaped((match["path"] or "/") + (match["query"] or ""))
    fragment = _escaped(match["fragment"] or "")
    if fragment.startswith(("/", "!/")):
        rest += f"#{fragment}"
    try:
        # What the fetcher of pages makes of it, so that what is compared is what is fetched.
        url = httpx.URL(f"{scheme}://{match['host']}{rest}")
    except (httpx.InvalidURL, UnicodeError):
        return None
    host = _host(url.raw_host.decode("ascii", "replace"))
    if host is None:
        return None
    where = host if port == _DEFAULT_PORTS[scheme] else f"{host}:{port}"
    _, mark, fragment = str(url).partition("#")
    address = f"{scheme}://{where}{url.raw_path.decode()}{mark}{fragment}"
    return address if len(address) <= LONGEST else None


class Address(NamedTuple):
    """The pieces of an address in its normal form; `host` has the port, if it is no usual one."""

    host: str
    path: str
    query: str
    fragment: str


def pieces(address: str) -> Address:
    """What an address that is in its normal form is made of, as escaped as it is."""
    _, host, path, query, fragment = urlsplit(address)
    return Address(host, path, query, fragment)


def _escaped(text: str) -> str:
    """The text with nothing escaped that need not be, and escapes in capitals."""
    return _ESCAPE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    digits = match[1]
    if digits is None:  # a percent sign that stands for itself
        return "%25"
    character = chr(int(digits, 16))
    return character if character in _UNRESERVED else f"%{digits.upper()}"


def _host(name: str) -> str | None:
    """A host as it stands in an address, of a name or of an IPv6 address; None for neither."""
    if ":" in name:
        try:
            return f"[{IPv6Address(name).compressed}]"
        except ValueError:
            return None
    name = name.removesuffix(".")
    return name if len(name) <= _LONGEST_HOST and _HOST.fullmatch(name) else None
