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
from tests.money import EUR
from whipround.domain import limit_files, limits, samples
from whipround.domain.limits import Usage

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
