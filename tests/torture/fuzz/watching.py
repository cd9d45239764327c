"""Holds each answer against the OpenAPI document of its dialect, and counts them."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import httpx
import requests
import schemathesis
from schemathesis.checks import CheckContext
from schemathesis.config import ChecksConfig
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.generation.case import Case as _Case
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from whipround.api.mobbr import xml

Case: TypeAlias = _Case[Any]

CHECKS = (
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)

SHOWN_CHARACTERS = 1500


class Operation(NamedTuple):
    """A route of a document; `path` finds the values of its parameters in the path of a call."""

    described: APIOperation[Any, Any, Any, Any]
    method: str
    path: re.Pattern[str]

    def __str__(self) -> str:
        return str(self.described.label)


def operations_of(schema: BaseSchema) -> list[Operation]:
    """The operations of a document, those whose path has no parameters first."""
    described = sorted(
        (each.ok() for each in schema.get_all_operations() if isinstance(each, Ok)),
        key=lambda it: it.path.count("{"),
    )
    return [
        Operation(
            it,
            it.method.upper(),
            re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(it.path))),
        )
        for it in described
    ]


@dataclass
class Watch:
    """What was called of a dialect, how that was answered, and what was wrong with an answer."""

    schema: BaseSchema
    operations: Sequence[Operation] = ()
    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    links: Counter[str] = field(default_factory=Counter)
    wrong: dict[tuple[str, str], str] = field(default_factory=dict)
    generated: Counter[str] = field(default_factory=Counter)
    """How many calls of each operation were made up, rather than as they should be."""
    succeeded: int = 0
    """How many of those were answered 2xx."""

    def __post_init__(self) -> None:
        self.operations = operations_of(self.schema)
        self.statuses = {str(it): Counter() for it in self.operations}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Watch":
        """A watch that has nothing seen yet."""
        return cls(schemathesis.openapi.from_dict(dict(document)))

    def operation_of(self, request: httpx.Request) -> tuple[Operation, dict[str, str]] | None:
        """What a request is a call of, if of anything, and the parameters in its path."""
        path = request.url.path
        for each in self.operations:
            found = each.path.fullmatch(path) if each.method == request.method else None
            if found is not None:
                return each, found.groupdict()
        return None

    def see(self, operation: Operation, request: httpx.Request, answer: Response) -> None:
        """Hold an answer against the document."""
        self.statuses[str(operation)][answer.status_code] += 1
        case = operation.described.Case()
        context = CheckContext(
            override=None,
            auth=None,
            headers=None,
            config=ChecksConfig(),
            transport_kwargs=None,
            response_checks=None,
        )
        if answer.status_code >= 500:
            self.wrong.setdefault(
                (f"{operation} {answer.status_code}", "Server error"), _told(request, answer)
            )
        for check in CHECKS:
            # schemathesis reads no XML, which is the same JSON one to one.
            shown = _as_json(answer) if check is response_schema_conformance else answer
            try:
                check(context, shown, case)
            except (Failure, FailureGroup) as failure:
                for each in failure.exceptions if isinstance(failure, FailureGroup) else [failure]:
                    where = f"{operation} {answer.status_code}", f"{each.title}: {each.message}"
                    self.wrong.setdefault(where, _told(request, answer))

    def reached(self) -> set[str]:
        """The operations that have succeeded."""
        return {
            name
            for name, statuses in self.statuses.items()
            if any(200 <= status < 300 for status in statuses)
        }

    def linked(self) -> int:
        """How many links the document has."""
        answers = (
            it
            for each in self.operations
            for it in each.described.definition.raw["responses"].values()
        )
        return sum(len(it.get("links", ())) for it in answers)

    def count(self, label: str, answer: Response) -> None:
        """Count a call of an operation that was made up."""
        self.generated[label] += 1
        self.succeeded += 200 <= answer.status_code < 300

    def by_status(self) -> dict[int, int]:
        """How many answers had which status."""
        total = sum(self.statuses.values(), Counter[int]())
        return dict(sorted(total.items()))

    def problems(self) -> str:
        """All that was wrong, each with the first call that had such an answer."""
        return "\n\n".join(
            f"{where}: {what}\n{call}" for (where, what), call in sorted(self.wrong.items())
        )


def answer_of(request: httpx.Request, answer: httpx.Response) -> Response:
    """An answer that has been read, as the checks take it."""
    headers: dict[str, list[str]] = {}
    for name, value in answer.headers.multi_items():
        headers.setdefault(name, []).append(value)
    return Response(
        status_code=answer.status_code,
        headers=headers,
        content=answer.content,
        request=requests.Request(request.method, str(request.url)).prepare(),
        elapsed=0.0,
        verify=False,
        encoding=answer.encoding,
    )


def _as_json(answer: Response) -> Response:
    """The answer with JSON in place of XML."""
    [kind, *_] = answer.headers.get("content-type", [""])
    if not kind.startswith(("application/xml", "text/xml")):
        return answer
    return Response(
        status_code=answer.status_code,
        headers={**answer.headers, "content-type": ["application/json"]},
        content=json.dumps(xml.read(answer.content), default=float).encode(),
        request=answer.request,
        elapsed=answer.elapsed,
        verify=answer.verify,
        encoding="utf-8",
    )


def _told(request: httpx.Request, answer: Response) -> str:
    """A call and its answer, so that it can be made again."""
    return "\n".join(_lines(request, answer))


def _lines(request: httpx.Request, answer: Response) -> Iterator[str]:
    yield f"  {request.method} {request.url}"[:SHOWN_CHARACTERS]
    for name, value in request.headers.raw:
        yield f"  {name!r}: {value!r}"[:SHOWN_CHARACTERS]
    if request.content:
        yield f"  {request.content!r}"[:SHOWN_CHARACTERS]
    yield f"  -> {answer.status_code} {answer.headers} {answer.content!r}"[:SHOWN_CHARACTERS]
