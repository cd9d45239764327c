"""Memento, Funding Sources, over HTTP: the wallet and what went through it."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from uuid import uuid4

import pytest

from tests.api.conftest import Shared
from tests.api.memento.client import wrong_fields
from tests.api.memento.documented import FUNDING_SOURCE, TRANSACTION, differs
from tests.api.memento.paying import Customer, Town, ids, said, town
from tests.money import EUR, MXN, charge
from tests.people import new_phone
from whipround.db.database import Database
from whipround.domain.products import Product
from whipround.keyring import Keyring

pytestmark = pytest.mark.anyio

SOURCES = "/v1/funding_sources"


@pytest.fixture
async def place(
    installation_db: Database, product: Product, keyring: Keyring
) -> AsyncIterator[Town]:
    db = installation_db.of(product.schema_name)
    async with town(Shared(product, db, installation_db, keyring)) as place:
        yield place


@pytest.fixture
async def ann(place: Town) -> Customer:
    """Somebody with money in two currencies."""
    return await place.person(EUR("100.00"), MXN("500.00"))


@pytest.fixture
async def bob(place: Town) -> Customer:
    """Somebody without money."""
    return await place.person()


async def test_the_wallet_has_all_that_is_documented(place: Town, ann: Customer) -> None:
    [wallet] = said(await ann.get(SOURCES))

    assert differs(wallet, FUNDING_SOURCE) == ""
    assert (wallet["id"], wallet["type"], wallet["gateway"]) == (
        str(ann.wallet_id),
        "virtual",
        "",
    )
    assert wallet["description"]
    assert (wallet["allows_in"], wallet["allows_out"]) == (True, True)
    assert (wallet["enabled"], wallet["verified"]) == (True, True)
    assert wallet["currencies"] == list(place.shared.product.currencies)
    held = {it["currency"]: it["amount"] for it in wallet["balances"]}
    assert held == {"EUR": Decimal("100.00"), "MXN": Decimal("500.00")}
    assert said(await ann.get(ann.wallet)) == wallet


async def test_signing_up_opens_an_empty_wallet(place: Town) -> None:
    body = await place.client.sign_up_body(new_phone())
    mine = await place.enter(said(await place.client.post("/v1/users", body), 201))

    [wallet] = said(await mine.get(SOURCES))

    assert differs(wallet, FUNDING_SOURCE) == ""
    held = {it["currency"]: it["amount"] for it in wallet["balances"]}
    assert held == dict.fromkeys(place.shared.product.currencies, 0)


async def test_balances_add_up(place: Town, ann: Customer, bob: Customer) -> None:
    await charge(place.db, EUR("0.50"))
    await ann.paid(bob, "10.00")
    await ann.paid(new_phone(), "5.00")
    await bob.paid(ann, "2.00")
    await ann.paid(bob, "50.00", currency="MXN")

    mine, theirs = await ann.balance(), await bob.balance()

    assert [mine[it] for it in ("amount", "amount_in", "amount_out")] == [
        Decimal("86.00"),
        Decimal("102.00"),
        Decimal("16.00"),
    ]
    assert [theirs[it] for it in ("amount", "amount_in", "amount_out")] == [
        Decimal("7.50"),
        Decimal("10.00"),
        Decimal("2.50"),
    ]
    assert mine["updated_at"] > mine["created_at"]
    assert (await ann.has("MXN"), await bob.has("MXN")) == (450, 50)


async def test_filters(ann: Customer) -> None:
    for filter_, count in [
        ("owner:eq:true", 1),
        ("owner:eq:false", 0),
        ("status:eq:enabled", 1),
        ("status:eq:pending", 0),
        ("status:eq:all", 1),
        ("status:in:[disabled;rejected]", 0),
        ("status:in:[disabled;enabled]", 1),
        ("type:eq:virtual", 1),
        ("type:eq:card", 0),
        ("type:in:[bank_account,card]", 0),
        ("type:in:[card,virtual]", 1),
        ("type:eq:all", 1),
        ("created_at:gt:2018-01-01", 1),
        ("created_at:lt:2018-01-01", 0),
    ]:
        assert len(said(await ann.get(f"{SOURCES}?filter={filter_}"))) == count, filter_
    assert len(said(await ann.get(f"{SOURCES}?sort=updated_at:asc,created_at:desc"))) == 1
    assert said(await ann.get(f"{SOURCES}?page=2")) == []


async def test_wrong_queries(ann: Customer) -> None:
    for path, query, named in [
        (SOURCES, "filter=type:eq:cash", {"filter.type": "invalid"}),
        (SOURCES, "filter=type:like:card", {"filter.type": "unsupported"}),
        (SOURCES, "filter=status:eq:active", {"filter.status": "invalid"}),
        (SOURCES, "filter=currency:eq:EUR", {"filter.currency": "unsupported"}),
        (SOURCES, "sort=type", {"sort": "unsupported"}),
        (f"{ann.wallet}/transactions", "filter=type:eq:card", {"filter.type": "unsupported"}),
        (
            f"{ann.wallet}/transactions",
            "filter=deposits_only:eq:1,currency:in:[EUR]",
            {"filter.deposits_only": "invalid", "filter.currency": "unsupported"},
        ),
        (f"{ann.wallet}/transactions", "page=0", {"page": "too_small"}),
    ]:
        assert wrong_fields(await ann.get(f"{path}?{query}")) == named, query


async def test_what_went_through_a_wallet(ann: Customer, bob: Customer) -> None:
    made = [
        await ann.paid(bob, "30.00"),
        await ann.paid(bob, "40.00", currency="MXN"),
        await bob.paid(ann, "2.00"),
        await ann.paid(new_phone(), "4.00"),
    ]
    there = [it["recipient"]["transaction_id"] for it in made]

    for query, found in [
        ("", [3, 2, 1, 0]),
        ("sort=created_at:asc", [0, 1, 2, 3]),
        ("filter=deposits_only:eq:true", [2]),
        ("filter=deposits_only:eq:false", [3, 2, 1, 0]),
        ("filter=currency:eq:MXN", [1]),
        ("filter=currency:eq:EUR", [3, 2, 0]),
        ("filter=currency:eq:EUR,deposits_only:eq:true", [2]),
        ("filter=currency:eq:MXN,deposits_only:eq:true", []),
        ("filter=created_at:lt:2018-01-01", []),
    ]:
        shown = said(await ann.get(f"{ann.wallet}/transactions?{query}"))
        assert ids(shown) == [there[at] for at in found], query
    deposits = said(await bob.get(f"{bob.wallet}/transactions?filter=deposits_only:eq:true"))
    assert ids(deposits) == [there[1], there[0]]


async def test_its_transactions_have_all_that_is_documented(ann: Customer, bob: Customer) -> None:
    await ann.paid(bob)

    [shown] = said(await ann.get(f"{ann.wallet}/transactions"))

    assert differs(shown, TRANSACTION) == ""
    assert said(await ann.get("/v1/transactions")) == [shown]


async def test_walking_its_transactions(ann: Customer, bob: Customer) -> None:
    """Made at once, many have the same time."""
    made = await asyncio.gather(*(ann.paid(bob, "1.00") for _ in range(7)))

    for each in (ann, bob):
        pages = await each.walk(f"{each.wallet}/transactions?limit=3")
        assert [len(page) for page in pages] == [3, 3, 1]
        seen = [it for page in pages for it in ids(page)]
        assert sorted(seen) == sorted(it["recipient"]["transaction_id"] for it in made)


async def test_another_ones_wallet_is_not_found(ann: Customer, bob: Customer) -> None:
    await ann.paid(bob)

    for path in (ann.wallet, f"{SOURCES}/{uuid4()}", f"{SOURCES}/nonsense"):
        for answer in (await bob.get(path), await bob.get(f"{path}/transactions")):
            assert (answer.status_code, answer.content) == (404, b"")
    assert str(ann.wallet_id) not in (await bob.get(SOURCES)).text
