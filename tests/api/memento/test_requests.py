"""Memento, Requests: asking, reading, changing, over HTTP."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from uuid_utils.compat import uuid7

from tests.api.checks import differs, nothing
from tests.api.memento.client import Json, error_code, wrong_fields
from tests.api.memento.documented import uuid
from tests.api.memento.paying import (
    Customer,
    Town,
    ids,
    messages_to,
    new_account,
    new_card,
    said,
)
from tests.api.memento.requesting import (
    ASKED,
    REQUEST,
    REQUESTS,
    ask,
    asking,
    counts,
    path,
    seen,
    share,
)
from tests.money import EUR, nothing_moving, rows
from tests.people import new_phone

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
    """Somebody who has nothing to do with it."""
    return await place.person(first_name="Eve")


async def test_asking_as_in_the_sample(
    place: Town, ann: Customer, bob: Customer, eve: Customer
) -> None:
    phone = new_phone()
    body = {
        "amount": 20.0,
        "currency": "EUR",
        "description": "Payment request",
        "funding_source_id": str(ann.wallet_id),
        "image": {"url": "https://upload.wikimedia.org/wikipedia/en/a/a9/Example.jpg"},
        "only_owner_sees_participants": False,
        "participants": [
            {"user_id": bob.id, "amount": 10.0},
            {"phone": phone, "name": "John Dough", "amount": 10.0, "meta": "theirs"},
        ],
        "meta": "{}",
    }

    made = said(await ann.post(REQUESTS, body), 201)

    of_owner = {**REQUEST, "participant": nothing, "funding_source_id": uuid}
    first, second = made["participants"]
    assert differs({**made, "participants": [first]}, of_owner) == ""
    assert differs(second, {**ASKED, "user_id": nothing}) == ""
    assert (first["user_id"], first["full_name"], first["status"]) == (bob.id, "Bob Ray", "pending")
    assert (second["full_name"], second["username"], second["meta"]) == ("John Dough", "", "theirs")
    assert (made["status"], made["fulfillment_status"]) == ("open", "unfulfilled")
    assert (made["amount"], made["amount_paid"]) == (20, 0)
    assert counts(made) == {"pending": 2, "total": 2}
    assert made["participation"]["first_names"] == ["Bob", "John"]
    assert (made["images"], made["owner"]["id"]) == ([], ann.id)
    assert said(await ann.get(path(made))) == made

    of_bob = await seen(bob, made)
    assert differs({**of_bob, "participants": [first]}, REQUEST) == ""
    assert of_bob == {**made, "participant": first, "funding_source_id": None}
    assert said(await bob.get(REQUESTS)) == [of_bob]
    assert (await eve.get(path(made))).status_code == 404
    assert said(await eve.get(REQUESTS)) == []

    [(channel, kind, words)] = await messages_to(place.db, bob.phone)
    assert (channel, kind, words["owner"]) == ("sms", "request_received", "Ann Lee")
    assert (words["amount"], words["description"]) == ("10.00", "Payment request")
    [(channel, kind, words)] = await messages_to(place.db, phone)
    # Who has not proven the number reads nothing that was typed.
    assert (channel, kind) == ("sms", "request_waiting")
    assert words.keys() == {"amount", "currency", "owner"}


async def test_a_proven_number_is_its_owner(ann: Customer, bob: Customer) -> None:
    made = await ask(ann, share(f"{bob.phone[:3]} {bob.phone[3:]}", name="Bobby"))

    [asked] = made["participants"]
    assert (asked["user_id"], asked["full_name"]) == (bob.id, "Bob Ray")
    assert (await seen(bob, made))["participant"] == asked


async def test_what_cannot_be_asked(
    place: Town, ann: Customer, bob: Customer, eve: Customer
) -> None:
    card = (await ann.add(new_card())).rpartition("/")[2]
    account = (await ann.add(new_account())).rpartition("/")[2]
    phone, cents = new_phone(), share(bob, "1.001")
    both = share(bob, phone=phone)
    required = dict.fromkeys(
        ["amount", "currency", "funding_source_id", "participants"], "required"
    )
    a, b = "participants[0]", "participants[1]"
    wrong: list[tuple[Json, dict[str, str]]] = [
        ({}, required),
        (asking(ann), {"participants": "required"}),
        (asking(ann, *[share(new_phone(), "0.01")] * 101), {"participants": "too_long"}),
        (asking(ann, share(bob, "20.01")), {"participants": "too_large"}),
        (asking(ann, share(bob), share(eve, "10.01")), {"participants": "too_large"}),
        (
            asking(ann, share(bob, 0), amount="20.001"),
            {f"{a}.amount": "too_small", "amount": "too_precise"},
        ),
        (asking(ann, cents), {f"{a}.amount": "too_precise"}),
        (asking(ann, share(bob), currency="BHD"), {"currency": "unsupported"}),
        (asking(ann, {"amount": 1}), {f"{a}.user_id": "required"}),
        (asking(ann, both), {f"{a}.user_id": "invalid"}),
        (asking(ann, {"phone": "123", "amount": 1}), {f"{a}.phone": "invalid"}),
        (asking(ann, share(ann)), {f"{a}.user_id": "invalid"}),
        (asking(ann, share(ann.phone)), {f"{a}.phone": "invalid"}),
        (asking(ann, {"user_id": str(uuid4()), "amount": 1}), {f"{a}.user_id": "not_found"}),
        (asking(ann, share(bob), share(bob)), {f"{b}.user_id": "invalid"}),
        (asking(ann, share(bob), share(bob.phone)), {f"{b}.phone": "invalid"}),
        (asking(ann, share(phone), share(phone)), {f"{b}.phone": "invalid"}),
        (asking(ann, share(bob), funding_source_id=card), {"funding_source_id": "unsupported"}),
        (asking(ann, share(bob), funding_source_id=account), {"funding_source_id": "invalid"}),
        (asking(eve, share(bob)), {"funding_source_id": "not_found"}),
        (asking(ann, share(bob), image={"id": str(uuid4())}), {"image.id": "not_found"}),
        (asking(ann, share(bob), image_ids=[str(uuid4())]), {"image_ids": "not_found"}),
    ]
    async with nothing_moving(place.db):
        for body, fields in wrong:
            assert wrong_fields(await ann.post(REQUESTS, body)) == fields, body
    assert said(await ann.get(REQUESTS)) == []


async def test_a_bank_account_can_receive(ann: Customer, bob: Customer) -> None:
    account = (await ann.add_verified(new_account())).rpartition("/")[2]

    made = await ask(ann, bob, funding_source_id=account)

    assert made["funding_source_id"] == account
    answer = await ann.delete(f"/v1/funding_sources/{account}")
    assert error_code(answer) == "funding_source_in_use"


async def test_a_request_is_made_once(place: Town, ann: Customer, bob: Customer) -> None:
    body, key = asking(ann, share(bob)), uuid4()

    answers = [await ann.post(REQUESTS, body, key=key) for _ in range(2)]

    assert answers[0].content == answers[1].content
    assert ids(said(await ann.get(REQUESTS))) == [said(answers[0], 201)["id"]]
    assert len(await messages_to(place.db, bob.phone)) == 1


async def test_only_the_owner_sees_participants(
    ann: Customer, bob: Customer, eve: Customer
) -> None:
    made = await ask(ann, bob, eve, only_owner_sees_participants=True)

    of_bob = await seen(bob, made)

    assert len(made["participants"]) == 2
    assert of_bob["participants"] == [of_bob["participant"]] == made["participants"][:1]
    assert of_bob["participation"]["first_names"] == ["Bob"]
    assert counts(of_bob) == {"pending": 2, "total": 2}
    assert said(await bob.get(path(made, None, "participants"))) == of_bob["participants"]
    assert said(await bob.get(REQUESTS)) == [of_bob]

    said(await ann.put(path(made), {"only_owner_sees_participants": False}))
    assert len((await seen(bob, made))["participants"]) == 2


async def test_participants_page_by_page(ann: Customer, bob: Customer, eve: Customer) -> None:
    phones = [new_phone() for _ in range(22)]
    made = await ask(ann, *[share(phone, "1.00") for phone in phones], share(eve), bob)
    asked = made["participants"]
    where = path(made, None, "participants")

    [page, *_] = await ann.walk(f"{where}?limit=10&sort=created_at:asc")
    [listed] = said(await bob.get(REQUESTS))

    assert len(asked) == 24
    assert page == asked[:10]
    pages = await bob.walk(f"{where}?limit=10")
    assert [it for page in pages for it in page] == asked[::-1]
    assert ids(listed["participants"]) == ids([*asked[:10], asked[23]])
    assert listed["participant"] == asked[23]
    assert listed["participation"]["first_names"] == []
    said(await ann.post(path(made, asked[3], "cancel")))
    for filter_, found in (("eq:cancelled", 1), ("in:[paid;settled]", 0), ("eq:pending", 23)):
        answer = await ann.get(f"{where}?filter=status:{filter_}")
        assert len(said(answer)) == found
    assert wrong_fields(await ann.get(f"{where}?filter=owner:eq:true")) == {
        "filter.owner": "unsupported"
    }


async def test_lists(ann: Customer, bob: Customer, eve: Customer) -> None:
    mine = [await ask(bob, ann) for _ in range(3)]
    theirs = [await ask(ann, bob, eve) for _ in range(3)]
    await ask(ann, eve)
    for request in (mine[0], theirs[0]):
        for participant in request["participants"]:
            asker = bob if request is mine[0] else ann
            said(await asker.post(path(request, participant, "settle")))

    async def found(query: str) -> list[str]:
        pages = await bob.walk(f"{REQUESTS}?limit=2&{query}")
        return [it for page in pages for it in ids(page)]

    newest_first = ids([*mine, *theirs])[::-1]
    assert await found("") == newest_first
    assert await found("sort=created_at:asc") == newest_first[::-1]
    assert await found("filter=owner:eq:true") == ids(mine)[::-1]
    assert await found("filter=owner:eq:false") == ids(theirs)[::-1]
    assert await found("filter=status:eq:closed") == [theirs[0]["id"], mine[0]["id"]]
    assert await found("filter=status:eq:open,owner:eq:true") == ids(mine)[:0:-1]
    assert await found("filter=status:in:[open,closed]") == newest_first
    assert await found("filter=status:eq:all&sort=updated_at") != newest_first
    after = f"created_at:gt:{mine[2]['created_at']}"
    assert await found(f"filter={after}") == ids(theirs)[::-1]


@pytest.mark.parametrize("blocker", ["ann", "bob"])
async def test_blocked_people_do_not_ask_each_other(
    place: Town, ann: Customer, bob: Customer, blocker: str
) -> None:
    made = await ask(ann, bob)
    people = {"ann": ann, "bob": bob}
    blocking = people.pop(blocker)
    [other] = people.values()
    said(await blocking.post(f"/v1/users/{other.id}/block"))

    async with nothing_moving(place.db):
        for whom in (share(bob), share(bob.phone)):
            assert error_code(await ann.post(REQUESTS, asking(ann, whom))) == "blocked"
        [asked] = made["participants"]
        assert error_code(await ann.post(path(made, asked, "remind"))) == "blocked"

    assert (await seen(bob, made))["participant"] == asked


async def test_changing_what_is_said(ann: Customer, bob: Customer) -> None:
    made = await ask(ann, bob, meta="kept")

    changed = said(await ann.put(path(made), {"description": "Supper", "amount": 1}))
    again = said(await ann.put(path(made), {"meta": "new", "image": None}))

    assert changed == {**made, "description": "Supper", "updated_at": changed["updated_at"]}
    assert changed["updated_at"] > made["updated_at"]
    assert (again["description"], again["meta"]) == ("Supper", "new")
    assert wrong_fields(await ann.put(path(made), {"description": None, "meta": 1})) == {
        "description": "required",
        "meta": "invalid",
    }
    assert (await bob.put(path(made), {"description": "Mine"})).status_code == 404


_UPLOADED = """
    insert into image (id, owner_id, status, created_at, updated_at)
    values (%s, %s, 'ready', now(), now()) returning id::text
