"""For every route of Memento's with a body, one with nothing wrong in it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import uuid4

from tests.api.memento.client import Json, device
from tests.api.memento.paying import Customer, Town, new_card
from tests.api.memento.pooling import collect, collecting, giving
from tests.api.memento.requesting import ask, asking, paying, share
from tests.people import PIN, new_phone


class Place(NamedTuple):
    """Ann, and what is hers or is asked of her."""

    town: Town
    ann: Customer
    bob: Customer
    ids: Mapping[str, str]
    proof: str


async def place_of(town: Town, ann: Customer, bob: Customer) -> Place:
    """Something for every id that a path has."""
    mine, asked = await ask(ann, bob), await ask(bob, share(ann, "1.00"))
    paid = await bob.paid(ann)
    verification = {"type": "sms", "recipient": new_phone(), "event": "test"}
    login = {
        "identity": {"type": "username", "value": ann.user.username},
        "authenticator": "sms",
        "device": device(),
    }
    ids = {
        "user_id": ann.id,
        "payment_id": paid["id"],
        "funding_source_id": str(ann.wallet_id),
        "pool_id": (await collect(ann, allows_optional_amount=True))["id"],
        "request_id": mine["id"],
        "asked_id": asked["id"],
        "participant_id": asked["participants"][0]["id"],
        "verification_id": (await ann.post("/v1/verifications", verification)).json()["id"],
        "token_id": (await town.client.post("/v1/tokens", login)).json()["id"],
    }
    return Place(town, ann, bob, ids, await town.client.verify(new_phone()))


def path_of(place: Place, path: str) -> str:
    """The path of what is Ann's to change, or hers to pay."""
    is_asked = path.endswith("/pay")
    asked = {"request_id": place.ids["asked_id"]} if is_asked else {}
    return path.format(**{**place.ids, **asked})


def _profile(place: Place) -> Json:
    return {"first_name": "Ann", "last_name": "Lee", "current_pin": PIN}


def _verification(place: Place) -> Json:
    return {"type": "sms", "recipient": new_phone(), "event": "test"}


def _picture(place: Place) -> Json:
    return {"description": "A picture"}


def _signing_up(place: Place) -> Json:
    return {
        "first_name": "John",
        "last_name": "Dough",
        "username": f"j{uuid4().hex[:12]}",
        "pin": PIN,
        "verifications": [{"field": "phone", "id": place.proof}],
        "device": device(),
    }


def _pool(place: Place) -> Json:
    end = datetime.now(UTC) + timedelta(days=9)
    return {"description": "Gift", "end_at": f"{end:%Y-%m-%d %H:%M:%S}"}


GOOD: Mapping[str, Callable[[Place], Json]] = {
    "POST /v1/contacts": lambda _: {"first_name": "Dan", "last_name": "Ray"},
    "PUT /v1/devices/current": lambda _: {"make": "iPhone"},
    "POST /v1/fees/calculate": lambda it: {
        "amount": "1.00",
        "source": {"funding_source_id": str(it.ann.wallet_id), "currency": "EUR"},
        "destination": {"currency": "EUR"},
    },
    "POST /v1/funding_sources": lambda _: new_card(),
    "PUT /v1/funding_sources/{funding_source_id}": lambda _: {"description": "Mine"},
    "POST /v1/funding_sources/{funding_source_id}/verify": lambda _: {"code": "000000"},
    "POST /v1/images": _picture,
    "POST /v1/payments": lambda it: it.ann.order(it.bob, "0.01"),
    "POST /v1/payments/{payment_id}/refund": lambda _: {"amount": "0.01", "pin": PIN},
    "POST /v1/pools": lambda it: collecting(it.ann),
    "PUT /v1/pools/{pool_id}": _pool,
    "POST /v1/pools/{pool_id}/export": lambda _: {"email": "ann@example.com"},
    "POST /v1/pools/{pool_id}/participants/export": lambda _: {"email": "ann@example.com"},
    "POST /v1/pools/{pool_id}/invite": lambda it: {"user_ids": [it.bob.id]},
    "POST /v1/pools/{pool_id}/participants": lambda it: giving(it.ann, "0.01"),
    "POST /v1/requests": lambda it: asking(it.ann, share(it.bob, "1.00"), amount="1.00"),
    "PUT /v1/requests/{request_id}": lambda _: {"description": "Dinner"},
    "POST /v1/requests/{request_id}/participants/{participant_id}/pay": lambda it: paying(it.ann),
    "POST /v1/requests/{request_id}/pay": lambda it: paying(it.ann),
    "POST /v1/tokens": lambda it: {
        "identity": {"type": "username", "value": "nobody.at.all"},
        "authenticator": "sms",
        "device": device(),
    },
    "POST /v1/tokens/{token_id}/secret": lambda _: {"secret": "000000", "pin": PIN},
    "POST /v1/users": _signing_up,
    "PUT /v1/users": _profile,
    "PUT /v1/users/{user_id}": _profile,
    "POST /v1/users/search": lambda _: {"name": "Ann"},
    "POST /v1/verifications": _verification,
    "PUT /v1/verifications": _verification,
    "POST /v1/verifications/{verification_id}/data": lambda _: {"data": "000000"},
}
"""Whose every field, and every other that the route has, is then made something else."""
