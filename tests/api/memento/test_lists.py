"""One page of a list, and the links to the pages around it."""

from collections.abc import AsyncIterator
from typing import Annotated

import httpx
import pytest
from litestar import get

from tests.api.conftest import Shared
from tests.api.serving import memento
from whipround.api.handling import Reply
from whipround.api.memento.call import Access, Request, route
from whipround.api.memento.lists import page
from whipround.api.memento.shapes_base import Shape
from whipround.api.shapes import doc
from whipround.db.listing import TIMES, fragments

pytestmark = pytest.mark.anyio

NUMBERS = range(1, 8)


class Number(Shape):
    number: Annotated[int, doc("…")]


@get("/v1/numbers", opt=route(access=Access.ANYONE, filters=TIMES, searchable=True))
async def list_numbers(request: Request) -> Reply[list[Number]]:
    query = request.list_query()
    parameters = fragments(query, TIMES).parameters
    start = parameters["offset"]
    rows = NUMBERS[start : start + parameters["limit"]]
    return page(request, query, rows, Number)


@pytest.fixture(scope="module")
async def client(shared: Shared) -> AsyncIterator[httpx.AsyncClient]:
    async with memento(shared, handlers=[list_numbers]) as client:
        yield client


def _numbers(answer: httpx.Response) -> list[int]:
    assert answer.status_code == 200
    return [it["number"] for it in answer.json()]


async def test_a_list_that_fits_on_a_page_has_no_links(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/numbers")

    assert _numbers(answer) == list(NUMBERS)
    assert "Link" not in answer.headers


async def test_walking_along_the_links_sees_everything_once(client: httpx.AsyncClient) -> None:
    seen, address = [], "/v1/numbers?limit=3"
    while address:
        answer = await client.get(address)
        seen.append(_numbers(answer))
        address = answer.links.get("next", {}).get("url", "")

    assert seen == [[1, 2, 3], [4, 5, 6], [7]]


async def test_and_back(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/numbers?page=3&limit=3")

    assert answer.links["prev"]["url"] == "/v1/numbers?limit=3&page=2"
    assert "next" not in answer.links


async def test_a_full_last_page_has_no_next(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/numbers?limit=7")).links == {}


async def test_a_page_beyond_the_end_is_empty(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/numbers?page=9")

    assert _numbers(answer) == []
    assert set(answer.links) == {"prev"}


async def test_the_links_keep_everything_else_that_was_asked(client: httpx.AsyncClient) -> None:
    asked = (
        "filter=created_at:gt:2018-01-01%2012:00&search=a%26b%3E%22&page=1&limit=2&sort=created_at"
    )

    answer = await client.get(f"/v1/numbers?{asked}")

    assert answer.headers["Link"] == (
        "</v1/numbers?filter=created_at:gt:2018-01-01%2012:00&search=a%26b%3E%22&limit=2"
        '&sort=created_at&page=2>; rel="next"'
    )


async def test_nothing_sent_can_end_a_link(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/numbers", params=httpx.QueryParams("limit=2"), extensions={})
    raw = httpx.URL("http://whipround.test").copy_with(
        raw_path=b'/v1/numbers?limit=2&x=">;rel="next",<http://evil.example>'
    )

    answer = await client.send(client.build_request("GET", raw))

    assert answer.headers["Link"].count("<") == 1
    assert "%3E" in answer.headers["Link"]


async def test_a_list_ends_where_pages_are_too_deep(client: httpx.AsyncClient) -> None:
    deep = await client.get("/v1/numbers?page=10000&limit=100")
    deeper = await client.get("/v1/numbers?page=10001&limit=100")

    assert _numbers(deep) == []
    assert deeper.status_code == 422
