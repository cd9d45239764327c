"""Memento, Notifications, over HTTP."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from tests.api.checks import differs, nothing, text
from tests.api.memento import pooling, requesting
from tests.api.memento.client import Json, wrong_fields
from tests.api.memento.documented import PICTURE, number, time, uuid
from tests.api.memento.paying import Customer, Town, ids, said
from tests.api.memento.pooling import collect, give
from tests.api.memento.requesting import ask, paying
from tests.money import EUR, rows
from tests.people import new_phone
from whipround.domain import claims
from whipround.domain.notifications import KINDS, Event, tell
from whipround.domain.payments.commands import UNCLAIMED_FOR

pytestmark = pytest.mark.anyio

NOTIFICATIONS = "/v1/notifications"

NOTIFICATION = {
    "id": uuid,
    "actor_id": uuid,
    "actor": text,
    "notification_type": text,
    "notification_key": text,
    "object_id": uuid,
    "object_data_number": number,
    "object_data_string": text,
    "description": text,
    "image": nothing,
    "created_at": time,
    "updated_at": time,
}


@pytest.fixture
async def ann(place: Town) -> Customer:
    """Somebody with a hundred euros."""
    return await place.person(EUR("100.00"), first_name="Ann", last_name="Ant")


@pytest.fixture
async def bob(place: Town) -> Customer:
    """Somebody else with a hundred euros."""
    return await place.person(EUR("100.00"), first_name="Bob", last_name="Bee")


async def notifications(reader: Customer, query: str = "") -> list[Json]:
    """What somebody was told, newest first."""
    found: list[Json] = said(await reader.get(f"{NOTIFICATIONS}?{query}"))
    return found


def kinds(told: list[Json]) -> list[str]:
    return [f"{it['notification_type']} {it['notification_key']}" for it in told]


async def picture(place: Town, object_type: str, object_id: str, owner: Customer) -> str:
    """A picture of something, there to be seen; its id."""
    made = uuid7()
    await rows(
        place.db,
        "insert into image (id, owner_id, object_type, object_id, status, created_at, updated_at)"
        " values (%s, %s, %s, %s, 'ready', now(), now()) returning id",
        made,
        owner.user.id,
        object_type,
        UUID(object_id),
    )
    if object_type == "user":
        await rows(
            place.db,
            "update users set image_id = %s, image_created_at = now(), image_updated_at = now()"
            " where id = %s returning id",
            made,
            UUID(object_id),
        )
    return str(made)


async def test_what_others_do_is_told(ann: Customer, bob: Customer) -> None:
    made = await ann.paid(bob, "6.00")
    request = await ask(bob, ann, description="Dinner")
    pool = await collect(ann, bob)
    said(await ann.post(requesting.path(request, action="pay"), paying(ann)))
    await give(bob, pool, "7.00")
    said(await ann.post(pooling.path(pool, "close")))

    anns, bobs = await notifications(ann), await notifications(bob)

    received = bobs[-1]
    documented = {**NOTIFICATION, "object_data_number": lambda it: it is None or number(it)}
    assert [differs(it, documented) for it in anns + bobs] == [""] * 6
    assert (received["actor_id"], received["actor"]) == (ann.id, "Ann Ant")
    assert received["object_id"] == made["id"]
    assert str(received["object_data_number"]) == "6.00"
    assert received["object_data_string"] == "Lunch"
    assert received["description"] == "Ann Ant paid you €6.00: Lunch"
    assert kinds(bobs)[-3:] == ["request paid", "pool invited", "payment received"]
    assert kinds(anns)[-2:] == ["pool contributed", "request received"]
    assert {it["object_id"] for it in bobs} >= {made["id"], request["id"], pool["id"]}
    assert all(it["description"] for it in anns + bobs)


async def test_what_nobody_does_is_told_too(place: Town, ann: Customer) -> None:
    await ann.paid(new_phone())
    await claims.return_expired(place.db, now=datetime.now(UTC) + UNCLAIMED_FOR)

    [told] = await notifications(ann)

    assert kinds([told]) == ["payment returned"]
    assert differs(told, {**NOTIFICATION, "actor_id": nothing}) == ""
    assert told["actor"] == ""


async def test_it_is_read_in_the_language_of_the_reader(
    place: Town, ann: Customer, bob: Customer
) -> None:
    await ann.paid(bob, "6.00")
    said(await bob.put("/v1/users", {"locale": "es-MX"}))

    [told] = await notifications(bob)

    assert "Ann Ant" in told["description"]
    assert "paid you" not in told["description"]


async def test_since_is_a_time_after_which_it_was_told(ann: Customer, bob: Customer) -> None:
    for _ in range(4):
        await ann.paid(bob)
    told = await notifications(bob)
    since = told[2]["created_at"]

    assert ids(await notifications(bob, f"since={since}")) == ids(told[:2])
    assert ids(await notifications(bob, f"since={since}&sort=created_at:asc&limit=1&page=2")) == (
        ids(told[:1])
    )
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    assert ids(await notifications(bob, f"since={hour_ago:%Y-%m-%d %H:%M:%S}")) == ids(told)
    assert ids(await notifications(bob, "since=")) == ids(told)
    assert await notifications(bob, "since=2999-01-01") == []
    assert ids(await notifications(bob, f"filter=created_at:lt:{since}")) == ids(told[3:])
    pages = await bob.walk(f"{NOTIFICATIONS}?limit=3")
    assert [ids(page) for page in pages] == [ids(told[:3]), ids(told[3:])]
    wrong = await bob.get(f"{NOTIFICATIONS}?since=yesterday")
    assert wrong_fields(wrong) == {"since": "invalid"}


async def test_the_picture_is_that_of_the_object_else_of_who_did_it(
    place: Town, ann: Customer, bob: Customer
) -> None:
    first, second = [await ann.paid(bob) for _ in range(2)]
    face = await picture(place, "user", ann.id, ann)
    own = await picture(place, "payment", second["id"], ann)

    newer, older = await notifications(bob)

    assert (newer["image"]["id"], older["image"]["id"]) == (own, face)
    assert differs(newer, {**NOTIFICATION, "image": PICTURE}) == ""
    assert older["object_id"] == first["id"]


async def test_every_kind_can_be_read(place: Town, ann: Customer, bob: Customer) -> None:
    """Also what a newer release has told of, and what there are no words for."""
    said_of_it = {
        "amount": "6.00",
        "currency": "EUR",
        **dict.fromkeys(["payer", "owner", "participant", "recipient", "contributor"], "Ann Ant"),
        "description": "Dinner",
        "reference": "12345678901234",
        "to_wallet": True,
    }
    kinds_told = [*KINDS, "from_the_future"]
    now = datetime.now(UTC)
    async with place.db.transaction() as tx:
        events = [Event(bob.user.id, kind, uuid7(), None, said_of_it) for kind in kinds_told]
        await tell(tx, events, now=now)
        wordless = Event(bob.user.id, "payment_received", uuid7(), None, {})
        await tell(tx, [wordless], now=now + timedelta(seconds=1))

    told = await notifications(bob, "limit=100")

    assert len(told) == len(KINDS) + 1
    assert told[0]["description"] == ""
    assert told[0]["object_data_number"] is None
    assert not [it for it in told[1:] if not it["description"]]
