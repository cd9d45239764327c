"""Somebody who signs up where nobody needs a PIN goes where everybody does, and chooses one."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.api.conftest import Shared
from tests.api.memento.client import Client as MementoClient
from tests.api.memento.client import Json, device, error_code
from tests.api.moneypool.client import Client as MoneypoolClient
from tests.api.moneypool.client import make_person, said
from tests.api.serving import memento, moneypool
from tests.money import MXN, rows
from tests.people import PIN, hash_of, last_code, make_user

pytestmark = pytest.mark.anyio

PASSWORD = "foobar123"


class Faces(NamedTuple):
    """One product, seen from either side."""

    memento: MementoClient
    moneypool: MoneypoolClient


@pytest.fixture(scope="module")
async def faces(shared: Shared) -> AsyncIterator[Faces]:
    async with memento(shared) as one, moneypool(shared) as other:
        yield Faces(
            MementoClient(one, shared.db, shared.keyring, str(shared.product.id)),
            MoneypoolClient(other, shared.db, shared.keyring),
        )


def logging_in(username: str, **given: object) -> Json:
    body: Json = {
        "identity": {"type": "username", "value": username},
        "authenticator": "password",
        "secret": PASSWORD,
        "device": device(),
    }
    return {**body, **given}


async def test_pin_is_chosen_with_password_and_code(faces: Faces) -> None:
    db, ben = faces.memento.db, await faces.moneypool.join(MXN("50.00"))
    body = {"name": "Ann Lee", "email": "ann.lee@example.com"}
    password = {"password": PASSWORD, "password_confirmation": PASSWORD}
    ann = said(await faces.moneypool.post("/api/users", {"user": body | password}), 201)["user"]
    login = logging_in(ann["username"])

    # Nobody can be written to at an address that nobody has proven.
    assert error_code(await faces.memento.post("/v1/tokens", login)) == "invalid_credentials"
    [[link]] = await rows(
        db, "select data->>'url' from outbox where recipient = 'ann.lee@example.com'"
    )
    confirmed = await faces.moneypool.call("GET", urlsplit(link).path)
    assert confirmed.status_code == 200
    paying = {"description": "", "payment_method": "wallet", "wallet_amount": "20.00"}
    paid = {"payment": {**paying, "new_email": "ann.lee@example.com"}}
    said(await ben.post(ben.own("/mixed_payments"), paid), 201)

    first = said(await faces.memento.post("/v1/tokens", login), 201)
    second = f"/v1/tokens/{first['id']}/secret"
    code = await last_code(db, "ann.lee@example.com")
    wrong = {"secret": f"{(int(code) + 1) % 1_000_000:06}", "pin": "2468"}
    assert error_code(await faces.memento.post(second, wrong)) == "invalid_credentials"
    assert await rows(db, "select pin_digest from users where number = %s", ann["id"]) == [(None,)]
    token = said(await faces.memento.post(second, {"secret": code, "pin": "2468"}))["token"]
    opened = said(await faces.memento.bearing(token).post("/v1/sessions"), 201)
    me = faces.memento.bearing(opened["token"])

    shown = said(await me.get("/v1/users/current"))
    assert (shown["email"], shown["phone"], shown["country"]) == ("ann.lee@example.com", None, "MX")
    [source] = said(await me.get("/v1/funding_sources"))
    order = {
        "currency": "MXN",
        "description": "Lunch",
        "recipient": {"amount": "5.00", "user_id": str(ben.person.id)},
        "funding_source_id": source["id"],
    }
    refused = await me.post("/v1/payments", {**order, "pin": PIN})
    assert error_code(refused) == "invalid_pin"
    said(await me.post("/v1/payments", {**order, "pin": "2468"}), 201)
    own = await faces.moneypool.bearing(ann["auth_token"]).get(f"/api/users/{ann['id']}")
    assert said(own)["user"]["wallet"] == "15.0"
    # The PIN is theirs by now: another login has to bring it.
    again = said(await faces.memento.post("/v1/tokens", logging_in(ann["username"])), 201)
    other = {"secret": await last_code(db, "ann.lee@example.com"), "pin": "1357"}
    answer = await faces.memento.post(f"/v1/tokens/{again['id']}/secret", other)
    assert error_code(answer) == "invalid_credentials"


async def test_code_without_a_password_chooses_no_pin(faces: Faces) -> None:
    now = datetime.now(UTC)
    user = await make_user(faces.memento.db, keyring=faces.memento.keyring, now=now, pin=None)
    assert user.phone is not None
    identity = {"type": "phone", "value": user.phone}
    login = logging_in("", identity=identity, authenticator="sms")

    first = said(await faces.memento.post("/v1/tokens", login), 201)
    body = {"secret": await last_code(faces.memento.db, user.phone), "pin": PIN}
    answer = await faces.memento.post(f"/v1/tokens/{first['id']}/secret", body)

    assert error_code(answer) == "invalid_credentials"
    [[digest, failures]] = await rows(
        faces.memento.db, "select pin_digest, pin_failures from users where id = %s", user.id
    )
    assert (digest, failures) == (None, 0)


async def test_people_without_pin_and_phone_are_seen_in_memento(faces: Faces) -> None:
    now = datetime.now(UTC)
    ann = await make_person(
        faces.memento.db, keyring=faces.memento.keyring, now=now, name="Zoë Quiñones"
    )
    ben = await faces.memento.of(await faces.memento.make_user())

    shown = said(await ben.get(f"/v1/users/{ann.id}"))
    found = [
        said(await ben.post("/v1/users/search", wanted))
        for wanted in (
            {"name": ["quiñones"]},
            {"username": ["ZoeQuinones"]},
            {"email": [ann.user.email]},
        )
    ]

    assert (shown["full_name"], shown["timezone"]) == ("Zoë Quiñones", "America/Mexico_City")
    assert found == [[shown]] * 3
    blocked = await ben.post(f"/v1/users/{ann.id}/block")
    assert blocked.status_code == 200


async def test_session_of_one_face_is_none_of_the_other(faces: Faces) -> None:
    ann = await faces.moneypool.join(password_hash=hash_of(PASSWORD))
    ben = await faces.memento.of(await faces.memento.make_user())

    assert (await faces.memento.bearing(ann.token).get("/v1/users/current")).status_code == 401
    assert (await ann.bearing(ben.session).get(ann.own(""))).status_code == 401
