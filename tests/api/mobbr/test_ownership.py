"""What is another's does not exist: made from the app's own routes.

A new argument that names something fails here until it is said whose that is, and what anybody else
is answered.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import pytest

from tests import crowd
from tests.api.described import kinds
from tests.api.mobbr.client import ROOT, Client, refused, said, told
from tests.api.mobbr.test_bad_input import ROUTES, schema_of, send
from tests.api.routes import Route
from tests.money import EUR, nothing_moving, rows
from tests.people import new_email
from whipround.api.mobbr.call import Access
from whipround.domain.crowd.plan import Page
from whipround.domain.payees import Address

pytestmark = pytest.mark.anyio

PRIVATE = Page(title="Between us")
"""What was paid for no page is seen by those who took part in it only."""

WITHOUT_ARGUMENTS = [
    it
    for it in ROUTES
    if it.method == "GET"
    and it.handler.opt["access"] is Access.PERSON
    and not schema_of(it).get("required")
]


class Place(NamedTuple):
    """Ann, and what is hers; and Bob, who has nothing to do with it."""

    ann: Client
    bob: Client
    crowd_id: UUID
    pledge_id: UUID
    other_pledge_id: UUID
    share: int
    hash: str


@pytest.fixture(scope="module")
async def place(client: Client) -> Place:
    return await owning(client)


async def owning(client: Client) -> Place:
    """Something of Ann's of every kind that can be named."""
    now = datetime.now(UTC)
    ann, bob = await client.join(EUR("100.00"), username="annas"), await client.join()
    email = new_email()
    to: Address = ("email", email)
    made = await crowd.pay_crowd(ann.db, ann.person, EUR("2.00"), to, now=now, page=PRIVATE)
    pledge, other_pledge = [
        await crowd.pledge(ann.db, ann.person, EUR("3.00"), to, now=now, page=PRIVATE)
        for _ in range(2)
    ]
    [share_id] = await crowd.shares_of(ann.db, made)
    [(number,)] = await rows(ann.db, "select number from payment where id = %s", share_id)
    body = {"data": email, "amount": "4.00", "currency": "EUR"}
    shown = said(await ann.post("/payments/preview", body))
    return Place(ann, bob, made, pledge, other_pledge, number, shown["hash"])


THINGS: Mapping[tuple[str, str], str] = {
    ("GET /api_v1/payments/info", "id"): "crowd_id",
    ("DELETE /api_v1/payments/unclaimed_shares", "share_ids"): "share",
    ("DELETE /api_v1/payments/unclaimed_shares", "ids"): "pledge_id",
    ("DELETE /api_v1/payments/pledged", "ids"): "other_pledge_id",
    ("PUT /api_v1/payments/confirm", "hash"): "hash",
}
"""What of Ann's each argument can name."""


def naming(route: Route) -> Iterator[str]:
    """The arguments of a route that name something by an id, or by a secret that stands for it."""
    for name, schema in schema_of(route)["properties"].items():
        listed = [it["items"] for it in kinds(schema) if "items" in it]
        is_id = any("32}" in it.get("pattern", "") for it in [*kinds(schema), *listed])
        if is_id or listed or name == "hash":
            yield name


def test_whose_it_is_is_told_of_everything_that_can_be_named() -> None:
    assert {(str(route), name) for route in ROUTES for name in naming(route)} == THINGS.keys()


@pytest.mark.parametrize(("name", "argument"), THINGS, ids=str)
async def test_what_is_anothers_does_not_exist(place: Place, name: str, argument: str) -> None:
    await finds_none(place, name, argument)


async def finds_none(place: Place, name: str, argument: str) -> None:
    """See that what is Ann's does not exist for Bob."""
    [route] = [it for it in ROUTES if str(it) == name]
    thing = getattr(place, THINGS[name, argument])
    sent = {argument: thing.hex if isinstance(thing, UUID) else thing}

    async with nothing_moving(place.ann.db):
        answer = await send(place.bob, route, sent)
        match route.method:
            case "DELETE":
                assert told(answer).startswith("0 ")
            case "GET":
                assert refused(answer, 404)
            case _:
                assert refused(answer).startswith(f"Invalid parameter: {argument}. ")


@pytest.mark.parametrize("route", WITHOUT_ARGUMENTS, ids=str)
async def test_nothing_of_anothers_is_listed(place: Place, route: Route) -> None:
    path = route.path.removeprefix(ROOT)
    answers = [await who.get(path) for who in (place.bob, place.ann)]
    said(answers[0])

    for its in (place.ann.username, place.crowd_id.hex, place.pledge_id.hex, PRIVATE.title):
        assert its not in answers[0].text
    assert answers[0].text != answers[1].text or "ping" in path


# The last, as it uses everything up.
@pytest.mark.parametrize(("name", "argument"), THINGS, ids=str)
async def test_it_is_there_for_its_owner(place: Place, name: str, argument: str) -> None:
    """Else all of the above proves nothing."""
    [route] = [it for it in ROUTES if str(it) == name]
    thing = getattr(place, THINGS[name, argument])

    answer = await send(
        place.ann, route, {argument: thing.hex if isinstance(thing, UUID) else thing}
    )

    said(answer)
    assert route.method != "DELETE" or told(answer).startswith("1 ")
