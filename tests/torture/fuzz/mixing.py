"""What is made up, mixed with what has succeeded: so it comes further than to the first refusal."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any
from uuid import uuid4

import httpx
import requests
from schemathesis.core import NOT_SET

from tests.torture.fuzz.watching import Case

WHO = "Authorization"

KEPT = {"Product-ID": 0.95, "Accept": 0.9, "User-Agent": 0.95, WHO: 0.9}
"""How often a header is as it was, rather than made up or left out."""

FRESH = ("Correlation-ID", "Idempotency-Key")

ACCEPTED = ("text/html,*/*;q=0.8", "application/xml", "application/json;q=0.5, text/xml", "*/*")


@dataclass(frozen=True, slots=True)
class Good:
    """A call that has succeeded; `body` is what its JSON says, if it is any."""

    parameters: Mapping[str, str]
    query: Mapping[str, str | list[str]]
    headers: httpx.Headers
    content: bytes
    body: Any

    @classmethod
    def of(cls, request: httpx.Request, parameters: Mapping[str, str]) -> "Good":
        """The call that this request is."""
        params = request.url.params
        query: dict[str, str | list[str]] = {
            name: found if len(found := params.get_list(name)) > 1 else found[0] for name in params
        }
        try:
            body = json.loads(request.content)
        except ValueError:
            body = NOT_SET
        return cls(parameters, query, request.headers, request.content, body)


def mix(
    case: Case, good: Good, chance: Random, *, keep: Collection[tuple[str, str | None]]
) -> None:
    """Put some of what was good into a case, but for what it is to `keep`."""
    for name, value in good.parameters.items():
        if ("path", name) not in keep and chance.random() < 0.85:
            case.path_parameters[name] = value
    if case.query is not None:
        _mix_query(case, good, chance, keep)
    _mix_headers(case, good, chance)
    if ("body", None) not in keep and good.body is not NOT_SET:
        made_up: Any = case.body
        mixed = _mixed(made_up, good.body, chance)
        if isinstance(mixed, dict) and isinstance(made_up, dict):
            mixed |= {name: made_up[name] for name in made_up if ("body", name) in keep}
        case.body = mixed


def _mix_query(
    case: Case, good: Good, chance: Random, keep: Collection[tuple[str, str | None]]
) -> None:
    made_up = dict(case.query)
    if chance.random() < 0.5:
        for name in made_up:
            if ("query", name) not in keep and chance.random() < 0.7:
                del case.query[name]
    for name, value in good.query.items():
        if ("query", name) not in keep and chance.random() < 0.8:
            case.query[name] = value


def _mix_headers(case: Case, good: Good, chance: Random) -> None:
    for name, how_often in KEPT.items():
        if chance.random() < how_often:
            case.headers.pop(name, None)
            if name in good.headers:
                case.headers[name] = good.headers[name]
    if chance.random() < 0.05:
        case.headers["Accept"] = chance.choice(ACCEPTED)
    for name in FRESH:
        if chance.random() < 0.9:
            case.headers.pop(name, None)
            if name in good.headers:
                case.headers[name] = str(uuid4())


def _mixed(made_up: Any, good: Any, chance: Random) -> Any:
    """A value, of which some is made up."""
    if chance.random() < 0.15:
        return made_up
    if not isinstance(good, dict) or not isinstance(made_up, dict):
        return good if chance.random() < 0.8 else made_up
    mixed = {
        name: _mixed(made_up[name], value, chance) if name in made_up else value
        for name, value in good.items()
        if chance.random() < 0.97
    }
    extra = {name: value for name, value in made_up.items() if name not in good}
    return mixed | {name: value for name, value in extra.items() if chance.random() < 0.3}


def request_of(case: Case, address: str, good: Good | None, chance: Random) -> httpx.Request:
    """What is sent for a case; what was no JSON is sent as it was, at times."""
    made = requests.Request(**case.as_transport_kwargs(base_url=address)).prepare()
    headers = httpx.Headers([(_bytes(name), _bytes(it)) for name, it in made.headers.items()])
    assert isinstance(made.body, str | bytes | None)
    content = _bytes(made.body or b"")
    if good is not None and good.content and good.body is NOT_SET and chance.random() < 0.6:
        headers["Content-Type"], content = good.headers["Content-Type"], good.content
    headers.pop("Content-Length", None)
    assert made.method is not None
    assert made.url is not None
    return httpx.Request(made.method, made.url, headers=headers, content=content)


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()
