"""Every operation of every dialect, with a good body, and all the places that it has."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from tests.api.described import body_of, operations_of
from tests.api.memento.client import Client
from tests.api.mobbr import good as mobbr_good
from tests.api.mobbr import test_bad_input as in_mobbr
from tests.api.mobbr.client import said
from tests.api.moneypool import test_bad_input as in_moneypool
from tests.api.routes import Route, routes_of
from tests.money import EUR, MXN
from tests.pictures import new_picture
from tests.torture.access import bodies
from tests.torture.access.payloads import Json, Path, is_free, placed, texts_of
from tests.torture.access.world import World
from whipround.api.memento.app import HANDLERS, create_app
from whipround.api.memento.openapi import MEMENTO
from whipround.api.openapi import document

OPERATIONS = operations_of(document(HANDLERS, MEMENTO))
MEMENTO_ROUTES = list(routes_of(create_app()))
FORM = "multipart/form-data"


Send = Callable[[Path | None, str], Awaitable[httpx.Response]]
"""Sends a payload at a place of a good body, or that body as it is."""


@dataclass(frozen=True, slots=True)
class Target:
    """Something to call, by its name and what its document says, and a schema of what it takes."""

    name: str
    operation: Json
    schema: Json
    send: Send

    @property
    def places(self) -> Sequence[Path]:
        """Every place for a payload."""
        return [it for it in texts_of(self.schema) if it != ("file",)]

    @property
    def free(self) -> Sequence[Path]:
        """Those where any text may be."""
        return [it for it in self.places if is_free(self.schema, it)]


async def targets_of(there: World) -> AsyncIterator[Target]:
    """All that can be called, as people for whom there is something to call it for."""
    here = there.here
    ann, bob = [await here.person(EUR("500.00"), MXN("500.00")) for _ in range(2)]
    stage = await bodies.place_of(here.town, ann, bob)
    for each in _of_memento(stage):
        yield each
    for each in _of_moneypool(await in_moneypool.place_in(here)):
        yield each
    somebody, another = [await here.mobbr.join(EUR("50.00")) for _ in range(2)]
    body = {"data": another.username, "amount": "1.00", "currency": "EUR"}
    shown = said(await somebody.post("/payments/preview", body))
    for each in _of_mobbr(mobbr_good.Place(here.mobbr, somebody, another, shown["hash"])):
        yield each


def _of_memento(stage: bodies.Place) -> Iterator[Target]:
    for route in MEMENTO_ROUTES:
        operation = OPERATIONS.get(route.endpoint)
        if operation is None:
            continue
        if "requestBody" in operation:
            content = operation["requestBody"]["content"]
            [schema] = [it["schema"] for it in content.values()]
            send = _uploading(stage, route) if FORM in content else _posting(stage, route)
            yield Target(str(route), operation, schema, send)
        asked = [it for it in operation.get("parameters", ()) if it["in"] == "query"]
        if asked:
            # Whatever they are to be, they come as text.
            schema = {"properties": {it["name"]: {"type": "string"} for it in asked}}
            yield Target(f"{route}?", operation, schema, _querying(stage, route))


def _posting(stage: bodies.Place, route: Route) -> Send:
    path, good = bodies.path_of(stage, route.path), bodies.GOOD[str(route)]
    client = _client_of(stage, route)

    async def send(at: Path | None, payload: str) -> httpx.Response:
        return await client.call(route.method, path, placed(good(stage), at, payload))

    return send


def _client_of(stage: bodies.Place, route: Route) -> Client:
    """Nobody's where a session would be in the way."""
    is_public = str(route) in {"POST /v1/users", "POST /v1/tokens"}
    return stage.town.client if is_public else stage.ann.client


def _uploading(stage: bodies.Place, route: Route) -> Send:
    client = stage.ann.client

    async def send(at: Path | None, payload: str) -> httpx.Response:
        headers = {"Product-ID": client.product_id, "Authorization": f"Bearer {client.session}"}
        fields = placed(bodies.GOOD[str(route)](stage), at, payload)
        files = {"file": (payload, new_picture((8, 8)), payload)}
        return await client.http.post(route.path, data=fields, files=files, headers=headers)

    return send


def _querying(stage: bodies.Place, route: Route) -> Send:
    path = bodies.path_of(stage, route.path)

    async def send(at: Path | None, payload: str) -> httpx.Response:
        if at is None:
            return await stage.ann.get(path)
        value = {"filter": f"created_at:eq:{payload}", "sort": f"{payload}:asc"}
        asked = quote(value.get(str(at[0]), payload))
        return await stage.ann.get(f"{path}?{at[0]}={asked}")

    return send


def _of_moneypool(stage: in_moneypool.Place) -> Iterator[Target]:
    for route, at_ in in_moneypool.CASES:
        operation = in_moneypool.OPERATIONS[route.endpoint]
        schema = body_of(operation)
        good = in_moneypool.BODIES[str(route)][at_]
        path = route.path.format(user_id=stage.ann.id)

        async def send(
            at: Path | None, payload: str, route: Route = route, path: str = path, good: Any = good
        ) -> httpx.Response:
            return await stage.ann.call(route.method, path, placed(good(stage), at, payload))

        yield Target(str(route), operation, schema, send)


def _of_mobbr(stage: mobbr_good.Place) -> Iterator[Target]:
    for route, at_ in in_mobbr.CASES:
        operation = in_mobbr.OPERATIONS[route.endpoint]
        good = mobbr_good.GOOD[str(route)][at_]

        async def send(
            at: Path | None, payload: str, route: Route = route, good: Any = good
        ) -> httpx.Response:
            arguments = placed(good(stage), at, payload)
            return await in_mobbr.send(stage.ann, route, arguments)

        yield Target(str(route), operation, in_mobbr.schema_of(route), send)


def with_body() -> set[str]:
    """The routes of Memento's that take a body."""
    return {str(it) for it in MEMENTO_ROUTES if "requestBody" in OPERATIONS.get(it.endpoint, {})}
