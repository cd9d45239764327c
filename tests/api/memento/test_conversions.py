"""Memento: payments that convert, over HTTP. What was quoted is what is charged."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, NamedTuple
from uuid import UUID

import pytest

from tests.api.conftest import Shared
from tests.api.memento.client import Json, error_code
from tests.api.memento.paying import (
    PAYMENTS,
    Customer,
    Town,
    messages_to,
    new_account,
    new_card,
    said,
    town,
)
from tests.money import EUR, held_by, nothing_moving
from tests.people import new_phone
from whipround.domain import claims, fees, fx, samples
from whipround.domain.fees import Tariff
from whipround.domain.funding.wallet import POSITION_ACCOUNT
from whipround.domain.payments.commands import UNCLAIMED_FOR
from whipround.ledger.accounts import PRODUCT

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def place(shared: Shared) -> AsyncIterator[Town]:
    """A town with the sandbox's fees and rates."""
    async with town(shared) as place:
        async with place.db.transaction() as tx:
            rules = samples.fee_rules(shared.product.currencies)
            await fees.replace(tx, Tariff(rules, samples.SPREAD_PERCENT))
        await published(place, days_ago=0)
        yield place


async def published(place: Town, *, days_ago: int) -> None:
    """Have the rates be of so many days ago."""
    now = datetime.now(UTC)
    async with place.db.transaction() as tx:
        await tx.execute("delete from exchange_rate")
        day = now.date() - timedelta(days=days_ago)
        await fx.replace_rates(tx, samples.PER_EURO, published_on=day, now=now)


@pytest.fixture
async def ann(place: Town) -> Customer:
    return await place.person(EUR("100.00"), first_name="Ann")


@pytest.fixture
async def ben(place: Town) -> Customer:
    return await place.person(first_name="Ben")


async def quoted(who: Customer, order: Json, to: str | None = None) -> Any:
    """What an order is quoted at, paid in its `source_currency`."""
    destination: Json = {"currency": order["currency"]}
    if to is not None:
        destination["funding_source_id"] = to
    asked = {
        "amount": order["recipient"]["amount"],
        "source": {
            "funding_source_id": order["funding_source_id"],
            "currency": order["source_currency"],
        },
        "destination": destination,
    }
    return said(await who.post("/v1/fees/calculate", asked))


class Deal(NamedTuple):
    """What is paid, and how."""

    way: Literal["wallet", "card", "bank", "top-up", "withdrawal"]
    amount: str
    paid_in: str
    arrives_in: str


async def sides(deal: Deal, ann: Customer, ben: Customer) -> tuple[str, str, Json]:
    """The funding sources that Ann pays from and to, by their paths, and how she names the one."""
    source, to, recipient = ann.wallet, ben.wallet, {"user_id": ben.id}
    if deal.way in {"card", "top-up"}:
        source = await ann.add(new_card())
    elif deal.way == "bank":
        source = await ann.add_verified(new_account())
    if deal.way in {"top-up", "withdrawal"}:
        to = ann.wallet if deal.way == "top-up" else await ann.add_verified(new_account())
        recipient = {"funding_source_id": id_in(to)}
    return source, to, recipient


def id_in(path: str) -> str:
    """The id of a funding source, by its path."""
    return path.rpartition("/")[2]


