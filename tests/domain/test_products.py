"""Products: what makes one, and what is refused."""

import asyncio
from collections.abc import Iterable
from datetime import datetime

import pytest

from whipround.db import schema
from whipround.db.database import Database, open_database
from whipround.domain import products
from whipround.domain.products import HostNameTaken, Product, ProductExists
from whipround.errors import Invalid

pytestmark = pytest.mark.anyio


async def test_a_product_has_a_schema_of_its_own(db: Database, product: Product) -> None:
    async with db.transaction() as tx:
        row = await (await tx.execute("select current_schema(), count(*) from account")).fetchone()

    assert row == (product.schema_name, 0)
    assert product.schema_name == f"product_{product.name}"


async def test_what_was_added_is_listed(installation_db: Database, now: datetime) -> None:
    added = await products.add(
        installation_db,
        name="listed",
        host_names=["Pay.Example.org.", "pay.example.org", "10.0.0.1"],
        currencies=["ISK", "JPY"],
        now=now,
    )

    assert added.host_names == ("pay.example.org", "10.0.0.1")
    assert added.currencies == ("ISK", "JPY")
    assert added in await products.list_products(installation_db)


async def test_exactly_the_first_is_the_default(fresh_url: str, now: datetime) -> None:
    async with open_database(fresh_url, connections=4) as db:
        await schema.migrate(db)

        first = await products.add(db, name="first", now=now)
        second = await products.add(db, name="second", now=now)

    assert first.is_default
    assert not second.is_default


async def test_a_name_is_taken_once(installation_db: Database, now: datetime) -> None:
    adding = (products.add(installation_db, name="twice", now=now) for _ in range(2))

    outcomes = await asyncio.gather(*adding, return_exceptions=True)

    assert {type(outcome) for outcome in outcomes} == {Product, ProductExists}


async def test_a_host_belongs_to_one_product(installation_db: Database, now: datetime) -> None:
    await products.add(installation_db, name="host", host_names=["shop.example.org"], now=now)

    with pytest.raises(HostNameTaken, match=r"shop\.example\.org belongs to another product"):
        await products.add(installation_db, name="guest", host_names=["SHOP.example.org"], now=now)


@pytest.mark.parametrize(
    ("name", "host_names", "currencies", "wrong"),
    [
        ("", (), ("EUR",), ["name"]),
        ("Main", (), ("EUR",), ["name"]),
        ("1st", (), ("EUR",), ["name"]),
        ("a" * 41, (), ("EUR",), ["name"]),
        ("x; drop", (), ("EUR",), ["name"]),
        ("fine", (), (), ["currencies"]),
        ("fine", (), ("eur", "XXY"), ["currencies", "currencies"]),
        ("fine", ("a b", "-x.org", "x" * 64, "."), ("EUR",), ["host_names"] * 4),
        ("No", ("/",), ("?",), ["name", "host_names", "currencies"]),
    ],
)
async def test_every_wrong_field_is_named(
    *,
    installation_db: Database,
    now: datetime,
    name: str,
    host_names: Iterable[str],
    currencies: Iterable[str],
    wrong: list[str],
) -> None:
    with pytest.raises(Invalid) as refused:
        await products.add(
            installation_db, name=name, host_names=host_names, currencies=currencies, now=now
        )

    assert [error.field for error in refused.value.errors] == wrong