"""
_OF_REQUEST = """
    select status, source_url from image where object_type = 'request' and object_id = %s
"""


async def uploaded(place: Town, owner: Customer) -> str:
    """The id of a picture of somebody's, which is of nothing yet."""
    [[id_]] = await rows(place.db, _UPLOADED, uuid7(), owner.user.id)
    return str(id_)


async def test_pictures(place: Town, ann: Customer, bob: Customer) -> None:
    a, b, c, theirs = [await uploaded(place, each) for each in (ann, ann, ann, bob)]

    made = await ask(ann, bob, image={"id": a}, image_ids=[a, b])
    assert ids(made["images"]) == [a, b]
    assert made["image"] == made["images"][0]
    assert said(await bob.get(REQUESTS))[0]["images"] == made["images"]
    as_shown = said(await ann.put(path(made), {"image": made["image"]}))
    assert as_shown["images"] == made["images"]
    for taken in (b, theirs):
        answer = await ann.put(path(made), {"image": {"id": taken}})
        assert wrong_fields(answer) == {"image.id": "not_found"}

    changed = said(await ann.put(path(made), {"image": {"id": c}}))
    assert ids(changed["images"]) == [c, b]
    again = said(await ann.put(path(made), {"image": None, "description": "Supper"}))
    assert ids(again["images"]) == [b]
    said(await ann.put(path(made), {"image": {"url": "https://example.com/a.png"}}))
    assert ("wanted", "https://example.com/a.png") in await rows(place.db, _OF_REQUEST, made["id"])

    await ann.delete(path(made))
    assert {status for status, _ in await rows(place.db, _OF_REQUEST, made["id"])} == {"removed"}


