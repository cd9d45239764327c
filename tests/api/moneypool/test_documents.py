"""All that Moneypool's document says there is, is there: every endpoint, field, and type.

Each call is made as it is printed, and answered as it is printed.
"""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from tests.api.conftest import Shared
from tests.api.described import at, body_of, kinds, operations_of
from tests.api.documents import Endpoint, replaced
from tests.api.faces import faces
from tests.api.moneypool.client import Json, said, wrong
from tests.api.moneypool.documents import (
    SPEC,
    Documented,
    Example,
    Taken,
    endpoints,
    examples,
    history_types,
    introductory,
    objects,
    taken,
)
from tests.api.moneypool.printed import money, people
from tests.api.moneypool.printed.comparing import lacks, unlike
from tests.api.moneypool.printed.stage import CLABE, SCENES, Part, Stage, play
from tests.api.routes import routes_of
from tests.money import MXN, nothing_moving
from whipround.api.moneypool.app import HANDLERS, create_app
from whipround.api.moneypool.openapi import MONEYPOOL
from whipround.api.openapi import document

pytestmark = pytest.mark.anyio

CHAPTERS = (money, people)
"""The modules that have the scenes."""

EXAMPLES = examples()
TAKEN = taken()
[REQUEST, HISTORY] = objects()

RULES: Mapping[str, Any] = {
    "Must be a valid email address format.": "john",
    "Must be at least 6 digits long.": "12345",
    "It must match the password parameter.": "foobar124",
    "User's bank account **clabe** number, 18 digit long.": CLABE[:-1],
    "This amount can't be greater than the amount available in the user's wallet.": "1000000.0",
    "The payment method, for this payment the value must be": "cash",
}
"""What the tables say that a parameter has to be, and what is not so."""


@pytest.fixture(scope="module")
async def stage(shared: Shared) -> AsyncIterator[Stage]:
    async with faces(shared) as town:
        john = await town.join(MXN("5000.00"), name="John Doe")
        andy = await town.join(MXN("5000.00"), name="Andy Peterson")
        yield Stage(town, john, andy)


def test_every_documented_endpoint_is_routed() -> None:
    routed = {route.endpoint for route in routes_of(create_app())}

    documented = endpoints()

    assert len(documented) == 18
    assert set(documented) - routed == set()


def test_no_call_contradicts_the_line_below_it() -> None:
    assert [it.title for it in EXAMPLES if it.curl.endpoint != it.endpoint] == []


def test_every_example_has_its_scene() -> None:
    assert len(EXAMPLES) == 15
    assert {example.title for example in EXAMPLES} == SCENES.keys()


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
async def test_a_call_is_answered_as_printed(stage: Stage, example: Example) -> None:
    scene = SCENES[example.title]

    answer = await play(await scene.prepare(stage), example)

    shown = said(answer, scene.status)
    assert (shown is None) == (example.answer is None)
    assert example.answer is None or unlike(shown, example.answer) == []


async def test_any_call_says_its_version_and_who_makes_it(stage: Stage) -> None:
    token, version = introductory()
    asked = [token.headers, version.headers, {**token.headers, **version.headers}]
    [profile] = [it for it in EXAMPLES if it.title == "Get a User"]
    endpoint, body, answer = profile.endpoint, profile.curl, profile.answer

    statuses = [
        await play(
            Part(stage.john),
            Example("", endpoint, body._replace(headers=headers), answer),
        )
        for headers in asked
    ]

    assert [it.status_code for it in statuses] == [406, 401, 200]


# What is taken.


@pytest.fixture(scope="module")
def operations() -> dict[Endpoint, Json]:
    """What the OpenAPI document says of each endpoint."""
    return operations_of(document(HANDLERS, MONEYPOOL))


@pytest.mark.parametrize("wanted", TAKEN, ids=str)
def test_every_parameter_is_taken(wanted: Taken, operations: dict[Endpoint, Json]) -> None:
    body = body_of(operations[wanted.endpoint])

    for name, told in wanted.parameters.items():
        found = [kind for each in at(body, name) for kind in kinds(each)]
        assert found, name
        assert not told.kind or told.kind in {each.get("type") for each in found}, name


def ruled(wanted: Taken) -> dict[str, Any]:
    """The parameters of which a table says what they have to be, each with what is not so."""
    return {
        name: bad
        for name, told in wanted.parameters.items()
        for rule, bad in RULES.items()
        if rule in told.meaning
    }


def test_every_rule_of_the_tables_is_known() -> None:
    told = {
        f"{wanted}: {name}"
        for wanted in TAKEN
        for name, told in wanted.parameters.items()
        if re.search(r"\bmust\b|\bcan't\b|\blong\b", told.meaning, re.IGNORECASE)
    }

    assert told == {f"{wanted}: {name}" for wanted in TAKEN for name in ruled(wanted)}
    assert len(told) == 11


