"""Mobbr, balances, currencies and kinds of ids, over HTTP."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.conftest import Shared
from tests.api.mobbr.client import Client, Json, refused, said
from tests.money import EUR, ISK, MXN, Scene, charge
from whipround.domain import fees, fx
from whipround.domain.balances import most_payable
from whipround.domain.fees import FeeRule
from whipround.domain.fx import STALE_AFTER
from whipround.gateways.profiles import PROVIDERS
from whipround.money import Money

pytestmark = pytest.mark.anyio

RATES = {"MXN": Decimal(20), "ISK": Decimal(140), "USD": Decimal("1.1"), "BTN": Decimal(100000)}


async def publish(scene: Scene, *, days_ago: int = 0) -> None:
    """Have these be the rates."""
    day = (scene.now - timedelta(days=days_ago)).date()
    async with scene.db.transaction() as tx:
        await tx.execute("delete from exchange_rate")
        await fx.replace_rates(tx, RATES, published_on=day, now=scene.now)


def of(found: Json, currency: str) -> Json:
    """The balance in a currency."""
    [balance] = [it for it in found["balances"] if it["currency_iso"] == currency]
    return dict(balance)


async def test_balances(scene: Scene, shared: Shared, client: Client) -> None:
    await publish(scene)
    await charge(scene.db, EUR("0.10"), percent="1")
    ann = await client.join(EUR("10.00"), MXN("30.00"), ISK("7"))

    found = said(await ann.reading("es").get("/balances"))

    await charge(scene.db)
    assert of(found, "EUR") == {
        "updatedatetime": of(found, "MXN")["updatedatetime"],
        "amount": "10.00000000",
        "fee": "0.20000000",
        "spendable": "9.80000000",
        "currency_iso": "EUR",
        "exchange_rate": "1",
        "converted_amount": "10.00000000",
        "currency_description": "euro",
    }
    assert of(found, "MXN")["spendable"] == "30.00000000"
    assert of(found, "MXN")["converted_amount"] == "1.50000000"
    assert of(found, "MXN")["exchange_rate"] == "0.05"
    assert of(found, "GBP") == {
        "updatedatetime": None,
        "amount": "0.00000000",
        "fee": "0.00000000",
        "spendable": "0.00000000",
        "currency_iso": "GBP",
        "exchange_rate": None,
        "converted_amount": None,
        "currency_description": "libra esterlina",
    }
    assert [it["currency_iso"] for it in found["balances"]] == [*shared.product.currencies]
    # Seven crowns are five cents.
    assert (found["total_amount"], found["total_currency_iso"]) == ("11.55000000", "EUR")

    await publish(scene, days_ago=STALE_AFTER.days + 1)
    stale = said(await ann.get("/balances"))
    assert stale["total_amount"] is None
    assert of(stale, "MXN")["converted_amount"] is None
    assert of(stale, "EUR")["converted_amount"] == "10.00000000"
    refused(await client.get("/balances"), 403)


@given(
    held=st.integers(0, 10**14),
    percent=st.decimals(0, 100, places=2),
    fixed=st.integers(0, 1000),
    minimum=st.integers(0, 1000),
    maximum=st.none() | st.integers(1000, 10**6),
)
def test_the_most_that_can_be_paid(
    held: int, percent: Decimal, fixed: int, minimum: int, maximum: int | None
) -> None:
    def cents(count: int) -> Decimal:
        return Decimal(count).scaleb(-2)

    rule = FeeRule(
        "payment", "virtual", "EUR", "Fee", percent, cents(fixed), cents(minimum),
        None if maximum is None else cents(maximum),
    )  # fmt: skip
    balance = Money(cents(held), "EUR")

    spendable, fee = most_payable(balance, rule)

    one_more = Money(spendable + cents(1), "EUR")
    assert spendable + fee <= balance.amount
    assert (one_more + fees.charge(rule, one_more)).amount > balance.amount
    assert fee == (fees.charge(rule, Money(spendable, "EUR")).amount if spendable else 0)


def test_finer_parts_of_a_balance_are_not_payable() -> None:
    assert most_payable(EUR("1.23999999"), None) == (Decimal("1.23"), Decimal(0))
    assert most_payable(ISK("0.99"), None) == (Decimal(0), Decimal(0))


async def test_currencies(scene: Scene, shared: Shared, client: Client) -> None:
    await publish(scene)

    found = said(await client.get("/api/currencies"))
    more = said(await client.get("/api/currencies", base_currency="USD", include_unused=1))

    assert found[0] == {
        "currency_iso": "EUR",
        "currency_description": "Euro",
        "exchange_rate": "1",
    }
    assert [it["currency_iso"] for it in found] == [*shared.product.currencies]
    by_code = {it["currency_iso"]: it["exchange_rate"] for it in more}
    assert by_code.keys() == {*shared.product.currencies, *RATES}
    assert (by_code["EUR"], by_code["USD"], by_code["GBP"]) == ("1.1", "1", None)
    assert by_code["BTN"] == "0.000011"
    told = "Invalid parameter: base_currency. "
    assert refused(await client.get("/api/currencies", base_currency="eur")).startswith(told)


async def test_kinds_of_ids(client: Client) -> None:
    kinds = said(await client.reading("es").get("/api/id_providers"))
    proven = said(await client.get("/api/oauth_providers"))

    github = {"provider": "github", "title": "GitHub", "id": "https://github.com/{name}"}
    assert [it["provider"] for it in kinds] == ["username", "email", "tel", *PROVIDERS]
    assert kinds[0]["id"].endswith("/#/person/{name}")
    assert kinds[1]["title"] == "Correo electrónico"
    assert github in kinds
    assert proven == [github]
