"""What is another's cannot be named: in a body, in a filter, or below what is one's own.

Made from the app's own routes: a new field that takes an id fails here until it is told below what
becomes of an id that is another's.
"""

import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from io import BytesIO
from typing import Any, NamedTuple, get_args
from uuid import UUID

import httpx
import pytest
from litestar.handlers import HTTPRouteHandler
from PIL import Image
from pydantic import BaseModel
from uuid_utils.compat import uuid7

from tests.api.conftest import Shared
from tests.api.memento.client import Json, device, wrong_fields
from tests.api.memento.paying import Customer, Town, said, town
from tests.api.memento.pooling import collect, collecting, giving
from tests.api.memento.requesting import ask, asking, paying, share
from tests.api.routes import routes_of
from tests.money import EUR
from tests.people import PIN, new_phone
from whipround.api.memento.app import create_app

pytestmark = pytest.mark.anyio


class Place(NamedTuple):
    """Bob, with what is his, and Carl; `hers` is what is Ann's, which Bob may not name."""

    town: Town
    bob: Customer
    carl: Customer
    hers: Mapping[str, str]
    request: Json
    asked: Json
    pool: Json


Body = Callable[[Place], Json]

# Fields.


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def _takes_id(annotation: Any) -> bool:
    return annotation is UUID or any(map(_takes_id, get_args(annotation)))