async def test_taking_a_request_back(place: Town, ann: Customer, bob: Customer) -> None:
    phone = new_phone()
    made = await ask(ann, bob, phone)
    said(await ann.post(path(made, made["participants"][1], "cancel")))
    assert (await bob.delete(path(made))).status_code == 404

    answer = await ann.delete(path(made))

    assert (answer.status_code, answer.content) == (200, b"")
    for each in (ann, bob):
        assert (await each.get(path(made))).status_code == 404
        assert said(await each.get(REQUESTS)) == []
    assert (await ann.delete(path(made))).status_code == 404
    kinds = [kind for _, kind, _ in await messages_to(place.db, bob.phone)]
    assert kinds == ["request_received", "request_cancelled"]
    assert [kind for _, kind, _ in await messages_to(place.db, phone)] == ["request_waiting"]


@pytest.mark.parametrize("answer", ["settle", "reject"])
async def test_what_somebody_has_answered_stays(
    ann: Customer, bob: Customer, eve: Customer, answer: str
) -> None:
    made = await ask(ann, bob, eve)
    action: dict[str, Any] = {
        "settle": (ann, path(made, made["participants"][0], "settle")),
        "reject": (bob, path(made, None, "reject")),
    }
    who, where = action[answer]
    said(await who.post(where))

    assert error_code(await ann.delete(path(made))) == "participant_responded"
    assert UUID((await seen(ann, made))["id"])
