"""Tests made from the app's own routes, so that no route can be forgotten.

Nobody gets in without version and token, and what is another's does not exist: a new route with an
id in its path fails here until its object is made below.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from tests.api.conftest import Shared
from tests.api.faces import Faces, faces
from tests.api.moneypool.client import Client, log_in, said
from tests.api.moneypool.printed.money import invited, requested, waiting
from tests.api.moneypool.printed.stage import Stage
from tests.api.routes import Route, routes_of
from tests.api.serving import MONEYPOOL, VERSION, client_of, front_of, new_directory
from tests.conftest import lent_product
from tests.money import MXN, nothing_moving
from whipround.api.moneypool.app import create_app
from whipround.api.moneypool.call import Access
from whipround.domain.sessions import LOGIN_LIFE

pytestmark = pytest.mark.anyio

ROUTES = list(routes_of(create_app()))


def told(route: Route, name: str) -> bool:
    """Something that the route says of itself."""
    value: bool = route.handler.opt[name]
    return value


GUARDED = [it for it in ROUTES if it.handler.opt["access"] is Access.TOKEN]
VERSIONED = [it for it in ROUTES if told(it, "is_versioned")]
OWN = [it for it in ROUTES if "user_id" in it.parameters and told(it, "is_own")]
WITH_ID = [it for it in ROUTES if set(it.parameters) - {"user_id"}]
WITH_BODY = [it for it in ROUTES if it.handler.parsed_data_field or it.handler.opt["form"]]

OPEN = {
    "GET /api/confirmations/{token}",
    "GET /api/docs",
    "GET /api/openapi.json",
    "PATCH /api/passwords",
    "POST /api/fb_sessions",
    "POST /api/passwords",
    "POST /api/sessions",
    "POST /api/users",
}
"""The routes that need no token: to add one, it has to be added here too."""

UNVERSIONED = {"GET /api/confirmations/{token}", "GET /api/docs", "GET /api/openapi.json"}
"""Those that need no version."""

OF_OTHERS = {"GET /api/users/{user_id}"}
"""Those whose `user_id` may be another's."""

INVALID = {"errors": {"authorization": ["is invalid"]}}
NOT_FOUND = {"errors": {"base": ["not found"]}}


class Place(NamedTuple):
    """Ann, and what is hers; Bob, who has nothing to do with it; and tokens that are none."""

    town: Faces
    ann: Client
    bob: Client
    carl: Client
    tokens: Mapping[str, str]

    def path(self, route: Route, who: Client, **ids: object) -> str:
        """The path of a route for somebody; what has no id is 1."""
        values = dict.fromkeys(route.parameters, 1) | {"user_id": who.id} | ids
        return route.path.format(**values)


@pytest.fixture(scope="module")
async def place(shared: Shared) -> AsyncIterator[Place]:
    async with faces(shared) as town:
        ann, bob, carl = [await town.join(MXN("100.00"), name=n) for n in ("Ann", "Bob", "Carl")]
        yield Place(town, ann, bob, carl, await _tokens(shared, town))


async def _tokens(shared: Shared, town: Faces) -> dict[str, str]:
    """Tokens that were good once, or are good elsewhere."""
    now = datetime.now(UTC)
    logged_out, locked = await town.join(), await town.join()
    said(await logged_out.delete("/api/sessions"), 204)
    async with town.db.transaction() as tx:
        sql = "update users set locked_until = %s where id = %s"
        await tx.execute(sql, (now + timedelta(hours=1), locked.person.id))
    expired = (await town.join()).person.user
    in_memento = await town.in_memento(await town.join())
    async with lent_product(shared.installation_db) as other:
        elsewhere = shared.installation_db.of(other.schema_name)
        there = await replace(town.moneypool, db=elsewhere).join()
    tokens = {
        "of another product": there.token,
        "expired": await log_in(town.db, expired, now=now - LOGIN_LIFE),
        "logged out": logged_out.token,
        "of somebody locked": locked.token,
        "of Memento": in_memento.client.session,
        "unknown": "wmp_" + "x" * 43,
    }
    return {name: token or "" for name, token in tokens.items()}