def _fields(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        if _takes_id(field.annotation):
            yield prefix + name
        for inner in _models(field.annotation):
            yield from _fields(inner, f"{prefix}{name}.")


def _bodies(handler: HTTPRouteHandler) -> Iterator[type[BaseModel]]:
    """The models of what a route takes: JSON, or a form."""
    if handler.parsed_data_field is not None:
        yield from _models(handler.parsed_data_field.annotation)
    if handler.opt.get("form") is not None:
        yield handler.opt["form"]


ROUTES = list(routes_of(create_app()))

FIELDS = {
    f"{route} {field}"
    for route in ROUTES
    for model in _bodies(route.handler)
    for field in _fields(model)
}

OF_ANYBODY = {
    "POST /v1/contacts user_id",
    "POST /v1/fees/calculate destination.funding_source_id",
    "POST /v1/payments recipient.user_id",
    "POST /v1/pools invites",
    "PUT /v1/pools/{pool_id} invites",
    "POST /v1/pools/{pool_id}/invite user_ids",
    "POST /v1/requests participants.user_id",
    "POST /v1/tokens device.id",
    "POST /v1/users device.id",
    "PUT /v1/devices/current id",
    "PUT /v1/users device.id",
    "PUT /v1/users/{user_id} device.id",
}
"""Whom anybody can name; and devices, whose ids are their user's own. What a payment to somebody
costs does not depend on whose the wallet is."""


def _payment(place: Place, **given: Any) -> Json:
    return place.bob.order(place.carl, "1.00", **given)


def _to(place: Place, source_id: str) -> Json:
    return _payment(place, recipient={"amount": "1.00", "funding_source_id": source_id})


def _fee(place: Place, source_id: str) -> Json:
    source = {"funding_source_id": source_id, "currency": "EUR"}
    return {"amount": "1.00", "source": source, "destination": {"currency": "EUR"}}


def _request(place: Place, **given: Any) -> Json:
    return asking(place.bob, share(place.carl), **given)


def _image(place: Place) -> Json:
    return {"image": {"id": place.hers["image"]}}


def _proof(place: Place) -> Json:
    return {"verifications": [{"field": "phone", "id": place.hers["verification"]}]}


def _sign_up(place: Place, proof: str) -> Json:
    return {
        "first_name": "John",
        "last_name": "Dough",
        "username": "johndough",
        "pin": PIN,
        "verifications": [{"field": "phone", "id": place.hers[proof]}],
        "device": device(),
    }


def _source(place: Place) -> Json:
    return {"funding_source_id": place.hers["source"]}


OTHERS: Mapping[str, Body] = {
    "POST /v1/fees/calculate source.funding_source_id": lambda it: _fee(it, it.hers["source"]),
    "POST /v1/images payment_id": lambda it: {"payment_id": it.hers["payment"]},
    "POST /v1/images payment_request_id": lambda it: {"payment_request_id": it.hers["request_id"]},
    "POST /v1/images pool_id": lambda it: {"pool_id": it.hers["pool"]},
    "POST /v1/payments funding_source_id": lambda it: _payment(it, **_source(it)),
    "POST /v1/payments recipient.funding_source_id": lambda it: _to(it, it.hers["source"]),
    "POST /v1/payments image.id": lambda it: _payment(it, **_image(it)),
    "POST /v1/pools funding_source_id": lambda it: collecting(it.bob, **_source(it)),
    "POST /v1/pools image.id": lambda it: collecting(it.bob, **_image(it)),
    "PUT /v1/pools/{pool_id} image.id": _image,
    "PUT /v1/pools/{pool_id} contribution_options.id": lambda it: {
        "contribution_options": [{"id": it.hers["option"], "title": "All", "amount": "5.00"}]
    },
    "POST /v1/pools/{pool_id}/participants funding_source_id": lambda it: (
        giving(it.bob) | _source(it)
    ),
    "POST /v1/pools/{pool_id}/participants contribution_option_id": lambda it: giving(
        it.bob, contribution_option_id=it.hers["option"]
    ),
    "POST /v1/requests funding_source_id": lambda it: _request(it, **_source(it)),
    "POST /v1/requests image.id": lambda it: _request(it, **_image(it)),
    "POST /v1/requests image_ids": lambda it: _request(it, image_ids=[it.hers["image"]]),
    "PUT /v1/requests/{request_id} image.id": _image,
    "POST /v1/requests/{request_id}/pay funding_source_id": lambda it: paying(it.bob) | _source(it),
    "POST /v1/requests/{request_id}/participants/{participant_id}/pay funding_source_id": (
        lambda it: paying(it.bob) | _source(it)
    ),
    "POST /v1/users image.id": lambda it: _sign_up(it, "nobodys") | _image(it),
    "POST /v1/users verifications.id": lambda it: _sign_up(it, "verification"),
    "PUT /v1/users image.id": _image,
    "PUT /v1/users verifications.id": _proof,
    "PUT /v1/users/{user_id} image.id": _image,
    "PUT /v1/users/{user_id} verifications.id": _proof,
}
"""A body of Bob's in which nothing is wrong but the id in that field, which is of something of
Ann's."""


@pytest.fixture(scope="module")
async def place(shared: Shared) -> AsyncIterator[Place]:
    async with town(shared) as there:
        ann, bob, carl = [await there.person(EUR("50.00")) for _ in range(3)]
        hers = await things_of(ann, carl, there)
        yield await naming(bob, carl, there, hers)


async def things_of(ann: Customer, carl: Customer, there: Town) -> Mapping[str, str]:
    """The ids of what is Ann's."""
    options = [{"title": "All", "amount": "5.00"}]
    pool = await collect(ann, contribution_options=options)
    asked = await ask(ann, share(carl, "1.00"))
    return {
        "source": str(ann.wallet_id),
        "option": pool["contribution_options"][0]["id"],
        "payment": (await ann.paid(carl))["id"],
        "pool": pool["id"],
        "image": await _uploaded(there, ann),
        "verification": await ann.client.verify(new_phone()),
        "nobodys": await there.client.verify(new_phone()),
        "request_id": asked["id"],
        "participant_id": asked["participants"][0]["id"],
    }


async def naming(bob: Customer, carl: Customer, there: Town, hers: Mapping[str, str]) -> Place:
    """Bob, who has what he needs to name what is hers."""
    return Place(
        there,
        bob,
        carl,
        hers,
        request=await ask(bob, share(carl, "1.00")),
        asked=await ask(carl, share(bob, "1.00")),
        pool=await collect(bob),
    )


async def _uploaded(there: Town, owner: Customer) -> str:
    """The id of a picture that its owner has uploaded, and that is of nothing yet."""
    id_ = uuid7()
    async with there.db.transaction() as tx:
        await tx.execute(
            "insert into image (id, owner_id, status, created_at, updated_at)"
            " values (%s, %s, 'ready', now(), now())",
            (id_, owner.user.id),
        )
    return str(id_)


async def _send(sender: Customer, method: str, path: str, body: Json) -> httpx.Response:
    """Send a body, and with it a picture where there has to be one."""
    if path != "/v1/images":
        return await sender.client.call(method, path, body)
    with BytesIO() as file:
        Image.new("RGB", (8, 8)).save(file, "PNG")
        picture = file.getvalue()
    headers = {"Authorization": f"Bearer {sender.client.session}"}
    return await sender.client.http.post(
        path, data=body, files={"file": ("picture.png", picture)}, headers=headers
    )


def test_of_every_id_it_is_told_whose_it_may_be() -> None:
    assert OF_ANYBODY | OTHERS.keys() == FIELDS


@pytest.mark.parametrize("field", sorted(OTHERS))
async def test_an_id_of_something_of_anothers_is_not_found(place: Place, field: str) -> None:
    await finds_none(place, field)


async def finds_none(place: Place, field: str) -> None:
    """See that Bob does not find what is hers by this field."""
    method, path, name = field.split()
    request = place.asked if path.endswith("/pay") else place.request
    path = path.format(
        user_id=place.bob.id,
        pool_id=place.pool["id"],
        request_id=request["id"],
        participant_id=request["participants"][0]["id"],
    )

    answer = await _send(place.bob, method, path, OTHERS[field](place))

    wrong = {re.sub(r"\[\d+\]", "", at): code for at, code in wrong_fields(answer).items()}
    assert wrong == {name: "not_found"}


TWO_IDS = [(it.method, it.path) for it in ROUTES if len(it.parameters) > 1]


@pytest.mark.parametrize(("method", "path"), TWO_IDS)
@pytest.mark.parametrize("name", ["request_id", "participant_id"])
async def test_what_is_anothers_is_not_below_what_is_ones_own(
    place: Place, method: str, path: str, name: str
) -> None:
    own = {
        "request_id": place.request["id"],
        "participant_id": place.request["participants"][0]["id"],
    }
    where = path.format(**own | {name: place.hers[name]})

    answer = await place.bob.client.call(method, where, paying(place.bob))

    assert (answer.status_code, answer.content) == (404, b"")


ID_FILTERS = [
    (route.path, name)
    for route in ROUTES
    for name, column in (route.handler.opt.get("filters") or {}).items()
    if column.type is UUID
]


@pytest.mark.parametrize(("path", "name"), ID_FILTERS)
async def test_what_is_anothers_is_not_found_by_a_filter(
    place: Place, path: str, name: str
) -> None:
    hers = {"funding_source_id": place.hers["source"]}[name]

    assert said(await place.bob.get(f"{path}?filter={name}:eq:{hers}")) == []
