"""What a handler is called with, on handlers made for it: product, headers, session, key, body."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from io import BytesIO
from typing import Annotated, Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest
from litestar import get, post
from litestar.params import FromPath, JSONBody
from pydantic import BaseModel, Field

from tests.api.conftest import Shared
from tests.api.serving import memento
from tests.people import log_in, make_user
from whipround.api.bodies import MAX_BODY_BYTES
from whipround.api.fields import Amount, Name
from whipround.api.handling import Reply
from whipround.api.logs import RequestLog
from whipround.api.memento.call import Access, Request, route
from whipround.api.memento.shapes_base import ID, Shape
from whipround.api.shapes import doc
from whipround.db.request_keys import Answer
from whipround.domain import products
from whipround.domain.products import Product
from whipround.errors import Throttled

pytestmark = pytest.mark.anyio

SOME_ID = "6f1f0c7e-1d5a-4b0e-9a57-2f0a4f6a7b10"


class Seen(Shape):
    """What a handler saw."""

    product: Annotated[str, doc("…")]
    user_id: Annotated[UUID | None, doc("…")]
    bearer: Annotated[str | None, doc("…")]
    locale: Annotated[str, doc("…")]
    key: Annotated[bytes, doc("…")]
    fingerprint: Annotated[bytes, doc("…")]
    remote_address: Annotated[str, doc("…")]
    now: Annotated[datetime, doc("…")]


class Thing(BaseModel):
    amount: Amount = Field(description="…")
    name: Name = Field(description="…")


class ThingShape(Shape):
    id: ID
    name: Annotated[str, doc("…")]


def _seen(request: Request) -> Seen:
    call = request.call
    return Seen(
        product=call.product.name,
        user_id=call.session.user.id if call.session else None,
        bearer=call.bearer,
        locale=call.locale,
        key=call.key.id,
        fingerprint=call.key.fingerprint,
        remote_address=call.remote_address,
        now=call.now,
    )


@post("/v1/session", status_code=200)
async def needs_session(request: Request) -> Reply[Seen]:
    await request.body()
    return Reply(_seen(request))


@post("/v1/open", status_code=200, opt=route(access=Access.OPEN))
async def is_open(request: Request) -> Seen:
    await request.body()
    return _seen(request)


@post("/v1/anyone", status_code=200, opt=route(access=Access.ANYONE))
async def is_for_anyone(request: Request) -> Reply[Seen]:
    await request.body()
    return Reply(_seen(request))


@post("/v1/token", status_code=200, opt=route(access=Access.TOKEN))
async def needs_token(request: Request) -> Reply[Seen]:
    await request.body()
    return Reply(_seen(request))


@post("/v1/things", opt=route(access=Access.ANYONE))
async def create_thing(request: Request, data: JSONBody[Thing]) -> Reply[ThingShape]:
    return Reply(ThingShape(id=uuid4(), name=data.name))


@get("/v1/things/{thing_id:uuid}", opt=route(access=Access.ANYONE))
async def get_thing(request: Request, thing_id: FromPath[UUID]) -> Reply[ThingShape]:
    return Reply(ThingShape(id=thing_id, name="x"))


@get("/v1/empty", opt=route(access=Access.ANYONE))
async def is_empty(request: Request) -> Reply[None]:
    return Reply()


@get("/v1/rendered", opt=route(access=Access.ANYONE))
async def is_rendered(request: Request) -> Reply[Any]:
    return Reply.rendered(Answer(402, b'{"pay":"up"}'))


@get("/v1/slow", opt=route(access=Access.ANYONE))
async def is_throttled(request: Request) -> Reply[None]:
    raise Throttled(retry_after_seconds=9)


@get("/v1/broken", opt=route(access=Access.ANYONE))
async def is_broken(request: Request) -> Reply[None]:
    raise RuntimeError("the wheel came off")


HANDLERS = [
    needs_session,
    is_open,
    is_for_anyone,
    needs_token,
    create_thing,
    get_thing,
    is_empty,
    is_rendered,
    is_throttled,
    is_broken,
]


@pytest.fixture(scope="module")
def lines() -> BytesIO:
    """Where the request log goes."""
    return BytesIO()


@pytest.fixture(scope="module")
def nudges() -> list[None]:
    """A nudge for each request that may have written something."""
    return []


@pytest.fixture(scope="module")
async def client(
    shared: Shared, lines: BytesIO, nudges: list[None]
) -> AsyncIterator[httpx.AsyncClient]:
    log = RequestLog(lines, as_json=True)
    nudge = nudges.append
    async with memento(shared, handlers=HANDLERS, log=log, nudge=lambda: nudge(None)) as client:
        yield client
    log.flush()


async def _token(shared: Shared, now: datetime, **given: Any) -> tuple[str, UUID]:
    user = await make_user(shared.db, keyring=shared.keyring, now=now, **given)
    logged_in = await log_in(shared.db, user, now=now)
    return f"Bearer {logged_in.opened.secret}", user.id


async def _add_product(shared: Shared, now: datetime) -> Product:
    # The products are read anew once a second at most.
    await asyncio.sleep(1.1)
    return await products.add(shared.installation_db, name=f"more_{uuid4().hex[:8]}", now=now)


def _code(answer: httpx.Response) -> str:
    [error] = answer.json()["errors"]
    return str(error["code"])


# The product, and the headers that are echoed.


async def test_both_ids_are_echoed(client: httpx.AsyncClient, shared: Shared) -> None:
    sent = str(uuid4()).upper()

    answers = [
        await client.get("/v1/empty", headers={"Correlation-ID": sent}),
        await client.get("/v1/nothing", headers={"Correlation-ID": sent}),
        await client.post("/v1/session", headers={"Correlation-ID": sent}),
        await client.put("/v1/empty", headers={"Correlation-ID": sent}),
        await client.get("/v1/slow", headers={"Correlation-ID": sent}),
        await client.post("/v1/things", headers={"Correlation-ID": sent}, content=b"{"),
    ]

    assert [answer.status_code for answer in answers] == [200, 404, 401, 405, 429, 400]
    for answer in answers:
        assert answer.headers["Correlation-ID"] == sent
        assert answer.headers["Product-ID"] == str(shared.product.id)


async def test_a_correlation_id_is_made_up_where_none_is_sent(client: httpx.AsyncClient) -> None:
    answers = [await client.get("/v1/empty") for _ in range(2)]

    first, second = (UUID(answer.headers["Correlation-ID"]) for answer in answers)
    assert first != second


@pytest.mark.parametrize("sent", ["", "x", "1234", "{" + SOME_ID + "}", SOME_ID.replace("-", "")])
async def test_a_malformed_correlation_id_is_refused_and_not_echoed(
    client: httpx.AsyncClient, sent: str
) -> None:
    answer = await client.get("/v1/empty", headers={"Correlation-ID": sent})

    assert answer.status_code == 400
    assert _code(answer) == "malformed_correlation_id"
    assert UUID(answer.headers["Correlation-ID"])


async def test_an_unknown_product_is_refused(client: httpx.AsyncClient) -> None:
    unknown, correlation_id = str(uuid4()), str(uuid4())

    answer = await client.get(
        "/v1/empty", headers={"Product-ID": unknown, "Correlation-ID": correlation_id}
    )

    assert answer.status_code == 400
    assert _code(answer) == "unknown_product"
    assert answer.headers["Product-ID"] == unknown
    assert answer.headers["Correlation-ID"] == correlation_id


async def test_a_product_id_that_is_no_uuid_is_unknown_and_not_echoed(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/v1/empty", headers={"Product-ID": "main"})

    assert answer.status_code == 400
    assert _code(answer) == "unknown_product"
    assert "Product-ID" not in answer.headers


async def test_a_product_id_in_capitals_is_the_same(
    client: httpx.AsyncClient, shared: Shared
) -> None:
    answer = await client.get("/v1/empty", headers={"Product-ID": str(shared.product.id).upper()})

    assert answer.status_code == 200


async def test_a_link_may_name_the_product(client: httpx.AsyncClient, shared: Shared) -> None:
    app = client._transport
    async with httpx.AsyncClient(transport=app, base_url=client.base_url) as browser:
        named = await browser.get(f"/v1/empty?page=1&product-id={shared.product.id}")
        unknown = await browser.get(f"/v1/empty?product-id={uuid4()}")

    assert (named.status_code, unknown.status_code) == (200, 400)
    assert named.headers["Product-ID"] == str(shared.product.id)
    assert _code(unknown) == "unknown_product"


async def test_a_product_added_meanwhile_is_found(
    client: httpx.AsyncClient, shared: Shared, now: datetime
) -> None:
    added = await _add_product(shared, now)

    answer = await client.post("/v1/anyone", headers={"Product-ID": str(added.id)})

    assert answer.json()["product"] == added.name


@pytest.mark.parametrize("sent", ["", "x" * 256, "with space", "ü".encode().decode("latin-1")])
async def test_a_malformed_idempotency_key_is_refused(client: httpx.AsyncClient, sent: str) -> None:
    headers = [(b"Idempotency-Key", sent.encode("latin-1"))]

    answer = await client.post("/v1/anyone", headers=headers)

    assert answer.status_code == 400
    assert _code(answer) == "malformed_idempotency_key"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Authorization", "Bearer x"),
        ("Correlation-ID", SOME_ID),
        ("Host", "whipround.test"),
        ("Idempotency-Key", "x"),
        ("Product-ID", SOME_ID),
    ],
)
async def test_what_may_be_sent_once_is_refused_twice(
    client: httpx.AsyncClient, name: str, value: str
) -> None:
    headers = [(name, value), ("X-Other", "1"), (name.lower(), value)]

    answer = await client.post("/v1/anyone", headers=headers)

    assert answer.status_code == 400
    assert _code(answer) == "malformed_request"
    assert UUID(answer.headers["Correlation-ID"])


async def test_other_headers_may_be_repeated(client: httpx.AsyncClient) -> None:
    headers = [("Accept-Language", "is"), ("X-Other", "1"), ("X-Other", "2")]

    answer = await client.post("/v1/anyone", headers=headers)

    assert answer.status_code == 200


# Who is calling.


async def test_a_good_session_opens_everything(
    client: httpx.AsyncClient, shared: Shared, now: datetime
) -> None:
    token, user_id = await _token(shared, now)

    for path in ("/v1/session", "/v1/open"):
        answer = await client.post(path, headers={"Authorization": token.replace("B", "b", 1)})
        assert answer.status_code == 200
        assert answer.json()["user_id"] == str(user_id)


async def test_without_a_credential(client: httpx.AsyncClient) -> None:
    statuses = {
        path: (await client.post(path)).status_code
        for path in ("/v1/session", "/v1/token", "/v1/open", "/v1/anyone")
    }

    assert statuses == {"/v1/session": 401, "/v1/token": 401, "/v1/open": 200, "/v1/anyone": 200}


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer wst_",
        "Bearer wst_" + "x" * 43,
        "Bearer wat_" + "x" * 43,
        "Basic dXNlcjpwYXNz",
        "Token token=x",
        "wst_" + "x" * 43,
        "Bearer wst_ü",
        "Bearer wst_" + "x" * 10_000,
    ],
)
async def test_a_wrong_credential(client: httpx.AsyncClient, sent: str) -> None:
    headers = [(b"Authorization", sent.encode("latin-1"))]

    for path in ("/v1/session", "/v1/open"):
        answer = await client.post(path, headers=headers)
        assert answer.status_code == 401
        assert answer.content == b""
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert (await client.post("/v1/anyone", headers=headers)).status_code in {200, 401}


async def test_an_expired_session_is_none(
    client: httpx.AsyncClient, shared: Shared, now: datetime
) -> None:
    token, _ = await _token(shared, now - timedelta(days=2))

    answer = await client.post("/v1/session", headers={"Authorization": token})

    assert answer.status_code == 401


async def test_a_session_of_another_product_is_none(
    client: httpx.AsyncClient, shared: Shared, now: datetime
) -> None:
    other = await _add_product(shared, now)
    token, _ = await _token(shared, now)

    answer = await client.post(
        "/v1/session", headers={"Authorization": token, "Product-ID": str(other.id)}
    )

    assert answer.status_code == 401


async def test_the_caller_is_asked_for_before_the_body_is_looked_at(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post("/v1/session", content=b"{" * 100)

    assert answer.status_code == 401


async def test_a_token_is_handed_to_the_handler(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/token", headers={"Authorization": "Bearer  anything "})

    assert answer.json()["bearer"] == "anything"


async def test_many_sessions_are_found_at_once(
    client: httpx.AsyncClient, shared: Shared, now: datetime
) -> None:
    made = [await _token(shared, now) for _ in range(5)]

    answers = await asyncio.gather(
        *(client.post("/v1/session", headers={"Authorization": token}) for token, _ in made)
    )

    assert [answer.json()["user_id"] for answer in answers] == [str(user) for _, user in made]


async def test_the_locale_is_the_persons_own_else_the_clients(
    client: httpx.AsyncClient, shared: Shared, now: datetime
) -> None:
    token, _ = await _token(shared, now, locale="is-IS")
    sent = {"Accept-Language": "de-CH, en;q=0.5, es-MX;q=0.7"}

    answers = [
        await client.post("/v1/open", headers=sent | {"Authorization": token}),
        await client.post("/v1/open", headers=sent),
        await client.post("/v1/open", headers={"Accept-Language": "*"}),
    ]

    assert [answer.json()["locale"] for answer in answers] == ["is-IS", "es-MX", "en"]


# The key of a request.


async def _key(
    client: httpx.AsyncClient, path: str, body: bytes = b"{}", **headers: str
) -> tuple[str, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    seen = (await client.post(path, content=body, headers=named)).json()
    return seen["key"], seen["fingerprint"]


async def test_the_same_request_has_the_same_key(
    client: httpx.AsyncClient, shared: Shared, now: datetime
) -> None:
    user = await make_user(shared.db, keyring=shared.keyring, now=now)
    sessions = [(await log_in(shared.db, user, now=now)).opened.secret for _ in range(2)]
    stranger, _ = await _token(shared, now)
    sent, mine = str(uuid4()), f"Bearer {sessions[0]}"

    first = await _key(client, "/v1/open", Correlation_ID=sent, Authorization=mine)
    again = await _key(client, "/v1/open", Correlation_ID=sent.upper(), Authorization=mine)
    later = await _key(
        client, "/v1/open", Correlation_ID=sent, Authorization=f"Bearer {sessions[1]}"
    )
    other_body = await _key(client, "/v1/open", b"{ }", Correlation_ID=sent, Authorization=mine)
    others = [
        await _key(client, "/v1/open", Correlation_ID=sent),
        await _key(client, "/v1/open", Correlation_ID=sent, Authorization=stranger),
        await _key(client, "/v1/session", Correlation_ID=sent, Authorization=mine),
        await _key(client, "/v1/open", Correlation_ID=str(uuid4()), Authorization=mine),
        await _key(client, "/v1/open", Idempotency_Key=sent, Authorization=mine),
        await _key(client, "/v1/open", Authorization=mine),
        await _key(client, "/v1/open", Authorization=mine),
    ]

    assert first == again == later
    assert other_body[0] == first[0]
    assert other_body[1] != first[1]
    assert len({key for key, _ in [first, *others]}) == len(others) + 1


async def test_an_idempotency_key_counts_before_a_correlation_id(
    client: httpx.AsyncClient,
) -> None:
    first, second = [
        await _key(client, "/v1/open", Idempotency_Key="once", Correlation_ID=str(uuid4()))
        for _ in range(2)
    ]

    assert first == second


# Bodies, paths and answers.


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/x-www-form-urlencoded", "text/plain", "multipart/form-data"],
)
async def test_json_is_read_whatever_it_is_called(
    client: httpx.AsyncClient, content_type: str
) -> None:
    answer = await client.post(
        "/v1/things", content=b'{"amount": 1, "name": "x"}', headers={"Content-Type": content_type}
    )

    assert answer.status_code == 201
    assert answer.headers["Content-Type"] == "application/json"


async def test_wrong_fields_are_all_named(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/things", json={"amount": "NaN"})

    assert answer.status_code == 422
    assert [(it["field"], it["code"]) for it in answer.json()["errors"]] == [
        ("amount", "invalid"),
        ("name", "required"),
    ]


async def test_no_body_is_an_empty_one(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/things")

    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == 2


async def test_a_malformed_body(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/things", content=b"[1]")

    assert answer.status_code == 400
    assert _code(answer) == "malformed_body"


async def test_a_body_that_is_too_large(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/things", content=b"{" + b" " * MAX_BODY_BYTES + b"}")

    assert answer.status_code == 413
    assert _code(answer) == "body_too_large"


@pytest.mark.parametrize(
    "path", ["/v1", "/v1/", "/v1/nothing", "/v1/things/1", "/v1/things/x/y", "/v1/things/%00"]
)
async def test_what_is_not_there(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)

    assert answer.status_code == 404
    assert answer.content == b""


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE"])
async def test_a_wrong_method(client: httpx.AsyncClient, method: str) -> None:
    answer = await client.request(method, f"/v1/things/{uuid4()}")

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET"
    assert "Correlation-ID" in answer.headers


async def test_answers_without_content_and_rendered_before(client: httpx.AsyncClient) -> None:
    empty = await client.get("/v1/empty")
    rendered = await client.get("/v1/rendered")

    assert (empty.status_code, empty.content) == (200, b"")
    assert "Content-Type" not in empty.headers
    assert (rendered.status_code, rendered.content) == (402, b'{"pay":"up"}')


async def test_a_failure_says_nothing_and_is_logged(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    sent = str(uuid4())
    with caplog.at_level(logging.ERROR):
        answer = await client.get("/v1/broken", headers={"Correlation-ID": sent})

    assert answer.status_code == 500
    assert answer.json() == {
        "errors": [{"code": "unknown_exception", "message": "An unknown exception occurred."}]
    }
    [record] = caplog.records
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "the wheel came off"
    assert vars(record)["request_id"] == sent


# What is left behind.


async def test_a_request_leaves_one_line_without_secrets(
    client: httpx.AsyncClient, lines: BytesIO, shared: Shared, now: datetime
) -> None:
    token, user_id = await _token(shared, now)
    sent, thing_id = str(uuid4()), uuid4()
    await asyncio.sleep(0.2)
    lines.truncate(0)
    lines.seek(0)
    await client.get(f"/v1/things/{thing_id}?secret=1", headers={"Correlation-ID": sent})
    await client.post("/v1/session", headers={"Authorization": token}, content=b'{"pin": "1234"}')
    await client.get("/v1/nothing", headers={"Product-ID": str(uuid4())})

    await asyncio.sleep(0.2)

    first, second, third = [msgspec.json.decode(line) for line in lines.getvalue().splitlines()]
    assert first.keys() == {
        "timestamp",
        "level",
        "event",
        "request_id",
        "method",
        "path",
        "status",
        "milliseconds",
        "user_id",
    }
    assert first["request_id"] == sent
    assert (first["method"], first["path"], first["status"]) == (
        "GET",
        "/v1/things/{thing_id}",
        200,
    )
    assert (second["status"], second["user_id"]) == (200, str(user_id))
    assert (third["path"], third["status"], third["user_id"]) == ("-", 400, None)
    for secret in (token, str(thing_id), "secret", "1234"):
        assert secret.encode() not in lines.getvalue()


async def test_requests_that_may_write_nudge_the_worker(
    client: httpx.AsyncClient, nudges: list[None]
) -> None:
    nudges.clear()

    await client.get("/v1/empty")
    assert not nudges
    await client.post("/v1/anyone")
    assert len(nudges) == 1
