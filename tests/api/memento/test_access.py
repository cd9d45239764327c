"""Tests made from the app's own routes, so that no route can be forgotten.

Nobody gets in without the credential that a route asks for, and nothing malformed gets through.
"""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

import httpx
import pytest

from tests.api import routes
from tests.api.conftest import Shared
from tests.api.serving import memento
from tests.people import log_in, make_user
from whipround.api.memento.app import create_app
from whipround.api.memento.call import Access

pytestmark = pytest.mark.anyio


class Route(NamedTuple):
    """A route, with ids in its path that belong to nothing."""

    method: str
    path: str
    access: Access
    has_body: bool
    has_list: bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def _called(route: routes.Route) -> Route:
    path = re.sub(r"{\w+}", str(UUID(int=1)), route.path)
    opt = route.handler.opt
    has_body = route.handler.parsed_data_field is not None
    has_list = opt.get("filters") is not None
    return Route(route.method, path, opt.get("access", Access.SESSION), has_body, has_list)


ROUTES = [_called(each) for each in routes.routes_of(create_app())]
PUBLIC = {
    "GET /v1/docs",
    "GET /v1/openapi.json",
    "POST /v1/tokens",
    "GET /v1/tokens/{}",
    "POST /v1/tokens/{}/secret",
    "POST /v1/users",
    "POST /v1/verifications",
    "PUT /v1/verifications",
    "GET /v1/verifications/{}",
    "POST /v1/verifications/{}/data",
}
"""The routes that need no session: to add one, it has to be added here too."""


@pytest.fixture(scope="module")
async def client(shared: Shared) -> AsyncIterator[httpx.AsyncClient]:
    async with memento(shared) as client:
        yield client


@pytest.fixture(scope="module")
async def session(shared: Shared) -> dict[str, str]:
    """The header of a good session."""
    now = datetime.now(UTC)
    user = await make_user(shared.db, keyring=shared.keyring, now=now)
    logged_in = await log_in(shared.db, user, now=now)
    return {"Authorization": f"Bearer {logged_in.opened.secret}"}


@pytest.fixture(scope="module")
async def locked(shared: Shared) -> dict[str, str]:
    """The header of the session of somebody whom wrong PINs have locked out since."""
    now = datetime.now(UTC)
    user = await make_user(shared.db, keyring=shared.keyring, now=now)
    logged_in = await log_in(shared.db, user, now=now)
    async with shared.db.transaction() as tx:
        await tx.execute(
            "update users set locked_until = %s where id = %s", (now + timedelta(hours=1), user.id)
        )
    return {"Authorization": f"Bearer {logged_in.opened.secret}"}


def test_only_these_routes_are_open() -> None:
    is_open = {
        str(route).replace(str(UUID(int=1)), "{}")
        for route in ROUTES
        if route.access in {Access.OPEN, Access.ANYONE}
    }

    assert is_open == PUBLIC


@pytest.mark.parametrize(
    "route", [it for it in ROUTES if it.access in {Access.SESSION, Access.TOKEN}], ids=str
)
async def test_without_a_credential(client: httpx.AsyncClient, route: Route) -> None:
    for content in (b"", b"{", b"{}"):
        answer = await client.request(route.method, route.path, content=content)

        assert (answer.status_code, answer.content) == (401, b"")


@pytest.mark.parametrize("route", [it for it in ROUTES if it.access is not Access.ANYONE], ids=str)
@pytest.mark.parametrize("token", ["x", "wst_" + "x" * 43, "wat_" + "x" * 43, ""])
async def test_with_a_wrong_token(client: httpx.AsyncClient, route: Route, token: str) -> None:
    answer = await client.request(
        route.method, route.path, headers={"Authorization": f"Bearer {token}"}
    )

    assert (answer.status_code, answer.content) == (401, b"")


