"""All that Memento's documents say there is, is there: every endpoint, and every field.

Each example is sent as it is printed, and answered with at least what the documents have.
"""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from tests.api.conftest import Shared
from tests.api.described import at, body_of, operations_of
from tests.api.documents import Endpoint
from tests.api.memento.client import Json
from tests.api.memento.documents import (
    Documented,
    Example,
    Taken,
    documented_endpoints,
    examples,
    objects,
    taken,
    without,
)
from tests.api.memento.paying import new_account, new_card, said, town
from tests.api.memento.picturing import upload
from tests.api.memento.pooling import collect
from tests.api.memento.printed import money, people, together
from tests.api.memento.printed.comparing import lacks, unlike
from tests.api.memento.printed.stage import SCENES, Stage
from tests.api.routes import routes_of
from tests.money import EUR
from whipround.api.memento.app import HANDLERS, create_app
from whipround.api.memento.openapi import MEMENTO
from whipround.api.openapi import document
from whipround.domain import fx

pytestmark = pytest.mark.anyio

CHAPTERS = (money, people, together)
"""The modules that have the scenes."""

EXAMPLES = examples()
OBJECTS = objects()
TAKEN = taken()

INNER = {
    "bank account",
    "card",
    "contribution option",
    "error",
    "funding source balance",
    "gateway response",
    "image",
    "participation",
    "relationship",
    "validation error",
}
"""The objects that no example answers with: they are in others, or are refusals."""


@pytest.fixture(scope="module")
async def stage(shared: Shared) -> AsyncIterator[Stage]:
    """A town with exchange rates, and the two of the samples."""
    now = datetime.now(UTC)
    async with town(shared) as place:
        async with place.db.transaction() as tx:
            await fx.replace_rates(tx, {"USD": Decimal("1.25")}, published_on=now.date(), now=now)
        john = await place.person(EUR("500.00"), first_name="John", last_name="Dough")
        arnar = await place.person(EUR("500.00"), first_name="Arnar", last_name="Participant")
        yield Stage(place, john, arnar, None)


def test_every_documented_endpoint_is_routed() -> None:
    routed = {route.endpoint for route in routes_of(create_app())}

    documented = documented_endpoints()

    assert len(documented) == 72
    assert set(documented) - routed == set()


@pytest.fixture(scope="module")
def operations() -> dict[Endpoint, Json]:
    """What the OpenAPI document says of each endpoint."""
    return operations_of(document(HANDLERS, MEMENTO))


@pytest.mark.parametrize("wanted", TAKEN, ids=str)
def test_what_is_documented_is_taken(wanted: Taken, operations: dict[Endpoint, Json]) -> None:
    operation = operations[wanted.endpoint]
    described = "\n".join(it.get("description", "") for it in operation["parameters"])

    for attribute in wanted.attributes:
        assert at(body_of(operation), attribute), attribute
    for name, operators in wanted.filters.items():
        [listed] = re.findall(rf"^- `{name}`: ([a-z, ]+)", described, re.MULTILINE)
        assert set(operators) <= set(listed.strip().split(", ")), name


def test_every_example_has_its_scene() -> None:
    assert len(EXAMPLES) == 85
    assert {example.endpoint for example in EXAMPLES} == SCENES.keys()


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
async def test_an_example_is_answered_as_documented(stage: Stage, example: Example) -> None:
    scene = SCENES[example.endpoint]

    answer = await scene.play(replace(stage, printed=example.body))

    assert answer.is_success, answer.text
    shown = json.loads(answer.text or "null", parse_float=Decimal)
    assert unlike(shown, example.answer) == []
    assert shown or scene.shows is None
    for each in shown if isinstance(shown, list) else [shown]:
        for documented in OBJECTS:
            if documented.name == scene.shows:
                assert lacks(each, _as_sent(documented, example)) == []


def _as_sent(documented: Documented, example: Example) -> Documented:
    """The token of the current user is only sent at the sign-up."""
    if documented.name != "current user" or example.endpoint == Endpoint("POST", "/v1/users"):
        return documented
    return without(documented, "token")


def test_what_an_answer_lacks_is_noticed() -> None:
    sample = {"id": 1, "at": "2017-09-04T12:26:43Z", "image": {"id": 2}, "inner": [{"name": "a"}]}
    documented = Documented("thing", sample, {"id": "uuid", "many": "array", "inner": "array"})
    good: Json = {"id": str(UUID(int=1)), "at": "2026-01-15T12:00:00Z", "image": None, "many": []}

    assert lacks({**good, "inner": [{"name": "b", "more": 1}]}, documented) == []
    wrong: Json = {"id": "1", "at": None, "image": {}, "inner": [{"name": "b"}, {"name": 5}]}
    assert [it.split()[0] for it in lacks(wrong, documented)] == [
        "id",
        "many",
        ".at",
        ".image.id",
        ".inner[].name",
    ]


def test_every_object_is_shown_by_an_example_or_below() -> None:
    shown = {scene.shows for scene in SCENES.values()} - {None}

    assert {documented.name for documented in OBJECTS} == shown | INNER


async def test_what_is_in_other_objects_is_as_documented(stage: Stage) -> None:
    john, arnar = stage.john, stage.arnar
    account, card = await john.add(new_account()), await john.add(new_card())
    by_card = await john.paid(arnar, "1.00", funding_source_id=card.rpartition("/")[2])
    transaction = by_card["recipient"]["transaction_id"]
    said(await john.post("/v1/contacts", {"user_id": arnar.id}), 201)
    pool = await collect(john, contribution_options=[{"title": "Option A", "amount": "50.00"}])
    shown = {
        "bank account": said(await john.get(account))["bank_account"],
        "card": said(await john.get(card))["card"],
        "contribution option": pool["contribution_options"][0],
        "error": (await john.pay(arnar, "10000.00")).json()["errors"][0],
        "funding source balance": said(await john.get(john.wallet))["balances"][0],
        "gateway response": said(await john.get(f"/v1/transactions/{transaction}"))[
            "gateway_response"
        ],
        "image": said(await upload(john), 201),
        "participation": pool["participation"],
        "relationship": said(await john.get(f"/v1/users/{arnar.id}"))["relationships"][0],
        "validation error": (await john.post("/v1/payments")).json()["errors"][0],
    }

    assert shown.keys() == INNER
    for documented in OBJECTS:
        if documented.name in INNER:
            assert lacks(shown[documented.name], documented) == []
