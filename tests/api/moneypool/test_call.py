"""What comes before a handler, on handlers made for it: version, caller, path, body."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import uuid4

import httpx
import pytest
from litestar import delete, get, patch, post
from litestar.params import FromPath, JSONBody
from pydantic import BaseModel, Field

from tests.api.conftest import Shared
from tests.api.moneypool.client import Client, log_in, make_person, said, wrong
from tests.api.serving import VERSION, memento, moneypool
from tests.people import log_in as log_in_to_memento
from tests.people import make_user
from whipround.api.fields import Amount, Name
from whipround.api.forms import MAX_FORM_BYTES
from whipround.api.handling import Reply
from whipround.api.moneypool.call import Access, Request, auth_token, once, own, route
from whipround.api.moneypool.errors import Renamed
from whipround.api.moneypool.shapes_base import Shape
from whipround.api.shapes import doc
from whipround.api.writes import REPEATS, answer
from whipround.db.database import Tx
from whipround.db.request_keys import Answer
from whipround.errors import Declined, Invalid, Throttled
from whipround.ledger.transfers import InsufficientFunds

pytestmark = pytest.mark.anyio


class Seen(Shape):
    """What a handler saw."""

    product: Annotated[str, doc("…")]
    user: Annotated[int | None, doc("…")]
    token: Annotated[str | None, doc("…")]
    thing: Annotated[Any, doc("…")] = None


class Inner(BaseModel):
    amount: Amount = Field(description="…")
    name: Name = Field(description="…")


class Thing(BaseModel):
    thing: Inner = Field(description="…")


class Picture(BaseModel):
    avatar: bytes = Field(description="…")
    name: Name | None = Field(None, description="…")


class Profile(BaseModel):
    user: Picture = Field(description="…")


class Late(Declined):
    """It is too late."""


def _seen(request: Request, thing: Any = None) -> Reply[Seen]:
    call = request.call
    number = call.session.user.number if call.session else None
    return Reply(Seen(call.product.name, number, auth_token(call), thing))


@get("/api/bare")
async def says_nothing(request: Request) -> Reply[Seen]:
    return _seen(request)


@get("/api/anyone", opt=route(access=Access.ANYONE))
async def is_for_anyone(request: Request) -> Reply[Seen]:
    return _seen(request)


@get("/api/link/{secret:str}", opt=route(access=Access.ANYONE, is_versioned=False))
async def is_a_link(request: Request, secret: FromPath[str]) -> Reply[Seen]:
    return _seen(request, secret)


@get("/api/users/{user_id:int}", opt=route(is_own=False))
async def is_of_anybody(request: Request, user_id: FromPath[int]) -> Reply[Seen]:
    return _seen(request, user_id)


@delete("/api/users/{user_id:int}/things/{thing_id:int}", status_code=200, opt=route())
async def is_ones_own(request: Request, thing_id: FromPath[int]) -> Reply[Seen]:
    return _seen(request, thing_id)


@post("/api/users/{user_id:int}/things", opt=route(errors=REPEATS))
async def creates(request: Request, user_id: FromPath[int], data: JSONBody[Thing]) -> Reply[Any]:
    call = request.call

    async def act(tx: Tx) -> Answer:
        if data.thing.name == "short":
            raise InsufficientFunds
        if data.thing.name == "taken":
            raise Invalid.field("name", "already_taken", "Name has already been taken")
        return answer(Seen(uuid4().hex, own(call, user_id).number, None), status=201)

    return await once(call, act)


RENAMED: Renamed = {
    "recipient.amount": "amount",
    "recipient.user_id": "user_requested_id",
    Declined: "base",
    InsufficientFunds: "amount",
}


@post("/api/refused/{kind:str}", opt=route(access=Access.ANYONE, renamed=RENAMED))
async def refuses(request: Request, kind: FromPath[str]) -> Reply[None]:
    raise {
        "amount": Invalid.field("recipient.amount", "too_large", "Must be less"),
        "person": Invalid.field("recipient.user_id", "invalid", "Must be somebody else"),
        "funds": InsufficientFunds(),
        "late": Late(),
        "slow": Throttled(retry_after_seconds=9),
    }[kind]


@patch("/api/users/{user_id:int}", opt=route(form=Profile))
async def takes_a_form(request: Request, user_id: FromPath[int]) -> Reply[Seen]:
    profile = await request.read_form(Profile, files=frozenset({"user[avatar]"}))
    return _seen(request, [len(profile.user.avatar), profile.user.name])


HANDLERS = [
    says_nothing,
    is_for_anyone,
    is_a_link,
    is_of_anybody,
    is_ones_own,
    creates,
    refuses,
    takes_a_form,
]


@pytest.fixture(scope="module")
async def client(shared: Shared) -> AsyncIterator[Client]:
    async with moneypool(shared, handlers=HANDLERS) as http:
        yield Client(http, shared.db, shared.keyring)


@pytest.fixture(scope="module")
async def ann(client: Client) -> Client:
    return await client.join()


# The version.


@pytest.mark.parametrize(
    "accept",
    [
        VERSION,
        "application/vnd.moneypool.mx+json;version=1",
        "Application/VND.Moneypool.MX+JSON ; Version=1",
        'application/vnd.moneypool.mx+json; version="1"',
        "text/html, application/vnd.moneypool.mx+json; version=1; q=0.5, */*;q=0.1",
        'text/html; a="x, y", application/vnd.moneypool.mx+json; charset=utf-8; version=1',
    ],
)
async def test_a_version_that_is_ours(client: Client, accept: str) -> None:
    said(await client.get("/api/anyone", headers={"Accept": accept}))


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "application/json",
        "application/*",
        "application/vnd.moneypool.mx+json",
        "application/vnd.moneypool.mx+json; version=",
        "application/vnd.moneypool.mx+json; version=2",
        "application/vnd.moneypool.mx+json; version=1.0",
        "application/vnd.moneypool.mx+json; q=0; version=1",
        "application/vnd.moneypool.mx+json; version=1; q=0.00",
        "application/vnd.moneypool.mx+json, version=1",
        ",;, ;version=1,=",
        f"{'text/html, ' * 3000}{VERSION}",
        "application/vnd.moneypool.mx+xml; version=1",
        'text/html; a="application/vnd.moneypool.mx+json; version=1"',
        'text/html; a=", application/vnd.moneypool.mx+json; version=1',
    ],
)
async def test_a_version_that_is_not_ours(client: Client, accept: str) -> None:
    refused = await client.get("/api/bare", headers={"Accept": accept})

    assert wrong(refused, 406) == {
        "accept": ["must be application/vnd.moneypool.mx+json; version=1"]
    }


async def test_the_version_may_be_in_any_of_several_headers(client: Client) -> None:
    headers = [("Accept", "text/html"), ("Accept", VERSION), ("Accept", "*/*")]

    said(await client.http.get("/api/anyone", headers=headers))


async def test_a_link_needs_no_header_at_all(client: Client, shared: Shared) -> None:
    async with httpx.AsyncClient(
        transport=client.http._transport, base_url=client.http.base_url
    ) as browser:
        product = shared.product
        followed = await browser.get(f"/api/link/x?a=b&product-id={product.id}&c=d")
        unknown = await browser.get(f"/api/link/x?product-id={uuid4()}")

    assert said(followed)["product"] == product.name
    assert followed.headers["Product-ID"] == str(product.id)
    assert list(wrong(unknown, 400)) == ["base"]


async def test_a_header_counts_before_a_link(client: Client, shared: Shared) -> None:
    answer = await client.get(f"/api/link/x?product-id={uuid4()}")

    assert said(answer)["product"] == shared.product.name


# Who is calling.


@pytest.mark.parametrize(
    "form",
    [
        "Token token={}",
        "Token token='{}'",
        'Token token="{}"',
        "token  TOKEN = {}",
        'Token token="{}", nonce="abc"',
    ],
)
async def test_a_good_token(ann: Client, form: str) -> None:
    headers = {"Authorization": form.format(ann.token)}

    seen = said(await ann.get("/api/bare", headers=headers))

    assert (seen["user"], seen["token"]) == (ann.id, ann.token)


@pytest.mark.parametrize(
    "form",
    [
        "",
        "Token",
        "Token {}",
        "Token token=",
        "Token token=''",
        "Token token={}x",
        "Token token='{}",
        "Token nonce={}",
        "Bearer {}",
        "Bearer token={}",
        "Basic {}",
        "{}",
        "Token token=wmp_ü{}",
    ],
)
async def test_a_wrong_token(ann: Client, form: str) -> None:
    headers = [(b"Authorization", form.format(ann.token).encode("latin-1"))]

    refused = await ann.bearing(None).get("/api/bare", headers=headers)

    assert wrong(refused, 401) == {"authorization": ["is invalid"]}
    assert refused.headers["WWW-Authenticate"] == "Token"
    said(await ann.bearing(None).get("/api/anyone", headers=headers))


async def test_nobody_gets_in_without_a_header(client: Client) -> None:
    assert wrong(await client.get("/api/bare"), 401) == {"authorization": ["is invalid"]}


async def test_a_session_of_the_other_dialect_is_none_here_nor_the_reverse(
    client: Client, shared: Shared, now: datetime
) -> None:
    user = await make_user(shared.db, keyring=shared.keyring, now=now)
    ours = (await client.of(user)).token
    theirs = (await log_in_to_memento(shared.db, user, now=now)).opened.secret
    async with memento(shared) as their_client:
        statuses = [
            (await their_client.get("/v1/moments", headers={"Authorization": f"Bearer {it}"}))
            for it in (theirs, ours)
        ]

    assert [it.status_code for it in statuses] == [200, 401]
    said(await client.bearing(ours).get("/api/bare"))
    wrong(await client.bearing(theirs).get("/api/bare"), 401)


async def test_a_token_ends_after_90_days_and_with_its_user(
    client: Client, shared: Shared, now: datetime
) -> None:
    person = await make_person(shared.db, keyring=shared.keyring, now=now)
    late, early = [
        await log_in(shared.db, person.user, now=now - timedelta(days=days)) for days in (91, 89)
    ]

    before = await client.bearing(early).get("/api/bare")
    async with shared.db.transaction() as tx:
        await tx.execute(
            "update users set locked_until = %s where id = %s",
            (now + timedelta(hours=1), person.id),
        )
    locked = await client.bearing(early).get("/api/bare")

    said(before)
    wrong(locked, 401)
    wrong(await client.bearing(late).get("/api/bare"), 401)


# The path.


async def test_what_is_below_another_user_is_not_there(client: Client, ann: Client) -> None:
    bob = await client.join()

    mine = await ann.delete(ann.own("/things/7"))
    others = [
        await ann.delete(bob.own("/things/7")),
        await ann.post(bob.own("/things"), {}),
        await ann.post(bob.own("/things"), b"["),
    ]

    assert said(mine)["thing"] == 7
    assert [wrong(it, 404) for it in others] == [{"base": ["not found"]}] * 3
    assert said(await ann.get(bob.own("")))["thing"] == bob.id


@pytest.mark.parametrize(
    "written", ["0", "-1", "x", "1.0", "1_0", "+7", "07", "٧", str(2**63), "9" * 400, "%00", "7%20"]
)
async def test_what_is_no_id_is_not_there(ann: Client, written: str) -> None:
    for path in (ann.own(f"/things/{written}"), f"/api/users/{written}/things/7"):
        assert wrong(await ann.delete(path), 404) == {"base": ["not found"]}


async def test_what_is_not_there_and_what_cannot_be_done(ann: Client) -> None:
    missing = await ann.get("/api/nothing")
    wrong_method = await ann.call("PUT", "/api/bare")

    assert wrong(missing, 404) == {"base": ["not found"]}
    assert wrong(wrong_method, 405) == {"base": ["Use GET."]}
    assert wrong_method.headers["Allow"] == "GET"
    for path in ("/api/bare", ann.own("/things/7")):
        assert (await ann.call("OPTIONS", path)).status_code == 405


async def test_it_is_asked_for_in_order(client: Client, ann: Client) -> None:
    path = "/api/users/1/things"
    nobody = client.bearing("wmp_x")

    unversioned = await nobody.post(path, b"[", headers={"Accept": "*/*"})
    unknown = await nobody.post(path, b"[")
    anothers = await ann.post("/api/users/999999/things", b"[")
    unreadable = await ann.post(ann.own("/things"), b"[")

    answers = (unversioned, unknown, anothers, unreadable)
    assert [it.status_code for it in answers] == [406, 401, 404, 400]
    assert wrong(unreadable, 400) == {"base": ["The body is not a JSON object."]}


async def test_a_product_without_pesos_has_the_documentation_only(shared: Shared) -> None:
    euros = shared._replace(product=replace(shared.product, currencies=("EUR",)))
    async with moneypool(euros, handlers=HANDLERS) as http:
        answers = [await http.get(path) for path in ("/api/anyone", "/api/link/x")]
        described = await http.get("/api/openapi.json")

    assert [wrong(it, 404) for it in answers] == [{"base": ["not found"]}] * 2
    assert described.status_code == 200


# Bodies.


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (None, {"thing": ["is required"]}),
        ({"thing": 7}, {"thing": ["must be an object"]}),
        ({"thing": {}}, {"amount": ["is required"], "name": ["is required"]}),
        (
            {"thing": {"amount": "0", "name": "x\0"}},
            {"amount": ["must be greater than 0"], "name": ["must not contain a NUL character"]},
        ),
        ({"thing": {"amount": 1, "name": "taken"}}, {"name": ["has already been taken"]}),
        (
            {"thing": {"amount": 1, "name": "short"}},
            {"wallet_amount": ["There is not enough money in the account for this and its fee."]},
        ),
    ],
    ids=["nothing", "no object", "empty", "wrong", "taken", "refused"],
)
async def test_wrong_fields_are_named_without_what_wraps_them(
    ann: Client, body: object, named: dict[str, list[str]]
) -> None:
    assert wrong(await ann.post(ann.own("/things"), body)) == named


async def test_a_write_is_done_once_and_its_refusal_remembered(ann: Client) -> None:
    body = {"thing": {"amount": 1, "name": "x"}}
    short = {"thing": {"amount": 1, "name": "short"}}

    first, again = [await ann.post(ann.own("/things"), body, key="k1") for _ in range(2)]
    other = await ann.post(ann.own("/things"), short, key="k1")
    refused = await ann.post(ann.own("/things"), short, key="k2")
    repeated = await ann.reading("es").post(ann.own("/things"), short, key="k2")

    assert said(first, 201) == said(again, 201)
    assert list(wrong(other)) == ["base"]
    assert wrong(repeated) == wrong(refused)


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("amount", {"amount": ["Must be less"]}),
        ("person", {"user_requested_id": ["Must be somebody else"]}),
        ("funds", {"amount": ["There is not enough money in the account for this and its fee."]}),
        ("late", {"base": ["It is too late."]}),
    ],
)
async def test_a_route_has_its_own_names(
    client: Client, kind: str, named: dict[str, list[str]]
) -> None:
    assert wrong(await client.post(f"/api/refused/{kind}")) == named


async def test_no_answer_is_kept_on_its_way(ann: Client) -> None:
    """There are tokens in them, also where no credential tells a cache to keep off."""
    for got in (
        await ann.get("/api/bare"),
        await ann.get("/api/anyone"),
        await ann.get("/api/nothing"),
        await ann.post(ann.own("/things"), {}),
    ):
        assert got.headers.get_list("cache-control") == ["no-store"]


async def test_who_is_too_fast_is_told_how_long_to_wait(client: Client) -> None:
    refused = await client.post("/api/refused/slow")

    assert list(wrong(refused, 429)) == ["base"]
    assert refused.headers["Retry-After"] == "9"


async def test_a_refusal_is_in_the_callers_language(ann: Client) -> None:
    refused = await ann.reading("es").post(ann.own("/things"), {"thing": {"amount": 1}})

    assert wrong(refused) == {"name": ["dato obligatorio"]}
    assert refused.headers["Content-Language"] == "es"


# Forms.


@pytest.mark.parametrize("name", ["Ann", None])
async def test_a_form_with_a_file(ann: Client, name: str | None) -> None:
    files = {"user[avatar]": ("a.png", b"\x00\x01\xff", "image/png")}
    data = {"user[name]": name or "", "other": "x"}

    answer = await ann.patch(ann.own(""), files=files, data=data)

    assert said(answer)["thing"] == [3, name]


async def test_the_same_as_json(ann: Client) -> None:
    large = "x" * 2_000_000

    answer = await ann.patch(ann.own(""), {"user": {"avatar": large, "name": "Ann"}})

    assert said(answer)["thing"] == [2_000_000, "Ann"]


async def test_a_wrong_form(ann: Client) -> None:
    files = {"user[name]": (None, "x" * 101)}
    too_large = b"{" + b" " * MAX_FORM_BYTES

    named = wrong(await ann.patch(ann.own(""), files=files))
    unwrapped = wrong(await ann.patch(ann.own(""), files={"name": (None, "x")}))
    broken = await ann.patch(
        ann.own(""), b"x", headers={"Content-Type": "multipart/form-data; boundary=y"}
    )

    assert list(named) == ["avatar", "name"]
    assert unwrapped == {"user": ["is required"]}
    assert list(wrong(broken, 400)) == ["base"]
    assert list(wrong(await ann.patch(ann.own(""), too_large), 413)) == ["base"]
