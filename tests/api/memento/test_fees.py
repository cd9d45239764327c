"""Memento, Fees, over HTTP: what is quoted, and that it is what is charged."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from uuid_utils.compat import uuid7

from tests.api.conftest import Shared
from tests.api.memento.client import Json, error_code, wrong_fields
from tests.api.memento.paying import Customer, Town, said, town
from tests.money import EUR, nothing_moving
from whipround.db.database import Database
from whipround.domain import fees, fx, samples
from whipround.domain.fees import Tariff

pytestmark = pytest.mark.anyio

CALCULATE = "/v1/fees/calculate"


@pytest.fixture(scope="module")
async def place(shared: Shared) -> AsyncIterator[Town]:
    """A town with the sandbox's fees, and rates of today."""
    now = datetime.now(UTC)
    async with town(shared) as place:
        async with place.db.transaction() as tx:
            rules = samples.fee_rules(shared.product.currencies)
            await fees.replace(tx, Tariff(rules, Decimal(1)))
            per_euro = {"MXN": Decimal(20), "USD": Decimal("1.25")}
            await fx.replace_rates(tx, per_euro, published_on=now.date(), now=now)
        yield place


@pytest.fixture(scope="module")
async def ann(place: Town) -> Customer:
    return await place.person(EUR("100.00"))


@pytest.fixture(scope="module")
async def bob(place: Town) -> Customer:
    return await place.person()


async def make_source(
    db: Database, owner: Customer, type_name: str, *, status: str = "enabled", deleted: bool = False
) -> UUID:
    """A funding source of the person, as far as fees and limits look at it."""
    id_ = uuid7()
    async with db.transaction() as tx:
        await tx.execute(
            """
            insert into funding_source (id, user_id, type, type_name, description, allows_in,
                allows_out, status, deleted_at, created_at, updated_at)
            select %s, %s, base, name, '', false, true, %s, case when %s then now() end, now(),
                now()
            from funding_source_type where name = %s
            """,
            (id_, owner.user.id, status, deleted, type_name),
        )
    return id_


def body(source: UUID, to: UUID | None = None, amount: object = "20.00", **currencies: str) -> Json:
    """What is asked: so much from a source in one currency to another in another."""
    asked: Json = {
        "amount": amount,
        "source": {"funding_source_id": str(source), "currency": currencies.get("pay", "EUR")},
        "destination": {"currency": currencies.get("get", "EUR")},
    }
    if to is not None:
        asked["destination"]["funding_source_id"] = str(to)
    return asked


async def test_what_is_quoted_is_all_that_is_documented_and_what_is_charged(
    place: Town, ann: Customer, bob: Customer
) -> None:
    quoted = said(await ann.post(CALCULATE, body(ann.wallet_id, bob.wallet_id)))

    assert quoted == {
        "amount": Decimal("20.00"),
        "fee": Decimal("0.20"),
        "total": Decimal("20.20"),
        "currency": "EUR",
        "destination": {"amount": Decimal("20.00"), "currency": "EUR"},
        "exchange_rate": 1,
        "fees": [{"title": "Transfer fee", "amount": Decimal("0.20")}],
    }
    before = await ann.has()
    await ann.paid(bob, "20.00")
    assert before - await ann.has() == quoted["total"]


@pytest.mark.parametrize(
    ("between", "fee"),
    [
        (("virtual", "another"), "0.20"),
        (("virtual", None), "0.20"),
        (("virtual", "bank_account"), "0.50"),
        (("card", "another"), "0.55"),
        (("card", "virtual"), "0.55"),
        (("standard_credit_card", None), "0.55"),
        (("savings_account", "virtual"), "0.10"),
        (("bank_account", "another"), "0.10"),
    ],
)
async def test_what_is_quoted_goes_by_the_kind_and_the_source(
    place: Town, ann: Customer, bob: Customer, between: tuple[str, str | None], fee: str
) -> None:
    source, to = between

    async def of(type_name: str) -> UUID:
        if type_name == "virtual":
            return ann.wallet_id
        # Disabled ones are quoted too.
        return await make_source(place.db, ann, type_name, status="disabled")

    destination = None if to is None else bob.wallet_id if to == "another" else await of(to)

    quoted = said(await ann.post(CALCULATE, body(await of(source), destination)))

    assert (quoted["amount"], quoted["fee"]) == (Decimal("20.00"), Decimal(fee))


async def test_a_conversion_is_quoted_in_what_is_taken(
    ann: Customer, bob: Customer, place: Town
) -> None:
    asked = body(ann.wallet_id, bob.wallet_id, "2000.00", get="MXN")

    async with nothing_moving(place.db):
        quoted = said(await ann.post(CALCULATE, asked))

    assert (quoted["amount"], quoted["fee"], quoted["total"], quoted["currency"]) == (
        Decimal("101.00"),
        Decimal("1.01"),
        Decimal("102.01"),
        "EUR",
    )
    assert quoted["destination"] == {"amount": Decimal("2000.00"), "currency": "MXN"}
    assert quoted["exchange_rate"] == Decimal("19.8019801980")