@pytest.mark.parametrize(
    "route", [it for it in ROUTES if it.access in {Access.SESSION, Access.OPEN}], ids=str
)
async def test_with_the_session_of_a_locked_user(
    client: httpx.AsyncClient, locked: dict[str, str], route: Route
) -> None:
    answer = await client.request(route.method, route.path, headers=locked)

    assert (answer.status_code, answer.content) == (401, b"")


@pytest.mark.parametrize("route", ROUTES, ids=str)
@pytest.mark.parametrize(
    ("header", "code"),
    [("Product-ID", "unknown_product"), ("Correlation-ID", "malformed_correlation_id")],
)
async def test_with_a_malformed_header(
    client: httpx.AsyncClient, session: dict[str, str], route: Route, header: str, code: str
) -> None:
    answer = await client.request(route.method, route.path, headers=session | {header: "x"})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == code


@pytest.mark.parametrize("route", [it for it in ROUTES if str(UUID(int=1)) in it.path], ids=str)
async def test_an_id_of_nothing_is_not_found(
    client: httpx.AsyncClient, session: dict[str, str], route: Route
) -> None:
    malformed = route.path.replace(str(UUID(int=1)), "not-an-id")

    assert (await client.request(route.method, malformed, headers=session)).status_code == 404
    if not route.has_body:
        answer = await client.request(route.method, route.path, headers=session)
        assert (answer.status_code, answer.content) == (404, b"")


_BAD_BODIES = [
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe",
    b'{"a": "\\ud800"}',
    b"[" * 50_000,
    b'{"a": 1e99999999999999999999}',
]
_ODD_BODIES = [
    b"",
    b'{"a": {"b": [1e999999999]}}',
    b'{"a": "\\u0000"}',
    b'{"amount": "NaN", "recipient": 5, "device": [], "identity": "x", "verifications": {}}',
]


@pytest.mark.parametrize("route", [it for it in ROUTES if it.has_body], ids=str)
async def test_bad_bodies(client: httpx.AsyncClient, session: dict[str, str], route: Route) -> None:
    headers = session if route.access is not Access.ANYONE else {}

    for body in _BAD_BODIES:
        answer = await client.request(route.method, route.path, content=body, headers=headers)
        assert answer.status_code == 400, body
        assert answer.json()["errors"][0]["code"] == "malformed_body"
    for body in _ODD_BODIES:
        answer = await client.request(route.method, route.path, content=body, headers=headers)
        assert answer.status_code < 500, body
        if answer.status_code == 422:
            assert all(
                error.keys() == {"field", "code", "message"} for error in answer.json()["errors"]
            )


@pytest.mark.parametrize("route", [it for it in ROUTES if it.has_list], ids=str)
async def test_bad_list_parameters(
    client: httpx.AsyncClient, session: dict[str, str], route: Route
) -> None:
    answer = await client.get(
        f"{route.path}?page=0&limit=101&sort=x:down&filter=nothing:eq:1&search=%07", headers=session
    )

    assert answer.status_code == 422
    wrong = {error["field"] for error in answer.json()["errors"]}
    assert wrong == {"page", "limit", "sort", "filter.nothing", "search"}


@pytest.mark.parametrize("route", [it for it in ROUTES if it.has_list], ids=str)
async def test_every_list_filters_and_sorts_by_its_times(
    client: httpx.AsyncClient, session: dict[str, str], route: Route
) -> None:
    path = route.path
    for field in ("created_at", "updated_at"):
        for operator in ("eq", "gt", "gte", "lt", "lte"):
            asked = f"{path}?filter={field}:{operator}:2018-01-01 12:00:00&sort={field}:asc"
            answer = await client.get(asked, headers=session)
            # A list within an object that is not there is not there either.
            assert answer.status_code == (404 if str(UUID(int=1)) in path else 200)


async def test_what_is_unknown_is_not_found_with_or_without_a_session(
    client: httpx.AsyncClient, session: dict[str, str]
) -> None:
    for headers in (session, {}):
        answer = await client.get(f"/v1/{uuid4()}", headers=headers)
        assert (answer.status_code, answer.content) == (404, b"")
