"""Memento, Verifications, over HTTP."""

from datetime import datetime
from uuid import uuid4

import pytest

from tests.api.memento.client import Client, error_code, wrong_fields
from tests.money import rows
from tests.people import last_code, new_email, new_phone
from whipround.domain import identity
from whipround.domain.verifications import CODE_LIFE

pytestmark = pytest.mark.anyio

PATH = "/v1/verifications"


def asking(recipient: str, kind: str = "sms") -> dict[str, str]:
    return {"type": kind, "recipient": recipient, "event": "add_new_device"}


async def test_sample_of_the_documents(client: Client) -> None:
    asked = await client.post(PATH, asking("+44 123 1234 1234"))

    assert asked.status_code == 201
    shown = asked.json()
    assert list(shown) == [
        "id",
        "type",
        "status",
        "attempts",
        "error_code",
        "error_message",
        "expires_at",
    ]
    assert (shown["type"], shown["status"], shown["attempts"]) == ("sms", "pending", 1)
    assert (shown["error_code"], shown["error_message"]) == ("", "")
    assert shown["expires_at"].endswith("Z")
    assert len(await last_code(client.db, "+4412312341234")) == 6
    assert (await client.get(f"{PATH}/{shown['id']}")).json() == shown


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_both_verbs_ask(client: Client, method: str) -> None:
    asked = await client.call(method, PATH, asking("John@Example.com", "email"))

    assert asked.status_code == 201
    assert await last_code(client.db, "john@example.com")


async def test_right_code_approves(client: Client) -> None:
    phone = new_phone()
    id_ = (await client.post(PATH, asking(phone, "call"))).json()["id"]
    body = {"data": await last_code(client.db, phone)}

    brought = await client.post(f"{PATH}/{id_}/data", body)

    assert (brought.status_code, brought.json()["status"]) == (200, "approved")
    again = await client.post(f"{PATH}/{id_}/data", body)
    assert error_code(again) == "verification_finished"


async def test_wrong_code_is_told_in_the_object(client: Client) -> None:
    id_ = (await client.post(PATH, asking(new_phone()))).json()["id"]

    told = []
    for _ in range(5):
        brought = await client.post(f"{PATH}/{id_}/data", {"data": "abc"})
        assert brought.status_code == 200
        shown = brought.json()
        assert shown["error_message"]
        told.append((shown["status"], shown["attempts"], shown["error_code"]))

    assert told[0] == ("pending", 2, "invalid_code")
    assert told[3:] == [("pending", 5, "invalid_code"), ("failed", 5, "too_many_attempts")]


async def test_late_code_is_told_in_the_object(client: Client, now: datetime) -> None:
    phone = new_phone()
    id_ = (await client.post(PATH, asking(phone))).json()["id"]
    async with client.db.transaction() as tx:
        await tx.execute("update verification set expires_at = expires_at - %s", (CODE_LIFE,))

    brought = await client.post(f"{PATH}/{id_}/data", {"data": await last_code(client.db, phone)})

    assert (brought.json()["status"], brought.json()["error_code"]) == ("failed", "expired")


async def test_repeat_sends_no_second_code_and_counts_no_second_try(client: Client) -> None:
    phone, key = new_phone(), uuid4()

    first = await client.post(PATH, asking(phone), key=key)
    code = await last_code(client.db, phone)
    again = await client.post(PATH, asking(phone), key=key)
    tries = [
        await client.post(f"{PATH}/{first.json()['id']}/data", {"data": "000"}, key=key)
        for _ in range(3)
    ]

    assert again.json() == first.json()
    assert await last_code(client.db, phone) == code
    assert [it.json()["attempts"] for it in tries] == [2, 2, 2]
    other = await client.post(PATH, asking(new_phone()), key=key)
    assert error_code(other) == "correlation_id_reused"


async def test_what_a_user_asked_for_is_theirs(client: Client) -> None:
    mine = await client.of(await client.make_user())
    others = await client.of(await client.make_user())
    phone = new_phone()
    id_ = (await mine.post(PATH, asking(phone))).json()["id"]
    body = {"data": await last_code(client.db, phone)}

    for stranger in (client, others):
        for answer in (
            await stranger.get(f"{PATH}/{id_}"),
            await stranger.post(f"{PATH}/{id_}/data", body),
        ):
            assert (answer.status_code, answer.content) == (404, b"")
    assert (await mine.get(f"{PATH}/{id_}")).status_code == 200
    assert (await mine.post(f"{PATH}/{id_}/data", body)).json()["status"] == "approved"


async def test_bad_session_is_not_nobody(client: Client) -> None:
    answer = await client.bearing("wst_nonsense").post(PATH, asking(new_phone()))

    assert (answer.status_code, answer.content) == (401, b"")


async def test_unknown_verification(client: Client) -> None:
    for path in (f"{PATH}/{uuid4()}", f"{PATH}/nonsense"):
        assert (await client.get(path)).status_code == 404
        assert (await client.post(f"{path}/data", {"data": "123456"})).status_code == 404


async def test_every_wrong_field_is_named(client: Client) -> None:
    assert wrong_fields(await client.post(PATH, {})) == {
        "type": "required",
        "recipient": "required",
        "event": "required",
    }
    assert wrong_fields(
        await client.post(PATH, {"type": "fax", "recipient": 5, "event": "x" * 101})
    ) == {"type": "unsupported", "recipient": "invalid", "event": "too_long"}
    assert wrong_fields(await client.post(PATH, {"type": "sms", "data": 5})) == {
        "recipient": "required",
        "event": "required",
    }
    for kind, recipient in [
        ("sms", "not a phone"),
        ("sms", new_email()),
        ("call", "07911 123456"),
        ("email", new_phone()),
        ("email", "a@b"),
        ("sms", "+44\u0000 7911 123456"),
    ]:
        refused = await client.post(PATH, asking(recipient, kind))
        assert wrong_fields(refused) == {"recipient": "invalid"}
    assert wrong_fields(await client.post(PATH, {**asking(new_phone()), "event": "a\nb"})) == {
        "event": "invalid"
    }