@pytest.mark.parametrize("wanted", [it for it in TAKEN if ruled(it)], ids=str)
async def test_what_is_not_as_a_table_has_it_is_refused(stage: Stage, wanted: Taken) -> None:
    [example] = [it for it in EXAMPLES if it.title == wanted.title]
    part = await SCENES[wanted.title].prepare(stage)

    async with nothing_moving(stage.faces.db):
        for path, bad in ruled(wanted).items():
            name = path.rpartition(".")[2]
            values = {**part.values, name: bad}
            assert name in wrong(await play(part._replace(values=values), example)), path


@pytest.mark.parametrize("method", ["card", "wallet", "mixed"])
async def test_a_payment_by_any_method_that_a_table_has(stage: Stage, method: str) -> None:
    [wanted] = [it for it in TAKEN for told in it.parameters.values() if told.choices == [method]]
    [example] = [it for it in EXAMPLES if it.title == wanted.title]
    pool = await money.invited(stage, stage.john, least="1.00")

    to_somebody = Part(stage.john, values={"payment_method": method})
    body = replaced(example.curl.body, {"payment_method": method})
    del body["payment"]["new_email"]
    body["payment"]["pool_id"] = pool.pool_id
    to_pool = Example("", example.endpoint, example.curl._replace(body=body), example.answer)

    for part, call in ((to_somebody, example), (Part(stage.john), to_pool)):
        made = said(await play(part, call), 201)
        assert unlike(made, example.answer) == []
        assert made["payment"]["payment_method"] == method


# What is shown.


async def test_every_attribute_of_payment_requests_is_shown(stage: Stage) -> None:
    await SCENES["List Payment Requests"].prepare(stage)
    listed = await money.waiting(stage.john)
    not_of = {
        "to_user": {"liability_id"},
        "from_user": {"liability_id"},
        "pool": {"party_email", "rejected"},
    }

    assert {it["type"] for it in listed} == set(REQUEST.attributes["type"].choices)
    for each in listed:
        but = not_of[each["type"]]
        assert lacks(each, REQUEST, but=but) == []
        assert not but & each.keys()
    [example] = [it for it in listed if it["type"] == "to_user"][:1]
    assert unlike(example, REQUEST.sample) == []


async def test_every_type_of_payment_is_in_the_history(stage: Stage) -> None:
    ann = await money.everything(stage)

    listed = await money.history(ann)

    shown: dict[str, set[str]] = {"income": set(), "outcome": set()}
    for each in listed:
        [(direction, payment)] = each.items()
        shown[direction].add(payment["type"])
        assert lacks(payment, HISTORY) == []
        [sample] = [it[direction] for it in HISTORY.sample["history"] if direction in it]
        assert unlike(payment, sample, direction) == []
    assert shown == {direction: set(kinds) for direction, kinds in history_types().items()}
    times = [payment["created_at"] for each in listed for payment in each.values()]
    assert times == sorted(times, reverse=True)


# What would be noticed.


def test_a_document_that_says_more_would_be_noticed() -> None:
    added = SPEC + "\n## New\n\n### HTTP Request\n\n`PUT https://moneypool.mx/api/news/:news_id`\n"
    assert set(endpoints(added)) - set(endpoints()) == {Endpoint("PUT", "/api/news/{id}")}

    row = "id | integer | Id of payment request or pool\n"
    [request, _] = objects(SPEC.replace(row, f"{row}colour | string | New\n"))
    assert lacks(dict(request.sample, liability_id=1), request) == ["colour is None, not a string"]

    row = "wallet_to_pool | A **transfer**"
    types = history_types(SPEC.replace(row, f"stamps_to_pool | New\n{row}"))
    assert set(types["outcome"]) - set(history_types()["outcome"]) == {"stamps_to_pool"}

    row = "description | string | A brief"
    [wanted] = [it for it in taken(SPEC.replace(row, f"new | string |\n{row}")) if "new" in it[2]]
    assert wanted.title == "Create a Payment Request"


def test_what_an_answer_lacks_is_noticed() -> None:
    sample: Json = {
        "id": 1,
        "amount": "1.5",
        "at": "2014-11-13T23:54:15.105-06:00",
        "url": "https://a",
    }
    shown: Json = {**sample, "amount": "1.0", "url": "", "at": "2026-07-01T00:00:00.000-06:00"}
    assert unlike(shown, sample) == []
    assert lacks(shown, Documented("", {}, {})) == []

    for name, bad in {
        "id": "1",
        "amount": "1.50",
        "at": "2026-07-01T00:00:00.000-05:00",
        "url": None,
        "more": 1,
    }.items():
        assert [it.split()[0] for it in unlike(shown | {name: bad}, sample)] == [f".{name}"]
    assert [it.split()[0] for it in unlike({}, sample)] != []
    assert unlike([{"type": "a", "id": 1}], [{"type": "a", "id": 1}, {"type": "b"}], "") != []
