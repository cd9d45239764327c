"""What the OpenAPI document says of Memento in particular."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.api.conftest import Shared
from tests.api.described import named
from tests.api.serving import memento
from whipround.api.memento.app import HANDLERS
from whipround.api.memento.openapi import MEMENTO
from whipround.api.openapi import Json, document


@pytest.fixture(scope="module")
def openapi() -> Json:
    return document(HANDLERS, MEMENTO)


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
    secured = {name: operation["security"] for name, operation in named(openapi)}

    assert secured["POST /v1/payments"] == [{"session": []}]
    assert secured["POST /v1/sessions"] == [{"token": []}]
    assert secured["POST /v1/users"] == []
    assert secured["POST /v1/verifications"] == [{}, {"session": []}]


def test_amounts_are_numbers(openapi: Json) -> None:
    schemas = openapi["components"]["schemas"]

    assert schemas["Payment"]["properties"]["amount"]["type"] == "number"
    optional = schemas["Payment"]["properties"]["source_amount"]["oneOf"]
    assert [each["type"] for each in optional] == ["number", "null"]
    assert schemas["FundingSourceBalance"]["properties"]["amount_in"]["type"] == "number"


def test_lists_say_what_they_can_be_asked(openapi: Json) -> None:
    operation = openapi["paths"]["/v1/payments"]["get"]

    [asked] = [it for it in operation["parameters"] if it.get("name") == "filter"]
    assert "`status`: eq, in (open, closed, all)" in asked["description"]
    assert "`created_at`: eq, gt, gte, lt, lte" in asked["description"]


def test_an_empty_answer_has_no_content(openapi: Json) -> None:
    answers = openapi["paths"]["/v1/sessions/verify"]["post"]["responses"]

    assert answers["200"].keys() == {"description", "headers"}


def test_a_key_is_only_taken_by_what_is_done_once(openapi: Json) -> None:
    parameter = {"$ref": "#/components/parameters/Idempotency-Key"}
    keyed = {name for name, operation in named(openapi) if parameter in operation["parameters"]}

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
    for name, operation in named(openapi):
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
