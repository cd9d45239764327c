"""The OpenAPI document leaves nothing out, and the page shows what it says."""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from tests.api.conftest import Shared
from tests.api.serving import memento
from whipround.api.memento.app import HANDLERS
from whipround.api.memento.docs import page_of, prose
from whipround.api.memento.openapi import Json, document


@pytest.fixture(scope="module")
def openapi() -> Json:
    return document(HANDLERS)


def _operations(openapi: Json) -> Iterator[tuple[str, Json]]:
    for path, operations in openapi["paths"].items():
        for verb, operation in operations.items():
            yield f"{verb.upper()} {path}", operation


def _schemas(found: Any, where: str) -> Iterator[tuple[str, Json]]:
    """Every object schema in a document, with where it is."""
    if isinstance(found, dict):
        if isinstance(found.get("properties"), dict):
            yield where, found
        for name, inner in found.items():
            yield from _schemas(inner, f"{where}.{name}")
    elif isinstance(found, list):
        for position, inner in enumerate(found):
            yield from _schemas(inner, f"{where}[{position}]")


def _references(found: Any) -> Iterator[str]:
    if isinstance(found, dict):
        if isinstance(found.get("$ref"), str):
            yield found["$ref"]
        for inner in found.values():
            yield from _references(inner)
    elif isinstance(found, list):
        for inner in found:
            yield from _references(inner)


def test_it_is_openapi_3_1(openapi: Json) -> None:
    assert openapi["openapi"].startswith("3.1")
    assert openapi["info"]["title"]
    assert openapi["info"]["description"]


def test_every_field_is_described(openapi: Json) -> None:
    silent = [
        f"{where}.{name}"
        for where, schema in _schemas(openapi, "")
        for name, field in schema["properties"].items()
        if not field.get("description")
    ]

    assert silent == []


def test_every_object_is_described(openapi: Json) -> None:
    schemas = openapi["components"]["schemas"]

    assert [name for name, schema in schemas.items() if not schema.get("description")] == []


def test_every_operation_is_described(openapi: Json) -> None:
    for name, operation in _operations(openapi):
        assert operation["summary"], name
        assert operation["description"], name
        assert operation["tags"], name
        assert "security" in operation, name
        for parameter in operation["parameters"]:
            assert "$ref" in parameter or parameter["description"], name


def test_operations_have_names_of_their_own(openapi: Json) -> None:
    names = [operation["operationId"] for _, operation in _operations(openapi)]

    assert len(names) == len(set(names))


def test_every_operation_lists_its_errors(openapi: Json) -> None:
    for name, operation in _operations(openapi):
        answers = set(operation["responses"])
        expected = {"400", "500", "503"}
        expected |= {"401"} if operation["security"] else set()
        expected |= {"404"} if "{" in name else set()
        expected |= {"413", "422"} if "requestBody" in operation else set()
        assert expected <= answers, name
        for answer in operation["responses"].values():
            assert answer["description"], name


def test_a_payments_errors_are_all_there(openapi: Json) -> None:
    answers = openapi["paths"]["/v1/payments"]["post"]["responses"]

    listed = set(re.findall("`([a-z_]+)`", answers["400"]["description"]))
    assert listed >= {
        "unknown_product",
        "malformed_correlation_id",
        "malformed_idempotency_key",
        "malformed_body",
        "insufficient_funds",
        "invalid_pin",
        "user_locked",
        "blocked",
        "correlation_id_reused",
    }
    assert "in_progress" in answers["409"]["description"]


def test_security(openapi: Json) -> None:
    secured = {name: operation["security"] for name, operation in _operations(openapi)}

    assert secured["POST /v1/payments"] == [{"session": []}]
    assert secured["POST /v1/sessions"] == [{"token": []}]
    assert secured["POST /v1/users"] == []
    assert secured["POST /v1/verifications"] == [{}, {"session": []}]


def test_every_reference_leads_somewhere(openapi: Json) -> None:
    for reference in _references(openapi):
        target: Any = openapi
        for part in reference.removeprefix("#/").split("/"):
            assert part in target, reference
            target = target[part]


def test_amounts_are_numbers(openapi: Json) -> None:
    schemas = openapi["components"]["schemas"]

    assert schemas["Payment"]["properties"]["amount"]["type"] == "number"
    assert schemas["FundingSourceBalance"]["properties"]["amount_in"]["type"] == "number"


def test_lists_say_what_they_can_be_asked(openapi: Json) -> None:
    operation = openapi["paths"]["/v1/payments"]["get"]

    [asked] = [it for it in operation["parameters"] if it.get("name") == "filter"]
    assert "`status`: eq, in (open, closed, all)" in asked["description"]
    assert "`created_at`: eq, gt, gte, lt, lte" in asked["description"]


def test_an_empty_answer_has_no_content(openapi: Json) -> None:
    answers = openapi["paths"]["/v1/sessions/verify"]["post"]["responses"]

    assert answers["200"].keys() == {"description", "headers"}


def test_every_answer_describes_its_headers(openapi: Json) -> None:
    for name, operation in _operations(openapi):
        is_list = any(it.get("name") == "sort" for it in operation["parameters"])
        for status, answer in operation["responses"].items():
            expected = {"Product-ID", "Correlation-ID"}
            expected |= {"Link"} if is_list and status == "200" else set()
            expected |= {"WWW-Authenticate"} if status == "401" else set()
            expected |= {"Content-Language"} if status >= "400" and "content" in answer else set()
            expected |= {"Retry-After"} if status in {"429", "503"} else set()
            assert set(answer["headers"]) == expected, (name, status)


