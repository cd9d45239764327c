"""Memento, Contacts, over HTTP: whom somebody knows, and what becomes of those."""

from typing import Any
from uuid import uuid4

import pytest
from uuid_utils.compat import uuid7

from tests.api.memento.client import Json, wrong_fields
from tests.api.memento.paying import Customer, Town, ids, said
from tests.money import EUR
from tests.people import new_phone

pytestmark = pytest.mark.anyio

CONTACTS = "/v1/contacts"
CONTACT_FIELDS = [
    "id",
    "user_id",
    "user",
    "first_name",
    "last_name",
    "full_name",
    "phone",
    "country",
    "meta",
    "created_at",
    "updated_at",
]


async def added(owner: Customer, body: Json, **given: Any) -> Json:
    """Add a contact; as the answer shows it."""
    contact: Json = said(await owner.post(CONTACTS, body, **given), 201)
    return contact


def between(user: Json) -> list[tuple[str, str | None]]:
    """How the current user stands to another one: types, and the contacts behind them."""
    return [(it["type"], it["contact_id"]) for it in user["relationships"]]


async def found(by: Customer, **wanted: object) -> list[str]:
    """The ids of those whom a search shows."""
    return ids(said(await by.post("/v1/users/search", wanted)))


async def test_a_user_is_a_contact_until_deleted(place: Town) -> None:
    ann = await place.person(EUR("10.00"))
    ben = await place.person(first_name="Ben", last_name="Nevis", country="IS")

    contact = await added(ann, {"user_id": ben.id})

    path = f"{CONTACTS}/{contact['id']}"
    assert list(contact) == CONTACT_FIELDS
    assert (contact["user_id"], contact["user"]["id"]) == (ben.id, ben.id)
    assert (contact["first_name"], contact["last_name"]) == ("Ben", "Nevis")
    assert (contact["full_name"], contact["country"]) == ("Ben Nevis", "IS")
    assert (contact["phone"], contact["meta"]) == (None, "")
    assert said(await ann.get(path)) == contact
    assert said(await ann.get(CONTACTS)) == [contact]
    assert said(await ben.get(CONTACTS)) == []

    shown = said(await ann.get(f"/v1/users/{ben.id}"))
    paid = said(await ben.get(f"/v1/payments/{(await ann.paid(ben))['id']}"))
    assert shown == contact["user"]
    assert between(shown) == [("contact", contact["id"])]
    assert between(paid["owner"]) == []  # one's contacts are nobody else's business
    assert await found(ann, username=[ben.user.username]) == []
    assert await found(ann, username=[ben.user.username], show_current_friends=True) == [ben.id]

    gone = await ann.delete(path)
    assert (gone.status_code, gone.content) == (200, b"")
    assert [it.status_code for it in (await ann.get(path), await ann.delete(path))] == [404, 404]
    assert said(await ann.get(f"/v1/users/{ben.id}"))["relationships"] == []
    assert await found(ann, username=[ben.user.username]) == [ben.id]


async def test_who_is_not_registered_is_what_their_owner_says(place: Town) -> None:
    ann = await place.person()

    with_phone = await added(
        ann,
        {"first_name": " Mum ", "last_name": "Dough", "phone": "+44 123 1234 1234", "meta": "{}"},
    )
    by_name = await added(ann, {"first_name": "Cher", "user_id": None, "phone": None})

    assert (with_phone["user_id"], with_phone["user"]) == (None, None)
    assert (with_phone["full_name"], with_phone["country"]) == ("Mum Dough", "GB")
    assert (with_phone["phone"], with_phone["meta"]) == ("+4412312341234", "{}")
    assert (by_name["full_name"], by_name["last_name"], by_name["phone"]) == ("Cher", "", None)
    assert by_name["country"] == ""
    assert said(await ann.get(f"{CONTACTS}/{by_name['id']}")) == by_name


async def test_a_proven_number_is_its_user_with_the_names_of_now(place: Town) -> None:
    ann, ben = await place.person(), await place.person(first_name="Benjamin")

    contact = await added(ann, {"first_name": "Benny", "phone": ben.phone})
    said(await ben.put("/v1/users", {"first_name": "Ben"}))

    assert (contact["user_id"], contact["first_name"]) == (ben.id, "Benjamin")
    assert between(contact["user"]) == [("contact", contact["id"])]
    now = said(await ann.get(f"{CONTACTS}/{contact['id']}"))
    assert (now["first_name"], now["user"]["first_name"]) == ("Ben", "Ben")
    assert now["phone"] == ben.phone


async def test_who_is_a_contact_already_stays_the_same_one(place: Town) -> None:
    ann, ben = await place.person(), await place.person()
    phone = new_phone()

    first = await added(ann, {"user_id": ben.id, "meta": "mine"})
    again = await added(ann, {"first_name": "Benny", "phone": ben.phone})
    by_phone = await added(ann, {"first_name": "Cat", "phone": phone, "meta": "cat"})
    renamed = await added(ann, {"first_name": "Cathy", "phone": phone})
    names = [await added(ann, {"first_name": "Cher"}) for _ in range(2)]

    assert (again["id"], again["phone"], again["meta"]) == (first["id"], ben.phone, "mine")
    assert (renamed["id"], renamed["full_name"]) == (by_phone["id"], "Cathy")
    assert renamed["meta"] == "cat"
    assert names[0]["id"] != names[1]["id"]
    assert len(said(await ann.get(CONTACTS))) == 4


