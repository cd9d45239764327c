"""What the OpenAPI document says of Moneypool in particular."""

import re

import pytest

from tests.api.described import named
from tests.api.moneypool.client import Client
from whipround.api.moneypool.app import HANDLERS
from whipround.api.moneypool.openapi import MONEYPOOL
from whipround.api.openapi import Json, document


@pytest.fixture(scope="module")
def openapi() -> Json:
    return document(HANDLERS, MONEYPOOL)


def _names(operation: Json) -> set[str]:
    """The headers and other parameters of an operation."""
    return {it.get("name") or it["$ref"].rpartition("/")[2] for it in operation["parameters"]}


def test_every_operation_lists_its_headers(openapi: Json) -> None:
    for name, operation in named(openapi):
        is_followed = name.startswith("GET /api/confirmations/")
        expected = {"Product-ID", "Correlation-ID", "Accept-Language"}
        expected |= set() if is_followed else {"Accept"}
        expected |= {"Idempotency-Key"} if "409" in operation["responses"] else set()
        expected |= set(re.findall(r"{(\w+)}", name))
        assert _names(operation) >= expected, name
        assert operation["security"] in ([], [{"token": []}]), name


def test_every_operation_lists_its_errors_in_one_form(openapi: Json) -> None:
    for name, operation in named(openapi):
        answers = operation["responses"]
        expected = {"404"} | ({"406"} if "Accept" in _names(operation) else set())
        assert expected <= set(answers), name
        for status in filter(lambda status: status >= "400", answers):
            content, *pages = answers[status]["content"].values()
            is_followed = name.startswith("GET /api/confirmations/")
            assert len(pages) == (is_followed and status in {"404", "422"}), (name, status)
            assert content["schema"] == {"$ref": "#/components/schemas/Errors"}, (name, status)


def test_what_a_sign_up_needs_and_what_a_form_has_is_listed(openapi: Json) -> None:
    needed = openapi["components"]["schemas"]["NewUser"]["required"]
    update = openapi["paths"]["/api/users/{user_id}"]["patch"]["requestBody"]["content"]
    form = update["multipart/form-data"]["schema"]["properties"]

    assert needed == ["name", "email", "password", "password_confirmation"]
    in_json = openapi["components"]["schemas"]["UserUpdate"]["properties"]
    assert form.keys() == {f"user[{name}]" for name in in_json}
    assert form["user[avatar]"]["format"] == "binary"
    assert form["user[bank]"]["maxLength"] == 100


def test_what_a_payment_can_be_refused_with_is_listed_by_field(openapi: Json) -> None:
    answers = openapi["paths"]["/api/users/{user_id}/mixed_payments"]["post"]["responses"]

    listed = re.findall(r"^- `(\w+)`: (.+)$", answers["422"]["description"], re.MULTILINE)
    assert (
        "wallet_amount",
        "There is not enough money in the account for this and its fee.",
    ) in listed
    assert ("card", "The card or the bank has declined.") in listed


@pytest.mark.anyio
async def test_both_are_served_to_anybody(client: Client, openapi: Json) -> None:
    served = await client.get("/api/openapi.json", headers={"Accept": "*/*"})
    page = await client.get("/api/docs", headers={"Accept": "text/html"})

    assert served.json() == openapi
    assert page.status_code == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "Create a payment request" in page.text
