"""What the OpenAPI document says of Mobbr in particular."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.described import named
from tests.api.mobbr.client import Client
from whipround.api.mobbr.app import HANDLERS
from whipround.api.mobbr.arguments import FORM
from whipround.api.mobbr.openapi import MOBBR
from whipround.api.openapi import Json, document

XML = ("application/xml", "text/xml")


@pytest.fixture(scope="module")
def openapi() -> Json:
    return document(HANDLERS, MOBBR)


def _names(operation: Json) -> set[str]:
    """The headers and other parameters of an operation."""
    return {it.get("name") or it["$ref"].rpartition("/")[2] for it in operation["parameters"]}


def _is_for_browsers(operation: Json) -> bool:
    return not operation["security"]


def _contents(operation: Json) -> Iterator[tuple[str, Json]]:
    """What each answer of an operation is in, by its status."""
    for status, answer in operation["responses"].items():
        if "content" in answer:
            yield status, answer["content"]


def test_every_operation_lists_its_headers(openapi: Json) -> None:
    for name, operation in named(openapi):
        expected = {"Product-ID", "Correlation-ID", "Accept-Language"}
        expected |= set() if _is_for_browsers(operation) else {"Accept", "User-Agent"}
        expected |= {"Idempotency-Key"} if "409" in operation["responses"] else set()
        assert _names(operation) >= expected, name
        assert operation["security"] in ([], [{"basic": []}], [{}, {"basic": []}]), name


def test_every_operation_lists_its_errors_in_one_form(openapi: Json) -> None:
    for name, operation in named(openapi):
        expected = set() if _is_for_browsers(operation) else {"403", "415"}
        assert expected <= set(operation["responses"]), name
        for status, content in _contents(operation):
            assert "application/json" in content or _is_for_browsers(operation), (name, status)
            if status >= "400":
                for kind, each in content.items():
                    if kind == "text/html":
                        assert _is_for_browsers(operation), (name, status)
                        continue
                    assert each["schema"] == {"$ref": "#/components/schemas/Refusal"}, name


def test_pages_are_listed_where_there_are_any(openapi: Json) -> None:
    pages = {
        (name.rpartition("/")[2], status)
        for name, operation in named(openapi)
        for status, content in _contents(operation)
        if "text/html" in content
    }

    assert pages == {
        ("login_link", "200"),
        ("email_link", "200"),
        ("claim_link", "200"),
        ("claim_link", "404"),
        ("oauth_callback", "200"),
        ("oauth_callback", "400"),
    }


def test_only_who_lacks_credentials_is_sure_to_be_asked_for_them(openapi: Json) -> None:
    is_sure = {
        name: "$ref" in operation["responses"]["403"]["headers"]["WWW-Authenticate"]
        for name, operation in named(openapi)
        if "403" in operation["responses"]
    }

    unsure = {name.rpartition("/")[2] for name, it in is_sure.items() if not it}
    assert unsure == {"password_login", "link_login"}


def test_every_answer_is_in_the_envelope_and_in_both_formats(openapi: Json) -> None:
    answered = [
        (name, content)
        for name, operation in named(openapi)
        for status, content in _contents(operation)
        if status < "400" and not _is_for_browsers(operation)
    ]

    assert len(answered) > 20
    for name, content in answered:
        assert set(content) == {"application/json", "application/xml", "text/xml"}, name
        schema: Any = content["application/json"]["schema"]
        assert set(schema["properties"]) == {"result", "message"}, name
        assert all(schema == each["schema"] for each in content.values())


def test_arguments_are_in_the_query_or_in_bodies_of_three_formats(openapi: Json) -> None:
    for name, operation in named(openapi):
        in_query = [it for it in operation["parameters"] if it.get("in") == "query"]
        if name.startswith(("GET ", "DELETE ")):
            assert "requestBody" not in operation, name
        else:
            assert not in_query, name
            content = operation.get("requestBody", {"content": None})["content"]
            assert content is None or set(content) == {"application/json", FORM, *XML}
        for parameter in in_query:
            assert parameter["description"], name
            assert "anyOf" not in parameter["schema"], name


def test_what_a_call_needs_is_listed(openapi: Json) -> None:
    info = openapi["paths"]["/api_v1/payments/info"]["get"]["parameters"]
    needed = {it["name"]: it["required"] for it in info if it.get("in") == "query"}
    revoke = openapi["paths"]["/api_v1/payments/pledged"]["delete"]["parameters"]
    [ids] = [it for it in revoke if it.get("name") == "ids"]

    assert needed == {
        "id": True,
        "include_receivers": False,
        "include_senders": False,
        "include_keywords": False,
    }
    assert (ids["schema"]["type"], ids["style"], ids["explode"]) == ("array", "form", True)


def test_what_a_call_can_be_refused_with_is_listed(openapi: Json) -> None:
    refused = openapi["paths"]["/api_v1/payments/confirm"]["put"]["responses"]["400"]

    listed = re.findall(r"^- (.+)$", refused["description"], re.MULTILINE)
    assert "There is not enough money in the account for this and its fee." in listed
    assert "Unwanted arguments: NAME, NAME" in listed
    assert len(listed) == len(set(listed))


@pytest.mark.anyio
async def test_both_are_served_to_anybody(client: Client, openapi: Json) -> None:
    served = await client.get("/openapi.json")
    page = await client.get("/docs")

    assert served.json() == openapi
    assert page.status_code == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "Confirm payment" in page.text