@pytest.mark.parametrize(
    "deal",
    [
        Deal("wallet", "12.34", "EUR", "USD"),
        Deal("wallet", "777", "EUR", "ISK"),
        Deal("card", "333.33", "EUR", "MXN"),
        Deal("card", "0.01", "MXN", "USD"),
        Deal("bank", "10.00", "MXN", "EUR"),
        Deal("top-up", "50.00", "USD", "EUR"),
        Deal("withdrawal", "12.34", "EUR", "USD"),
    ],
    ids=lambda deal: f"{deal.way} {deal.paid_in} {deal.arrives_in}",
)
async def test_what_was_quoted_is_what_is_charged(
    place: Town, ann: Customer, ben: Customer, deal: Deal
) -> None:
    source, to, recipient = await sides(deal, ann, ben)
    amount, paid_in, arrives_in = Decimal(deal.amount), deal.paid_in, deal.arrives_in
    order = ann.order(
        ben,
        funding_source_id=id_in(source),
        currency=arrives_in,
        source_currency=paid_in,
        recipient={"amount": deal.amount, **recipient},
    )

    async def held() -> tuple[Decimal, Decimal]:
        """What both funding sources hold."""
        return (
            await held_by(place.db, UUID(id_in(source)), paid_in),
            await held_by(place.db, UUID(id_in(to)), arrives_in),
        )

    quote = await quoted(ann, order, id_in(to))
    before = await held()

    paid = said(await ann.post(PAYMENTS, order), 201)

    after = await held()
    assert before[0] - after[0] == quote["total"] == quote["amount"] + quote["fee"]
    assert after[1] - before[1] == amount
    assert (paid["amount"], paid["currency"]) == (amount, arrives_in)
    assert (paid["source_amount"], paid["source_currency"]) == (quote["amount"], paid_in)
    assert paid["exchange_rate"] == quote["exchange_rate"]
    assert paid["fulfillment_status"] == "fulfilled"
    assert said(await ann.get(f"{PAYMENTS}/{paid['id']}")) == paid
    shown = said(await ann.get(f"/v1/transactions/{paid['recipient']['transaction_id']}"))
    assert (shown["amount"], shown["source_amount"], shown["fee"]) == (
        amount,
        quote["amount"],
        quote["fee"],
    )
    if deal.way != "wallet":
        asked = shown["gateway_response"]
        pays_out = deal.way == "withdrawal"
        assert asked["amount"] == (amount if pays_out else quote["total"])
        assert asked["currency"] == (arrives_in if pays_out else paid_in)


async def test_the_recipient_sees_what_came_and_nothing_of_what_was_paid(
    ann: Customer, ben: Customer
) -> None:
    order = ann.order(ben, "20.00", currency="USD", source_currency="EUR")
    quote = await quoted(ann, order)
    paid = said(await ann.post(PAYMENTS, order), 201)

    seen = said(await ben.get(f"{PAYMENTS}/{paid['id']}"))
    of_ann, of_ben = [
        said(await it.get(f"{PAYMENTS}/{paid['id']}/receipt"))["amounts"] for it in (ann, ben)
    ]

    assert (seen["amount"], seen["currency"]) == (20, "USD")
    assert (seen["source_amount"], seen["source_currency"], seen["exchange_rate"]) == (None,) * 3
    assert of_ann == {
        "paid": f"€{quote['amount']}",
        "cost": f"€{quote['fee']}",
        "total": f"€{quote['total']}",
        "refunded": "€0.00",
        "currency": "EUR",
        "exchange_rate": quote["exchange_rate"],
    }
    assert of_ben == {
        "paid": "$20.00",
        "cost": "$0.00",
        "total": "$20.00",
        "refunded": "$0.00",
        "currency": "USD",
        "exchange_rate": None,
    }


@pytest.mark.parametrize("by_card", [False, True], ids=["wallet", "card"])
async def test_a_number_is_paid_in_the_payers_currency_and_claims_in_its_own(
    place: Town, ann: Customer, by_card: bool
) -> None:
    phone = new_phone()
    source = await ann.add(new_card()) if by_card else ann.wallet
    order = ann.order(
        phone, "20.00", funding_source_id=id_in(source), currency="USD", source_currency="EUR"
    )
    quote = await quoted(ann, order)
    before = await position(place)
    opened = said(await ann.post(PAYMENTS, order), 201)
    waiting = await position(place)
    # It is claimed at the rate that was agreed, however old that is by now.
    await published(place, days_ago=0 if by_card else 30)

    signed_up = await place.client.post("/v1/users", await place.client.sign_up_body(phone))
    cleo = await place.enter(said(signed_up, 201))
    await published(place, days_ago=0)

    assert (opened["status"], opened["source_amount"]) == ("open", quote["amount"])
    assert waiting == before
    [wallet] = said(await cleo.get("/v1/funding_sources"))
    amounts = {it["currency"]: it["amount"] for it in wallet["balances"] if it["amount"]}
    assert amounts == {"USD": 20}
    assert await position(place) == (before[0] + quote["amount"], before[1] - 20)
    assert await ann.has() == (100 if by_card else 100 - quote["total"])
    shown = said(await ann.get(f"{PAYMENTS}/{opened['id']}"))
    assert (shown["fulfillment_status"], shown["exchange_rate"]) == (
        "fulfilled",
        quote["exchange_rate"],
    )
    [claimed] = [data for _, kind, data in await messages_to(place.db, ann.phone)]
    assert (claimed["amount"], claimed["currency"]) == ("20.00", "USD")


