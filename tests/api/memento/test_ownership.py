"""What is one's own, no other finds: proven on every route that has an id, so none is forgotten.

A new route with an id in its path fails here until its object is made below.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import NamedTuple

import pytest

from tests.api.conftest import Shared
from tests.api.memento.client import Json, device
from tests.api.memento.paying import Customer, Town, ids, new_card, said, town
from tests.api.memento.picturing import uploaded
from tests.api.memento.pooling import collect
from tests.api.memento.requesting import ask, path, paying, share
from tests.api.routes import Route, routes_of
from tests.money import EUR
from tests.people import PIN, new_phone
from whipround.api.memento.app import create_app
from whipround.api.memento.call import Access

pytestmark = pytest.mark.anyio


def _access(route: Route) -> Access:
    access: Access = route.handler.opt.get("access", Access.SESSION)
    return access


def _is_list(route: Route) -> bool:
    return route.handler.opt.get("filters") is not None


ROUTES = list(routes_of(create_app()))
WITH_ID = [it for it in ROUTES if it.parameters]
FOR_ALL = {"GET /v1/announcements"}
"""Lists that show everybody the same."""

LISTS = [it for it in ROUTES if _is_list(it) and not it.parameters and str(it) not in FOR_ALL]

PUBLIC = {
    "GET /v1/users/{user_id}",
    "POST /v1/users/{user_id}/block",
    "POST /v1/users/{user_id}/unblock",
    "GET /v1/tokens/{token_id}",
    "POST /v1/tokens/{token_id}/secret",
    "POST /v1/announcements/{announcement_id}/ack",
    "POST /v1/announcement/{announcement_id}/ack",
}
"""Routes whose object is not somebody's alone: to add one, it has to be added here too.

Any user can look at another. Who logs in has no session yet to tell whose the token is. What is
announced is for everybody, which test_announcements.py has more of.
"""

BODIES: Mapping[str, Json] = {
    "PUT /v1/funding_sources/{funding_source_id}": {"description": "Mine"},
    "POST /v1/funding_sources/{funding_source_id}/verify": {"code": "000000"},
    "POST /v1/payments/{payment_id}/refund": {"pin": PIN, "amount": "0.01"},
    "PUT /v1/pools/{pool_id}": {"description": "Mine"},
    "POST /v1/pools/{pool_id}/invite": {"user_ids": ["{friend_id}"]},
    "POST /v1/pools/{pool_id}/export": {"email": "ann@example.com"},
    "POST /v1/pools/{pool_id}/participants/export": {"email": "ann@example.com"},
    "POST /v1/pools/{pool_id}/participants": {
        "amount": "1.00",
        "funding_source_id": "{funding_source_id}",
        "pin": PIN,
    },
    "POST /v1/requests/{request_id}/pay": {"funding_source_id": "{funding_source_id}", "pin": PIN},
    "POST /v1/requests/{request_id}/participants/{participant_id}/pay": {
        "funding_source_id": "{funding_source_id}",
        "pin": PIN,
    },
    "POST /v1/verifications/{verification_id}/data": {"data": "000000"},
}
"""A good body for each route that needs one, without which nothing would be looked for.

