"""Memento, Requests: reminding, settling, cancelling, rejecting, over HTTP."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.api.memento.client import Client, Json, error_code
from tests.api.memento.paying import Customer, Town, messages_to, said
from tests.api.memento.requesting import ask, counts, path, seen, share
from tests.api.serving import memento
from tests.money import EUR
from tests.people import new_phone
from whipround.db.database import Database

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ann(place: Town) -> Customer:
    """Who asks."""
    return await place.person(first_name="Ann", last_name="Lee")


@pytest.fixture
async def bob(place: Town) -> Customer:
    """Somebody with a hundred euros."""
    return await place.person(EUR("100.00"), first_name="Bob", last_name="Ray")


@pytest.fixture
async def eve(place: Town) -> Customer:
    """Somebody else who is asked."""
    return await place.person(first_name="Eve")


async def respond(
    owner: Customer, request: Json, participant: Json, action: str, **given: Any
) -> Any:
    """What the owner does about a participant; the participant."""
    return said(await owner.post(path(request, participant, action), **given))


def stands(request: Json) -> tuple[str, str, Any, dict[str, int]]:
    """How a request stands."""
    return (
        request["status"],
        request["fulfillment_status"],
        request["amount_paid"],
        counts(request),
    )


async def test_how_a_request_stands(ann: Customer, bob: Customer, eve: Customer) -> None:
    phone = new_phone()
    made = await ask(ann, bob, share(eve, "2.50"), phone)
    of_bob, of_eve, of_phone = made["participants"]

    settled = await respond(ann, made, of_bob, "settle")
    assert settled == {**of_bob, "status": "settled", "updated_at": settled["updated_at"]}
    assert stands(await seen(ann, made)) == (
        "open",
        "partial",
        10,
        {"paid": 1, "pending": 2, "total": 3},
    )

    rejected = said(await eve.post(path(made, None, "reject")))
    assert rejected == {**of_eve, "status": "rejected", "updated_at": rejected["updated_at"]}
    cancelled = await respond(ann, made, of_phone, "cancel")
    assert (cancelled["status"], cancelled["id"]) == ("cancelled", of_phone["id"])

    closed = ("closed", "fulfilled", 10, {"paid": 1, "rejected": 1, "total": 3})
    for each in (ann, bob, eve):
        assert stands(await seen(each, made)) == closed


async def test_nobody_pays(ann: Customer, bob: Customer, eve: Customer) -> None:
    made = await ask(ann, bob, eve)

    for each in (bob, eve):
        said(await each.post(path(made, None, "reject")))

    assert stands(await seen(ann, made)) == (
        "closed",
        "unfulfilled",
        0,
        {"rejected": 2, "total": 2},
    )


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ("settle", "already_paid"),
        ("cancel", "participant_responded"),
        ("reject", "participant_responded"),
    ],
)
async def test_a_response_is_the_last(
    ann: Customer, bob: Customer, eve: Customer, first: str, code: str
) -> None:
    made = await ask(ann, bob, eve)
    asked = made["participants"][0]
    reject = path(made, None, "reject")
    if first == "reject":
        said(await bob.post(reject))
    else:
        await respond(ann, made, asked, first)
    before = await seen(ann, made)

    for action in ("settle", "cancel", "remind"):
        assert error_code(await ann.post(path(made, asked, action))) == code
    assert error_code(await bob.post(reject)) == code

    assert await seen(ann, made) == before


async def test_only_the_owner_decides_about_participants(
    ann: Customer, bob: Customer, eve: Customer
) -> None:
    made, other = await ask(ann, bob), await ask(ann, eve)
    [asked] = made["participants"]

    for action in ("settle", "cancel", "remind"):
        for nobody in (bob, eve):
            assert (await nobody.post(path(made, asked, action))).status_code == 404
        assert (await ann.post(path(other, asked, action))).status_code == 404
    for nobody in (ann, eve):
        assert (await nobody.post(path(made, None, "reject"))).status_code == 404

    assert (await seen(ann, made))["participants"] == [asked]


async def test_people_are_told(place: Town, ann: Customer, bob: Customer) -> None:
    made = [await ask(ann, bob, description="Tea") for _ in range(3)]
    of_bob = [each["participants"][0] for each in made]

    await respond(ann, made[0], of_bob[0], "remind")
    await respond(ann, made[0], of_bob[0], "settle")
    await respond(ann, made[1], of_bob[1], "cancel")
    said(await bob.post(path(made[2], None, "reject")))

    told = [(kind, data) for _, kind, data in await messages_to(place.db, bob.phone)][3:]
    words = {"amount": "10.00", "currency": "EUR", "description": "Tea"}
    assert told == [
        (f"request_{what}", {**words, "owner": "Ann Lee"})
        for what in ("reminder", "settled", "cancelled")
    ]
    [(_, kind, data)] = await messages_to(place.db, ann.phone)
    assert (kind, data) == ("request_rejected", {**words, "participant": "Bob Ray"})


_A_DAY_AGO = """
    update request_participant set reminded_since = %(at)s where id = %(id)s
