"""The examples about what several people pay: requests and pools."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.api.memento import pooling, requesting
from tests.api.memento.client import Json
from tests.api.memento.paying import said
from tests.api.memento.pooling import POOLS, collect, give
from tests.api.memento.printed.stage import Stage, scene
from tests.api.memento.requesting import REQUESTS, ask, paying, share
from tests.people import new_phone


async def _request(stage: Stage) -> Json:
    """A request of John's, to Arnar and to a number."""
    return await ask(stage.john, share(stage.arnar, "1.00"), share(new_phone(), "1.00"))


async def _paid(stage: Stage) -> Json:
    """A request of John's that Arnar has paid."""
    request = await ask(stage.john, share(stage.arnar, "1.00"))
    said(await stage.arnar.post(requesting.path(request, action="pay"), paying(stage.arnar)))
    return request


def _participant(request: Json, action: str = "") -> str:
    """The path of the first participant of a request, or of what is done with them."""
    return requesting.path(request, request["participants"][0], action)


@scene("GET /v1/requests", shows="request")
async def _(stage: Stage) -> httpx.Response:
    await _request(stage)
    await _paid(stage)
    return await stage.arnar.get(REQUESTS)


@scene("GET /v1/requests/{id}", shows="request")
async def _(stage: Stage) -> httpx.Response:
    return await stage.arnar.get(requesting.path(await _paid(stage)))


@scene("POST /v1/requests", shows="request")
async def _(stage: Stage) -> httpx.Response:
    wallet = str(stage.john.wallet_id)
    body = stage.body(user_id=stage.arnar.id, phone=new_phone(), funding_source_id=wallet)
    return await stage.john.post(REQUESTS, body)


@scene("PUT /v1/requests/{id}", shows="request")
async def _(stage: Stage) -> httpx.Response:
    return await stage.john.put(requesting.path(await _request(stage)), stage.body())


@scene("DELETE /v1/requests/{id}")
async def _(stage: Stage) -> httpx.Response:
    return await stage.john.delete(requesting.path(await _request(stage)))


@scene("GET /v1/requests/{id}/participants", shows="participant")
async def _(stage: Stage) -> httpx.Response:
    return await stage.john.get(f"{requesting.path(await _paid(stage))}/participants")


@scene("POST /v1/requests/{id}/participants/{id}/remind")
async def _(stage: Stage) -> httpx.Response:
    return await stage.john.post(_participant(await _request(stage), "remind"))


@scene("POST /v1/requests/{id}/participants/{id}/settle")
async def _(stage: Stage) -> httpx.Response:
    return await stage.john.post(_participant(await _request(stage), "settle"))


@scene("POST /v1/requests/{id}/participants/{id}/cancel")
async def _(stage: Stage) -> httpx.Response:
    return await stage.john.post(_participant(await _request(stage), "cancel"))


async def _pay(stage: Stage, path: str) -> httpx.Response:
    body = stage.body(funding_source_id=str(stage.arnar.wallet_id))
    return await stage.arnar.post(path, body)


@scene("POST /v1/requests/{id}/pay", shows="participant")
async def _(stage: Stage) -> httpx.Response:
    request = await ask(stage.john, share(stage.arnar, "1.00"))
    return await _pay(stage, requesting.path(request, action="pay"))


@scene("POST /v1/requests/{id}/participants/{id}/pay", shows="participant")
async def _(stage: Stage) -> httpx.Response:
    request = await ask(stage.john, share(stage.arnar, "1.00"))
    return await _pay(stage, _participant(request, "pay"))


@scene("POST /v1/requests/{id}/reject")
async def _(stage: Stage) -> httpx.Response:
    return await stage.arnar.post(requesting.path(await _request(stage), action="reject"))


@scene("GET /v1/requests/{id}/receipt", shows="receipt")
async def _(stage: Stage) -> httpx.Response:
    return await stage.arnar.get(requesting.path(await _paid(stage), action="receipt"))


@scene("GET /v1/requests/{id}/participants/{id}/receipt", shows="receipt")
async def _(stage: Stage) -> httpx.Response:
    return await stage.john.get(_participant(await _paid(stage), "receipt"))


async def _pool(stage: Stage, **given: Any) -> Json:
    """A pool of John's to which Arnar is invited."""
    return await collect(stage.john, stage.arnar, **given)


@scene("GET /v1/pools", shows="money pool")
async def _(stage: Stage) -> httpx.Response:
    await give(stage.arnar, await _pool(stage, allows_optional_amount=True), "1.00")
    return await stage.arnar.get(POOLS)


@scene("GET /v1/pools/{id}", shows="money pool")
async def _(stage: Stage) -> httpx.Response:
    return await stage.arnar.get(pooling.path(await _pool(stage)))


@scene("POST /v1/pools", shows="money pool")
async def _(stage: Stage) -> httpx.Response:
    begins = datetime.now(UTC) + timedelta(days=30)
    body = stage.body(
        funding_source_id=str(stage.john.wallet_id),
        invites=[stage.arnar.id, (await stage.place.person()).id],
        start_at=f"{begins:%Y-%m-%d} 16:00:00",
        end_at=f"{begins + timedelta(days=8):%Y-%m-%d} 23:00:00",
    )
    return await stage.john.post(POOLS, body)


@scene("PUT /v1/pools/{id}", shows="money pool")
async def _(stage: Stage) -> httpx.Response:
    return await stage.john.put(pooling.path(await _pool(stage)), stage.body())


@scene("POST /v1/pools/{id}/close")
async def _(stage: Stage) -> httpx.Response:
    return await stage.john.post(pooling.path(await _pool(stage), "close"))


@scene("POST /v1/pools/{id}/invite")
async def _(stage: Stage) -> httpx.Response:
    people = [(await stage.place.person()).id for _ in range(2)]
    path = pooling.path(await _pool(stage), "invite")
    return await stage.john.post(path, stage.body(user_ids=people))


@scene("GET /v1/pools/{id}/participants", shows="participant")
async def _(stage: Stage) -> httpx.Response:
    pool = await _pool(stage, allows_optional_amount=True)
    await give(stage.arnar, pool, "1.00")
    return await stage.john.get(pooling.path(pool, "participants"))


@scene("POST /v1/pools/{id}/export")
async def _(stage: Stage) -> httpx.Response:
    return await stage.john.post(pooling.path(await _pool(stage), "export"), stage.body())


@scene("POST /v1/pools/{id}/participants", shows="participant")
async def _(stage: Stage) -> httpx.Response:
    option = {"title": "Option A", "amount": "50.00"}
    pool = await _pool(stage, contribution_options=[option])
    body = stage.body(
        contribution_option_id=pool["contribution_options"][0]["id"],
        funding_source_id=str(stage.arnar.wallet_id),
    )
    return await stage.arnar.post(pooling.path(pool, "participants"), body)
