"""Memento, Moments, over HTTP."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from tests.api.checks import Check, a_list_of, boolean, differs, integer, text
from tests.api.memento import pooling, requesting
from tests.api.memento.client import Json, wrong_fields
from tests.api.memento.documented import PICTURE, number, time, uuid
from tests.api.memento.paying import PAYMENTS, Customer, Town, ids, new_account, said
from tests.api.memento.pooling import collect, give
from tests.api.memento.requesting import ask, paying, share
from tests.money import EUR, rows, until_waiting
from tests.people import PIN, new_phone
from whipround.db.listing import ListQuery
from whipround.domain import claims
from whipround.domain.moments import reading
from whipround.domain.payments.commands import UNCLAIMED_FOR
from whipround.domain.requests import changing

pytestmark = pytest.mark.anyio

MOMENTS = "/v1/moments"

MOMENT: Mapping[str, Check] = {
    "id": uuid,
    "status": text,
    "type": text,
    "object_id": uuid,
    "title": text,
    "note": text,
    "amount": number,
    "total_amount": number,
    "currency": text,
    "image": PICTURE,
    "participation": {
        "count": dict.fromkeys(["invited", "paid", "pending", "rejected", "total"], integer),
        "first_names": a_list_of(text),
    },
    "is_owner": boolean,
    "read_at": time,
    "amount_indicator": {"id": integer, "title": text},
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


async def moments(viewer: Customer, query: str = "") -> list[Json]:
    """Somebody's moments, newest first."""
    found: list[Json] = said(await viewer.get(f"{MOMENTS}?{query}"))
    return found


async def moment_of(viewer: Customer, made: Json) -> Json:
    """The one moment that somebody has of an object."""
    [found] = [it for it in await moments(viewer) if it["object_id"] == made["id"]]
    return found


def row(moment: Json) -> tuple[Any, ...]:
    """What a feed shows at a glance."""
    return (
        moment["title"],
        str(moment["amount"]),
        str(moment["total_amount"]),
        moment["amount_indicator"]["title"],
        moment["status"],
    )


def people(moment: Json) -> tuple[Json, list[str]]:
    """How many take part, by how they stand, and their first names."""
    count = {name: it for name, it in moment["participation"]["count"].items() if it}
    return count, moment["participation"]["first_names"]


async def test_a_payment_is_a_moment_of_both_sides(ann: Customer, bob: Customer) -> None:
    made = await ann.paid(bob, "6.00")
    plain = await ann.paid(bob, "7.00", description="")

    payers, recipients = await moment_of(ann, made), await moment_of(bob, made)

    assert differs({**payers, "read_at": payers["created_at"]}, MOMENT) == ""
    assert payers["id"] == made["id"]
    assert recipients["id"] == made["recipient"]["transaction_id"]
    assert (payers["type"], payers["currency"]) == ("payment", "EUR")
    assert (payers["is_owner"], recipients["is_owner"]) == (True, False)
    assert row(payers) == ("Lunch", "6.00", "6.00", "negative", "closed")
    assert row(recipients) == ("Lunch", "6.00", "6.00", "positive", "closed")
    assert (payers["amount_indicator"]["id"], recipients["amount_indicator"]["id"]) == (3, 2)
    assert people(payers) == people(recipients) == ({"paid": 1, "total": 1}, ["Bob"])
    assert payers["image"] == recipients["image"]
    assert (await moment_of(ann, plain))["title"] == "Bob Bee"
    assert (await moment_of(bob, plain))["title"] == "Ann Ant"
    assert [it["note"] for it in await moments(bob)] == ["", "Lunch"]
    # What went back made nobody richer or poorer.
    for amount, direction in (("2.00", "positive"), ("4.00", "neutral")):
        back = {"amount": amount, "pin": PIN}
        said(await bob.post(f"{PAYMENTS}/{made['id']}/refund", back), 201)
        assert row(await moment_of(bob, made))[3] == direction


async def test_a_payment_that_waits_and_one_that_returned(place: Town, ann: Customer) -> None:
    phone = new_phone()
    made = await ann.paid(phone, "6.00", description="")
    waiting = await moment_of(ann, made)

    await claims.return_expired(place.db, now=datetime.now(UTC) + UNCLAIMED_FOR)

    assert row(waiting) == (phone, "6.00", "6.00", "negative", "open")
    assert people(waiting) == ({"pending": 1, "total": 1}, [])
    assert row(await moment_of(ann, made))[3:] == ("neutral", "closed")


