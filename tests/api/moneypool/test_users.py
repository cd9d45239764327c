"""Moneypool, Users, over HTTP."""

import asyncio
from base64 import b64encode
from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.moneypool.client import Client, Json, log_in, said, wrong
from tests.money import rows
from tests.people import log_in as log_in_to_memento
from tests.people import make_user, new_email
from tests.pictures import new_picture
from whipround.domain import credentials, sessions, throttles
from whipround.domain.throttles import Charge
from whipround.domain.users.proofs import Proven

pytestmark = pytest.mark.anyio

PASSWORD = "foobar123"
CLABE = "002010077777777771"
OWN_FIELDS = [
    "id",
    "name",
    "email",
    "avatar_url",
    "auth_token",
    "bank",
    "clabe",
    "wallet",
    "email_confirmed",
    "username",
]


def signing_up(**given: Any) -> Json:
    user = {
        "name": "John Doe",
        "email": new_email(),
        "password": PASSWORD,
        "password_confirmation": PASSWORD,
    }
    return {"user": {**user, **given}}


@pytest.fixture(scope="module")
async def password_hash(anyio_backend: object) -> str:
    return await credentials.hash_password(PASSWORD)


async def mails_to(client: Client, email: str) -> list[str]:
    found = await rows(client.db, "select locale from outbox where recipient = %s", email)
    return [locale for (locale,) in found]


# Signing up.


async def test_sign_up_as_in_the_sample(client: Client) -> None:
    body = signing_up(email="John@Example.com")

    user = said(await client.post("/api/users", body), 201)["user"]

    assert list(user) == OWN_FIELDS
    token = user["auth_token"]
    assert {**user, "id": 1, "auth_token": "", "username": ""} == {
        "id": 1,
        "name": "John Doe",
        "email": "john@example.com",
        "avatar_url": "",
        "auth_token": "",
        "bank": "",
        "clabe": "",
        "wallet": "0.0",
        "email_confirmed": False,
        "username": "",
    }
    assert isinstance(user["id"], int)
    own = said(await client.bearing(token).get(f"/api/users/{user['id']}"))
    assert own == {"user": user}
    assert await mails_to(client, "john@example.com") == ["es-MX"]


async def test_client_says_in_which_language(client: Client) -> None:
    body = signing_up()

    said(await client.reading("fr, en-GB;q=0.8").post("/api/users", body), 201)

    assert await mails_to(client, body["user"]["email"]) == ["en-GB"]


async def test_two_of_one_name_at_once(client: Client) -> None:
    answers = await asyncio.gather(
        *(client.post("/api/users", signing_up(name="Ann Lee")) for _ in range(2))
    )

    users = [said(each, 201)["user"] for each in answers]
    assert len({each["id"] for each in users}) == 2
    assert len({each["username"] for each in users}) == 2


async def test_email_is_taken_only_by_who_has_proven_it(client: Client) -> None:
    said_only = await client.join(is_proven=False)
    proven = await client.join()

    assert (await client.post("/api/users", signing_up(email=said_only.email))).status_code == 201
    answer = await client.post("/api/users", signing_up(email=proven.email.upper()))

    assert wrong(answer) == {"email": ["has already been taken"]}


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({"name": " ", "email": "john", "password": "12345"}, {"name", "email", "password"}),
        ({"name": "J\u202eohn"}, {"name"}),
        ({"name": "x" * 101, "password": "x" * 129}, {"name", "password"}),
        ({"password_confirmation": "foobar124"}, {"password_confirmation"}),
        ({"password_confirmation": None}, {"password_confirmation"}),
        ({"name": 1, "email": None, "password": None}, {"name", "email", "password"}),
    ],
    ids=["short", "turned", "long", "another", "unconfirmed", "untyped"],
)
async def test_sign_up_names_every_wrong_field(
    client: Client, given: Json, fields: set[str]
) -> None:
    assert wrong(await client.post("/api/users", signing_up(**given))).keys() == fields


async def test_everything_is_required(client: Client) -> None:
    assert wrong(await client.post("/api/users", {"user": {}})) == {
        "name": ["is required"],
        "email": ["is required"],
        "password": ["is required"],
        "password_confirmation": ["is required"],
    }


async def test_sign_ups_are_limited(limited_client: Client, now: datetime) -> None:
    await throttles.charge_apart(
        limited_client.db,
        [Charge(throttles.SIGN_UPS_PER_ADDRESS, "127.0.0.1", count=20)],
        keyring=limited_client.keyring,
        now=now,
        multiplier=1000,  # others have signed up from here already
    )

    assert wrong(await limited_client.post("/api/users", signing_up()), 429).keys() == {"base"}


# Seeing.


