"""Whatever is wrong with a body is named and refused, and changes nothing.

Made from the app's own routes: a new one with a body, or a new field of one, fails here until a
good body is told below, each of whose fields is then made bad in every way.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, NamedTuple

import pytest

from tests.api.bad_values import bad_values, leaves, leaves_of, with_value
from tests.api.conftest import Shared
from tests.api.described import body_of, operations_of
from tests.api.faces import Faces, faces
from tests.api.moneypool.client import Client, Json, said, wrong
from tests.api.moneypool.printed.money import invited, pay, requested
from tests.api.moneypool.printed.stage import CARD, CLABE, Stage
from tests.api.routes import Route, routes_of
from tests.mails import last_link, last_reset_token
from tests.money import MXN, nothing_changing, nothing_moving, rows
from tests.people import new_email
from whipround.api.moneypool.app import HANDLERS, create_app
from whipround.api.moneypool.openapi import MONEYPOOL
from whipround.api.openapi import document

pytestmark = pytest.mark.anyio

OPERATIONS = operations_of(document(HANDLERS, MONEYPOOL))
ROUTES = [it for it in routes_of(create_app()) if "requestBody" in OPERATIONS.get(it.endpoint, {})]


class Place(NamedTuple):
    """Ann, who has a hundred pesos; what others ask of her, and invite her to."""

    town: Faces
    ann: Client
    bob: Client
    request_id: int
    pool_id: int
    others_request_id: int
    others_pool_id: int


@pytest.fixture(scope="module")
async def place(shared: Shared) -> AsyncIterator[Place]:
    async with faces(shared) as town:
        yield await place_in(town)


async def place_in(town: Faces) -> Place:
    """Make all that the bodies need."""
    ann, bob = [await town.join(MXN("110.00"), name=name) for name in ("Ann Lee", "Bob Ray")]
    carl, dan, stage = await town.join(), await town.join(), Stage(town, ann, bob)
    pool, others_pool = [await invited(stage, each, least="1.00") for each in (ann, carl)]
    request, others = await requested(bob, ann, "10.00"), await requested(carl, dan)
    # Who has paid once by card has what stands for all their cards from then on.
    await pay(ann, "10.00", by="mixed", new_email=bob.email)
    ids = (request["id"], pool.pool_id, others["id"], others_pool.pool_id)
    return Place(town, ann, bob, *ids)


TRANSACTION = {"amount": "10.00", "card": CARD, "name": "Ann Lee"}

Body = Callable[[Place], Json]

BODIES: Mapping[str, tuple[Body, ...]] = {
    "POST /api/sessions": (lambda it: {"user": {"email": it.ann.email, "password": "foobar123"}},),
    "POST /api/fb_sessions": (lambda it: {"user": {"oauth_token": "fb_test_eve"}},),
    "POST /api/passwords": (lambda it: {"user": {"email": it.ann.email}},),
    "PATCH /api/passwords": (
        lambda it: {
            "user": {
                "reset_token": "wml_" + "x" * 43,
                "password": "foobar123",
                "password_confirmation": "foobar123",
            }
        },
    ),
    "POST /api/users": (
        lambda it: {
            "user": {
                "name": "Eve",
                "email": new_email(),
                "password": "foobar123",
                "password_confirmation": "foobar123",
            }
        },
    ),
    "PATCH /api/users/{user_id}": (
        lambda it: {
            "user": {
                "name": "Anna",
                "email": new_email(),
                "password": "foobar124",
                "password_confirmation": "foobar124",
                "current_password": "foobar123",
                "avatar": "data:image/png;base64,AAAA",
                "clabe": CLABE,
                "bank": "Bank of Mexico",
            }
        },
    ),
    "POST /api/users/{user_id}/payment_requests": (
        lambda it: {"amount": "1.00", "description": "Tacos", "user_requested_id": it.bob.id},
    ),
    "POST /api/users/{user_id}/mixed_payments": (
        lambda it: {
            "payment": {
                "payment_method": "mixed",
                "wallet_amount": "10.00",
                "description": "Tacos",
                "new_email": it.bob.email,
            },
            "transaction": TRANSACTION,
        },
        lambda it: {
            "payment": {"payment_method": "mixed", "wallet_amount": "10.00", "pool_id": it.pool_id},
            "transaction": TRANSACTION,
        },
        lambda it: {
            "payment": {
                "payment_method": "wallet",
                "wallet_amount": "10.00",
                "payment_request_id": it.request_id,
            }
        },
    ),
    "POST /api/users/{user_id}/cash_payments": (
        lambda it: {"payment": {"pool_id": it.pool_id, "amount": "10.00", "description": "Tacos"}},
    ),
    "POST /api/users/{user_id}/withdrawals": (lambda it: {"withdrawal": {"amount": "1.00"}},),
}
"""Bodies with nothing wrong in them; all of a route's together have each of its fields."""


CASES = [(route, at_) for route in ROUTES for at_ in range(len(BODIES.get(str(route), ())))]


def test_every_field_of_every_body_is_tried() -> None:
    assert {str(route) for route in ROUTES} == BODIES.keys()


@pytest.mark.parametrize("route", ROUTES, ids=str)
async def test_the_good_bodies_have_every_field(place: Place, route: Route) -> None:
    told = {path for body in BODIES[str(route)] for path in leaves(body(place))}

    assert told == set(leaves_of(body_of(OPERATIONS[route.endpoint])))


