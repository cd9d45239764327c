"""The limits of a funding source, over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.api.conftest import Shared
from tests.api.memento.client import error_code
from tests.api.memento.paying import Customer, Town, said, town
from tests.api.memento.test_fees import make_source
from tests.api.serving import PROCESSORS
from tests.money import EUR, nothing_moving, rows
from whipround.domain import limit_files, limits, samples
from whipround.domain.limits import Usage
from whipround.flows import calls
from whipround.flows.desk import open_desk
from whipround.gateways.processors import sandbox

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def place(shared: Shared) -> AsyncIterator[Town]:
    """A town with the sandbox's limits."""
    async with town(shared) as place:
        async with place.db.transaction() as tx:
            await limit_files.replace_rules(tx, samples.limit_rules(("EUR", "ISK")))
        yield place


async def _shown(owner: Customer, source: object) -> Any:
    return said(await owner.get(f"/v1/funding_sources/{source}/limits"))


async def test_limits_have_all_that_is_known_of_them(place: Town) -> None:
    ann = await place.person()
    bank = await make_source(place.db, ann, "savings_account")
    now = datetime.now(UTC)
    yesterday = now.date() - timedelta(days=1)
    async with place.db.transaction() as tx:
        await limits.write(
            tx,
            [
                Usage(bank, "EUR", "out", now.date(), 2, Decimal("12.50")),
                Usage(bank, "EUR", "out", yesterday, 1, Decimal("30.00")),
                Usage(bank, "EUR", "in", now.date(), 1, Decimal("7.00")),
            ],
        )

    euros, kronur = await _shown(ann, bank)

    assert (euros["currency"], kronur["currency"]) == ("EUR", "ISK")
    today = datetime.combine(now.date(), time(), UTC)
    incoming, _, daily, monthly = euros["limits"]
    assert daily.pop("id") != monthly.pop("id")
    assert daily == {
        "title": "Daily limit",
        "currency": "EUR",
        "amount": Decimal("1000.00"),
        "type": {"id": 1, "title": "Outgoing"},
        "usage": {"count": 2, "amount": Decimal("12.50")},
        "period": {
            "id": 2,
            "title": "Day",
            "is_rolling_period": False,
            "from": f"{today:%Y-%m-%dT%H:%M:%SZ}",
            "to": f"{today + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}",
        },
    }
    assert monthly["usage"] == {"count": 3, "amount": Decimal("42.50")}
    assert monthly["period"]["is_rolling_period"] is True
    assert monthly["period"]["from"] == f"{today - timedelta(days=29):%Y-%m-%dT%H:%M:%SZ}"
    assert incoming["type"] == {"id": 2, "title": "Incoming"}
    assert incoming["usage"] == {"count": 1, "amount": Decimal("7.00")}
    assert [it["amount"] for it in kronur["limits"]] == [150000, 730000, 150000, 730000]


async def test_limits_are_those_of_the_person(place: Town) -> None:
    ann = await place.person()
    card = await make_source(place.db, ann, "card")
    async with place.db.transaction() as tx:
        await tx.execute("update users set verified = true where id = %s", (ann.user.id,))
        await tx.execute("update limit_rule set verified_amount = null where period = 'month'")

    [euros, _] = await _shown(ann, card)

    assert [it["amount"] for it in euros["limits"]] == [Decimal("10000.00")]
    assert await _shown(ann, ann.wallet_id) == []


async def test_no_more_goes_through_than_the_limit(place: Town) -> None:
    ann, bob = await place.person(EUR("100.00")), await place.person()
    [rule, *_] = samples.limit_rules(("EUR",))
    wallet_rule = replace(rule, funding_source_type="virtual", amount=Decimal(20))
    async with place.db.transaction() as tx:
        there = await limit_files.rules(tx)
        await limit_files.replace_rules(tx, [wallet_rule])

    answers = await asyncio.gather(*(ann.pay(bob) for _ in range(5)))

    async with place.db.transaction() as tx:
        await limit_files.replace_rules(tx, [*there, wallet_rule])
    paid = [it for it in answers if it.status_code == 201]
    refused = {error_code(it) for it in answers if it.status_code != 201}
    assert (len(paid), refused) == (3, {"limit_exceeded"})
    assert await ann.has() == Decimal("82.00")
    [euros] = await _shown(ann, ann.wallet_id)
    assert [it["usage"] for it in euros["limits"]] == [{"count": 3, "amount": Decimal("18.00")}]