def test_a_key_is_only_taken_by_what_is_done_once(openapi: Json) -> None:
    parameter = {"$ref": "#/components/parameters/Idempotency-Key"}
    keyed = {
        name for name, operation in _operations(openapi) if parameter in operation["parameters"]
    }

    assert keyed == {
        "DELETE /v1/contacts/{contact_id}",
        "DELETE /v1/funding_sources/{funding_source_id}",
        "DELETE /v1/requests/{request_id}",
        "POST /v1/announcement/{announcement_id}/ack",
        "POST /v1/announcements/{announcement_id}/ack",
        "POST /v1/contacts",
        "POST /v1/funding_sources",
        "POST /v1/funding_sources/{funding_source_id}/verify",
        "POST /v1/images",
        "POST /v1/payments",
        "POST /v1/payments/{payment_id}/refund",
        "POST /v1/pools",
        "POST /v1/pools/{pool_id}/close",
        "POST /v1/pools/{pool_id}/export",
        "POST /v1/pools/{pool_id}/invite",
        "POST /v1/pools/{pool_id}/participants",
        "POST /v1/pools/{pool_id}/participants/export",
        "POST /v1/requests",
        "POST /v1/requests/{request_id}/participants/{participant_id}/cancel",
        "POST /v1/requests/{request_id}/participants/{participant_id}/pay",
        "POST /v1/requests/{request_id}/participants/{participant_id}/remind",
        "POST /v1/requests/{request_id}/participants/{participant_id}/settle",
        "POST /v1/requests/{request_id}/pay",
        "POST /v1/requests/{request_id}/reject",
        "POST /v1/users/{user_id}/block",
        "POST /v1/users/{user_id}/unblock",
        "POST /v1/verifications",
        "POST /v1/verifications/{verification_id}/data",
        "PUT /v1/devices/current",
        "PUT /v1/funding_sources/{funding_source_id}",
        "PUT /v1/pools/{pool_id}",
        "PUT /v1/requests/{request_id}",
        "PUT /v1/users",
        "PUT /v1/users/{user_id}",
        "PUT /v1/verifications",
    }
    for name, operation in _operations(openapi):
        answers = operation["responses"]
        assert ("409" in answers) is (name in keyed), name
        for code in ("correlation_id_reused", "malformed_idempotency_key"):
            assert (code in answers["400"]["description"]) is (name in keyed), name


@pytest.mark.parametrize("action", ["block", "unblock"])
def test_who_blocks_themselves_is_told(openapi: Json, action: str) -> None:
    answers = openapi["paths"][f"/v1/users/{{user_id}}/{action}"]["post"]["responses"]

    assert answers["422"]["content"]


@pytest.mark.parametrize(
    ("shape", "field", "values"),
    [
        ("Authentication", "status", ["pending", "approved", "rejected"]),
        ("Authentication", "status_id", [1, 2, 3]),
        ("CurrentUser", "status", ["pending", "active", "locked", "rejected"]),
        (
            "Participant",
            "status",
            ["pending", "paid", "settled", "rejected", "cancelled", "invited"],
        ),
        ("Payment", "fulfillment_status", ["unfulfilled", "fulfilled"]),
        ("Payment", "status", ["open", "closed"]),
        ("Recipient", "status", ["pending", "paid", "cancelled"]),
        ("Request", "fulfillment_status", ["unfulfilled", "partial", "fulfilled"]),
        ("Request", "status", ["open", "closed"]),
        ("Transaction", "status", ["active", "approved", "rejected", "cancelled", "failed"]),
        ("Verification", "status", ["pending", "approved", "rejected", "cancelled", "failed"]),
        ("Verification", "type", ["sms", "email", "call", "passport", "drivers_license"]),
    ],
)
def test_where_there_are_few_values_they_are_listed(
    openapi: Json, shape: str, field: str, values: list[object]
) -> None:
    assert openapi["components"]["schemas"][shape]["properties"][field]["enum"] == values


def test_the_page_shows_every_operation_and_object(openapi: Json) -> None:
    page = page_of(openapi)

    for _, operation in _operations(openapi):
        assert f'id="{operation["operationId"]}"' in page
    for name in openapi["components"]["schemas"]:
        assert f'id="schema-{name}"' in page


def test_the_page_needs_nothing_from_elsewhere_and_no_script(openapi: Json) -> None:
    page = page_of(openapi)

    assert "<script" not in page
    assert "http://" not in page
    assert not re.search(r'(src|href)="(https?:)?//', page)


def test_links_within_the_page_lead_somewhere(openapi: Json) -> None:
    page = page_of(openapi)

    ids = set(re.findall(r'id="([^"]+)"', page))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= ids


def test_prose_is_escaped() -> None:
    assert prose("a <b>\n`c<d`\n\n- x\n- `y`") == (
        "<p>a &lt;b&gt; <code>c&lt;d</code></p><ul><li>x<li><code>y</code></ul>"
    )
    assert prose(None) == ""


@pytest.fixture(scope="module")
async def client(shared: Shared) -> AsyncIterator[httpx.AsyncClient]:
    async with memento(shared) as client:
        yield client


@pytest.mark.anyio
async def test_both_are_served_to_anybody(client: httpx.AsyncClient, openapi: Json) -> None:
    served = await client.get("/v1/openapi.json")
    page = await client.get("/v1/docs")

    assert served.status_code == 200
    assert served.json() == openapi
    assert page.status_code == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "Create a payment" in page.text