async def test_others_are_seen_by_acquaintances_only(client: Client) -> None:
    ann = await client.join(name="Ann Lee")
    ben = await client.join(name="Ben Cruz", is_proven=False)
    asked = {"amount": "5.00", "description": "Bus fare", "user_requested_id": ben.id}
    said(await ann.post(ann.own("/payment_requests"), asked), 201)
    eve = await client.join()

    assert said(await ben.get(ann.own(""))) == {
        "user": {"id": ann.id, "name": "Ann Lee", "email": ann.email, "avatar_url": ""}
    }
    # An email that nobody has proven might be anybody's.
    assert said(await ann.get(ben.own("")))["user"]["email"] == ""
    for stranger in (ann.id, ben.id + 1_000, 0, 10**30):
        assert wrong(await eve.get(f"/api/users/{stranger}"), 404) == {"base": ["not found"]}
    assert (await eve.patch(ann.own(""), {"user": {"name": "Eve"}})).status_code == 404


async def test_whoever_signed_up_elsewhere_is_seen_the_same(client: Client, now: datetime) -> None:
    user = await make_user(
        client.db,
        keyring=client.keyring,
        now=now,
    )
    memento = await client.of(user)

    shown = said(await memento.get(memento.own("")))["user"]

    assert (shown["name"], shown["email"], shown["wallet"]) == ("John Dough", "", "0.0")


# Changing.


def as_png(content: bytes) -> str:
    return f"data:image/png;base64,{b64encode(content).decode()}"


async def test_everything_is_changed_at_once(client: Client, password_hash: str) -> None:
    ann = await client.join(password_hash=password_hash)
    email = new_email()
    change = {
        "name": "Ana  López Ruiz",
        "email": email,
        "password": "an0ther-one",
        "password_confirmation": "an0ther-one",
        "current_password": PASSWORD,
        "avatar": as_png(new_picture()),
        "clabe": "002 0100 7777 7777 771",
        "bank": "Bank of Mexico",
    }

    answer = said(await ann.patch(ann.own(""), {"user": change}))

    user = answer["user"]
    assert list(user) == OWN_FIELDS
    assert (user["name"], user["email"], user["email_confirmed"]) == (
        "Ana López Ruiz",
        email,
        False,
    )
    assert (user["clabe"], user["bank"]) == (CLABE, "Bank of Mexico")
    assert user["avatar_url"].endswith("/ui.jpg")
    assert user["auth_token"] == ann.token
    assert said(await ann.get(ann.own(""))) == answer
    assert await mails_to(client, email) == ["en"]
    logging_in = {"user": {"email": email, "password": "an0ther-one"}}
    assert (await client.post("/api/sessions", logging_in)).status_code == 201


async def test_what_is_not_sent_stays(client: Client) -> None:
    ann = await client.join(name="María José García")
    change = {"avatar": as_png(new_picture()), "clabe": CLABE, "bank": "Banamex"}
    before = said(await ann.patch(ann.own(""), {"user": change}))

    assert said(await ann.patch(ann.own(""), {"user": {}})) == before
    renamed = said(await ann.patch(ann.own(""), {"user": {"bank": "BBVA"}}))
    gone = said(await ann.patch(ann.own(""), {"user": {"avatar": "", "clabe": ""}}))

    assert renamed["user"] == {**before["user"], "bank": "BBVA"}
    assert gone["user"] == {**before["user"], "avatar_url": "", "clabe": "", "bank": ""}


async def test_form_with_a_file(client: Client) -> None:
    ann = await client.join()

    def send(**given: Any) -> Any:
        files = {"user[avatar]": ("a.png", given.pop("file"), "image/png")}
        return ann.call("PATCH", ann.own(""), files=files, data=given)

    user = said(await send(file=new_picture(), **{"user[name]": "Ana Ruiz"}))["user"]
    # Forms send what nobody has filled in.
    same = said(await send(file=b"", **{"user[name]": "Ana Lee", "user[email]": ""}))["user"]

    assert user["name"] == "Ana Ruiz"
    assert user["avatar_url"]
    assert same == {**user, "name": "Ana Lee"}


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"email": "new@example.com"}, {"current_password": ["is required"]}),
        (
            {"password": "an0ther-one", "password_confirmation": "an0ther-one"},
            {"current_password": ["is required"]},
        ),
        (
            {"email": "new@example.com", "current_password": "wrong"},
            {"current_password": ["is invalid"]},
        ),
        (
            {"password": "an0ther-one", "current_password": PASSWORD},
            {"password_confirmation": ["is required"]},
        ),
        (
            {"password": "an0ther-one", "password_confirmation": "x", "email": ""},
            {
                "email": ["must be an email address, such as john@example.com"],
                "password_confirmation": ["must be the same as password"],
            },
        ),
        (
            {"avatar": as_png(b"GIF89a"), "clabe": CLABE},
            {"avatar": ["must be a JPEG, PNG or WebP picture"]},
        ),
        ({"avatar": "http://example.com/a.png"}, {"avatar": None}),
        ({"avatar": "data:image/png;base64,"}, {"avatar": None}),
        ({"avatar": 1, "name": None}, {"avatar": None, "name": ["is required"]}),
        ({"clabe": "002010077777777770"}, {"clabe": None}),
        ({"clabe": "12345", "bank": "x" * 101}, {"clabe": None, "bank": None}),
        ({"bank": "Banamex"}, {"clabe": None}),
    ],
    ids=[
        "email",
        "password",
        "wrong-password",
        "unconfirmed",
        "confirmed-otherwise",
        "no-picture",
        "address",
        "nothing-in-it",
        "untyped",
        "control-digit",
        "short-clabe",
        "bank-alone",
    ],
)
async def test_what_is_wrong_changes_nothing(
    client: Client, password_hash: str, change: Json, fields: dict[str, list[str] | None]
) -> None:
    ann = await client.join(password_hash=password_hash)
    before = said(await ann.get(ann.own("")))

    refused = wrong(await ann.patch(ann.own(""), {"user": {"name": "Eve", **change}}))

    assert {name: refused[name] if told else None for name, told in fields.items()} == fields
    assert refused.keys() == fields.keys()
    assert said(await ann.get(ann.own(""))) == before


