"""Which product a request is for."""

import asyncio
from datetime import datetime
from uuid import NAMESPACE_DNS, uuid4, uuid5

import pytest

from tests.api.serving import NO_WEB, PROCESSORS, PROVIDERS, new_directory
from tests.studio import PUBLIC_URL, new_studio
from whipround.api import services as services_module
from whipround.api.services import Directory, UnknownProduct, open_directory
from whipround.db.database import Database
from whipround.domain import products
from whipround.domain.products import Product
from whipround.gateways.facebook.sandbox import SandboxFacebook
from whipround.keyring import Keyring


def _product(name: str, *hosts: str, is_default: bool = False) -> Product:
    return Product(uuid5(NAMESPACE_DNS, name), name, f"product_{name}", is_default, hosts, ("EUR",))


ONE = _product("one", is_default=True)
TWO = _product("two", "pay.example.com", "pay.example.org")


@pytest.fixture
def directory(installation_db: Database, keyring: Keyring) -> Directory:
    directory = new_directory(installation_db, keyring, sandbox=False)
    directory.set([ONE, TWO])
    return directory


def found(directory: Directory, product_id: object = None, host: str | None = None) -> str | None:
    services = directory.find(
        None if product_id is None else str(product_id).encode(),
        None if host is None else host.encode(),
    )
    return services.product.name if services else None


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("product_id", "host", "expected"),
    [
        (None, None, "one"),
        (None, "localhost:8000", "one"),
        (None, "pay.example.com", "two"),
        (None, "PAY.Example.com:8443", "two"),
        (None, "pay.example.org.", "two"),
        (None, "[::1]:8000", "one"),
        (None, "[::1]", "one"),
        (None, "", "one"),
        (ONE.id, "pay.example.com", "one"),
        (TWO.id, "localhost", "two"),
        (str(TWO.id).upper(), None, "two"),
        (uuid5(NAMESPACE_DNS, "nobody's"), "pay.example.com", None),
        ("two", None, None),
        ("", None, None),
    ],
)
async def test_the_header_counts_then_the_host_then_the_default(
    directory: Directory, product_id: object, host: str | None, expected: str | None
) -> None:
    assert found(directory, product_id, host) == expected


@pytest.mark.anyio
async def test_a_product_seen_again_keeps_its_batchers(directory: Directory) -> None:
    before = directory.find(str(ONE.id).encode(), None)

    directory.set([ONE, TWO, _product("three")])

    after = directory.find(str(ONE.id).encode(), None)
    assert before is not None
    assert after is not None
    assert after.sessions is before.sessions
    assert found(directory) == "one"


@pytest.mark.anyio
async def test_the_host_names_of_a_product_that_has_changed(directory: Directory) -> None:
    directory.set([ONE, _replaced(TWO, ("other.example.com",))])

    assert found(directory, None, "other.example.com") == "two"
    assert found(directory, None, "pay.example.com") == "one"


def _replaced(product: Product, hosts: tuple[str, ...]) -> Product:
    return Product(
        product.id, product.name, product.schema_name, product.is_default, hosts, ("EUR",)
    )


@pytest.mark.anyio
async def test_a_product_added_elsewhere_is_looked_for_once_a_second(
    installation_db: Database, keyring: Keyring, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Making a product may take longer than the second that is waited for, on a busy machine.
    monkeypatch.setattr(services_module, "_LEAST_SECONDS", 60)
    async with open_directory(
        installation_db,
        [],
        keyring=keyring,
        processors=PROCESSORS,
        studio=new_studio(keyring),
        facebook=SandboxFacebook(),
        web=NO_WEB,
        providers=PROVIDERS,
        public_url=PUBLIC_URL,
        sandbox=True,
    ) as directory:
        first = await products.add(installation_db, name=f"first_{uuid4().hex[:8]}", now=now)
        services = await directory.ask(str(first.id).encode(), None)
        second = await products.add(installation_db, name=f"second_{uuid4().hex[:8]}", now=now)
        asked_id = str(second.id).encode()

        with pytest.raises(UnknownProduct):
            await directory.ask(asked_id, None)
        await directory.refresh()

        assert services.product == first
        assert services.sandbox
        assert services.db.schema == first.schema_name
        assert directory.find(asked_id, None) is not None


@pytest.mark.anyio
async def test_all_who_ask_at_once_for_a_new_product_find_it(
    installation_db: Database, keyring: Keyring, now: datetime
) -> None:
    directory = new_directory(installation_db, keyring)
    added = await products.add(installation_db, name=f"asked_{uuid4().hex[:8]}", now=now)

    found = await asyncio.gather(*(directory.ask(str(added.id).encode(), None) for _ in range(20)))

    assert {services.product.id for services in found} == {added.id}