async def test_adding_and_deleting_are_done_once(place: Town) -> None:
    ann, ben = await place.person(), await place.person()
    adding, deleting = uuid4(), uuid4()

    contact = await added(ann, {"user_id": ben.id}, key=adding)
    path = f"{CONTACTS}/{contact['id']}"
    said_of_it = [(await ann.delete(path, key=deleting)).status_code for _ in range(2)]

    assert said_of_it == [200, 200]
    assert await added(ann, {"user_id": ben.id}, key=adding) == contact
    assert said(await ann.get(CONTACTS)) == []


async def test_a_number_becomes_whoever_proves_it(place: Town) -> None:
    ann, ben = await place.person(), await place.person()
    phone = new_phone()
    contact = await added(ann, {"first_name": "Cat", "phone": phone})
    assert contact["user"] is None

    cat = said(
        await place.client.post("/v1/users", await place.client.sign_up_body(phone)), status=201
    )
    proof = {"field": "phone", "id": await ben.client.verify(other := new_phone())}
    later = await added(ann, {"first_name": "Later", "phone": other})
    said(await ben.put("/v1/users", {"phone": other, "verifications": [proof]}))

    for id_, user_id in ((contact["id"], cat["id"]), (later["id"], ben.id)):
        now = said(await ann.get(f"{CONTACTS}/{id_}"))
        assert (now["user_id"], between(now["user"])) == (user_id, [("contact", id_)])
        assert now["full_name"] == now["user"]["full_name"]


async def test_a_block_hides_the_user_from_whose_contact_they_are(place: Town) -> None:
    ann, ben = await place.person(), await place.person(first_name="Ben", last_name="")
    contact = await added(ann, {"user_id": ben.id})
    path = f"{CONTACTS}/{contact['id']}"

    said(await ben.post(f"/v1/users/{ann.id}/block"))

    hidden = said(await ann.get(path))
    assert (hidden["user_id"], hidden["user"]) == (None, None)
    assert (hidden["full_name"], hidden["meta"]) == ("Ben", contact["meta"])
    again = await added(ann, {"first_name": "Benny", "phone": ben.phone})
    assert (again["id"], again["user"]) == (contact["id"], None)
    refused = await ann.post(CONTACTS, {"user_id": ben.id})
    assert wrong_fields(refused) == {"user_id": "not_found"}

    said(await ben.post(f"/v1/users/{ann.id}/unblock"))
    assert said(await ann.get(path))["user_id"] == ben.id
    # Whom one has blocked oneself one can still see.
    said(await ann.post(f"/v1/users/{ben.id}/block"))
    shown = said(await ann.get(path))["user"]
    assert [it[0] for it in between(shown)] == ["contact", "blocked"]
    assert (await ann.delete(path)).status_code == 200
    assert between(said(await ann.get(f"/v1/users/{ben.id}"))) == [("blocked", None)]


async def test_what_is_wrong_is_named(place: Town) -> None:
    ann, ben = await place.person(), await place.person()

    for body, wrong in (
        ({}, {"first_name": "required"}),
        ({"user_id": None, "first_name": " "}, {"first_name": "required"}),
        ({"user_id": "x"}, {"user_id": "invalid"}),
        ({"user_id": str(uuid7())}, {"user_id": "not_found"}),
        ({"user_id": ann.id}, {"user_id": "invalid"}),
        ({"user_id": ben.id, "phone": ben.phone}, {"phone": "invalid"}),
        ({"first_name": "Ann", "phone": ann.phone}, {"phone": "invalid"}),
        ({"first_name": "Ben", "phone": "0771 2345"}, {"phone": "invalid"}),
        (
            {"first_name": "x" * 101, "last_name": "x" * 101, "meta": "x" * 10_001},
            {"first_name": "too_long", "last_name": "too_long", "meta": "too_long"},
        ),
    ):
        assert wrong_fields(await ann.post(CONTACTS, body)) == wrong, body
    assert said(await ann.get(CONTACTS)) == []


async def test_the_list_is_paged_filtered_and_sorted_by_what_they_are_called(place: Town) -> None:
    ann, zoe = await place.person(), await place.person(first_name="Zoe", last_name="Dough")
    made = [await added(ann, {"first_name": name}) for name in ("Cat", "Bob", "Abe Dough")]
    made.append(await added(ann, {"first_name": "Aunt", "phone": zoe.phone}))

    async def names(asked: str) -> list[list[str]]:
        pages = await ann.walk(f"{CONTACTS}?{asked}")
        return [[it["full_name"] for it in each] for each in pages]

    assert [ids(each) for each in await ann.walk(f"{CONTACTS}?limit=3")] == [
        ids(made[:0:-1]),
        ids(made[:1]),
    ]
    assert await names("sort=name:asc&limit=2") == [["Abe Dough", "Bob"], ["Cat", "Zoe Dough"]]
    assert await names("filter=name:like:DOUGH&sort=name:desc") == [["Zoe Dough", "Abe Dough"]]
    assert await names("filter=name:eq:Aunt") == [[]]
    assert await names(f"filter=created_at:gt:{made[2]['created_at']}") == [["Zoe Dough"]]