async def test_wrong_data_is_named(client: Client) -> None:
    id_ = (await client.post(PATH, asking(new_phone()))).json()["id"]

    for body, code in [({}, "required"), ({"data": ""}, "required"), ({"data": 1}, "invalid")]:
        refused = await client.post(f"{PATH}/{id_}/data", body)
        assert wrong_fields(refused) == {"data": code}
    assert (await client.get(f"{PATH}/{id_}")).json()["attempts"] == 1


async def test_unreadable_bodies(client: Client) -> None:
    for body in (b"{", b"[]", b'"text"', b"\xff\xfe", b'{"type": "\xff"}'):
        assert error_code(await client.post(PATH, body)) == "malformed_body"


async def test_codes_are_limited_and_a_refusal_is_not_remembered(limited_client: Client) -> None:
    phone, key = new_phone(), uuid4()
    for _ in range(5):
        assert (await limited_client.post(PATH, asking(phone))).status_code == 201

    refused = await limited_client.post(PATH, asking(phone), key=key)

    assert error_code(refused, 429) == "too_many_requests"
    assert 1 <= int(refused.headers["retry-after"]) <= 3600
    async with limited_client.db.transaction() as tx:
        await tx.execute("delete from throttle")
    assert (await limited_client.post(PATH, asking(phone), key=key)).status_code == 201


PASSPORT = {"type": "passport", "data": "01234567890123456789", "event": "user_kyc"}


@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_document_waits_to_be_decided_about(client: Client, method: str) -> None:
    mine, key = await client.of(await client.make_user()), uuid4()

    sent = await mine.call(method, PATH, PASSPORT, key=key)
    again = await mine.call(method, PATH, PASSPORT, key=key)

    assert (sent.status_code, again.json()) == (201, sent.json())
    shown = sent.json()
    assert (shown["type"], shown["status"], shown["attempts"]) == ("passport", "pending", 1)
    assert (shown["error_code"], shown["error_message"]) == ("", "")
    path = f"{PATH}/{shown['id']}"
    assert (await mine.get(path)).json() == shown
    assert (await client.get(path)).status_code == 404
    assert error_code(await mine.post(f"{path}/data", {"data": "1"})) == "data_not_expected"
    for table in ("verification", "request_key", "request_answer", "outbox"):
        kept = await rows(client.db, f"select kept::text from {table} as kept")
        assert PASSPORT["data"] not in str(kept)


async def test_decision_is_shown(client: Client, now: datetime) -> None:
    user = await client.make_user()
    mine = await client.of(user)
    id_ = (await mine.put(PATH, PASSPORT)).json()["id"]
    licence = (await mine.put(PATH, {**PASSPORT, "type": "drivers_license"})).json()["id"]
    late = (await mine.put(PATH, PASSPORT)).json()["id"]
    async with client.db.transaction() as tx:
        await identity.reject(tx, verification_id=licence, reason="It is blurred.", now=now)
        await tx.execute("update verification set expires_at = %s where id = %s", (now, late))

    shown = [(await mine.get(f"{PATH}/{it}")).json() for it in (id_, licence, late)]

    assert [(it["status"], it["error_code"], it["error_message"]) for it in shown] == [
        ("cancelled", "", ""),
        ("rejected", "rejected", "It is blurred."),
        ("failed", "expired", "Nobody looked at it in time."),
    ]
    assert (await mine.get("/v1/users/current")).json()["verified"] is False
    approved = (await mine.put(PATH, PASSPORT)).json()["id"]
    async with client.db.transaction() as tx:
        await identity.approve(tx, verification_id=approved, now=now)
    assert (await mine.get(f"{PATH}/{approved}")).json()["status"] == "approved"
    assert (await mine.get("/v1/users/current")).json()["verified"] is True


async def test_document_needs_a_session(client: Client) -> None:
    sent = await client.put(PATH, PASSPORT)

    assert (sent.status_code, sent.content) == (401, b"")
    assert await rows(client.db, "select id from verification") == []


async def test_wrong_document_is_named(client: Client) -> None:
    mine = await client.of(await client.make_user())

    for data, code in [
        (None, "required"),
        ("", "required"),
        (" \n", "required"),
        (5, "invalid"),
        ("x" * 501, "too_long"),
        ("a\x07b", "invalid"),
        ("a\u0000b", "invalid"),
    ]:
        sent = await mine.put(PATH, {"type": "drivers_license", "data": data, "recipient": 5})
        assert wrong_fields(sent) == {"data": code, "event": "required"}
    longest = "x\n" * 250
    assert (await mine.put(PATH, {**PASSPORT, "data": longest, "recipient": ""})).status_code == 201


async def test_documents_are_limited(limited_client: Client) -> None:
    mine = await limited_client.of(await limited_client.make_user())
    for _ in range(5):
        assert (await mine.put(PATH, PASSPORT)).status_code == 201

    refused = await mine.put(PATH, PASSPORT)

    assert error_code(refused, 429) == "too_many_requests"
    assert 1 <= int(refused.headers["retry-after"]) <= 86400
