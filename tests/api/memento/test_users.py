"""Memento, Users, over HTTP."""

from typing import Any
from uuid import uuid4

import pytest

from tests.api.memento.client import Client, device, error_code, wrong_fields
from tests.people import PIN, last_code, new_email, new_phone
from whipround.domain.users.proofs import Proven

pytestmark = pytest.mark.anyio

CURRENT = "/v1/users/current"

USER_FIELDS = [
    "id",
    "first_name",
    "last_name",
    "full_name",
    "username",
    "country",
    "timezone",
    "timezone_utc_offset",
    "verified",
    "official",
    "preferences",
    "meta",
    "image",
    "relationships",
]
CURRENT_USER_FIELDS = [
    "id",
    "status",
    "first_name",
    "last_name",
    "full_name",
    "username",
    "country",
    "timezone",
    "timezone_utc_offset",
    "locale",
    "verified",
    "official",
    "email",
    "date_of_birth",
    "phone",
    "preferences",
    "meta",
    "image",
    "created_at",
    "updated_at",
]


async def test_sign_up_as_in_the_sample(client: Client) -> None:
    phone, email = "+44 123 1234 1234", "John@Example.com"
    body = {
        "first_name": "John",
        "last_name": "Dough",
        "username": "johndough",
        "email": email,
        "phone": phone,
        "pin": "1234",
        "verifications": [
            {"field": "email", "id": await client.verify("john@example.com")},
            {"field": "phone", "id": await client.verify("+4412312341234")},
        ],
        "device": device(),
        "image": {"url": "https://upload.wikimedia.org/wikipedia/en/a/a9/Example.jpg"},
    }

    answer = await client.bearing("wxKj3JV6ET1dXVou77675tMqC...").post("/v1/users", body)

    assert answer.status_code == 201
    me = answer.json()
    assert list(me) == [*CURRENT_USER_FIELDS, "token"]
    assert (me["status"], me["full_name"], me["country"]) == ("active", "John Dough", "GB")
    assert (me["email"], me["phone"]) == ("john@example.com", "+4412312341234")
    assert (me["timezone"], me["timezone_utc_offset"], me["locale"]) == ("UTC", 0, "en")
    assert (me["preferences"], me["meta"], me["image"]) == ("{}", "", None)
    assert me["token"]["status"] == "approved"
    opened = await client.bearing(me["token"]["token"]).post("/v1/sessions")
    current = await client.bearing(opened.json()["token"]).get(CURRENT)
    assert list(current.json()) == CURRENT_USER_FIELDS
    assert current.json() == {name: me[name] for name in CURRENT_USER_FIELDS}


async def test_sign_up_with_everything(client: Client) -> None:
    said = {
        "last_name": "Dough",
        "country": "UK",
        "timezone": "Asia/Kolkata",
        "locale": "en-UK",
        "preferences": '{"sound": false}',
        "meta": "anything",
    }
    body = await client.sign_up_body(
        new_phone(), **said, date_of_birth="1985-09-04T12:25:48.288511Z", password="m0ney-p00l"
    )

    me = (await client.post("/v1/users", body)).json()

    assert {name: me[name] for name in said} == said
    assert me["date_of_birth"] == "1985-09-04T00:00:00Z"
    assert me["timezone_utc_offset"] == 5
    by_password = {
        "identity": {"type": "username", "value": body["username"]},
        "authenticator": "password",
        "secret": "m0ney-p00l",
        "device": body["device"],
    }
    assert (await client.post("/v1/tokens", by_password)).json()["status"] == "approved"