@pytest.mark.parametrize(("route", "at_"), CASES, ids=str)
async def test_what_is_bad_is_named_and_changes_nothing(
    place: Place, route: Route, at_: int
) -> None:
    schema, body = body_of(OPERATIONS[route.endpoint]), BODIES[str(route)][at_](place)
    path = route.path.format(user_id=place.ann.id)

    async with nothing_changing(place.town.db):
        for leaf in leaves(body):
            for bad in bad_values(schema, leaf):
                content = json.dumps(with_value(body, leaf, bad)).encode()
                answer = await place.ann.call(route.method, path, content)
                assert leaf.rpartition(".")[2] in wrong(answer), (leaf, str(bad)[:50])
        for part in [name for name, value in body.items() if isinstance(value, dict)]:
            for bad in ([], [{}], "", "x", 5, True, None, ...):
                content = json.dumps(with_value(body, part, bad)).encode()
                answer = await place.ann.call(route.method, path, content)
                assert part in wrong(answer), bad


# What a body says may be in order, and yet not be so.

METHOD = {"payment_method": "wallet", "wallet_amount": "10.00"}

UNTRUE: Mapping[str, tuple[Body, str]] = {
    "both recipients": (
        lambda it: {"payment": {**METHOD, "new_email": it.bob.email, "pool_id": it.pool_id}},
        "new_email",
    ),
    "neither recipient": (lambda it: {"payment": METHOD}, "new_email"),
    "more than the wallet": (
        lambda it: {"payment": {**METHOD, "wallet_amount": "100.01", "new_email": it.bob.email}},
        "wallet_amount",
    ),
    "more than the wallet, beside a card": (
        lambda it: {
            "payment": {
                "payment_method": "mixed",
                "wallet_amount": "100.01",
                "new_email": it.bob.email,
            },
            "transaction": TRANSACTION,
        },
        "wallet_amount",
    ),
    "a card that is declined": (
        lambda it: {
            "payment": {**METHOD, "payment_method": "mixed", "new_email": it.bob.email},
            "transaction": {**TRANSACTION, "card": "tok_test_card_declined"},
        },
        "card",
    ),
    "oneself": (lambda it: {"payment": {**METHOD, "new_email": it.ann.email}}, "new_email"),
    "a pool that there is not": (
        lambda it: {"payment": {**METHOD, "pool_id": it.pool_id + 1000}},
        "pool_id",
    ),
    "another one's pool": (
        lambda it: {"payment": {**METHOD, "pool_id": it.others_pool_id}},
        "pool_id",
    ),
    "another one's request": (
        lambda it: {"payment": {**METHOD, "payment_request_id": it.others_request_id}},
        "payment_request_id",
    ),
    "a part of a request": (
        lambda it: {
            "payment": {
                **METHOD,
                "wallet_amount": "9.99",
                "payment_request_id": it.request_id,
            }
        },
        "wallet_amount",
    ),
}
"""Payments that nothing comes of, and what is named for it."""


@pytest.mark.parametrize("name", UNTRUE)
async def test_a_payment_that_cannot_be_moves_nothing(place: Place, name: str) -> None:
    body, field = UNTRUE[name]
    before = await balances(place)

    answer = await place.ann.post(place.ann.own("/mixed_payments"), body(place))

    assert wrong(answer).keys() == {field}
    assert await balances(place) == before


async def balances(place: Place) -> list[tuple[Any, ...]]:
    """What all accounts hold that ever held anything, but for what comes and goes within."""
    sql = "select id, balance from account where balance <> 0 order by id"
    return await rows(place.town.db, sql)


async def test_a_used_token_does_nothing(place: Place) -> None:
    nobody, email = place.town.moneypool, new_email()
    body = BODIES["POST /api/users"][0](place)["user"] | {"email": email}
    eve = await place.town.signed_up(await nobody.post("/api/users", {"user": body}))
    await pay(place.bob, "1.00", by="wallet", new_email=email)
    link = (await last_link(place.town.db, email))["url"].partition("/api/")[2]
    assert said(await nobody.get(f"/api/{link}"))["user"]["id"] == eve.id
    said(await nobody.post("/api/passwords", {"user": {"email": email}}), 204)
    new = body | {"reset_token": await last_reset_token(place.town.db, email)}
    said(await nobody.patch("/api/passwords", {"user": new}), 204)

    async with nothing_changing(place.town.db):
        assert wrong(await nobody.get(f"/api/{link}"), 404).keys() == {"base"}
        again = await nobody.patch("/api/passwords", {"user": new})
        assert wrong(again).keys() == {"reset_token"}
        assert wrong(await eve.get(eve.own("")), 401).keys() == {"authorization"}


async def test_what_moves_no_money_is_refused_by_what_it_is_about(place: Place) -> None:
    ann, others = place.ann, place.others_request_id
    refused: Mapping[str, Json] = {
        "user_requested_id": {"amount": "1.00", "description": "x", "user_requested_id": ann.id},
        "pool_id": {"payment": {"pool_id": place.others_pool_id, "amount": "1.00"}},
        "clabe": {"withdrawal": {"amount": "1.00"}},
    }
    paths = ("/payment_requests", "/cash_payments", "/withdrawals")

    async with nothing_moving(place.town.db):
        for path, (field, body) in zip(paths, refused.items(), strict=True):
            assert wrong(await ann.post(ann.own(path), body)).keys() == {field}
        for method, path in (("PATCH", f"{others}/reject"), ("DELETE", f"{others}")):
            assert wrong(await ann.call(method, ann.own(f"/payment_requests/{path}")), 404)
