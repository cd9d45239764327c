"""Where the links in mails lead."""

from uuid import NAMESPACE_DNS, uuid5

import pytest

from whipround.api.links import confirmation_url
from whipround.domain.products import Product


def _product(name: str, *hosts: str, is_default: bool = False) -> Product:
    return Product(uuid5(NAMESPACE_DNS, name), name, f"product_{name}", is_default, hosts, ("MXN",))


MAIN = _product("main", is_default=True)
SHOP = _product("shop", "pay.example.com", "pay.example.org")
CLUB = _product("club")
NAMED = _product("named", "named.example.com", is_default=True)

PATH = "/api/confirmations/"


@pytest.mark.parametrize(
    ("product", "public_url", "link"),
    [
        (MAIN, "https://whip.example", f"https://whip.example{PATH}"),
        (MAIN, "http://127.0.0.1:8000", f"http://127.0.0.1:8000{PATH}"),
        (MAIN, "https://whip.example/money", f"https://whip.example/money{PATH}"),
        (SHOP, "https://whip.example", f"https://pay.example.com{PATH}"),
        (SHOP, "http://[::1]:8000", f"http://pay.example.com:8000{PATH}"),
        (CLUB, "https://whip.example", f"https://whip.example{PATH}?product-id={CLUB.id}"),
        (MAIN, "https://pay.example.org", f"https://pay.example.org{PATH}?product-id={MAIN.id}"),
        (SHOP, "https://pay.example.org/", f"https://pay.example.org{PATH}"),
        (NAMED, "https://pay.example.org", f"https://named.example.com{PATH}"),
    ],
    ids=range(9),
)
def test_a_link_says_which_product_is_meant(product: Product, public_url: str, link: str) -> None:
    known = [MAIN, SHOP, CLUB]

    assert confirmation_url(product, known, public_url=public_url) == link
