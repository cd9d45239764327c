"""The examples about money: sources, fees, payments, transactions, and what tells of them."""

from datetime import UTC, datetime
from typing import Any

import httpx

from tests.api.memento.paying import CARD_TOKEN, PAYMENTS, SOURCES, new_account, new_card, said
from tests.api.memento.printed.stage import Stage, scene
from tests.people import new_phone


@scene("POST /v1/fees/calculate")
async def _(stage: Stage) -> httpx.Response:
    wallets = iter([str(stage.john.wallet_id), str(stage.arnar.wallet_id)])
    return await stage.john.post("/v1/fees/calculate", stage.body(funding_source_id=wallets))


@scene("GET /v1/funding_sources", shows="funding source")
async def _(stage: Stage) -> httpx.Response:
    await stage.john.add(new_account())
    await stage.john.add(new_card())
    return await stage.john.get(SOURCES)


@scene("GET /v1/funding_sources/{id}", shows="funding source")
async def _(stage: Stage) -> httpx.Response:
    return await stage.john.get(stage.john.wallet)


@scene("GET /v1/funding_sources/{id}/transactions", shows="transaction")
async def _(stage: Stage) -> httpx.Response:
    await stage.john.paid(stage.arnar, "1.00")
    return await stage.john.get(f"{stage.john.wallet}/transactions")


@scene("POST /v1/funding_sources", shows="funding source")
async def _(stage: Stage) -> httpx.Response:
    next_year = datetime.now(UTC).year + 1
    body = stage.body(swift="MIDLGB22", token=CARD_TOKEN, expiration_year=next_year)
    return await stage.john.post(SOURCES, body)


@scene("PUT /v1/funding_sources/{id}", shows="funding source")
async def _(stage: Stage) -> httpx.Response:
    made = new_card() if "card" in stage.printed else new_account()
    body = stage.body(expiration_year=datetime.now(UTC).year + 8)
    return await stage.john.put(await stage.john.add(made), body)


@scene("DELETE /v1/funding_sources/{id}")
async def _(stage: Stage) -> httpx.Response:
    return await stage.john.delete(await stage.john.add(new_card()))


@scene("POST /v1/funding_sources/{id}/verify")
async def _(stage: Stage) -> httpx.Response:
    source = await stage.john.add(new_account())
    body = stage.body(code=await stage.john.code_for(source))
    return await stage.john.post(f"{source}/verify", body)


async def _payment(stage: Stage) -> Any:
    """A payment of John's."""
    return await stage.john.paid(stage.arnar, "1.00")


@scene("GET /v1/payments", shows="payment")
async def _(stage: Stage) -> httpx.Response:
    await _payment(stage)
    await stage.john.paid(new_phone(), "1.00")
    return await stage.john.get(PAYMENTS)


@scene("GET /v1/payments/{id}", shows="payment")
async def _(stage: Stage) -> httpx.Response:
    return await stage.john.get(f"{PAYMENTS}/{(await _payment(stage))['id']}")


@scene("POST /v1/payments", shows="payment")
async def _(stage: Stage) -> httpx.Response:
    wallet = str(stage.john.wallet_id)
    body = stage.body(user_id=stage.arnar.id, phone=new_phone(), funding_source_id=wallet)
    return await stage.john.post(PAYMENTS, body)


@scene("GET /v1/payments/{id}/receipt", shows="receipt")
async def _(stage: Stage) -> httpx.Response:
    return await stage.john.get(f"{PAYMENTS}/{(await _payment(stage))['id']}/receipt")


@scene("GET /v1/transactions", shows="transaction")
async def _(stage: Stage) -> httpx.Response:
    card = (await stage.john.add(new_card())).rpartition("/")[2]
    await stage.john.paid(stage.arnar, "1.00", funding_source_id=card)
    return await stage.john.get("/v1/transactions")


@scene("GET /v1/transactions/{id}", shows="transaction")
async def _(stage: Stage) -> httpx.Response:
    transaction = (await _payment(stage))["recipient"]["transaction_id"]
    return await stage.john.get(f"/v1/transactions/{transaction}")


@scene("GET /v1/moments", shows="moment")
async def _(stage: Stage) -> httpx.Response:
    await _payment(stage)
    return await stage.arnar.get("/v1/moments")


@scene("GET /v1/moments/{id}", shows="moment")
async def _(stage: Stage) -> httpx.Response:
    return await stage.john.get(f"/v1/moments/{(await _payment(stage))['id']}")


@scene("GET /v1/notifications", shows="notification")
async def _(stage: Stage) -> httpx.Response:
    await _payment(stage)
    said(await stage.arnar.get("/v1/notifications"))
    return await stage.arnar.get("/v1/notifications")