The names of parameters in braces stand for the ids of what is Ann's, and of a friend of hers.
"""


class Owned(NamedTuple):
    """Ann, and the ids of what is hers by the name of the parameter; Bob, whose none of it is.

    `spare` has further ones, for routes after which there is nothing left.
    """

    place: Town
    ann: Customer
    bob: Customer
    ids: Mapping[str, str]
    spare: Mapping[str, Mapping[str, str]]
    friend_id: str

    def path(self, route: Route) -> str:
        missing = [name for name in route.parameters if name not in self.ids]
        assert not missing, f"{route} needs an object for {missing}: make one in `owned`"
        return route.path.format(**{**self.ids, **self.spare.get(str(route), {})})

    def body(self, route: Route) -> Json | None:
        body = BODIES.get(str(route))
        return body and {name: self._filled(value) for name, value in body.items()}

    def _filled(self, value: str | list[str]) -> str | list[str]:
        if isinstance(value, str):
            return value.format(**self.ids, friend_id=self.friend_id)
        return [each.format(**self.ids, friend_id=self.friend_id) for each in value]


@pytest.fixture(scope="module")
async def owned(shared: Shared) -> AsyncIterator[Owned]:
    async with owning(shared) as owned:
        yield owned


@asynccontextmanager
async def owning(shared: Shared) -> AsyncIterator[Owned]:
    """One object of Ann's of every kind that has an id."""
    async with town(shared) as place:
        ann = await place.person(EUR("100.00"))
        bob = await place.person(EUR("100.00"))
        carl = await place.person(EUR("100.00"))
        # Of Bob's as well, so that he has something to find.
        await bob.paid(carl)
        await carl.paid(bob)
        await _contact(bob, {"user_id": carl.id})
        payment = await carl.paid(ann)
        body = {"type": "sms", "recipient": new_phone(), "event": "test"}
        verification = said(await ann.post("/v1/verifications", body), 201)
        login = {
            "identity": {"type": "username", "value": ann.user.username},
            "authenticator": "sms",
            "device": device(),
        }
        token = said(await place.client.post("/v1/tokens", login), 201)
        mine = {
            "payment_id": payment["id"],
            "transaction_id": payment["recipient"]["transaction_id"],
            "moment_id": payment["recipient"]["transaction_id"],
            "funding_source_id": str(ann.wallet_id),
            "verification_id": verification["id"],
            "token_id": token["id"],
            "user_id": ann.id,
            "contact_id": await _contact(ann, {"user_id": carl.id}),
            "pool_id": (await collect(ann))["id"],
            "image_id": await uploaded(ann),
        }
        card = await ann.add(new_card())
        delete = "DELETE /v1/funding_sources/{funding_source_id}"
        spare = {
            delete: {"funding_source_id": card.rpartition("/")[2]},
            "POST /v1/pools/{pool_id}/close": {"pool_id": (await collect(ann))["id"]},
            "DELETE /v1/contacts/{contact_id}": {
                "contact_id": await _contact(ann, {"first_name": "Dan"})
            },
        }
        requests, spare_requests = await _requests(ann, carl)
        await ask(bob, carl)
        await collect(bob)
        yield Owned(place, ann, bob, mine | requests, spare | spare_requests, carl.id)


async def _contact(owner: Customer, body: Json) -> str:
    """The id of a contact just made."""
    return str(said(await owner.post("/v1/contacts", body), 201)["id"])


async def _requests(
    ann: Customer, carl: Customer
) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Requests by Ann, and of her: for each route one that has not been answered."""
    mine = await ask(ann, *[share(new_phone(), "1.00") for _ in range(3)])
    asked = {
        action: await ask(carl, share(ann, "1.00"))
        for action in ("/pay", "/reject", "/receipt", "/participants/{participant_id}/pay")
    }
    asked["/participants/{participant_id}/receipt"] = asked["/receipt"]
    said(await ann.post(path(asked["/receipt"], None, "pay"), paying(ann)))
    root = "/v1/requests/{request_id}"
    spare = {
        f"{'GET' if action.endswith('receipt') else 'POST'} {root}{action}": {
            "request_id": request["id"],
            "participant_id": request["participants"][0]["id"],
        }
        for action, request in asked.items()
    }
    first, *others = ids(mine["participants"])
    for action, other in zip(("settle", "cancel"), others, strict=True):
        spare[f"POST {root}/participants/{{participant_id}}/{action}"] = {"participant_id": other}
    spare[f"DELETE {root}"] = {"request_id": (await ask(ann, carl))["id"]}
    return {"request_id": mine["id"], "participant_id": first}, spare


def test_there_are_routes_to_walk() -> None:
    assert len(WITH_ID) >= 10
    assert {str(it) for it in WITH_ID} >= PUBLIC | BODIES.keys()


@pytest.mark.parametrize("route", [it for it in WITH_ID if str(it) not in PUBLIC], ids=str)
async def test_another_one_does_not_find_it(owned: Owned, route: Route) -> None:
    where, body = owned.path(route), owned.body(route)

    answer = await owned.bob.client.call(route.method, where, body)

    assert (answer.status_code, answer.content) == (404, b"")
    theirs = await owned.ann.client.call(route.method, where, body)
    assert theirs.status_code in {200, 201}, (
        "it has to be there for its owner, else this proves nothing"
    )


@pytest.mark.parametrize("route", [it for it in WITH_ID if str(it) not in PUBLIC], ids=str)
async def test_nobody_does_not_find_it(owned: Owned, route: Route) -> None:
    answer = await owned.place.client.call(route.method, owned.path(route), owned.body(route))

    assert answer.status_code == (404 if _access(route) is Access.OPEN else 401)
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
