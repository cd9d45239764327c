"""What comes before a handler, on handlers made for it: client, format, caller; and its answers."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import uuid4

import pytest
from litestar import delete, get, post, put
from pydantic import BaseModel, Field

from tests.api.conftest import Shared
from tests.api.mobbr.client import Client, basic, log_in, refused, said, told
from tests.api.serving import mobbr
from tests.people import log_in as log_in_to_memento
from whipround.api.fields import Amount, Name
from whipround.api.handling import Reply
from whipround.api.mobbr.call import (
    Access,
    Request,
    answered,
    hosts_of,
    once,
    people_of,
    reply,
    route,
)
from whipround.api.mobbr.fields import Array, Whole
from whipround.api.mobbr.shapes_base import Shape
from whipround.api.shapes import doc
from whipround.api.writes import REPEATS
from whipround.db.database import Tx
from whipround.db.request_keys import Answer
from whipround.domain import credentials, sessions
from whipround.domain.sessions import UNUSED_LIFE
from whipround.errors import Declined, Invalid, Message, Throttled
from whipround.ledger.transfers import InsufficientFunds

pytestmark = pytest.mark.anyio

MISSING = "The credential is missing, unknown or expired."


class Seen(Shape):
    """What a handler saw."""

    user: Annotated[str | None, doc("…")]
    thing: Annotated[Any, doc("…")] = None


class Thing(BaseModel):
    """A thing."""

    amount: Amount = Field(description="…")
    name: Name = Field("thing", description="…")


class Things(BaseModel):
    """Some things."""

    ids: Array[Whole] = Field(description="…")


class Late(Declined):
    """It is too late."""


def _seen(request: Request, thing: Any = None) -> Reply[Seen]:
    call = request.call
    return reply(call, Seen(call.session.user.username if call.session else None, thing))


@get("/api_v1/bare")
async def says_nothing(request: Request) -> Reply[Seen]:
    return _seen(request)


@get("/api_v1/public", opt=route(access=Access.PUBLIC))
async def is_public(request: Request) -> Reply[Seen]:
    return _seen(request)


@get("/api_v1/anyone", opt=route(access=Access.ANYONE))
async def is_for_anyone(request: Request) -> Reply[Seen]:
    return _seen(request)


@get("/api_v1/where", opt=route(access=Access.PUBLIC))
async def says_where_people_are(request: Request) -> Reply[list[str]]:
    return reply(request.call, [people_of(request.call), *sorted(hosts_of(request.call))])


@post("/api_v1/things", opt=route(arguments=Thing, errors=REPEATS))
async def creates(request: Request) -> Reply[Any]:
    call, thing = request.call, await request.arguments(Thing)

    async def act(tx: Tx) -> Answer:
        if thing.name == "short":
            raise InsufficientFunds
        if thing.name == "taken":
            raise Invalid.field("label", "already_taken", "Name has already been taken")
        message = Message.counted("{count} item", "{count} items", count=2)
        return answered(call, Seen(uuid4().hex), message, kind="warning")

    return await once(call, act)


@delete("/api_v1/things", status_code=200, opt=route(arguments=Things, errors=REPEATS))
async def deletes(request: Request) -> Reply[Any]:
    call, things = request.call, await request.arguments(Things)

    async def act(tx: Tx) -> Answer:
        return answered(call, Seen(uuid4().hex, things.ids))

    return await once(call, act)


@put("/api_v1/nothing", status_code=201, opt=route())
async def takes_nothing(request: Request) -> Reply[None]:
    return reply(request.call, None, "Done", kind="info")


@put("/api_v1/refused", status_code=201, opt=route(access=Access.PUBLIC, renamed={"label": "url"}))
async def refuses(request: Request) -> Reply[None]:
    raise {
        "field": Invalid.field("label", "invalid", "Label must be short"),
        "inner": Invalid.field("ids[3].x", "invalid", "Must be short."),
        "late": Late(),
        "slow": Throttled(retry_after_seconds=9),
    }[request.call.headers[b"x-kind"].decode()]


HANDLERS = [
    says_nothing,
    is_public,
    is_for_anyone,
    says_where_people_are,
    creates,
    deletes,
    takes_nothing,
    refuses,
]


@pytest.fixture(scope="module")
async def client(shared: Shared) -> AsyncIterator[Client]:
    async with mobbr(shared, handlers=HANDLERS) as http:
        yield Client(http, shared.db, shared.keyring)


@pytest.fixture(scope="module")
async def ann(client: Client) -> Client:
    return await client.join()


# The client.


@pytest.mark.parametrize("agent", [None, "", " "])
async def test_a_client_says_what_it_is(ann: Client, agent: str | None) -> None:
    request = ann.http.build_request("GET", "/api_v1/bare")
    del request.headers["User-Agent"]
    if agent is not None:
        request.headers["User-Agent"] = agent

    assert refused(await ann.http.send(request)) == "A request needs a User-Agent."


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/*;q=0.1", "application/json"),
        ("application/json; charset=utf-8", "application/json"),
        ("text/html, application/xml;q=0.9, */*;q=0.8", "application/xml; charset=utf-8"),
        ("application/xml, application/json", "application/json"),
        ("Application/XML", "application/xml; charset=utf-8"),
        ("text/xml", "text/xml; charset=utf-8"),
        ("application/json;q=0, */*", "application/xml; charset=utf-8"),
    ],
)
async def test_an_answer_is_in_the_format_that_is_liked_best(
    client: Client, accept: str | None, content_type: str
) -> None:
    request = client.http.build_request("GET", "/api_v1/public")
    del request.headers["Accept"]
    if accept is not None:
        request.headers["Accept"] = accept

    answer = await client.http.send(request)

    assert answer.headers["Content-Type"] == content_type
    assert answer.status_code == 200
    assert answer.text.startswith("<?xml" if "xml" in content_type else "{")


@pytest.mark.parametrize("accept", ["text/html", "text/*;q=0, image/png", "*/*;q=0", ";,", "xml"])
async def test_a_format_that_there_is_not(client: Client, accept: str) -> None:
    refusal = await client.call("GET", "/bare", headers={"Accept": accept})

    assert "application/json or application/xml" in refused(refusal, 415)
    assert refusal.headers["Content-Type"] == "application/json"


async def test_all_answers_are_in_the_format(client: Client, shared: Shared) -> None:
    headers = {"Accept": "application/xml"}
    unknown = {**headers, "Product-ID": str(uuid4())}

    answers = [
        await client.call("GET", "/nowhere", headers=headers),
        await client.call("GET", "/bare", headers=headers),
        await client.call("POST", "/bare", headers=headers),
        await client.call("GET", "/bare", headers=unknown),
        await client.call("GET", "/public", params={"x": "\0"}, headers=headers),
    ]

    assert [it.status_code for it in answers] == [404, 403, 405, 400, 400]
    for each in answers:
        assert each.headers["Content-Type"] == "application/xml; charset=utf-8"
        assert "<type>error</type>" in each.text


# Who is calling.


async def test_a_token_or_a_password(client: Client, ann: Client) -> None:
    password = "smörgås: räksmörgås"
    hash_ = await credentials.hash_password(password)
    bob = await client.join(password_hash=hash_)
    headers = {"Authorization": basic(bob.username, password)}

    by_token = said(await ann.get("/bare"))
    by_password = said(await client.call("GET", "/bare", headers=headers))

    assert (by_token["user"], by_password["user"]) == (ann.username, bob.username)


@pytest.mark.parametrize(
    "form",
    [
        "",
        "Basic",
        "Basic x",
        "Basic {}",
        "Basic OnhYeA==",
        "Basic Og==",
        "Basic //79",
        "Basic eA==",
        "Bearer {}",
        "Token token={}",
        "Basic OnhYeA== x",
        "Basic \xff",
    ],
)
async def test_what_is_no_credential(client: Client, ann: Client, form: str) -> None:
    headers = {"Authorization": form.format(ann.token).encode("latin-1")}

    for path in ("/bare", "/public"):
        refusal = await client.call("GET", path, headers=headers)
        assert refused(refusal, 403) == MISSING
        assert refusal.headers["WWW-Authenticate"] == 'Basic realm="Whipround", charset="UTF-8"'
    assert said(await client.call("GET", "/anyone", headers=headers))["user"] is None


async def test_tokens_that_are_not_good(client: Client, ann: Client) -> None:
    now = datetime.now(UTC)
    locked = await client.join()
    async with client.db.transaction() as tx:
        sql = "update users set locked_until = %s where id = %s"
        await tx.execute(sql, (now + timedelta(hours=1), locked.person.id))
        moneypool = await sessions.open_login(tx, user_id=ann.person.id, now=now)
    memento = await log_in_to_memento(client.db, ann.person.user, now=now)
    tokens = (
        await log_in(client.db, ann.person.user, now=now - UNUSED_LIFE),
        locked.token,
        moneypool.secret,
        memento.opened.secret,
        memento.token.secret,
        f"{ann.token}x",
    )

    for token in tokens:
        for path in ("/bare", "/public"):
            assert refused(await client.bearing(token).get(path), 403) == MISSING
    assert refused(await client.get("/bare"), 403) == MISSING
    assert said(await client.get("/public"))["user"] is None


# In order.


async def test_what_is_wrong_is_told_in_order(client: Client, ann: Client) -> None:
    """First what sends it, then the format, who is calling, and the arguments."""
    wrong = {"User-Agent": "", "Accept": "text/html", "Authorization": "x", "Content-Type": "x/y"}
    right = {"User-Agent": "x", "Accept": "*/*", "Authorization": basic("", ann.token or "")}

    statuses = []
    for given in ((), ("User-Agent",), ("User-Agent", "Accept"), tuple(right)):
        headers = wrong | {name: right[name] for name in given}
        answer = await client.call("POST", "/things", b"{", headers=headers)
        statuses.append(answer.status_code)

    assert statuses == [400, 415, 403, 415]


async def test_what_is_not_there_and_what_cannot_be_done(ann: Client) -> None:
    assert refused(await ann.get("/nowhere"), 404)
    wrong_method = await ann.put("/bare")
    assert refused(wrong_method, 405) == "Use GET."
    assert wrong_method.headers["Allow"] == "GET"
    assert (await ann.call("OPTIONS", "/bare")).status_code == 405


async def test_a_route_without_arguments_takes_none(ann: Client) -> None:
    assert refused(await ann.get("/bare", x=1)) == "Unwanted arguments: x"
    assert refused(await ann.put("/nothing", {"a": 1, "b": 2})) == "Unwanted arguments: a, b"
    assert refused(await ann.put("/nothing?c=1")) == "Unwanted arguments: c"
    for body in (b"", b"{}"):
        assert told(await ann.put("/nothing", body)) == "Done"


# Answers.


async def test_a_write_is_done_once_and_its_refusal_remembered(ann: Client) -> None:
    body, short = {"amount": "1"}, {"amount": "1", "name": "short"}

    first, again = [await ann.post("/things", body, key="k1") for _ in range(2)]
    other = await ann.post("/things", short, key="k1")
    late = await ann.post("/things", short, key="k2")
    repeated = await ann.reading("es").post("/things", short, key="k2")
    in_xml = await ann.post("/things", body, key="k1", headers={"Accept": "text/xml"})

    assert said(first) == said(again)
    assert json.loads(first.text)["message"] == {"text": "2 items", "type": "warning"}
    assert refused(other) != refused(late)
    assert refused(repeated) == refused(late)
    assert (in_xml.status_code, said(first)["user"] in in_xml.text) == (201, True)


async def test_what_a_delete_asks_for_is_what_makes_it_the_same(ann: Client) -> None:
    headers = {"Idempotency-Key": "d1"}

    first = await ann.call("DELETE", "/things", params={"ids": [1, 2]}, headers=headers)
    again = await ann.call("DELETE", "/things", params={"ids": [1, 2]}, headers=headers)
    other = await ann.call("DELETE", "/things", params={"ids": [1, 3]}, headers=headers)

    assert said(first) == said(again)
    assert said(first)["thing"] == [1, 2]
    assert refused(other)


@pytest.mark.parametrize(
    ("kind", "status", "text"),
    [
        ("field", 400, "Invalid parameter: url. Label must be short."),
        ("inner", 400, "Invalid parameter: ids. Must be short."),
        ("late", 400, "It is too late."),
        ("slow", 429, "There were too many attempts; try again later."),
    ],
)
async def test_why_it_was_refused(client: Client, kind: str, status: int, text: str) -> None:
    refusal = await client.put("/refused", headers={"X-Kind": kind})

    assert refused(refusal, status) == text
    assert refusal.headers.get("Retry-After") == ("9" if kind == "slow" else None)


async def test_a_message_is_in_the_callers_language(ann: Client) -> None:
    refusal = await ann.reading("es").post("/things", {"amount": "0"})

    assert refused(refusal) == "Parámetro no válido: amount. Monto: debe ser mayor que 0."
    assert refusal.headers["Content-Language"] == "es"


async def test_where_people_are(client: Client) -> None:
    assert said(await client.get("/where")) == ["https://pictures.test/#/person/", "pictures.test"]


async def test_the_documentation_needs_nothing(client: Client, shared: Shared) -> None:
    async with mobbr(shared) as http:
        for path in ("docs", "openapi.json"):
            request = http.build_request("GET", f"/api_v1/{path}")
            del request.headers["User-Agent"]
            request.headers["Accept"] = "image/png"
            assert (await http.send(request)).status_code == 200