async def test_sign_up_names_every_wrong_field(client: Client) -> None:
    assert wrong_fields(await client.post("/v1/users", {})) == {
        "first_name": "required",
        "last_name": "required",
        "username": "required",
        "pin": "required",
        "verifications": "required",
        "device": "required",
    }
    body = {
        "first_name": "  ",
        "last_name": "D\u202eough",
        "username": "+447911123456",
        "pin": "12a4",
        "verifications": [{"field": "username"}, {"field": "phone", "id": "1"}],
        "device": {**device(), "make": 1},
        "email": "nonsense",
        "phone": "07911 123456",
        "password": "short",
        "country": "XX",
        "timezone": "Mars/Olympus",
        "locale": "e",
        "date_of_birth": "3000-01-01",
        "preferences": "[]",
        "meta": "x" * 10_001,
        "image": {"url": "ftp://example.com/x"},
    }
    assert wrong_fields(await client.post("/v1/users", body)) == {
        "first_name": "required",
        "last_name": "invalid",
        "username": "invalid",
        "pin": "invalid",
        "verifications[0].field": "unsupported",
        "verifications[0].id": "required",
        "verifications[1].id": "invalid",
        "device.make": "invalid",
        "email": "invalid",
        "phone": "invalid",
        "password": "invalid",
        "country": "invalid",
        "timezone": "invalid",
        "locale": "invalid",
        "date_of_birth": "invalid",
        "preferences": "invalid",
        "meta": "too_long",
        "image.url": "invalid",
    }


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("username", "ab", "invalid"),
        ("username", "x" * 31, "too_long"),
        ("username", "jón", "invalid"),
        ("username", "12345", "invalid"),
        ("username", "a@b.is", "invalid"),
        ("username", "a b c", "invalid"),
        ("first_name", "x" * 101, "too_long"),
        ("first_name", "A\u0000b", "invalid"),
        ("first_name", ["A"], "invalid"),
        ("pin", 1234, "invalid"),
        ("pin", "123", "invalid"),
        ("pin", "١٢٣٤", "invalid"),
        ("password", "x" * 129, "too_long"),
        ("date_of_birth", "04.09.1985", "invalid"),
        ("date_of_birth", 1985, "invalid"),
        ("date_of_birth", "1899-12-31", "invalid"),
        ("preferences", "{", "invalid"),
        ("preferences", {"sound": False}, "invalid"),
        ("preferences", "[" * 10_000, "invalid"),
        ("image", {"url": "https://" + "x" * 2_000}, "too_long"),
        ("image", {"url": "http://[::1"}, "invalid"),
        ("verifications", [], "required"),
        ("verifications", {}, "invalid"),
    ],
)
async def test_wrong_values(client: Client, field: str, value: object, code: str) -> None:
    body: dict[str, Any] = {
        "first_name": "John",
        "last_name": "Dough",
        "username": "johndough",
        "pin": PIN,
        "verifications": [{"field": "phone", "id": str(uuid4())}],
        "device": device(),
    }

    answer = await client.post("/v1/users", {**body, field: value})

    assert wrong_fields(answer) == {"image.url" if field == "image" else field: code}


async def test_sign_up_needs_verifications_of_its_addresses(client: Client) -> None:
    phone = new_phone()
    body = await client.sign_up_body(phone)

    wrong: list[tuple[dict[str, Any], dict[str, str]]] = [
        ({"phone": new_phone()}, {"verifications[0].id": "invalid"}),
        (
            {"verifications": [{"field": "email", "id": body["verifications"][0]["id"]}]},
            {"verifications[0].id": "invalid"},
        ),
        (
            {"verifications": [{"field": "phone", "id": str(uuid4())}]},
            {"verifications[0].id": "not_found"},
        ),
    ]
    for change, named in wrong:
        assert wrong_fields(await client.post("/v1/users", {**body, **change})) == named
    assert (await client.post("/v1/users", body)).status_code == 201
    assert wrong_fields(await client.post("/v1/users", body)) == {"verifications[0].id": "invalid"}


async def test_what_is_taken_is_named(client: Client) -> None:
    phone = new_phone()
    taken = await client.make_user(username="johndough", proven=Proven(phone=phone))

    body = await client.sign_up_body(phone, username="JohnDough")

    assert wrong_fields(await client.post("/v1/users", body)) == {
        "username": "already_taken",
        "phone": "already_taken",
    }
    assert (await (await client.of(taken)).get(CURRENT)).json()["phone"] == phone


async def test_user_as_another_one_sees_them(client: Client) -> None:
    user = await client.make_user(timezone="Europe/London", preferences='{"a": 1}', meta="m")
    mine = await client.of(await client.make_user())

    answer = await mine.get(f"/v1/users/{user.id}")

    assert answer.status_code == 200
    shown = answer.json()
    assert list(shown) == USER_FIELDS
    assert (shown["id"], shown["username"]) == (str(user.id), user.username)
    assert (shown["preferences"], shown["meta"]) == ('{"a": 1}', "m")
    assert shown["relationships"] == []


async def test_block_and_unblock(client: Client) -> None:
    me, other = await client.make_user(), await client.make_user()
    mine, others = await client.of(me), await client.of(other)

    blocked = [await mine.post(f"/v1/users/{other.id}/block") for _ in range(2)]
    unseen = await others.get(f"/v1/users/{me.id}")
    unblocked = await mine.post(f"/v1/users/{other.id}/unblock")
    seen = await others.get(f"/v1/users/{me.id}")

    for answer in blocked:
        [relationship] = answer.json()["relationships"]
        assert answer.status_code == 200
        assert list(relationship) == ["id", "type", "contact_id", "created_at", "updated_at"]
        assert (relationship["type"], relationship["contact_id"]) == ("blocked", None)
    assert (unseen.status_code, unseen.content) == (404, b"")
    assert (unblocked.status_code, unblocked.json()["relationships"]) == (200, [])
    assert seen.status_code == 200


