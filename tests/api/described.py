"""What the OpenAPI document of a dialect says, with what it refers to put in its place."""

import re
from collections.abc import Iterator
from functools import reduce
from operator import getitem
from typing import Any

from tests.api.documents import Endpoint


def operations_of(described: dict[str, Any]) -> dict[Endpoint, dict[str, Any]]:
    """What an OpenAPI document says of each endpoint."""
    return {
        Endpoint(method.upper(), re.sub(r"{\w+}", "{id}", path)): _resolved(operation, described)
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
    }


def named(openapi: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The operations of an OpenAPI document as they stand there, by method and path."""
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            yield f"{method.upper()} {path}", operation


def body_of(operation: dict[str, Any]) -> dict[str, Any]:
    """The schema of the JSON that an operation takes."""
    body: dict[str, Any] = operation["requestBody"]["content"]["application/json"]["schema"]
    return body


def at(schema: dict[str, Any], path: str) -> list[dict[str, Any]]:
    """The schemas of an attribute of a body, which may be of several kinds."""
    found = [schema]
    for name in path.split("."):
        found = [
            it["properties"][name]
            for each in found
            for it in kinds(each)
            if name in it.get("properties", ())
        ]
    return found


def kinds(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """A schema, and those of which it is any, or all, and so on."""
    within = [it for name in ("anyOf", "oneOf", "allOf") for it in schema.get(name, ())]
    return [schema, *(kind for each in within for kind in kinds(each))]


def _resolved(schema: Any, described: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_resolved(each, described) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _resolved(reduce(getitem, schema["$ref"].split("/")[1:], described), described)
    return {name: _resolved(each, described) for name, each in schema.items()}
