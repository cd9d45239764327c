"""What is one's own, no other finds: proven on every route that has an id, so none is forgotten.

A new route with an id in its path fails here until its object is made below.
"""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import pytest
from litestar.routes import HTTPRoute

from tests.api.conftest import Shared
from tests.api.memento.client import Json, device
from tests.api.memento.paying import Customer, Town, new_card, said, town
from tests.money import EUR
from tests.people import PIN, new_phone
from whipround.api.memento.app import create_app
from whipround.api.memento.call import Access

pytestmark = pytest.mark.anyio


class Route(NamedTuple):
    """A route; `path` has the names of its parameters in braces."""

    method: str
    path: str
    parameters: tuple[str, ...]
    access: Access
    is_list: bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def _routes() -> list[Route]:
    return [
        Route(
            method,
            route.path_format,
            tuple(route.path_parameters),
            handler.opt.get("access", Access.SESSION),
            handler.opt.get("filters") is not None,
        )
        for route in create_app().routes
        if isinstance(route, HTTPRoute)
        # Litestar keeps them in sets: in the same order in every process of a run.
        for handler in sorted(route.route_handlers, key=lambda it: sorted(it.http_methods))
        for method in sorted(handler.http_methods)
        if method != "OPTIONS"
    ]


ROUTES = _routes()
WITH_ID = [it for it in ROUTES if it.parameters]
LISTS = [it for it in ROUTES if it.is_list and not it.parameters]

PUBLIC = {
    "GET /v1/users/{user_id}",
    "POST /v1/users/{user_id}/block",
    "POST /v1/users/{user_id}/unblock",
    "GET /v1/tokens/{token_id}",
    "POST /v1/tokens/{token_id}/secret",
}
"""Routes whose object is not somebody's alone: to add one, it has to be added here too.

Any user can look at another. Who logs in has no session yet to tell whose the token is.
"""

BODIES: Mapping[str, Json] = {
    "PUT /v1/funding_sources/{funding_source_id}": {"description": "Mine"},
    "POST /v1/funding_sources/{funding_source_id}/verify": {"code": "000000"},
    "POST /v1/payments/{payment_id}/refund": {"pin": PIN, "amount": "0.01"},
    "POST /v1/verifications/{verification_id}/data": {"data": "000000"},
}
"""A good body for each route that needs one, without which nothing would be looked for."""


class Owned(NamedTuple):
    """Ann, and the ids of what is hers by the name of the parameter; Bob, whose none of it is.

    `spare` has further ones, for routes after which there is nothing left.
    """

    place: Town
    ann: Customer
    bob: Customer
    ids: Mapping[str, str]
    spare: Mapping[str, Mapping[str, str]]

    def path(self, route: Route) -> str:
        missing = [name for name in route.parameters if name not in self.ids]
        assert not missing, f"{route} needs an object for {missing}: make one in `owned`"
        return route.path.format(**{**self.ids, **self.spare.get(str(route), {})})


@pytest.fixture(scope="module")
async def owned(shared: Shared) -> AsyncIterator[Owned]:
    """One object of Ann's of every kind that has an id."""
    async with town(shared) as place:
        ann = await place.person(EUR("100.00"))
        bob = await place.person(EUR("100.00"))
        carl = await place.person(EUR("100.00"))
        # Of Bob's as well, so that he has something to find.
        await bob.paid(carl)
        payment = await carl.paid(ann)
        body = {"type": "sms", "recipient": new_phone(), "event": "test"}
        verification = said(await ann.post("/v1/verifications", body), 201)
        login = {
            "identity": {"type": "username", "value": ann.user.username},
            "authenticator": "sms",
            "device": device(),
        }
        token = said(await place.client.post("/v1/tokens", login), 201)
        ids = {
            "payment_id": payment["id"],
            "transaction_id": payment["recipient"]["transaction_id"],
            "funding_source_id": str(ann.wallet_id),
            "verification_id": verification["id"],
            "token_id": token["id"],
            "user_id": ann.id,
        }
        card = await ann.add(new_card())
        delete = "DELETE /v1/funding_sources/{funding_source_id}"
        spare = {delete: {"funding_source_id": card.rpartition("/")[2]}}
        yield Owned(place, ann, bob, ids, spare)


def test_there_are_routes_to_walk() -> None:
    assert len(WITH_ID) >= 10
    assert {str(it) for it in WITH_ID} >= PUBLIC | BODIES.keys()


@pytest.mark.parametrize("route", [it for it in WITH_ID if str(it) not in PUBLIC], ids=str)
async def test_another_one_does_not_find_it(owned: Owned, route: Route) -> None:
    path, body = owned.path(route), BODIES.get(str(route))

    answer = await owned.bob.client.call(route.method, path, body)

    assert (answer.status_code, answer.content) == (404, b"")
    theirs = await owned.ann.client.call(route.method, path, body)
    assert theirs.status_code in {200, 201}, (
        "it has to be there for its owner, else this proves nothing"
    )


@pytest.mark.parametrize("route", [it for it in WITH_ID if str(it) not in PUBLIC], ids=str)
async def test_nobody_does_not_find_it(owned: Owned, route: Route) -> None:
    answer = await owned.place.client.call(route.method, owned.path(route), BODIES.get(str(route)))

    assert answer.status_code == (404 if route.access is Access.OPEN else 401)
    assert answer.content == b""


@pytest.mark.parametrize("route", LISTS, ids=str)
async def test_no_list_shows_it(owned: Owned, route: Route) -> None:
    mine = (await owned.ann.client.call(route.method, route.path)).text
    theirs = (await owned.bob.client.call(route.method, route.path)).text

    assert any(id_ in mine for id_ in owned.ids.values())
    assert json.loads(theirs)
    assert not [name for name, id_ in owned.ids.items() if id_ in theirs]


async def test_another_ones_try_changes_nothing(owned: Owned) -> None:
    """A wrong code from somebody else counts as no try."""
    path = f"/v1/verifications/{owned.ids['verification_id']}"
    before = said(await owned.ann.get(path))

    for _ in range(6):
        await owned.bob.post(f"{path}/data", {"data": "000000"})

    assert said(await owned.ann.get(path)) == before


async def test_what_anybody_sees_of_a_user_is_not_private(owned: Owned) -> None:
    shown = (await owned.bob.get(f"/v1/users/{owned.ann.id}")).text

    for private in (owned.ann.phone, str(owned.ann.wallet_id), "email", "date_of_birth"):
        assert private not in shown


async def test_what_anybody_sees_of_a_login_opens_nothing(owned: Owned) -> None:
    shown = said(await owned.place.client.get(f"/v1/tokens/{owned.ids['token_id']}"))

    assert "token" not in shown
    assert owned.ann.id not in shown.values()
    assert datetime.fromisoformat(shown["expires_at"]) > datetime.now(UTC)


async def test_blocking_is_of_ones_own_relationships(owned: Owned) -> None:
    carl = await owned.place.person()
    said(await carl.post(f"/v1/users/{owned.ann.id}/block"))

    said(await owned.bob.post(f"/v1/users/{owned.ann.id}/unblock"))

    assert said(await carl.get(f"/v1/users/{owned.ann.id}"))["relationships"]