async def test_what_stays_ones_own_is_neutral(ann: Customer) -> None:
    card = await ann.add_card()
    account = (await ann.add_verified(new_account())).rpartition("/")[2]
    to = {"user_id": ann.id, "amount": "5.00"}
    topped_up = await ann.paid(ann, "5.00", funding_source_id=card, description="", recipient=to)
    to = {"funding_source_id": account, "amount": "4.00"}
    withdrawn = await ann.paid(ann, "4.00", description="", recipient=to)

    assert row(await moment_of(ann, topped_up)) == (
        *("Credit Card", "5.00", "5.00", "neutral", "closed"),
    )
    assert row(await moment_of(ann, withdrawn))[0] == "My Bank Account"
    assert len(await moments(ann)) == 2


async def test_a_request_is_a_moment_of_each_of_its_people(
    place: Town, ann: Customer, bob: Customer
) -> None:
    carl = await place.person(EUR("50.00"), first_name="Carl")
    made = await ask(ann, share(bob, "30.00"), share(carl, "20.00"), description="")
    mine, bobs = await moment_of(ann, made), await moment_of(bob, made)

    said(await bob.post(requesting.path(made, action="pay"), paying(bob)))

    assert (mine["id"], mine["type"]) == (made["id"], "request")
    assert bobs["id"] in {it["id"] for it in made["participants"]}
    assert row(mine) == ("Bob, Carl", "0.00", "100.00", "neutral", "open")
    assert row(bobs) == ("Ann Ant", "30.00", "100.00", "neutral", "open")
    assert people(mine) == ({"pending": 2, "total": 2}, ["Bob", "Carl"])
    assert row(await moment_of(ann, made))[1:] == ("30.00", "100.00", "positive", "open")
    # What bob was asked for is closed; carl has yet to answer.
    assert row(await moment_of(bob, made))[1:] == ("30.00", "100.00", "negative", "closed")
    assert row(await moment_of(carl, made))[3:] == ("neutral", "open")
    [carls] = [it for it in made["participants"] if it["user_id"] == carl.id]
    said(await ann.post(requesting.path(made, carls, "settle")))
    assert row(await moment_of(carl, made))[1:] == ("20.00", "100.00", "negative", "closed")
    # The payment for it is none of its own.
    assert [it["type"] for it in await moments(bob)] == ["request"]
    assert [it["type"] for it in await moments(ann)] == ["request"]


async def test_only_the_owner_sees_who_is_asked(place: Town, ann: Customer, bob: Customer) -> None:
    carl = await place.person(first_name="Carl")
    made = await ask(ann, bob, carl, only_owner_sees_participants=True)

    assert people(await moment_of(ann, made))[1] == ["Bob", "Carl"]
    assert people(await moment_of(bob, made))[1] == ["Bob"]


async def test_a_request_deleted_meanwhile_is_left_out(
    place: Town, ann: Customer, bob: Customer
) -> None:
    kept, deleted = await ask(ann, bob), await ask(ann, bob)
    async with place.db.transaction() as reader:
        async with place.db.transaction() as tx:
            # Who asks is read between the requests and their participants.
            await tx.execute("lock users")
            found = asyncio.create_task(
                reading.page(reader, user_id=bob.user.id, query=ListQuery())
            )
            await until_waiting(place.db)
            await changing.delete(
                tx,
                owner_id=ann.user.id,
                owner=ann.user.full_name,
                request_id=UUID(deleted["id"]),
                now=datetime.now(UTC),
            )

        assert [it.object_id for it in await found] == [UUID(kept["id"])]


async def test_a_pool_is_a_moment_of_whom_it_has_to_do_with(
    place: Town, ann: Customer, bob: Customer
) -> None:
    carl = await place.person(EUR("50.00"), first_name="Carl")
    public = await collect(ann, bob, is_public=True, detailed_description="For Eve")
    assert await moments(carl) == []

    for amount in ("6.00", "7.00"):
        await give(carl, public, amount)
    await give(ann, public, "1.00")

    mine, bobs, carls = [await moment_of(it, public) for it in (ann, bob, carl)]
    assert (mine["id"], mine["type"], mine["note"]) == (public["id"], "pool", "For Eve")
    assert row(mine) == ("Gift", "14.00", "14.00", "positive", "open")
    assert row(bobs) == ("Gift", "0.00", "14.00", "neutral", "open")
    assert row(carls) == ("Gift", "13.00", "14.00", "negative", "open")
    assert people(mine) == ({"invited": 1, "paid": 3, "total": 4}, ["Bob", "Carl", "Ann"])
    assert len({mine["id"], bobs["id"], carls["id"]}) == 3
    said(await ann.post(pooling.path(public, "close")))
    assert {(await moment_of(it, public))["status"] for it in (ann, bob, carl)} == {"closed"}
    assert [len(await moments(it)) for it in (ann, bob, carl)] == [1, 1, 1]