async def position(place: Town) -> tuple[Decimal, Decimal]:
    """What conversions have brought in euros, and taken in dollars."""
    euros, dollars = [
        await held_by(place.db, PRODUCT, it, kind=POSITION_ACCOUNT) for it in ("EUR", "USD")
    ]
    return euros, dollars


@pytest.mark.parametrize("by_card", [False, True], ids=["wallet", "card"])
async def test_what_nobody_claims_returns_as_it_was_paid(
    place: Town, ann: Customer, by_card: bool
) -> None:
    source = await ann.add(new_card()) if by_card else ann.wallet
    order = ann.order(
        new_phone(),
        "20.00",
        funding_source_id=id_in(source),
        currency="USD",
        source_currency="EUR",
    )
    quote = await quoted(ann, order)
    before = await position(place)
    opened = said(await ann.post(PAYMENTS, order), 201)

    await claims.return_expired(place.db, now=datetime.now(UTC) + UNCLAIMED_FOR)

    assert await ann.has() == (100 + quote["total"] if by_card else 100)
    assert await position(place) == before
    shown = said(await ann.get(f"{PAYMENTS}/{opened['id']}"))
    assert (shown["status"], shown["recipient"]["status"]) == ("closed", "cancelled")
    assert shown["unclaimed_payment"]["error"] is True
    [returned] = [data for _, kind, data in await messages_to(place.db, ann.phone)]
    assert (returned["amount"], returned["currency"]) == (str(quote["total"]), "EUR")


async def test_stale_rates_are_refused_and_what_does_not_convert_is_paid(
    place: Town, ann: Customer, ben: Customer
) -> None:
    card, account = await ann.add(new_card()), await ann.add_verified(new_account())
    dollars = {"currency": "USD", "source_currency": "EUR"}
    orders = [
        ann.order(ben, "20.00", **dollars),
        ann.order(new_phone(), "20.00", **dollars),
        ann.order(ben, "20.00", funding_source_id=id_in(card), **dollars),
        ann.order(
            ben, recipient={"amount": "20.00", "funding_source_id": id_in(account)}, **dollars
        ),
    ]

    await published(place, days_ago=6)
    async with nothing_moving(place.db):
        refused = [error_code(await ann.post(PAYMENTS, order)) for order in orders]
    plain = await ann.pay(ben, "1.00")
    await published(place, days_ago=0)

    assert refused == ["rates_unavailable"] * 4
    assert plain.status_code == 201


async def test_what_comes_to_nothing_or_too_much_or_more_than_there_is(
    place: Town, ann: Customer, ben: Customer
) -> None:
    card = await ann.add(new_card())
    mexico = {"currency": "MXN", "source_currency": "EUR"}
    cases = [
        (ann.order(ben, "0.01", **mexico), "amount_too_small"),
        (
            ann.order(
                ben,
                "999999999999.99",
                funding_source_id=id_in(card),
                currency="EUR",
                source_currency="ISK",
            ),
            "amount_too_large",
        ),
        # 100 euros would pay for it, but not for the fee too.
        (ann.order(ben, "2095.00", **mexico), "insufficient_funds"),
    ]

    async with nothing_moving(place.db):
        for order, code in cases:
            assert error_code(await ann.post(PAYMENTS, order)) == code