async def refused(
    who: Client,
    route: Route,
    path: str,
    answer: tuple[int, object],
    headers: Mapping[str, str] | None = None,
) -> None:
    """Whatever the body: it is not looked at."""
    for body in (None, b"{", b"{}"):
        shown = await who.call(route.method, path, body, headers=headers)
        assert (shown.status_code, shown.json()) == answer, (path, body, headers)


def test_only_these_routes_are_open() -> None:
    assert {str(it) for it in ROUTES} - {str(it) for it in GUARDED} == OPEN
    assert {str(it) for it in ROUTES} - {str(it) for it in VERSIONED} == UNVERSIONED
    own = {str(it) for it in OWN}
    assert {str(it) for it in ROUTES if "user_id" in it.parameters} - own == OF_OTHERS


@pytest.mark.parametrize("route", VERSIONED, ids=str)
async def test_the_version_comes_before_everything_else(place: Place, route: Route) -> None:
    message = "must be application/vnd.moneypool.mx+json; version=1"
    answer = (406, {"errors": {"accept": [message]}})
    nobody = replace(place.town.moneypool, token="nobodys")
    path = place.path(route, place.ann)

    async with nothing_moving(place.town.db):
        for accept in (
            "*/*",
            "application/json",
            VERSION.replace("1", "2"),
            VERSION.partition(";")[0],
            VERSION.replace("moneypool.mx", "moneypool"),
            VERSION.replace("version=1", "version=1.0"),
            "",
        ):
            await refused(nobody, route, path, answer, headers={"Accept": accept})


@pytest.mark.parametrize("route", GUARDED, ids=str)
async def test_nobody_gets_in_without_a_token(place: Place, route: Route) -> None:
    good = place.ann.token
    headers = [
        {"Authorization": it}
        for it in (
            "",
            "Token",
            "Token token=",
            "Token token=''",
            f"Bearer {good}",
            f"Token {good}",
            f"token={good}",
            f"Token token={good}x",
            *(f"Token token={token}" for token in place.tokens.values()),
        )
    ]
    paths = {place.path(route, who) for who in (place.ann, place.bob)}

    async with nothing_moving(place.town.db):
        for path in paths:
            await refused(place.town.moneypool, route, path, (401, INVALID))
            for header in headers:
                answer = await place.town.moneypool.call(route.method, path, headers=header)
                assert (answer.status_code, answer.json()) == (401, INVALID), header
                assert answer.headers["www-authenticate"] == "Token"


@pytest.mark.parametrize("route", [it for it in ROUTES if str(it) in OPEN], ids=str)
async def test_what_is_open_looks_at_no_token(place: Place, route: Route) -> None:
    """One gone stale keeps nobody out."""
    stale = replace(place.town.moneypool, token=place.tokens["logged out"])

    answer = await stale.call(route.method, place.path(route, place.ann))

    assert answer.status_code in {200, 400, 404, 422}


@pytest.mark.parametrize("route", OWN, ids=str)
async def test_what_is_below_another_user_does_not_exist(place: Place, route: Route) -> None:
    async with nothing_moving(place.town.db):
        for user_id in (place.bob.id, 10**9, 2**63, 2**64, 0, -1, f"0{place.ann.id}", "ann"):
            path = place.path(route, place.ann, user_id=user_id)
            await refused(place.ann, route, path, (404, NOT_FOUND))