async def test_nobody_to_see_or_block(client: Client) -> None:
    me = await client.make_user()
    mine = await client.of(me)

    for id_ in (uuid4(), "nonsense"):
        assert (await mine.get(f"/v1/users/{id_}")).status_code == 404
        for action in ("block", "unblock"):
            answer = await mine.post(f"/v1/users/{id_}/{action}")
            assert (answer.status_code, answer.content) == (404, b"")
    for action in ("block", "unblock"):
        answer = await mine.post(f"/v1/users/{me.id}/{action}")
        assert wrong_fields(answer) == {"id": "invalid"}


async def test_search(client: Client) -> None:
    email, phone = new_email(), new_phone()
    ann = await client.make_user(first_name="Ann", last_name="Lee", proven=Proven(email=email))
    bob = await client.make_user(first_name="Bob", proven=Proven(phone=phone))
    mine = await client.of(await client.make_user(username="searcher"))

    answer = await mine.post(
        "/v1/users/search",
        {
            "name": ["lee ann"],
            "username": ["nobody", "SEARCHER"],
            "email": [email.upper()],
            "phone": [phone[:3] + " " + phone[3:]],
            "show_current_friends": "false",
        },
    )

    assert answer.status_code == 200
    assert [it["id"] for it in answer.json()] == [str(ann.id), str(bob.id)]
    assert list(answer.json()[0]) == USER_FIELDS
    await mine.post(f"/v1/users/{ann.id}/block")
    again = await mine.post("/v1/users/search", {"email": [email], "phone": [phone]})
    assert [it["id"] for it in again.json()] == [str(bob.id)]


async def test_search_names_every_wrong_field(client: Client) -> None:
    mine = await client.of(await client.make_user())

    assert wrong_fields(await mine.post("/v1/users/search", {})) == {"name": "required"}
    body = {
        "name": "John",
        "username": ["x"] * 51,
        "email": ["a@example.com", "nonsense"],
        "phone": ["+44 7911 123456", 7],
        "show_current_friends": "maybe",
    }
    assert wrong_fields(await mine.post("/v1/users/search", body)) == {
        "name": "invalid",
        "username": "too_long",
        "email[1]": "invalid",
        "phone[1]": "invalid",
        "show_current_friends": "invalid",
    }


async def test_nobody_sees_nothing(client: Client) -> None:
    for method, path in [
        ("GET", CURRENT),
        ("GET", f"/v1/users/{uuid4()}"),
        ("POST", f"/v1/users/{uuid4()}/block"),
        ("POST", f"/v1/users/{uuid4()}/unblock"),
        ("POST", "/v1/users/search"),
        ("PUT", "/v1/users"),
        ("PUT", f"/v1/users/{uuid4()}"),
    ]:
        answer = await client.call(method, path, b"{nonsense")
        assert (answer.status_code, answer.content) == (401, b"")


async def test_update_as_in_the_sample(client: Client) -> None:
    me = await client.make_user()
    mine = await client.of(me)
    current_device = (await mine.get("/v1/devices/current")).json()

    answer = await mine.put(
        f"/v1/users/{me.id}",
        {
            "first_name": "Jane",
            "last_name": "Doe",
            "username": "janedoe",
            "email": "jane@example.com",
            "phone": me.phone,
            "pin": PIN,
            "device": {**current_device, "os_version": "9.0"},
            "image": {"url": "https://upload.wikimedia.org/wikipedia/en/a/a9/Example.jpg"},
        },
    )

    assert answer.status_code == 200
    shown = answer.json()
    assert list(shown) == CURRENT_USER_FIELDS
    assert (shown["full_name"], shown["username"]) == ("Jane Doe", "janedoe")
    assert (shown["email"], shown["phone"]) == ("jane@example.com", me.phone)
    assert (await mine.get(CURRENT)).json() == shown
    assert (await mine.get("/v1/devices/current")).json()["os_version"] == "9.0"


async def test_update_of_another_one(client: Client) -> None:
    other = await client.make_user()
    mine = await client.of(await client.make_user())

    answer = await mine.put(f"/v1/users/{other.id}", {"first_name": "Eve"})

    assert (answer.status_code, answer.content) == (404, b"")
    assert (await (await client.of(other)).get(CURRENT)).json()["first_name"] == "John"