"""


async def _long_ago(db: Database, participant: Json) -> None:
    at = datetime.fromisoformat(participant["created_at"]) - timedelta(days=1)
    async with db.transaction() as tx:
        await tx.execute(_A_DAY_AGO, {"at": at, "id": participant["id"]})


async def test_reminders_have_a_limit(place: Town, ann: Customer, bob: Customer) -> None:
    made = await ask(ann, bob)
    [asked] = made["participants"]

    for _ in range(3):
        assert await respond(ann, made, asked, "remind") == asked
    assert error_code(await ann.post(path(made, asked, "remind"))) == "reminder_limit_reached"
    assert len(await messages_to(place.db, bob.phone)) == 4

    await _long_ago(place.db, asked)
    await respond(ann, made, asked, "remind")


async def test_an_unproven_number_is_told_three_times_a_day(place: Town, ann: Customer) -> None:
    phone = new_phone()
    made, other = await ask(ann, phone), await ask(ann, phone)
    asked, too = made["participants"][0], other["participants"][0]

    await respond(ann, made, asked, "remind")
    assert error_code(await ann.post(path(other, too, "remind"))) == "reminder_limit_reached"
    quiet = await ask(ann, phone)

    assert quiet["status"] == "open"
    kinds = [kind for _, kind, _ in await messages_to(place.db, phone)]
    assert kinds == ["request_waiting"] * 3


async def test_who_proves_the_number_is_asked(place: Town, ann: Customer, bob: Customer) -> None:
    phone = new_phone()
    made = await ask(ann, share(phone, name="John"), bob)
    gone = await ask(ann, phone)
    said(await ann.post(path(gone, gone["participants"][0], "cancel")))

    signed_up = said(
        await place.client.post("/v1/users", await place.client.sign_up_body(phone)), 201
    )
    theirs = await place.enter(signed_up)

    request = said(await theirs.get(path(made)))
    asked = request["participant"]
    assert asked["id"] == made["participants"][0]["id"]
    assert (asked["user_id"], asked["full_name"]) == (signed_up["id"], signed_up["full_name"])
    assert [it["id"] for it in said(await theirs.get("/v1/requests"))] == [gone["id"], made["id"]]
    told = [kind for _, kind, _ in await messages_to(place.db, phone)]
    assert told.count("request_received") == 1
    await respond(ann, made, asked, "remind")
    assert (await messages_to(place.db, phone))[-1][1] == "request_reminder"
    said(await theirs.post(path(made, None, "reject")))
    assert counts(await seen(ann, made)) == {"pending": 1, "rejected": 1, "total": 2}


async def test_a_response_is_given_once(ann: Customer, bob: Customer) -> None:
    made = await ask(ann, bob)
    [asked] = made["participants"]
    key = uuid4()

    answers = [await respond(ann, made, asked, "settle", key=key) for _ in range(2)]

    assert answers[0] == answers[1]


async def test_responses_at_once(place: Town, ann: Customer, bob: Customer, eve: Customer) -> None:
    """One of them counts, and the others say so."""
    async with memento(place.shared) as http:
        there = place.client
        elsewhere = Client(http, there.db, there.keyring, there.product_id, ann.client.session)
        for turn in range(4):
            made = await ask(ann, bob, eve)
            [asked, _] = made["participants"]
            racers = {
                "settle": ann.post(path(made, asked, "settle")),
                "cancel": elsewhere.post(path(made, asked, "cancel")),
                "reject": bob.post(path(made, None, "reject")),
                "delete": elsewhere.call("DELETE", path(made)),
            }
            names = [*racers][turn:] + [*racers][:turn]

            answers = await asyncio.gather(*(racers[name] for name in names))

            assert {it.status_code for it in answers} <= {200, 400, 404}
            done = {name for name, it in zip(names, answers, strict=True) if it.status_code == 200}
            # What was cancelled can still be deleted.
            assert len(done) == 1 or done == {"cancel", "delete"}