async def test_opening_one_is_reading_it_once(place: Town, ann: Customer, bob: Customer) -> None:
    made = await ann.paid(bob)
    request = await ask(ann, bob)
    pool = await collect(ann, bob)
    unread = [await moment_of(bob, it) for it in (made, request, pool)]

    for moment in unread:
        path = f"{MOMENTS}/{moment['id']}"
        opened = [said(it) for it in await asyncio.gather(*(bob.get(path) for _ in range(3)))]
        again = said(await bob.get(path))

        assert moment["read_at"] is None
        assert {it["read_at"] for it in opened} == {again["read_at"]}
        assert {**again, "read_at": None} == moment
        assert differs(again, MOMENT) == ""
        assert (await ann.get(path)).status_code == 404
    assert all(it["read_at"] for it in await moments(bob))
    assert not any(it["read_at"] for it in await moments(ann))
    # An object's own id is that of its owner's moment only.
    for each in (made, request, pool):
        assert (await bob.get(f"{MOMENTS}/{each['id']}")).status_code == 404
        assert said(await ann.get(f"{MOMENTS}/{each['id']}"))["object_id"] == each["id"]


async def test_the_list_is_filtered_sorted_and_paged(ann: Customer, bob: Customer) -> None:
    waiting = await ann.paid(new_phone())
    paid = await ann.paid(bob)
    back = await bob.paid(ann)
    request = await ask(bob, ann)
    pool = await collect(bob, ann)
    said(await ann.post(requesting.path(request, action="reject")))
    newest = [(await moment_of(ann, it))["id"] for it in (pool, request, back, paid, waiting)]

    walked = await ann.walk(f"{MOMENTS}?limit=2")

    assert [ids(page) for page in walked] == [newest[:2], newest[2:4], newest[4:]]
    assert ids(await moments(ann, "sort=created_at:asc")) == newest[::-1]
    assert ids(await moments(ann, "sort=updated_at"))[-1] == newest[1]
    is_open, closed = [newest[0], newest[4]], newest[1:4]
    for query, expected in {
        "filter=open:eq:true": is_open,
        "filter=open:eq:false": closed,
        "filter=status:eq:open": is_open,
        "filter=status:in:[open;closed]": newest,
        "filter=status:eq:all": newest,
        "filter=open:eq:true,status:eq:closed": [],
        f"filter=created_at:gt:{back['created_at']}": newest[:2],
        f"filter=created_at:lte:{paid['created_at']}": newest[3:],
    }.items():
        assert ids(await moments(ann, query)) == expected, query
    wrong = await ann.get(f"{MOMENTS}?filter=type:eq:pool&sort=amount&search=x")
    assert wrong_fields(wrong) == dict.fromkeys(["filter.type", "sort", "search"], "unsupported")


async def test_moments_of_one_instant_are_each_on_one_page(
    place: Town, ann: Customer, bob: Customer
) -> None:
    """Payments of one batch are as old as each other, by whichever id they are known."""
    made = [(await (ann if at % 2 else bob).paid(bob if at % 2 else ann))["id"] for at in range(9)]
    at = datetime.now(UTC) + timedelta(seconds=1)
    await rows(
        place.db,
        "update payment set created_at = %s where id = any(%s) returning id",
        at,
        list(map(UUID, made)),
    )

    for direction in ("asc", "desc"):
        pages = await ann.walk(f"{MOMENTS}?limit=2&sort=created_at:{direction}")
        shown = [it["object_id"] for page in pages for it in page]
        assert sorted(shown) == sorted(made)


async def test_a_picture_of_its_own_goes_before_its_people(
    place: Town, ann: Customer, bob: Customer
) -> None:
    made = await ann.paid(bob)
    group = (await moment_of(bob, made))["image"]

    await rows(
        place.db,
        "insert into image (id, owner_id, object_type, object_id, status, created_at, updated_at)"
        " values (%s, %s, 'payment', %s, 'ready', now(), now()) returning id",
        own := uuid7(),
        ann.id,
        made["id"],
    )

    assert (await moment_of(bob, made))["image"]["id"] == str(own) != group["id"]
    assert differs(await moment_of(ann, made), {**MOMENT, "read_at": lambda it: it is None}) == ""