async def test_new_pin_and_phone_need_proof(client: Client) -> None:
    mine = await client.of(await client.make_user())
    phone = new_phone()

    assert wrong_fields(await mine.put("/v1/users", {"phone": phone})) == {
        "current_pin": "required"
    }
    assert error_code(await mine.put("/v1/users", {"phone": phone, "pin": "9999"})) == "invalid_pin"
    assert (
        error_code(await mine.put("/v1/users", {"phone": phone, "current_password": "wrong"}))
        == "invalid_credentials"
    )
    proof = {"field": "phone", "id": await mine.verify(phone)}
    moved = await mine.put("/v1/users", {"phone": phone, "verifications": [proof]})
    assert moved.json()["phone"] == phone
    changed = await mine.put("/v1/users", {"current_pin": PIN, "pin": "4321"})
    assert changed.status_code == 200
    assert error_code(await mine.put("/v1/users", {"pin": PIN})) == "invalid_pin"


async def test_repeat_of_a_new_pin_is_answered_as_the_first_time(client: Client) -> None:
    mine = await client.of(await client.make_user())
    key, body = uuid4(), {"current_pin": PIN, "pin": "4321"}

    first = await mine.put("/v1/users", body, key=key)
    again = await mine.put("/v1/users", body, key=key)

    assert (again.status_code, again.content) == (first.status_code, first.content)


async def test_repeat_of_a_wrong_pin_is_one_try(client: Client) -> None:
    mine = await client.of(await client.make_user())
    key = uuid4()

    for _ in range(8):
        answer = await mine.put("/v1/users", {"pin": "9999"}, key=key)
        assert error_code(answer) == "invalid_pin"

    assert (await mine.get(CURRENT)).status_code == 200


async def test_update_names_every_wrong_field(client: Client) -> None:
    mine = await client.of(await client.make_user())
    before = (await mine.get(CURRENT)).json()
    body: dict[str, Any] = {
        "first_name": None,
        "last_name": "",
        "username": "x",
        "email": "nonsense",
        "phone": "nonsense",
        "country": "XX",
        "timezone": None,
        "locale": 1,
        "date_of_birth": "nonsense",
        "preferences": "nonsense",
        "meta": {},
        "pin": "1",
        "current_pin": "1",
        "password": "1",
        "current_password": "",
        "verifications": [{}],
        "device": {"id": "1"},
        "image": {"url": "nonsense"},
    }

    assert wrong_fields(await mine.put("/v1/users", body)) == {
        "first_name": "required",
        "last_name": "required",
        "username": "invalid",
        "email": "invalid",
        "phone": "invalid",
        "country": "invalid",
        "timezone": "required",
        "locale": "invalid",
        "date_of_birth": "invalid",
        "preferences": "invalid",
        "meta": "invalid",
        "pin": "invalid",
        "current_pin": "invalid",
        "password": "invalid",
        "current_password": "required",
        "verifications[0].field": "required",
        "verifications[0].id": "required",
        "device.id": "invalid",
        "image.url": "invalid",
    }
    assert wrong_fields(await mine.put("/v1/users", {"device": {"id": str(uuid4())}})) == {
        "device.id": "invalid"
    }
    assert (await mine.get(CURRENT)).json() == before


async def test_new_secret_ends_other_sessions(client: Client) -> None:
    me = await client.make_user()
    mine, elsewhere = await client.of(me), await client.of(me)

    await mine.put("/v1/users", {"pin": PIN, "password": "m0ney-p00l"})

    assert (await elsewhere.get(CURRENT)).status_code == 401
    assert (await mine.get(CURRENT)).status_code == 200


async def test_taken_away(client: Client) -> None:
    me = await client.make_user(email="mine@example.com", picture="https://example.com/a.png")
    mine = await client.of(me)

    answer = await mine.put("/v1/users", {"email": None, "image": None, "pin": PIN})

    assert answer.json()["email"] is None


async def test_code_of_a_login_is_not_a_verification(client: Client) -> None:
    phone = new_phone()
    body = await client.sign_up_body(phone)
    await client.post("/v1/users", body)
    login = {
        "identity": {"type": "phone", "value": phone},
        "authenticator": "sms",
        "device": device(),
    }
    token = (await client.post("/v1/tokens", login)).json()

    code = await last_code(client.db, phone)
    answer = await client.post(f"/v1/verifications/{token['id']}/data", {"data": code})

    assert answer.status_code == 404