async def test_email_that_is_taken_leaves_the_old_picture(
    client: Client, password_hash: str
) -> None:
    ann = await client.join(password_hash=password_hash)
    taken = await client.join()
    shown = said(await ann.patch(ann.own(""), {"user": {"avatar": as_png(new_picture())}}))
    change = {
        "email": taken.email,
        "current_password": PASSWORD,
        "avatar": as_png(new_picture((70, 70))),
    }

    refused = wrong(await ann.patch(ann.own(""), {"user": change}))

    assert refused == {"email": ["has already been taken"]}
    assert said(await ann.get(ann.own(""))) == shown
    statuses = "select status from image where owner_id = %s order by created_at"
    assert await rows(client.db, statuses, ann.person.id) == [("ready",), ("removed",)]


async def test_new_password_ends_the_sessions_of_all_faces(
    client: Client, password_hash: str
) -> None:
    ann = await client.join(password_hash=password_hash)
    now = ann.person.user.created_at
    other = ann.bearing(await log_in(client.db, ann.person.user, now=now))
    memento = await log_in_to_memento(client.db, ann.person.user, now=now)
    change = {
        "password": "an0ther-one",
        "password_confirmation": "an0ther-one",
        "current_password": PASSWORD,
    }

    said(await ann.patch(ann.own(""), {"user": change}))

    assert (await ann.get(ann.own(""))).status_code == 200
    assert (await other.get(ann.own(""))).status_code == 401
    digest = sessions.digest(memento.opened.secret)
    assert digest is not None
    async with client.db.transaction() as tx:
        assert await sessions.find(tx, [digest], now=now) == {}


async def test_repeat_is_answered_the_same_and_keeps_no_token(
    client: Client, password_hash: str
) -> None:
    ann = await client.join(password_hash=password_hash)
    again = await client.of(ann.person)
    key = uuid4().hex
    change = {
        "password": "an0ther-one",
        "password_confirmation": "an0ther-one",
        "current_password": PASSWORD,
        "avatar": as_png(new_picture()),
    }

    async def send(by: Client, **given: Any) -> httpx.Response:
        return await by.patch(ann.own(""), {"user": {**change, **given}}, key=key)

    first = said(await send(ann))
    await ann.patch(ann.own(""), {"user": {"name": "Somebody Else"}})

    # By now that is not the current password any more.
    assert said(await send(ann)) == first
    other = await again.of(ann.person)
    repeated = said(await send(other))
    assert repeated["user"] == {**first["user"], "auth_token": other.token}
    assert wrong(await send(ann, name="Ana")).keys() == {"base"}
    kept = await rows(client.db, "select body from request_answer")
    assert ann.token is not None
    assert not any(ann.token.encode() in bytes(body) for (body,) in kept)
    images = "select status from image where owner_id = %s"
    assert await rows(client.db, images, ann.person.id) == [("ready",)]


async def test_documents_own_sample_proves_itself(client: Client) -> None:
    """It has no current password: neither the email nor the password is another one."""
    made = said(await client.post("/api/users", signing_up(name="Jane Doe")), 201)["user"]
    jane = client.bearing(made["auth_token"])
    change = {
        "name": "John Doe",
        "email": made["email"],
        "password": PASSWORD,
        "password_confirmation": PASSWORD,
        "clabe": CLABE,
        "bank": "Bank of Mexico",
    }

    user = said(await jane.patch(f"/api/users/{made['id']}", {"user": change}))["user"]

    assert (user["name"], user["clabe"]) == ("John Doe", CLABE)
    assert await mails_to(client, made["email"]) == ["es-MX"]


async def test_email_proven_by_another_meanwhile(client: Client, password_hash: str) -> None:
    """Two may say that it is theirs; whoever proves it first has it."""
    ann = await client.join(password_hash=password_hash)
    email = new_email()
    change = {"email": email, "current_password": PASSWORD}
    said(await ann.patch(ann.own(""), {"user": change}))
    await make_user(
        client.db,
        keyring=client.keyring,
        now=ann.person.user.created_at,
        proven=Proven(email=email),
    )

    # What is not changing is no matter.
    assert said(await ann.patch(ann.own(""), {"user": {"email": email}}))["user"]["email"] == email
