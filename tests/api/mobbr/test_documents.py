"""All that Mobbr's document says there is, is there: every call, argument, sample and value.

Each call is made as it is printed, and answered as it is printed.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.api.conftest import Shared
from tests.api.described import body_of, kinds, operations_of
from tests.api.documents import Endpoint
from tests.api.mobbr.client import Client, Json, refused
from tests.api.mobbr.documents import (
    SPEC,
    Argument,
    Example,
    Taken,
    contents,
    endpoints,
    examples,
    taken,
)
from tests.api.mobbr.printed import scenes
from tests.api.mobbr.printed.comparing import like
from tests.api.mobbr.printed.stage import PASSWORD, PRINTED, SCENES, Stage, play
from tests.api.routes import routes_of
from tests.api.serving import mobbr
from tests.money import EUR, problems
from tests.outside import Outside
from whipround.api.mobbr.app import HANDLERS, create_app
from whipround.api.mobbr.call import Access
from whipround.api.mobbr.openapi import MOBBR
from whipround.api.openapi import document
from whipround.domain import credentials

pytestmark = pytest.mark.anyio

CHAPTERS = (scenes,)
"""The modules that have the scenes."""

PUBLISHED = "9309ea87d0138aec3da45d9cad8bddc709a1de0734fa643597ea1ea66ac26ffb"

EXAMPLES = examples()
TAKEN = taken()

OURS: Mapping[str, Mapping[str, Any]] = {
    "List claimable payments": {"offset": 0, "limit": 100},
    "Revoke unclaimed shares": {"ids": None},
    "Delete pledges": {"share_ids": None},
}
"""The arguments that calls have besides; the document has two calls at one line."""

IS_PUBLIC = {"List payments for URL"}
"""The calls that later revisions let anybody make, beyond those that the document says."""


@pytest.fixture(scope="module")
async def stage(shared: Shared, outside: Outside) -> AsyncIterator[Stage]:
    product = replace(shared.product, currencies=("EUR", "GBP"))
    async with mobbr(shared._replace(product=product), web=outside.web) as http:
        client = Client(http, shared.db, shared.keyring)
        digest = await credentials.hash_password(PASSWORD)
        patrick = await client.join(EUR("2000.00"), username="Patrick", password_hash=digest)
        ernesto = await client.join(username="Ernesto", password_hash=digest)
        yield Stage(client, outside, patrick, ernesto)
    assert await problems(shared.db) == []


def test_the_document_is_as_it_was_published() -> None:
    # Not all of it says something of an answer: where its contents lead, ids, times.
    assert hashlib.sha256(SPEC.encode()).hexdigest() == PUBLISHED


def test_every_request_line_is_routed() -> None:
    routed = {route.endpoint for route in routes_of(create_app())}

    documented = endpoints()

    assert len(documented) == 12
    assert set(documented) - routed == set()


def test_the_contents_are_the_calls_and_say_who_may_make_them() -> None:
    access = {it.endpoint: it.handler.opt.get("access") for it in routes_of(create_app())}

    linked = contents()

    assert [it.name.lower() for it in linked] == [it.title.lower() for it in TAKEN]
    assert all(
        it.title.lower().replace(" ", "-").startswith(to.anchor)
        for it, to in zip(TAKEN, linked, strict=True)
    )
    for call, link in zip(TAKEN, linked, strict=True):
        is_public = link.is_public or call.title in IS_PUBLIC
        assert access[call.endpoint] is (Access.PUBLIC if is_public else Access.PERSON)


# What is taken.


@pytest.fixture(scope="module")
def operations() -> dict[Endpoint, Json]:
    """What the OpenAPI document says of each endpoint."""
    return operations_of(document(HANDLERS, MOBBR))


def arguments_of(operation: Json) -> dict[str, tuple[bool, Any]]:
    """The arguments of a call: whether each is an array, and its default; `...` if it is needed."""
    if "requestBody" in operation:
        body = body_of(operation)
        needed = body.get("required", ())
        found = [(name, name in needed, it) for name, it in body["properties"].items()]
    else:
        parameters = [it for it in operation["parameters"] if it["in"] == "query"]
        found = [(it["name"], it["required"], it["schema"]) for it in parameters]
    return {
        name: (
            "array" in {kind.get("type") for kind in kinds(schema)},
            ... if is_needed else schema.get("default"),
        )
        for name, is_needed, schema in found
    }


@pytest.mark.parametrize("call", TAKEN, ids=str)
def test_the_arguments_are_those_of_the_table(
    call: Taken, operations: dict[Endpoint, Json]
) -> None:
    there = arguments_of(operations[call.endpoint])
    ours = OURS.get(call.title, {})

    assert {name: there.pop(name)[1] for name in ours} == ours
    assert {name.lower(): said for name, said in there.items()} == {
        it.name.lower(): (it.is_array, ... if _is_needed(call, it) else it.value)
        for it in call.arguments
    }


def _is_needed(call: Taken, argument: Argument) -> bool:
    # Of the two calls at one line each needs its own.
    return argument.default is None and call.endpoint.method != "DELETE"


# How it is answered.


def test_every_example_has_its_scene() -> None:
    assert len(EXAMPLES) == 13
    assert {example.title for example in EXAMPLES} == SCENES.keys()


def test_every_curl_calls_what_the_section_is_about() -> None:
    for it in EXAMPLES:
        assert Endpoint(it.curl.method, it.curl.path.partition("?")[0]) == it.endpoint
        assert it.data is None or json.loads(it.data) == json.loads(it.curl.body)
        assert it.curl.headers.get("Authorization", PRINTED) == PRINTED


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
async def test_a_call_is_answered_as_printed(stage: Stage, example: Example) -> None:
    scene = SCENES[example.title]
    part = await scene.prepare(stage)

    answer = await play(stage, part, example)

    assert answer.status_code == scene.status, answer.text
    shown = json.loads(answer.text, parse_float=Decimal)
    assert like(part.free)(shown, part.sample(example)) == []
    if part.is_known:
        refused(await play(stage, replace(part, is_known=False), example), 403)
