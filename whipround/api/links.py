"""The addresses in mails, by which a person comes back without a client of ours."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from whipround.domain.products import Product

CONFIRMATIONS = "/api/confirmations/"


def confirmation_url(product: Product, known: Iterable[Product], *, public_url: str) -> str:
    """Where links lead that confirm an address; a token goes to the end of the path.

    That is at the product's own host name, by the protocol and port of `public_url`, or there. A
    browser sends no Product-ID: where the address does not say which of the `known` products is
    meant, the query does.
    """
    parts = urlsplit(public_url)
    if product.host_names and parts.hostname not in product.host_names:
        port = f":{parts.port}" if parts.port else ""
        parts = parts._replace(netloc=f"{product.host_names[0]}{port}")
    is_others = any(parts.hostname in other.host_names for other in known)
    is_meant = product.host_names or (product.is_default and not is_others)
    query = "" if is_meant else f"?product-id={product.id}"
    return f"{parts.geturl().rstrip('/')}{CONFIRMATIONS}{query}"
