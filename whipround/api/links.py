"""The addresses in mails, by which a person comes back without a client of ours."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from whipround.domain.products import Product

CONFIRMATIONS = "/api/confirmations/"
LOGIN = "/api_v1/user/login_link"
EMAIL_ID = "/api_v1/user/email_link"
CLAIM = "/api_v1/user/claim_link"


@dataclass(frozen=True, slots=True)
class Links:
    """Where links in mails lead; a token goes to the end of each.

    They say of what use the token is: to log in, to have a further address, and to claim money; the
    one of a `confirmation` goes to the end of the path.
    """

    confirmation: str
    login: str
    email_id: str
    claim: str


def address_of(product: Product, *, public_url: str) -> str:
    """Where people find this product, without a slash at the end.

    That is its own host name, by the protocol and port of `public_url`, or there.
    """
    parts = urlsplit(public_url)
    if product.host_names and parts.hostname not in product.host_names:
        parts = parts._replace(netloc=f"{product.host_names[0]}{_port(parts)}")
    return parts.geturl().rstrip("/")


def hosts_of(product: Product, *, public_url: str) -> frozenset[str]:
    """The hosts in addresses of something of this product, in lower case.

    Those are its own host names, with and without the port of `public_url`, or that url's host.
    """
    parts = urlsplit(public_url)
    own = product.host_names or (parts.netloc.removesuffix(_port(parts)),)
    return frozenset(f"{name.lower()}{port}" for name in own for port in ("", _port(parts)))


def _port(parts: SplitResult) -> str:
    return f":{parts.port}" if parts.port else ""


def confirmation_url(product: Product, known: Iterable[Product], *, public_url: str) -> str:
    """Where links lead that confirm an address; a token goes to the end of the path.

    That is at the product's own host name, by the protocol and port of `public_url`, or there. A
    browser sends no Product-ID: where the address does not say which of the `known` products is
    meant, the query does.
    """
    address, query = _address_and_query(product, known, public_url)
    return f"{address}{CONFIRMATIONS}{'?' if query else ''}{query}"


def links_of(product: Product, known: Iterable[Product], *, public_url: str) -> Links:
    """Where all links lead, at the same addresses as `confirmation_url`."""
    address, query = _address_and_query(product, known, public_url)
    before = f"{query}&" if query else ""
    return Links(
        confirmation=confirmation_url(product, known, public_url=public_url),
        login=f"{address}{LOGIN}?{before}login_token=",
        email_id=f"{address}{EMAIL_ID}?{before}confirm_token=",
        claim=f"{address}{CLAIM}?{before}claim_token=",
    )


def _address_and_query(
    product: Product, known: Iterable[Product], public_url: str
) -> tuple[str, str]:
    """Where a product is, and what says that it is meant where the address does not."""
    address = address_of(product, public_url=public_url)
    is_others = any(urlsplit(address).hostname in other.host_names for other in known)
    is_meant = product.host_names or (product.is_default and not is_others)
    return address, "" if is_meant else f"product-id={product.id}"
