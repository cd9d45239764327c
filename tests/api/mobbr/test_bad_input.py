"""Whatever is wrong with arguments is told by the documented text, and changes nothing.

Made from the app's own routes: a new one, or a new argument of one, fails here until `good.py` says
what it may be; each is then made bad in every way.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import httpx
import pytest

from tests.api.bad_values import AMOUNTS, leaves, leaves_of, with_value
from tests.api.described import at, body_of, kinds, operations_of
from tests.api.mobbr.client import ROOT, Client, Json, refused, said
from tests.api.mobbr.good import GOOD, Place
from tests.api.routes import Route, routes_of
from tests.money import EUR, nothing_changing
from whipround.api.mobbr.app import HANDLERS, create_app
from whipround.api.mobbr.arguments import IN_QUERY
from whipround.api.mobbr.call import Access
from whipround.api.mobbr.openapi import MOBBR
from whipround.api.openapi import document

pytestmark = pytest.mark.anyio

OPERATIONS = operations_of(document(HANDLERS, MOBBR))
ROUTES = [it for it in routes_of(create_app()) if it.endpoint in OPERATIONS]
CASES = [(route, at_) for route in ROUTES for at_ in range(len(GOOD.get(str(route), ())))]


def schema_of(route: Route) -> Json:
    """What the OpenAPI document says of the arguments of a route: an object, wherever they are."""
    operation = OPERATIONS[route.endpoint]
    if "requestBody" in operation:
        return body_of(operation)
    parameters = [it for it in operation["parameters"] if it["in"] == "query"]
    return {
        "properties": {it["name"]: it["schema"] for it in parameters},
        "required": [it["name"] for it in parameters if it["required"]],
    }


@pytest.fixture(scope="module")
async def place(client: Client) -> AsyncIterator[Place]:
    """Whatever is tried changes nothing."""
    ann, bob = await client.join(EUR("10.00")), await client.join()
    body = {"data": bob.username, "amount": "1.00", "currency": "EUR"}
    shown = said(await ann.post("/payments/preview", body))
    async with nothing_changing(client.db):
        yield Place(client, ann, bob, shown["hash"])


async def send(who: Client, route: Route, arguments: Mapping[str, Any]) -> httpx.Response:
    """A call with these arguments, wherever the route has them."""
    path = route.path.removeprefix(ROOT)
    if route.method in IN_QUERY:
        return await who.call(route.method, path, params=arguments)
    return await who.call(route.method, path, arguments)


TYPES: tuple[Any, ...] = (5, 1.5, True, [], {}, ["a"], {"a": 1})
"""What no text is."""

NUL, LONG = "a\x00b", "x" * 60_000

BOOLEANS: tuple[Any, ...] = ("yes", "2", "tru", 2, -1, 1.5, "１", [], {}, [True])
INTEGERS: tuple[Any, ...] = (
    *("x", "1.0", "-1", "+1", "１", "1" * 30, "1_0", "0x1", -1, 1.5, 1.0, True, 2**64, 10**400),
    *([], {}, ["1", "2"]),
)
IDS = ("x", "f" * 31, "f" * 33, "g" * 32, "ｆ" * 32, f"{'f' * 31} ", "-" * 32, 5)


def bad_values(kind: Json) -> Iterator[Any]:
    """All that must not be taken for a value of this schema, which is of one kind."""
    match kind:
        case {"type": "boolean"}:
            yield from BOOLEANS
        case {"type": "integer"}:
            yield from INTEGERS
            if "maximum" in kind:
                yield from (kind["minimum"] - 1, kind["maximum"] + 1, 2**63)
        case {"type": "number"}:
            yield from (*AMOUNTS, [], {}, True)
        case {"type": "array", "items": items}:
            yield from ([each] for each in bad_values(items) if each not in ([], {}))
            yield from (["1"] * (kind["maxItems"] + 1), {"a": 1}, True)
        case {"type": "object"}:
            yield from (5, "x", [], True)
        case {"pattern": pattern} if "32" in pattern:
            yield from (*IDS, *TYPES)
        case _:
            yield from (*TYPES, NUL, LONG)
            if "pattern" in kind or kind.get("format") in {"email", "uri", "date"}:
                yield "\u202e"


def bad_of(route: Route, path: str) -> Iterator[Any]:
    """All that must not be taken for an argument of a route, as it can be sent to it."""
    for schema in at(schema_of(route), path):
        several = [it for it in kinds(schema) if it.get("type") not in {None, "null"}]
        if {it["type"] for it in several} == {"string", "object"}:
            yield from (5, True, [], NUL, LONG, {"a": 1})
            continue
        for kind in several:
            for bad in bad_values(kind):
                yield from [bad] if route.method not in IN_QUERY else in_query(bad, kind)


def in_query(bad: Any, kind: Json) -> Iterator[Any]:
    """The same in a query, unless it is not wrong there, where all is text."""
    if isinstance(bad, list):
        # What is there once is one value, and no list.
        if len(bad) > 1 or (bad and kind["type"] == "array"):
            yield [str(it) for it in bad]
    elif isinstance(bad, str):
        yield from [bad] if bad else []  # what is empty was not sent
    elif kind["type"] in {"integer", "number"} and not isinstance(bad, bool | dict):
        yield str(bad)


def is_free(route: Route, name: str) -> bool:
    """Whether an argument may be anything, so that the refusal has words of its own."""
    return (str(route), name) in {
        ("POST /api_v1/payments/preview", "data"),
        ("PUT /api_v1/payments/claim", "url"),
    }


def test_every_argument_of_every_route_is_tried() -> None:
    told = {
        str(route): {path for good in GOOD[str(route)] for path in leaves(good(_NOBODY))}
        for route in ROUTES
        if str(route) in GOOD
    }

    assert told == {
        str(route): set(leaves_of(schema_of(route)))
        for route in ROUTES
        if schema_of(route)["properties"]
    }
    assert told.keys() == GOOD.keys()


class _Anybody:
    username = "ann"


_NOBODY = Place(_Anybody(), _Anybody(), _Anybody(), "f" * 32)  # type: ignore[arg-type]


@pytest.mark.parametrize("route", ROUTES, ids=str)
async def test_unwanted_arguments_are_told_first(place: Place, route: Route) -> None:
    names = schema_of(route)["properties"]
    none = {"zzz": "1", "yyy": ""}
    wrong = dict.fromkeys(names, "\x00")

    for sent in (none, wrong | none):
        assert refused(await send(place.ann, route, sent)) == "Unwanted arguments: zzz, yyy"


@pytest.mark.parametrize("route", [it for it in ROUTES if schema_of(it).get("required")], ids=str)
async def test_what_is_missing_is_told_next(place: Place, route: Route) -> None:
    needed = schema_of(route)["required"]
    good = GOOD[str(route)][0](place)

    for name in needed:
        text = f"Argument [{name}] to method [{route.method} {route.path}] missing or invalid."
        wrong = dict.fromkeys(good.keys() - needed, "\x00") | {it: good[it] for it in needed}
        for unsent in (...,) if route.method in IN_QUERY else (..., None):
            assert refused(await send(place.ann, route, with_value(wrong, name, unsent))) == text
        empty = refused(await send(place.ann, route, good | {name: ""}))
        assert empty == text or route.method not in IN_QUERY
    first = f"Argument [{needed[0]}] to method [{route.method} {route.path}] "
    assert refused(await send(place.ann, route, {})).startswith(first)


@pytest.mark.parametrize(("route", "at_"), CASES, ids=str)
async def test_what_is_bad_is_named(place: Place, route: Route, at_: int) -> None:
    good = GOOD[str(route)][at_](place)
    is_for_browsers = route.handler.opt["access"] is Access.ANYONE

    for path in leaves(good):
        name = path.partition(".")[0]
        for bad in bad_of(route, path):
            answer = await send(place.ann, route, with_value(good, path, bad))
            if is_for_browsers:
                assert answer.status_code in {200, 400, 404}, (path, str(bad)[:50])
                continue
            text = refused(answer)
            assert is_free(route, name) or text.startswith(f"Invalid parameter: {name}. "), (
                path,
                str(bad)[:50],
                text[:200],
            )
    for name in [it for it, value in good.items() if isinstance(value, dict)]:
        for bad in ([], [{}], "", "x", 5, True, {"zzz": 1}):
            answer = await send(place.ann, route, good | {name: bad})
            assert refused(answer).startswith(f"Invalid parameter: {name}. "), bad