@pytest.mark.parametrize("route", WITH_BODY, ids=str)
async def test_bad_bodies(place: Place, route: Route) -> None:
    path = place.path(route, place.ann)

    async with nothing_moving(place.town.db):
        for body in (
            b"{",
            b"[]",
            b"null",
            b"\xff\xfe",
            b'"\\ud800"',
            b"[" * 50_000,
            b'{"a": 1e999',
        ):
            answer = await place.ann.call(route.method, path, body)
            assert answer.status_code == 400, body
            assert answer.json()["errors"].keys() == {"base"}


# What is another's.


class Case(NamedTuple):
    """The owner's path of something, and all others' for whom it does not exist."""

    owner: Client
    others: Sequence[Client]
    id_: object


async def _case(place: Place, route: Route) -> Case:
    """Something made for this route, which the owner can call it for."""
    ann, bob, carl = place.ann, place.bob, place.carl
    stage = Stage(place.town, ann, bob)
    match str(route):
        case "PATCH /api/users/{user_id}/payment_requests/{payment_request_id}/reject":
            # Whoever asks cannot reject it either.
            return Case(ann, [bob, carl], (await requested(carl, ann))["id"])
        case "DELETE /api/users/{user_id}/payment_requests/{payment_request_id}":
            # Nor can whoever is asked delete it.
            return Case(ann, [bob, carl], (await requested(ann, carl))["id"])
        case "DELETE /api/users/{user_id}/liabilities/{liability_id}":
            owner = await place.town.in_memento(carl)
            return Case(ann, [bob, carl], (await invited(stage, ann, by=owner)).liability_id)
    raise AssertionError(f"{route} needs an object: make one here")


@pytest.mark.parametrize("route", [it for it in WITH_ID if it in OWN], ids=str)
async def test_what_is_anothers_does_not_exist(place: Place, route: Route) -> None:
    owner, others, id_ = await _case(place, route)
    [name] = set(route.parameters) - {"user_id"}

    async with nothing_moving(place.town.db):
        for who in others:
            path = place.path(route, who, **{name: id_})
            await refused(who, route, path, (404, NOT_FOUND))
        for nothing in (10**9, 2**63 - 1, 2**63, 0, -1, f"0{id_}", "x"):
            path = place.path(route, owner, **{name: nothing})
            await refused(owner, route, path, (404, NOT_FOUND))
    answer = await owner.call(route.method, place.path(route, owner, **{name: id_}))
    assert answer.status_code in {200, 204}, "there for its owner, else this proves nothing"


async def test_no_list_shows_what_is_anothers(place: Place) -> None:
    await requested(place.ann, place.carl)

    lists = [it for it in OWN if told(it, "is_list")]
    assert len(lists) >= 2
    for route in lists:
        shown = said(await place.bob.get(place.path(route, place.bob)))
        assert [*shown.values()] == [[]]
    assert await waiting(place.carl)


async def test_others_are_seen_by_whom_they_have_to_do_with(place: Place) -> None:
    """A user shows what is public of them to those, and does not exist for others."""
    stranger = await place.town.join()
    await requested(place.ann, place.carl)

    for who in (place.ann, place.carl):
        for other in {place.ann.id, place.carl.id} - {who.id}:
            shown = said(await who.get(f"/api/users/{other}"))["user"]
            assert shown.keys() == {"id", "name", "email", "avatar_url"}
    for other in (place.ann.id, 10**9, 2**64, 0):
        answer = await stranger.get(f"/api/users/{other}")
        assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


# Products.


async def test_a_product_without_pesos_has_documentation_only(place: Place, shared: Shared) -> None:
    directory = new_directory(shared.installation_db, shared.keyring)
    directory.set([replace(shared.product, currencies=("EUR",))])
    headers = {"Product-ID": str(shared.product.id)}

    async with client_of(front_of(MONEYPOOL, directory)) as http:
        ann = replace(place.ann, http=http)
        for route in ROUTES:
            answer = await ann.call(route.method, place.path(route, ann), headers=headers)
            is_there = route.handler.opt["in_any_product"]
            assert answer.status_code == (200 if is_there else 404), route
    await directory.drain()
