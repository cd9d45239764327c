"""Where the links in mails lead."""

from uuid import NAMESPACE_DNS, uuid5

import pytest

from whipround.api.links import address_of, confirmation_url, hosts_of, links_of
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


@pytest.mark.parametrize(
    ("product", "public_url", "address", "hosts"),
    [
        (MAIN, "https://Whip.example/", "https://Whip.example", {"whip.example"}),
        (
            MAIN,
            "http://127.0.0.1:8000",
            "http://127.0.0.1:8000",
            {"127.0.0.1", "127.0.0.1:8000"},
        ),
        (MAIN, "http://[::1]:80", "http://[::1]:80", {"[::1]", "[::1]:80"}),
        (
            SHOP,
            "https://whip.example",
            "https://pay.example.com",
            {"pay.example.com", "pay.example.org"},
        ),
        (
            NAMED,
            "http://whip.example:81",
            "http://named.example.com:81",
            {"named.example.com", "named.example.com:81"},
        ),
    ],
    ids=range(5),
)
def test_where_a_product_is(
    product: Product, public_url: str, address: str, hosts: set[str]
) -> None:
    assert address_of(product, public_url=public_url) == address
    assert hosts_of(product, public_url=public_url) == hosts


@pytest.mark.parametrize(
    ("product", "claim"),
    [
        (MAIN, "https://whip.example/api_v1/user/claim_link?claim_token="),
        (SHOP, "https://pay.example.com/api_v1/user/claim_link?claim_token="),
        (
            CLUB,
            f"https://whip.example/api_v1/user/claim_link?product-id={CLUB.id}&claim_token=",
        ),
    ],
    ids=range(3),
)
def test_a_token_goes_to_the_end_of_a_link(product: Product, claim: str) -> None:
    links = links_of(product, [MAIN, SHOP, CLUB], public_url="https://whip.example")

    assert links.claim == claim
    assert links.login == claim.replace("claim_link", "login_link").replace("claim_", "login_")
    assert links.email_id == claim.replace("claim_link", "email_link").replace("claim_", "confirm_")
    assert links.confirmation.partition("?")[0].endswith(PATH)