async def test_a_card_pays_no_more_than_its_limit_and_what_it_declines_does_not_count(
    place: Town,
) -> None:
    ann, bob = await place.person(), await place.person()
    [rule, *_] = [it for it in samples.limit_rules(("EUR",)) if it.funding_source_type == "card"]
    low = replace(rule, amount=Decimal(20), verified_amount=Decimal(50))
    async with place.db.transaction() as tx:
        there = await limit_files.rules(tx)
        await limit_files.replace_rules(tx, [low])
    good, declining, slow = [
        await ann.add_card(f"tok_test_{it}") for it in ("visa_4242", "card_declined", "pending")
    ]

    async def pays(card: str) -> str:
        """How a payment of fifteen euros ends."""
        answer = await ann.pay(bob, "15.00", funding_source_id=card)
        return error_code(answer) if answer.status_code == 400 else str(said(answer, 201)["status"])

    async def used(card: str) -> Any:
        [euros] = await _shown(ann, card)
        [daily] = euros["limits"]
        return (daily["amount"], *daily["usage"].values())

    twice = [[await pays(card), await pays(card)] for card in (declining, good, slow)]
    before = [await used(card) for card in (declining, good, slow)]
    [[pending]] = await rows(place.db, "select id from gateway_call where status = 'pending'")
    await sandbox.decline(place.db, key=pending, now=datetime.now(UTC))
    desk = open_desk(
        place.db,
        product_id=place.shared.product.id,
        keyring=place.shared.keyring,
        processors=PROCESSORS(place.db),
    )
    await calls.resolve(desk, pending, now=datetime.now(UTC))
    after = await used(slow)
    await rows(place.db, "update users set verified = true where id = %s returning 1", ann.user.id)
    async with nothing_moving(place.db):
        too_much = error_code(await ann.pay(bob, "35.01", funding_source_id=good))
    verified = [await pays(good), await used(good)]

    async with place.db.transaction() as tx:
        await limit_files.replace_rules(tx, there)
    assert twice == [
        ["gateway_declined", "gateway_declined"],
        ["closed", "limit_exceeded"],
        ["open", "limit_exceeded"],
    ]
    assert before == [(20, 0, 0), (20, 1, 15), (20, 1, 15)]
    assert after == (20, 0, 0)
    assert (too_much, verified) == ("limit_exceeded", ["closed", (50, 2, 30)])
    assert await bob.has() == 30


async def test_a_limit_on_what_comes_into_the_wallet_is_one_on_topping_it_up(place: Town) -> None:
    ann, bob = await place.person(EUR("100.00")), await place.person(EUR("100.00"))
    [rule, *_] = samples.limit_rules(("EUR",))
    into = replace(rule, funding_source_type="virtual", direction="in", amount=Decimal(20))
    async with place.db.transaction() as tx:
        there = await limit_files.rules(tx)
        await limit_files.replace_rules(tx, [into])
    card = await ann.add_card()

    answers = [
        await ann.pay(ann, recipient={"amount": amount, **named}, funding_source_id=card)
        for amount, named in (
            ("15.00", {"user_id": ann.id}),
            ("5.01", {"user_id": ann.id}),
            ("5.01", {"funding_source_id": str(ann.wallet_id)}),
            ("5.00", {"funding_source_id": str(ann.wallet_id)}),
        )
    ]
    given = await bob.pay(ann, "50.00")

    async with place.db.transaction() as tx:
        await limit_files.replace_rules(tx, there)
    assert [it.status_code for it in answers] == [201, 400, 400, 201]
    assert {error_code(it) for it in answers[1:3]} == {"limit_exceeded"}
    assert given.status_code == 201  # what others pay is no topping up
    assert await ann.has() == 170
