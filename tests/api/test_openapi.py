"""The OpenAPI document of each dialect leaves nothing out, and its page shows what it says."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.api.described import body_of, kinds, named, operations_of
from whipround.api.docs import page_of
from whipround.api.memento.app import HANDLERS as MEMENTO_HANDLERS
from whipround.api.memento.openapi import MEMENTO
from whipround.api.mobbr.app import HANDLERS as MOBBR_HANDLERS
from whipround.api.mobbr.openapi import MOBBR
from whipround.api.moneypool.app import HANDLERS as MONEYPOOL_HANDLERS
from whipround.api.moneypool.openapi import MONEYPOOL
from whipround.api.openapi import Dialect, Json, document
from whipround.errors import DomainError, Invalid, Unauthenticated


class Described(NamedTuple):
    """The document of a dialect, and its page."""

    openapi: Json
    page: str
    dialect: Dialect

    def status_of(self, kind: type[DomainError]) -> str:
        return str(self.dialect.status_of(kind))

    @property
    def schemas(self) -> Json:
        found: Json = self.openapi["components"]["schemas"]
        return found


@pytest.fixture(
    scope="module",
    params=[
        (MEMENTO_HANDLERS, MEMENTO),
        (MONEYPOOL_HANDLERS, MONEYPOOL),
        (MOBBR_HANDLERS, MOBBR),
    ],
    ids=["memento", "moneypool", "mobbr"],
)
def described(request: pytest.FixtureRequest) -> Described:
    handlers, dialect = request.param
    openapi = document(handlers, dialect)
    return Described(openapi, page_of(openapi, dialect), dialect)


def _objects(found: Any, where: str) -> Iterator[tuple[str, Json]]:
    """Every object schema in a document, with where it is."""
    if isinstance(found, dict):
        if isinstance(found.get("properties"), dict):
            yield where, found
        for name, inner in found.items():
            yield from _objects(inner, f"{where}.{name}")
    elif isinstance(found, list):
        for position, inner in enumerate(found):
            yield from _objects(inner, f"{where}[{position}]")


def _references(found: Any) -> Iterator[str]:
    if isinstance(found, dict):
        if isinstance(found.get("$ref"), str):
            yield found["$ref"]
        for inner in found.values():
            yield from _references(inner)
    elif isinstance(found, list):
        for inner in found:
            yield from _references(inner)


def test_everything_is_described(described: Described) -> None:
    silent = [
        *(name for name, schema in described.schemas.items() if not schema.get("description")),
        *(
            f"{where}.{name}"
            for where, schema in _objects(described.openapi, "")
            for name, field in schema["properties"].items()
            if not field.get("description")
        ),
        *(
            f"{name}: {it}"
            for name, operation in named(described.openapi)
            for it in ("summary", "description", "tags")
            if not operation.get(it)
        ),
        *(
            f"{name}: {it['name']}"
            for name, operation in named(described.openapi)
            for it in operation["parameters"]
            if "$ref" not in it and not it["description"]
        ),
        *(
            f"{name}: {status}"
            for name, operation in named(described.openapi)
            for status, answer in operation["responses"].items()
            if not answer["description"]
        ),
    ]

    assert described.openapi["openapi"].startswith("3.1")
    assert described.openapi["info"]["title"]
    assert described.openapi["info"]["description"]
    assert silent == []


def test_operations_have_names_of_their_own(described: Described) -> None:
    names = [operation["operationId"] for _, operation in named(described.openapi)]

    assert len(names) == len(set(names))


def test_every_reference_leads_somewhere(described: Described) -> None:
    for reference in _references(described.openapi):
        target: Any = described.openapi
        for part in reference.removeprefix("#/").split("/"):
            assert part in target, reference
            target = target[part]


def test_every_operation_lists_its_errors(described: Described) -> None:
    for name, operation in named(described.openapi):
        expected = {"400", "500", "503"}
        expected |= {described.status_of(Unauthenticated)} if operation["security"] else set()
        expected |= {"404"} if "{" in name else set()
        expected |= {"413", described.status_of(Invalid)} if "requestBody" in operation else set()
        assert expected <= set(operation["responses"]), name


def test_every_answer_describes_its_headers(described: Described) -> None:
    for name, operation in named(described.openapi):
        parameters = [it.get("name") or it["$ref"] for it in operation["parameters"]]
        is_list = any(it.rpartition("/")[2] in {"sort", "per_page"} for it in parameters)
        for status, answer in operation["responses"].items():
            expected = {"Product-ID", "Correlation-ID"}
            expected |= {"Link"} if is_list and status == "200" else set()
            is_who = status == described.status_of(Unauthenticated)
            expected |= {"WWW-Authenticate"} if is_who else set()
            expected |= {"Content-Language"} if status >= "400" and "content" in answer else set()
            expected |= {"Retry-After"} if status in {"429", "503"} else set()
            assert set(answer["headers"]) == expected, (name, status)


def _is_there(schema: Json, pointer: str) -> bool:
    """Whether what a schema describes may have something there."""
    found = [schema]
    for part in pointer.split("/")[1:]:
        each_kind = [kind for each in found for kind in kinds(each)]
        if part.isdigit():
            found = [kind["items"] for kind in each_kind if "items" in kind]
        else:
            found = [kind["properties"][part] for kind in each_kind if part in _names(kind)]
    return bool(found)


def _names(schema: Json) -> Json:
    names: Json = schema.get("properties", {})
    return names


def test_links_lead_from_what_there_is_to_where_it_is_taken(described: Described) -> None:
    operations = operations_of(described.openapi).values()
    by_id = {it["operationId"]: it for it in operations}
    linked = [
        (next(iter(answer["content"].values()))["schema"], link, by_id[link["operationId"]])
        for operation in operations
        for answer in operation["responses"].values()
        for link in answer.get("links", {}).values()
    ]

    answers = dict(named(described.openapi))
    for source in described.dialect.made:
        assert any(it.get("links") for it in answers[source]["responses"].values()), source
    for answer, link, target in linked:
        assert set(link) <= {"operationId", "parameters", "requestBody"}
        taken = {f"{it['in']}.{it['name']}" for it in target["parameters"]}
        assert link.get("parameters", {}).keys() <= taken, link
        if "requestBody" in link:
            assert link["requestBody"].keys() <= body_of(target)["properties"].keys(), link
        for value in {**link.get("parameters", {}), **link.get("requestBody", {})}.values():
            where, _, pointer = value.partition("#")
            assert where.startswith("$request.path.") or _is_there(answer, pointer), link


def test_the_page_shows_everything_and_needs_nothing_from_elsewhere(described: Described) -> None:
    page = described.page

    ids = set(re.findall(r'id="([^"]+)"', page))
    assert ids >= {operation["operationId"] for _, operation in named(described.openapi)}
    assert ids >= {f"schema-{name}" for name in described.schemas}
    assert set(re.findall(r'href="#([^"]+)"', page)) <= ids
    assert "`" not in page
    assert "<script" not in page
    assert not re.search(r'(src|href)="(https?:)?//', page)
