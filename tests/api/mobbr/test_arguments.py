"""Arguments, read from queries and bodies of each format, and checked in the documented order."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest
from litestar import delete, get, put
from pydantic import AliasChoices, BaseModel, Field

from tests.api.conftest import Shared
from tests.api.mobbr.client import Client, Json, refused, said
from tests.api.serving import mobbr
from whipround.api.bodies import MAX_BODY_BYTES
from whipround.api.fields import Amount, Name, SupportedCurrency, Time
from whipround.api.handling import Reply
from whipround.api.mobbr.call import Access, Request, reply, route
from whipround.api.mobbr.fields import Array, Boolean, PaymentId, Whole

pytestmark = pytest.mark.anyio

FORM = "application/x-www-form-urlencoded"
ID = "302302b4dd1280e2e9a38793de92f210"


class Wanted(BaseModel):
    """Arguments of all types."""

    name: Name = Field(description="…")
    amount: Amount = Field(description="…")
    currency: SupportedCurrency | None = Field(None, description="…")
    is_new: Boolean = Field(True, description="…")
    limit: Whole = Field(100, ge=1, le=1000, description="…")
    since: Time | None = Field(None, description="…")
    ids: Array[PaymentId] = Field([], max_length=3, description="…")
    url: str | None = Field(None, validation_alias=AliasChoices("url", "URL"), description="…")
    kind: str | None = Field(None, validation_alias="type", description="…")
    data: str | dict[str, Any] | None = Field(None, description="…")


async def _shown(request: Request) -> Reply[Json]:
    wanted = await request.arguments(Wanted)
    shown = {name: value for name, value in wanted if name in wanted.model_fields_set}
    return reply(request.call, {**shown, "amount": str(wanted.amount)})


OPT = route(access=Access.PUBLIC, arguments=Wanted)


@get("/api_v1/wanted", opt=OPT)
async def by_get(request: Request) -> Reply[Json]:
    return await _shown(request)


@delete("/api_v1/wanted", status_code=200, opt=OPT)
async def by_delete(request: Request) -> Reply[Json]:
    return await _shown(request)


@put("/api_v1/wanted", status_code=201, opt=OPT)
async def by_put(request: Request) -> Reply[Json]:
    return await _shown(request)


@pytest.fixture(scope="module")
async def client(shared: Shared) -> AsyncIterator[Client]:
    async with mobbr(shared, handlers=[by_get, by_delete, by_put]) as http:
        yield Client(http, shared.db, shared.keyring)


LEAST = {"name": "Ann", "amount": "1"}


async def put_as(client: Client, content_type: str | None, body: str | bytes) -> Any:
    """A body of this type."""
    content = body.encode() if isinstance(body, str) else body
    headers = {} if content_type is None else {"Content-Type": content_type}
    return await client.put("/wanted", content, headers=headers)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("is_new=TRUE", {"is_new": True}),
        ("is_new=0", {"is_new": False}),
        ("limit=007", {"limit": 7}),
        ("limit=", {}),
        ("since=2014-10-28%2001:12", {"since": "2014-10-28T01:12:00Z"}),
        (f"ids={ID}", {"ids": [ID]}),
        (f"ids={ID}&ids={ID.upper()}", {"ids": [ID, ID]}),
        (f"ids[]={ID}&ids%5B%5D=", {"ids": [ID]}),
        (f"ids={ID}&ids[]={ID}", {"ids": [ID, ID]}),
        (f"ids[0]={ID}", {"ids": [ID]}),
        (f"ids%5B0%5D={ID}&ids%5B1%5D={ID}", {"ids": [ID, ID]}),
        ("ids=&ids[]=", {}),
        ("url=x&currency=EUR", {"url": "x", "currency": "EUR"}),
        ("URL=a%26b+c%C3%A9", {"url": "a&b cé"}),
        ("type=x", {"kind": "x"}),
        ('data={"a":1}', {"data": '{"a":1}'}),
    ],
)
async def test_a_query_or_a_form(client: Client, query: str, expected: Json) -> None:
    query = f"{query}&{urlencode(LEAST)}"

    answers = [
        await client.call("GET", f"/wanted?{query}"),
        await client.call("DELETE", f"/wanted?{query}", headers={"Content-Type": "x/y"}),
        await put_as(client, FORM, query),
    ]

    for answer in answers:
        shown = said(answer)
        if expected.get("ids"):
            shown["ids"] = [it.replace("-", "") for it in shown["ids"]]
        assert shown == {**expected, "name": "Ann", "amount": "1.00000000"}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", '{"name": "Ann", "amount": 1.5, "is_new": 1, "limit": 7}'),
        (None, '{"name": "Ann", "amount": "1.50", "is_new": true, "limit": "7", "url": null}'),
        ("Application/JSON; charset=utf-8", '{"name":"Ann","amount":1.5,"is_new":"1","limit":7}'),
        (FORM, "name=Ann&amount=1.5&is_new=true&limit=7"),
        (FORM, ' {"name": "Ann", "amount": 1.5, "is_new": true, "limit": 7}'),
        (f"{FORM}; charset=UTF-8", "name=Ann&amount=1.5&is_new=true&limit=7&url="),
        (
            "text/xml",
            "<a><name>Ann</name><amount>1.5</amount><is_new>true</is_new><limit>7</limit></a>",
        ),
        (
            "application/xml",
            """<a><name>Ann</name><amount type="number">1.5</amount><url type="null"/>
            <is_new type="boolean">true</is_new><limit type="number">7</limit></a>""",
        ),
    ],
)
async def test_a_body(client: Client, content_type: str | None, body: str) -> None:
    shown = said(await put_as(client, content_type, body))

    assert shown == {"name": "Ann", "amount": "1.50000000", "is_new": True, "limit": 7}


async def test_what_is_within_an_argument(client: Client) -> None:
    script = {"title": "x", "participants": [{"id": "a", "share": "1%"}, {"id": "b"}]}
    in_xml = """<request><name>Ann</name><amount>1</amount><data><title>x</title><participants>
        <item><id>a</id><share>1%</share></item><item><id>b</id></item></participants></data>
        </request>"""

    as_json = said(await client.put("/wanted", {**LEAST, "data": script}))
    as_xml = said(await put_as(client, "text/xml", in_xml))

    assert as_json["data"] == as_xml["data"] == script


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ({"x": 1, "amount": "x", "y": 2}, "Unwanted arguments: x, y"),
        ({"names": None}, "Unwanted arguments: names"),
        ({}, "Argument [name] to method [{method} /api_v1/wanted] missing or invalid."),
        (
            {"name": "A", "limit": "x"},
            "Argument [amount] to method [{method} /api_v1/wanted] missing or invalid.",
        ),
        ({"amount": "0"}, "Invalid parameter: amount. Amount must be greater than 0."),
        (
            {"amount": "NaN", "limit": "0"},
            (
                "Invalid parameter: amount. Amount must be a number, such as 20.50."
                " Invalid parameter: limit. Limit must be at least 1."
            ),
        ),
        ({"name": "A\0"}, "Invalid parameter: name. Name must not contain a NUL character."),
        ({"currency": "JPY"}, "Invalid parameter: currency. Currency must be one of "),
        ({"is_new": "yes"}, "Invalid parameter: is_new. Is new must be true or false."),
        ({"limit": ["1", "2"]}, "Invalid parameter: limit. Limit must be a whole number."),
        ({"limit": "1.0"}, "Invalid parameter: limit. Limit must be a whole number."),
        ({"limit": "1" * 30}, "Invalid parameter: limit. "),
        ({"since": "now"}, "Invalid parameter: since. "),
        ({"ids": ["x"]}, "Invalid parameter: ids. Ids[0] must be 32 hexadecimal digits."),
        ({"ids": [ID] * 4}, "Invalid parameter: ids. Ids must have at most 3 items."),
        ({"ids[]": "x" * 32}, "Invalid parameter: ids. "),
        ({"limit[]": "1"}, "Invalid parameter: limit. Limit must be a whole number."),
    ],
)
async def test_what_is_wrong_is_told_in_order(client: Client, sent: Json, text: str) -> None:
    if text.startswith("Invalid"):
        sent = LEAST | sent
    unsent = {name: value for name, value in sent.items() if value is not None}

    answers = {
        "GET": await client.get("/wanted", **unsent) if unsent == sent else None,
        "DELETE": await client.delete("/wanted", **unsent) if unsent == sent else None,
        "PUT": await client.put("/wanted", sent) if not any("[" in name for name in sent) else None,
    }

    for method, answer in answers.items():
        if answer is not None:
            assert refused(answer).startswith(text.replace("{method}", method)), method


@pytest.mark.parametrize("value", [1.5, 1, True, [], {}, ["Ann"], {"a": 1}])
async def test_a_type_that_only_json_has(client: Client, value: object) -> None:
    assert refused(await client.put("/wanted", LEAST | {"name": value})).startswith(
        "Invalid parameter: name. Name must be a string."
    )


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{"),
        ("application/json", b"[]"),
        ("application/json", b"name=Ann"),
        ("application/json", b"\xff"),
        ("application/json", b"[" * 50_000),
        ("application/json", b'{"data":' + b'{"a":' * 990 + b'"\\u0000"' + b"}" * 991),
        (FORM, b"name=%ff"),
        (FORM, b"\xff=1"),
        (FORM, b"a&" * 10_001),
        ("text/xml", b"<a>"),
        ("text/xml", b"<!DOCTYPE a><a/>"),
        ("text/xml", b"<a><name>x</name>y</a>"),
    ],
)
async def test_what_cannot_be_read(client: Client, content_type: str, body: bytes) -> None:
    assert refused(await put_as(client, content_type, body)).startswith("The body is not ")


@pytest.mark.parametrize("query", ["name=%ff", "%ff=1", "name=%ed%a0%80"])
async def test_a_query_that_cannot_be_read(client: Client, query: str) -> None:
    for method in ("GET", "DELETE", "PUT"):
        assert refused(await client.call(method, f"/wanted?{query}"))


@pytest.mark.parametrize(
    "content_type", ["text/plain", "multipart/form-data; boundary=x", "application", "x/json"]
)
async def test_other_formats(client: Client, content_type: str) -> None:
    refusal = await put_as(client, content_type, "{}")

    assert "application/x-www-form-urlencoded" in refused(refusal, 415)
    assert refused(await put_as(client, content_type, b"")).startswith("Argument [name]")


async def test_a_body_that_is_too_large(client: Client) -> None:
    body = b'{"name": "' + b"x" * MAX_BODY_BYTES + b'"}'

    for content_type in ("application/json", "text/xml", FORM):
        assert refused(await put_as(client, content_type, body), 413)


async def test_arguments_have_one_place(client: Client) -> None:
    """A body has no query beside it, and a query no body."""
    refusal = await client.put("/wanted?name=Ann", LEAST)
    shown = await client.call("GET", "/wanted", {"x": 1}, params=LEAST)

    assert refused(refusal) == "Unwanted arguments: name"
    assert said(shown)["name"] == "Ann"


async def test_a_link_may_name_its_product(client: Client, shared: Shared) -> None:
    id_ = str(shared.product.id)

    assert said(await client.get("/wanted", **{"product-id": id_}, **LEAST))["name"] == "Ann"
    refusal = await client.delete("/wanted", **{"product-id": id_}, **LEAST)
    assert refused(refusal) == "Unwanted arguments: product-id"


class Renamed(BaseModel):
    """An argument that is called otherwise."""

    kind: str = Field(validation_alias=AliasChoices("type", "kind"), description="…")


async def test_what_is_missing_is_told_as_it_is_documented(shared: Shared) -> None:
    @put("/api_v1/renamed", opt=route(access=Access.PUBLIC, arguments=Renamed))
    async def renamed(request: Request) -> Reply[str]:
        return reply(request.call, (await request.arguments(Renamed)).kind)

    async with mobbr(shared, handlers=[renamed]) as http:
        client = Client(http, shared.db, shared.keyring)
        refusal = await client.put("/renamed", {"type": None})

    text = "Argument [type] to method [PUT /api_v1/renamed] missing or invalid."
    assert refused(refusal) == text


async def test_many_unwanted_arguments(client: Client) -> None:
    text = refused(await client.put("/wanted", {f"{at}{'x' * 200}": 1 for at in range(500)}))

    assert text.startswith("Unwanted arguments: 0xxx")
    assert len(text) < 3000
