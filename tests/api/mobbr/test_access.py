"""Tests made from the app's own routes, so that no route can be forgotten.

Nobody gets in without good credentials, whatever else is wrong; nor does anybody get anything, with
bad ones, from what is public.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from tests.api.conftest import Shared
from tests.api.mobbr.client import ROOT, Client, basic, log_in, refused, said
from tests.api.routes import Route, routes_of
from tests.conftest import lent_product
from tests.money import EUR, nothing_changing
from tests.people import log_in as log_in_to_memento
from whipround.api.mobbr.app import create_app
from whipround.api.mobbr.arguments import IN_QUERY
from whipround.api.mobbr.call import Access
from whipround.domain import credentials, sessions
from whipround.domain.sessions import UNUSED_LIFE

pytestmark = pytest.mark.anyio

ROUTES = list(routes_of(create_app()))

GUARDED = [it for it in ROUTES if it.handler.opt["access"] is Access.PERSON]
CHECKED = [it for it in ROUTES if it.handler.opt["access"] is not Access.ANYONE]
WITH_BODY = [it for it in CHECKED if it.method not in IN_QUERY]

PUBLIC = {
    "GET /api_v1/api/currencies",
    "GET /api_v1/api/id_providers",
    "GET /api_v1/api/oauth_providers",
    "GET /api_v1/payments/info",
    "GET /api_v1/payments/uri",
    "GET /api_v1/user/send_login_link",
    "POST /api_v1/payments/preview",
    "PUT /api_v1/payments/claim",
    "PUT /api_v1/user/link_login",
    "PUT /api_v1/user/password_login",
    "PUT /api_v1/user/register_user_send_login_link",
}
"""The routes that need no credentials: to add one, it has to be added here too."""

FOR_BROWSERS = {
    "GET /api_v1/docs",
    "GET /api_v1/openapi.json",
    "GET /api_v1/user/claim_link",
    "GET /api_v1/user/email_link",
    "GET /api_v1/user/login_link",
    "GET /api_v1/user/oauth_callback",
}
"""Those that look at none, and at no User-Agent."""

MISSING = "The credential is missing, unknown or expired."

PASSWORD = "m0ney-p00l"


class Place(NamedTuple):
    """Ann, who has a euro and a password, a client of nobody, and credentials that are none."""

    nobody: Client
    ann: Client
    tokens: Mapping[str, str]
    passwords: Mapping[str, str]


@pytest.fixture(scope="module")
async def place(client: Client, shared: Shared) -> AsyncIterator[Place]:
    """Whatever is tried changes nothing."""
    hash_ = await credentials.hash_password(PASSWORD)
    ann = await client.join(EUR("1.00"), password_hash=hash_)
    tokens, passwords = await _refused(client, ann, shared)
    async with nothing_changing(client.db):
        yield Place(client, ann, tokens, passwords)


async def _refused(
    client: Client, ann: Client, shared: Shared
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Tokens and passwords that were good once, or are good elsewhere, by what they are."""
    now = datetime.now(UTC)
    hash_ = ann.person.user.password_hash
    locked = await client.join(password_hash=hash_)
    logged_out = await client.join()
    said(await logged_out.delete("/user/logout"))
    memento = await log_in_to_memento(client.db, ann.person.user, now=now)
    async with client.db.transaction() as tx:
        sql = "update users set locked_until = %s where id = %s"
        await tx.execute(sql, (now + timedelta(hours=1), locked.person.id))
        moneypool = await sessions.open_login(tx, user_id=ann.person.id, now=now)
    async with lent_product(shared.installation_db) as other:
        db = shared.installation_db.of(other.schema_name)
        there = await replace(client, db=db).join(password_hash=hash_, username="elsewhere")
    tokens = {
        "of another product": there.token,
        "expired": await log_in(client.db, ann.person.user, now=now - UNUSED_LIFE),
        "logged out": logged_out.token,
        "of somebody locked": locked.token,
        "of Moneypool": moneypool.secret,
        "of Memento": memento.opened.secret,
        "of Memento, to log in": memento.token.secret,
        "unknown": "wmb_" + "x" * 43,
        "none": "",
    }
    passwords = {
        "of another product": basic("elsewhere", PASSWORD),
        "of somebody locked": basic(locked.username, PASSWORD),
        "wrong": basic(ann.username, PASSWORD + "x"),
        "none": basic(ann.username, ""),
        "of nobody": basic("nobody", PASSWORD),
        "a token": basic(ann.username, ann.token or ""),
    }
    malformed = {"empty": "", "bearer": f"Bearer {ann.token}", "not base64": f"Basic :{ann.token}"}
    return {name: basic("", it or "") for name, it in tokens.items()} | malformed, passwords


