"""Memento, Authentication, over HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.api.memento.client import Client, device, error_code, wrong_fields
from tests.people import PIN, hash_of, last_code, log_in
from whipround.domain.credentials import PIN_TRIES
from whipround.domain.users.person import User

pytestmark = pytest.mark.anyio

PASSWORD = "m0ney-p00l"


async def make_user(client: Client, **given: Any) -> User:
    return await client.make_user(password_hash=hash_of(PASSWORD), **given)


def logging_in(user: User, **given: Any) -> dict[str, Any]:
    body = {
        "identity": {"type": "username", "value": user.username},
        "authenticator": "password",
        "secret": PASSWORD,
        "device": device(),
    }
    return {**body, **given}


async def test_two_steps_to_a_session(client: Client) -> None:
    user = await make_user(client)
    assert user.phone is not None

    first = await client.post("/v1/tokens", logging_in(user))
    token = first.json()
    refused = await client.bearing(token["token"]).post("/v1/sessions")
    status = await client.get(f"/v1/tokens/{token['id']}")
    second = await client.post(
        f"/v1/tokens/{token['id']}/secret",
        {"secret": await last_code(client.db, user.phone), "pin": PIN},
    )
    opened = await client.bearing(second.json()["token"]).post("/v1/sessions")
    verified = await client.bearing(opened.json()["token"]).post("/v1/sessions/verify")

    assert first.status_code == 201
    assert token["uuid"] == token["id"]
    assert (token["status"], token["status_id"]) == ("pending", 1)
    assert (token["error_code"], token["error_message"]) == ("", "")
    assert (refused.status_code, refused.content) == (401, b"")
    assert status.json() == {name: it for name, it in token.items() if name != "token"}
    assert second.status_code == 200
    assert (second.json()["status"], second.json()["status_id"]) == ("approved", 2)
    assert datetime.fromisoformat(second.json()["expires_at"]) > datetime.now(UTC) + timedelta(89)
    assert opened.status_code == 201
    assert list(opened.json()) == ["id", "uuid", "token", "created_at", "expires_at"]
    assert (verified.status_code, verified.content) == (200, b"")


async def test_token_of_the_first_step_becomes_good_too(client: Client) -> None:
    user = await make_user(client)
    assert user.phone is not None
    first = (await client.post("/v1/tokens", logging_in(user))).json()

    await client.post(
        f"/v1/tokens/{first['id']}/secret",
        {"secret": await last_code(client.db, user.phone), "pin": PIN},
    )

    assert (await client.bearing(first["token"]).post("/v1/sessions")).status_code == 201


async def test_known_device_needs_one_step(client: Client) -> None:
    user = await make_user(client)
    assert user.phone is not None
    known = device()
    body = {
        "identity": {"type": "phone", "value": user.phone.replace("+44", "+44 ")},
        "authenticator": "sms",
        "device": known,
    }
    first = (await client.post("/v1/tokens", body)).json()
    code = await last_code(client.db, user.phone)
    await client.post(f"/v1/tokens/{first['id']}/secret", {"secret": code, "pin": PIN})

    uuid = {**known, "uuid": known["id"], "screen_width": 480}
    del uuid["id"]
    again = await client.post("/v1/tokens", logging_in(user, device=uuid))

    assert again.json()["status"] == "approved"
    assert (await client.bearing(again.json()["token"]).post("/v1/sessions")).status_code == 201


async def test_who_cannot_log_in_is_told_nothing(client: Client) -> None:
    user = await make_user(client)

    answers = [
        await client.post("/v1/tokens", logging_in(user, secret="wrong-one")),
        await client.post(
            "/v1/tokens",
            logging_in(user, identity={"type": "username", "value": "nobody \U0001f600"}),
        ),
        await client.post(
            "/v1/tokens",
            logging_in(user, identity={"type": "phone", "value": "+447911123456"}),
        ),
        await client.post(
            "/v1/tokens",
            logging_in(
                user,
                identity={"type": "phone", "value": "+447911123456"},
                authenticator="sms",
            ),
        ),
    ]

    assert {error_code(answer) for answer in answers} == {"invalid_credentials"}
    assert len({answer.content for answer in answers}) == 1


async def test_wrong_code_and_wrong_pin_are_told_apart_by_nobody(client: Client) -> None:
    user = await make_user(client)
    assert user.phone is not None
    id_ = (await client.post("/v1/tokens", logging_in(user))).json()["id"]
    code = await last_code(client.db, user.phone)

    answers = [
        await client.post(f"/v1/tokens/{id_}/secret", {"secret": secret, "pin": pin})
        for secret, pin in [("x", PIN), (code, "9999"), ("x", PIN), ("x", PIN), ("x", PIN)]
    ]
    status = (await client.get(f"/v1/tokens/{id_}")).json()

    assert {error_code(answer) for answer in answers} == {"invalid_credentials"}
    assert (status["status"], status["status_id"]) == ("rejected", 3)
    assert status["error_code"] == "too_many_attempts"
    assert status["error_message"]


async def test_stale_session_does_not_keep_anybody_from_logging_in(client: Client) -> None:
    user = await make_user(client)

    answer = await client.bearing("wst_gone").post("/v1/tokens", logging_in(user))

    assert answer.status_code == 201


async def test_only_a_good_authentication_token_opens_a_session(client: Client) -> None:
    user = await make_user(client)
    session = await client.of(user)

    for token in (None, "", "wat_nonsense", session.session, "é"):
        answer = await client.bearing(token).post("/v1/sessions")
        assert (answer.status_code, answer.content) == (401, b"")


async def test_only_a_good_session_token_verifies(client: Client) -> None:
    user = await make_user(client)
    issued = await log_in(client.db, user, now=datetime.now(UTC))
    old = await log_in(client.db, user, now=datetime.now(UTC) - timedelta(hours=25))

    for token in (None, "wst_nonsense", issued.token.secret, old.opened.secret):
        answer = await client.bearing(token).post("/v1/sessions/verify")
        assert (answer.status_code, answer.content) == (401, b"")
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_locked_user(client: Client) -> None:
    user = await make_user(client)
    issued = await log_in(client.db, user, now=datetime.now(UTC))
    mine = client.bearing(issued.opened.secret)
    for _ in range(PIN_TRIES):
        assert error_code(await mine.put("/v1/users", {"pin": "9999"})) == "invalid_pin"

    assert (await mine.get("/v1/users/current")).status_code == 401
    refused = await client.bearing(issued.token.secret).post("/v1/sessions")
    assert error_code(refused) == "user_locked"


async def test_unknown_token(client: Client) -> None:
    for path in (f"/v1/tokens/{uuid4()}", "/v1/tokens/nonsense"):
        assert (await client.get(path)).status_code == 404
        answer = await client.post(f"{path}/secret", {"secret": "123456", "pin": PIN})
        assert (answer.status_code, answer.content) == (404, b"")


async def test_every_wrong_field_is_named(client: Client) -> None:
    assert wrong_fields(await client.post("/v1/tokens", {})) == {
        "identity": "required",
        "authenticator": "required",
        "device": "required",
    }
    assert wrong_fields(
        await client.post(
            "/v1/tokens",
            {
                "identity": {"type": "email", "value": ""},
                "authenticator": "face",
                "secret": 7,
                "device": {"id": 1, "make": None, "model": "x" * 101, "os_name": []},
            },
        )
    ) == {
        "identity.type": "unsupported",
        "identity.value": "required",
        "authenticator": "unsupported",
        "secret": "invalid",
        "device.id": "invalid",
        "device.make": "required",
        "device.model": "too_long",
        "device.os_name": "invalid",
        "device.os_version": "required",
    }
    assert wrong_fields(
        await client.post(
            "/v1/tokens",
            {
                "identity": {"type": "phone", "value": "jondough"},
                "authenticator": "password",
                "device": {**device(), "apn_device_token": "x" * 5000},
            },
        )
    ) == {
        "identity.value": "invalid",
        "secret": "required",
        "device.apn_device_token": "too_long",
    }


async def test_wrong_fields_of_the_second_step_are_named_and_no_try(client: Client) -> None:
    user = await make_user(client)
    assert user.phone is not None
    id_ = (await client.post("/v1/tokens", logging_in(user))).json()["id"]

    for _ in range(6):
        answer = await client.post(f"/v1/tokens/{id_}/secret", {"pin": "12"})
        assert wrong_fields(answer) == {"secret": "required", "pin": "invalid"}

    body = {"secret": await last_code(client.db, user.phone), "pin": PIN}
    assert (await client.post(f"/v1/tokens/{id_}/secret", body)).status_code == 200


async def test_logins_are_limited(limited_client: Client) -> None:
    user = await make_user(limited_client)
    for _ in range(10):
        wrong = await limited_client.post("/v1/tokens", logging_in(user, secret="wrong-one"))
        assert error_code(wrong) == "invalid_credentials"

    refused = await limited_client.post("/v1/tokens", logging_in(user))

    assert error_code(refused, 429) == "too_many_requests"
    assert int(refused.headers["retry-after"]) >= 1
