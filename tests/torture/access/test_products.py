"""What is another product's does not exist: every id that can be named, in a path or in a body."""

from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple

import pytest

from tests.api.conftest import Shared
from tests.api.faces import Faces
from tests.api.memento import test_named_ids as named
from tests.api.memento import test_ownership as owned
from tests.api.memento.paying import Customer
from tests.api.memento.test_announcements import announced
from tests.api.mobbr import test_ownership as in_mobbr
from tests.api.moneypool import test_access as in_moneypool
from tests.api.moneypool.client import Client
from tests.api.moneypool.printed.money import invited, requested
from tests.api.moneypool.printed.stage import Stage
from tests.api.routes import Route
from tests.money import EUR, MXN
from tests.people import PIN, new_phone
from tests.torture.access.world import World, nothing_changed, world
from whipround.api.moneypool.call import Access

pytestmark = pytest.mark.anyio


BODIES = {"POST /v1/tokens/{token_id}/secret": {"secret": "000000", "pin": PIN}}
"""Good ones, of what anybody may call."""


class Place(NamedTuple):
    """Bob here, and what is Ann's in another product of the same server."""

    world: World
    bob: Customer
    owned: owned.Owned
    naming: named.Place
    in_mobbr: in_mobbr.Place
    ann: Client
    numbers: Mapping[str, int]


@pytest.fixture(scope="module")
async def place(shared: Shared) -> AsyncIterator[Place]:
    async with world(shared) as world_, owned.owning(world_.beside) as owned_:
        here, there = world_.here, world_.there
        bob, carl = [await here.person(EUR("50.00"), MXN("50.00")) for _ in range(2)]
        ann, dan = [await there.person(EUR("50.00")) for _ in range(2)]
        hers = await named.things_of(ann, dan, there.town)
        # A sign-up has to bring a number that is proven here, to get as far as the rest.
        mine = {"nobodys": await here.town.client.verify(new_phone())}
        naming = await named.naming(bob, carl, here.town, {**hers, **mine})
        told = {"announcement_id": await announced(there.db)}
        hers_by_path = owned_._replace(ids={**owned_.ids, **told})
        elsewhere = await in_mobbr.owning(there.mobbr)
        in_mobbr_ = elsewhere._replace(bob=await here.in_mobbr(bob))
        eve, numbers = await _numbers(there, other_than=(await here.in_moneypool(bob)).id)
        async with nothing_changed(world_.beside.db):
            yield Place(world_, bob, hers_by_path, naming, in_mobbr_, eve, numbers)


async def _numbers(there: Faces, *, other_than: int) -> tuple[Client, Mapping[str, int]]:
    """Somebody there, and what is asked of them."""
    ann, carl, dan = [await there.join(MXN("9.00")) for _ in range(3)]
    if ann.id == other_than:  # each product counts for itself
        ann = dan
    owner = await there.in_memento(carl)
    invitation = await invited(Stage(there, ann, carl), ann, by=owner)
    asked = await requested(carl, ann)
    return ann, {"payment_request_id": asked["id"], "liability_id": invitation.liability_id}


@pytest.mark.long
@pytest.mark.parametrize("route", owned.WITH_ID, ids=str)
async def test_no_path_leads_to_what_is_another_products(place: Place, route: Route) -> None:
    path = place.owned.path(route)
    body = BODIES.get(str(route)) or place.owned.body(route)

    answer = await place.bob.client.call(route.method, path, body)

    assert (answer.status_code, answer.content) == (404, b"")


@pytest.mark.long
@pytest.mark.parametrize("field", sorted(named.OTHERS))
async def test_no_body_names_what_is_another_products(place: Place, field: str) -> None:
    await named.finds_none(place.naming, field)


@pytest.mark.parametrize(("name", "argument"), in_mobbr.THINGS, ids=str)
async def test_no_argument_names_what_is_another_products(
    place: Place, name: str, argument: str
) -> None:
    await in_mobbr.finds_none(place.in_mobbr, name, argument)


async def test_no_number_is_known_in_another_product(place: Place) -> None:
    """As numbers are each product's own, those of there may be somebody else's here."""
    here = place.world.here
    bob = await here.in_moneypool(place.bob)
    ann, numbers = place.ann, {**place.numbers, "user_id": place.ann.id}
    assert ann.id != bob.id, "else it would be his"

    async with nothing_changed(place.world.shared.db):
        for route in in_moneypool.WITH_ID:
            if route.handler.opt["access"] is not Access.TOKEN:
                continue
            path = route.path.format(**{**numbers, "user_id": bob.id})
            answer = await bob.call(route.method, path)
            assert (answer.status_code, answer.json()) == (404, in_moneypool.NOT_FOUND), route
        for route in in_moneypool.OWN:
            path = route.path.format(**numbers)
            answer = await bob.call(route.method, path)
            assert answer.status_code == 404, route