async def test_a_conversion_is_charged_as_it_was_quoted(place: Town, bob: Customer) -> None:
    payer = await place.person(EUR("105.00"))
    asked = body(payer.wallet_id, bob.wallet_id, "2000.00", get="MXN")
    quoted = said(await payer.post(CALCULATE, asked))

    await payer.paid(bob, "2000.00", currency="MXN", source_currency="EUR")

    assert Decimal("105.00") - await payer.has() == quoted["total"]
    assert await bob.has("MXN") == Decimal("2000.00")


async def test_what_cannot_be_converted(place: Town, ann: Customer) -> None:
    async def ask(amount: object, pay: str, get: str) -> str:
        asked = body(ann.wallet_id, None, amount, pay=pay, get=get)
        return error_code(await ann.post(CALCULATE, asked))

    assert await ask("1", "EUR", "ISK") == "rates_unavailable"
    assert await ask("0.01", "EUR", "MXN") == "amount_too_small"
    assert await ask("1000000000000", "MXN", "EUR") == "amount_too_large"


async def test_stale_rates_are_refused(place: Town, ann: Customer) -> None:
    async def published(days_ago: int) -> None:
        async with place.db.transaction() as tx:
            day = datetime.now(UTC).date() - timedelta(days=days_ago)
            await tx.execute("update exchange_rate set published_on = %s", (day,))

    asked = body(ann.wallet_id, None, get="USD")

    await published(6)
    refused = await ann.post(CALCULATE, asked)
    await published(0)

    assert error_code(refused) == "rates_unavailable"
    said(await ann.post(CALCULATE, asked))


def changed(asked: Json, path: str, value: Any) -> Json:
    """What is asked, with another value at `a.b`; without it where the value is `...`."""
    at, _, name = path.rpartition(".")
    inner = {**(asked[at] if at else asked)}
    if value is ...:
        del inner[name]
    else:
        inner[name] = value
    return {**asked, at: inner} if at else inner


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("amount", ..., "required"),
        ("amount", 0, "too_small"),
        ("amount", "1.001", "too_precise"),
        ("amount", "NaN", "invalid"),
        ("amount", 10**12 + 1, "too_large"),
        ("source", ..., "required"),
        ("source", "wallet", "invalid"),
        ("source.funding_source_id", ..., "required"),
        ("source.funding_source_id", "7", "invalid"),
        ("source.funding_source_id", str(uuid4()), "not_found"),
        ("source.currency", ..., "required"),
        ("source.currency", "euro", "invalid"),
        ("source.currency", "CHF", "unsupported"),
        ("destination", None, "required"),
        ("destination.funding_source_id", 7, "invalid"),
        ("destination.funding_source_id", str(uuid4()), "not_found"),
        ("destination.currency", ..., "required"),
        ("destination.currency", "CHF", "unsupported"),
    ],
    ids=range(18),
)
async def test_a_wrong_field_is_named(
    ann: Customer, bob: Customer, path: str, value: Any, code: str
) -> None:
    asked = changed(body(ann.wallet_id, bob.wallet_id), path, value)

    assert wrong_fields(await ann.post(CALCULATE, asked)) == {path: code}


async def test_all_wrong_fields_are_named_at_once(ann: Customer, bob: Customer) -> None:
    wrong = {"amount": "0.5", "source": {"currency": "EURO"}, "destination": {"currency": "JPY"}}
    assert wrong_fields(await ann.post(CALCULATE, wrong)) == {
        "amount": "too_precise",
        "source.funding_source_id": "required",
        "source.currency": "invalid",
        "destination.currency": "unsupported",
    }
    assert wrong_fields(await ann.post(CALCULATE, body(bob.wallet_id, uuid4()))) == {
        "source.funding_source_id": "not_found",
        "destination.funding_source_id": "not_found",
    }


async def test_between_one_s_own_sources_not_everything_goes(place: Town, ann: Customer) -> None:
    db = place.db
    card, bank = await make_source(db, ann, "card"), await make_source(db, ann, "bank_account")
    crypto = await make_source(db, ann, "crypto_address")
    gone = await make_source(db, ann, "card", deleted=True)

    async def ask(source: UUID, to: UUID | None) -> dict[str, str]:
        return wrong_fields(await ann.post(CALCULATE, body(source, to)))

    source, to = "source.funding_source_id", "destination.funding_source_id"
    assert await ask(ann.wallet_id, ann.wallet_id) == {to: "invalid"}
    assert await ask(ann.wallet_id, card) == {to: "unsupported"}
    assert await ask(card, bank) == {to: "unsupported"}
    assert await ask(card, crypto) == {to: "unsupported"}
    assert await ask(crypto, ann.wallet_id) == {source: "unsupported"}
    assert await ask(gone, gone) == {source: "not_found", to: "not_found"}


async def test_nobody_is_quoted_nothing(place: Town, ann: Customer) -> None:
    answer = await place.client.post(CALCULATE, body(ann.wallet_id))

    assert (answer.status_code, answer.content) == (401, b"")
