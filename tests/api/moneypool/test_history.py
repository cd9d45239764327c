"""Moneypool, List Payments, over HTTP: the history, its pages, and what is wrong with them."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.api.conftest import Shared
from tests.api.moneypool.client import Client, Json, said, wrong
from tests.money import EUR, MXN, Scene, charge, rows
from tests.people import PIN, new_email
from tests.refunds import refund
from whipround.domain import claims
from whipround.domain.fees import FeeRule, replace_rules
from whipround.domain.funding.wallet import WALLET
from whipround.domain.payments.commands import UNCLAIMED_FOR

pytestmark = pytest.mark.anyio

WHOLE = "must be a whole number"


async def pays(payer: Client, new_email: str, wallet: str | None = None, **given: object) -> Json:
    """Pay an email from the wallet or, with an `amount`, from a card; the payment."""
    payment: Json = {"description": "Dinner", "new_email": new_email}
    body: Json = {"payment": payment}
    if wallet is not None:
        payment["wallet_amount"] = wallet
    payment["payment_method"] = "card" if given else "wallet"
    if given:
        body["transaction"] = {"card": "tok_test_visa_4242", "name": "Ann Smith", **given}
    answer = said(await payer.post(payer.own("/mixed_payments"), body), 201)
    return dict(answer["payment"])


async def history(of: Client, query: str = "") -> list[Json]:
    """What somebody's history says, without the times."""
    found: list[Json] = said(await of.get(of.own(f"/history{query}")))["history"]
    for each in found:
        [movement] = each.values()
        assert re.fullmatch(r"2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}-06:00", movement["created_at"])
        del movement["created_at"]
    return found


@pytest.fixture
async def fees(shared: Shared) -> AsyncIterator[None]:
    """Payments in pesos cost 1 from a wallet, and 3 from a card."""
    rule = FeeRule("payment", WALLET, "MXN", "Fee", Decimal(0), Decimal(1), Decimal(0), None)
    async with shared.db.transaction() as tx:
        of_card = replace(rule, funding_source_type="card", fixed=Decimal(3))
        await replace_rules(tx, [rule, of_card])
    yield
    await charge(shared.db)


@pytest.mark.usefixtures("fees")
async def test_a_mixed_payment_is_two_outcomes_and_two_incomes(
    client: Client, shared: Shared, postgres_url: str
) -> None:
    ann, ben = await client.join(MXN("100.00"), name="Ann Smith"), await client.join(name="Ben")

    made = await pays(ann, ben.email, "40.00", amount="60.25")
    [[id_]] = await rows(shared.db, "select id from payment where number = %s", made["id"])
    await _choose_a_pin(shared, ben)
    scene = Scene(shared.db, shared.product, postgres_url, shared.keyring, datetime.now(UTC))
    await refund(scene, ben.person, id_, "5.50")

    assert made["fee"] == "4.0"
    paid = {"description": "Dinner", "party": "Ben", "payment_id": made["id"]}
    # With what it bears of the fee.
    came_back = {"amount": "5.72", "type": "user_to_wallet", "description": "Returned: Dinner"}
    standing = {"refunded": "5.5", "status": "paid"}
    by_card = {"amount": "60.25", "type": "card_to_user", "fee": "3.0", **paid, **standing}
    by_wallet = {"amount": "40.0", "type": "wallet_to_user", "fee": "1.0", **paid, **standing}
    assert await history(ann) == [
        {"income": {**paid, **came_back}},
        {"outcome": by_card},
        {"outcome": by_wallet},
    ]
    came = {"description": "Dinner", "party": "Ann Smith", "payment_id": made["id"]}
    assert (await history(ben))[1:] == [
        {"income": {"amount": "60.25", "type": "card_to_wallet", **came}},
        {"income": {"amount": "40.0", "type": "user_to_wallet", **came}},
    ]


async def _choose_a_pin(shared: Shared, by: Client) -> None:
    """As at the first login to Memento, where money is given back."""
    digest = shared.keyring.pin(by.person.id, PIN)
    sql = "update users set pin_digest = %s where id = %s returning id"
    await rows(shared.db, sql, digest, by.person.id)


async def test_what_comes_back_says_so_in_the_readers_language(
    client: Client, shared: Shared
) -> None:
    ann, nobody = await client.join(MXN("20.00")), new_email()
    await pays(ann, nobody, "20.00")
    [waiting] = await history(ann)
    assert (waiting["outcome"]["party"], waiting["outcome"]["status"]) == (nobody, "waiting")

    await claims.return_expired(shared.db, now=datetime.now(UTC) + UNCLAIMED_FOR)

    for languages, words in (("en", "Returned: Dinner"), ("es-MX", "Devuelto: Dinner")):
        came_back, paid = await history(ann.reading(languages))
        assert came_back["income"]["description"] == words
        assert (came_back["income"]["amount"], came_back["income"]["party"]) == ("20.0", nobody)
        assert (paid["outcome"]["description"], paid["outcome"]["status"]) == ("Dinner", "returned")


async def test_other_currencies_are_not_there(
    client: Client, shared: Shared, postgres_url: str
) -> None:
    ann, ben = await client.join(EUR("10.00")), await client.join()
    now = datetime.now(UTC) - timedelta(minutes=1)
    scene = Scene(shared.db, shared.product, postgres_url, shared.keyring, now)
    [outcome] = await scene.pay(scene.order(ann.person, ben.person)._replace(pin=None))
    assert outcome.error is None

    assert (await history(ann), await history(ben)) == ([], [])


async def test_pages(client: Client) -> None:
    ann, ben = await client.join(MXN("100.00")), await client.join()
    numbers = [(await pays(ann, ben.email, "1.00"))["id"] for _ in range(3)]

    first = await ann.get(ann.own("/history?per_page=2&q=x"))
    second = await ann.get(ann.own("/history?per_page=2&page=2"))
    whole = await ann.get(ann.own("/history"))

    pages = [
        [it["outcome"]["payment_id"] for it in said(page)["history"]] for page in (first, second)
    ]
    assert pages == [[numbers[2], numbers[1]], [numbers[0]]]
    path = ann.own("/history")
    assert first.headers["link"] == f'<{path}?per_page=2&q=x&page=2>; rel="next"'
    assert second.headers["link"] == f'<{path}?per_page=2&page=1>; rel="prev"'
    assert "link" not in whole.headers
    assert said(await ann.get(ann.own("/history?page=99")))["history"] == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("page=0", {"page": ["must be at least 1"]}),
        ("page=x&per_page=-1", {"page": [WHOLE], "per_page": [WHOLE]}),
        ("per_page=101", {"per_page": ["must be at most 100"]}),
        ("page=10001", {"page": ["must be at most 10000"]}),
        ("page=10000000000", {"page": ["must be at most 10000"]}),
        ("page=&per_page=1.0", {"page": [WHOLE], "per_page": [WHOLE]}),
        ("per_page=%D9%A1", {"per_page": [WHOLE]}),
    ],
    ids=range(7),
)
async def test_a_page_that_cannot_be(
    client: Client, query: str, expected: dict[str, list[str]]
) -> None:
    ann = await client.join()

    assert wrong(await ann.get(ann.own(f"/history?{query}"))) == expected