def below_root(route: Route) -> str:
    """The path as a client has it."""
    return route.path.removeprefix(ROOT)


async def tried(who: Client, route: Route, **given: Any) -> Any:
    """Answers to all that a call may be sent with: nothing, nonsense, and too much."""
    path = below_root(route)
    if route.method in IN_QUERY:
        sent: list[dict[str, Any]] = [{}, {"params": {"x": "1"}}]
    else:
        sent = [{}, {"body": b"{"}, {"body": {"x": 1}}]
    return [await who.call(route.method, path, **each, **given) for each in sent]


def test_only_these_routes_are_open() -> None:
    by_access: dict[Access, set[str]] = {access: set() for access in Access}
    for route in ROUTES:
        by_access[route.handler.opt["access"]].add(str(route))

    assert by_access[Access.PUBLIC] == PUBLIC
    assert by_access[Access.ANYONE] == FOR_BROWSERS


def test_every_route_succeeds_as_its_method_does() -> None:
    for route in ROUTES:
        expected = 200 if route.method in IN_QUERY else 201
        assert route.handler.status_code == expected, route
        assert not route.parameters, "arguments are in the query or the body"
        assert route.handler.parsed_data_field is None, "and read by request.arguments()"


@pytest.mark.parametrize("route", CHECKED, ids=str)
async def test_what_comes_before_the_credentials(place: Place, route: Route) -> None:
    for agent in ("", " "):
        for answer in await tried(place.nobody, route, headers={"User-Agent": agent}):
            assert refused(answer) == "A request needs a User-Agent."
    for accept in ("text/html", "application/json;q=0, image/*"):
        for answer in await tried(place.nobody, route, headers={"Accept": accept}):
            refused(answer, 415)


@pytest.mark.parametrize("route", GUARDED, ids=str)
async def test_nobody_gets_in_without_credentials(place: Place, route: Route) -> None:
    """Before anything is said of the arguments."""
    for answer in await tried(place.nobody, route):
        assert refused(answer, 403) == MISSING


async def refuses(place: Place, route: Route, credentials: Mapping[str, str]) -> None:
    """See that none of the credentials gets anything."""
    for name, header in credentials.items():
        headers = {"Authorization": header}
        answer = await place.nobody.call(route.method, below_root(route), headers=headers)
        assert refused(answer, 403) == MISSING, name
        assert answer.headers["WWW-Authenticate"].startswith("Basic "), name


@pytest.mark.parametrize("route", CHECKED, ids=str)
async def test_nobody_gets_in_with_a_bad_token(place: Place, route: Route) -> None:
    await refuses(place, route, place.tokens)


# To check a password takes a while, on purpose: it is the same on all routes, as the tokens are.
@pytest.mark.parametrize("name", ["GET /api_v1/user/ping", "PUT /api_v1/payments/claim"])
async def test_nobody_gets_in_with_a_bad_password(place: Place, name: str) -> None:
    [route] = [it for it in CHECKED if str(it) == name]

    await refuses(place, route, place.passwords)


@pytest.mark.parametrize("route", [it for it in ROUTES if str(it) in PUBLIC], ids=str)
async def test_what_is_public_needs_no_credentials(place: Place, route: Route) -> None:
    for answer in await tried(place.nobody, route):
        assert answer.status_code in {200, 400}


@pytest.mark.parametrize("route", [it for it in ROUTES if str(it) in FOR_BROWSERS], ids=str)
async def test_what_is_for_browsers_looks_at_no_credentials(place: Place, route: Route) -> None:
    headers = {"Authorization": "x", "Accept": "text/html", "User-Agent": ""}

    answer = await place.nobody.call(route.method, below_root(route), headers=headers)
    assert answer.status_code in {200, 400}


@pytest.mark.parametrize("route", WITH_BODY, ids=str)
async def test_bodies_that_cannot_be_read(place: Place, route: Route) -> None:
    for body in (
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'"\\ud800"',
        b"[" * 50_000,
        b'{"a": 1e999',
    ):
        answer = await place.ann.call(route.method, below_root(route), body)
        assert refused(answer) == "The body is not a JSON object.", body
    for content_type, status in (("text/xml", 400), ("text/plain", 415)):
        headers = {"Content-Type": content_type}
        answer = await place.ann.call(route.method, below_root(route), b"x", headers=headers)
        refused(answer, status)
