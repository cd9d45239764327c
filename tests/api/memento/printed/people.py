"""The examples about people: logging in, users, contacts, devices, verifications, announcements."""

from datetime import UTC, datetime

import httpx
from uuid_utils.compat import uuid7

from tests.api.memento.client import Client, Json, device
from tests.api.memento.paying import Customer, said
from tests.api.memento.printed.stage import Stage, scene
from tests.people import PIN, hash_of, last_code, new_email, new_phone, new_user
from whipround.domain import announcements
from whipround.domain.announcements import NewAnnouncement

PASSWORD = "m0ney-p00l"


async def _with_password(stage: Stage) -> Customer:
    return await stage.place.person(password_hash=hash_of(PASSWORD))


async def _asked_for_code(stage: Stage) -> tuple[Json, Json]:
    """A token that waits for a code, and what its second step takes."""
    john = await stage.place.person()
    login = {
        "identity": {"type": "phone", "value": john.phone},
        "authenticator": "sms",
        "device": device(),
    }
    token: Json = said(await stage.place.client.post("/v1/tokens", login), 201)
    return token, {"secret": await last_code(stage.place.db, john.phone), "pin": PIN}


async def _logged_in(stage: Stage) -> Client:
    """The client of somebody with an authentication token."""
    token, steps = await _asked_for_code(stage)
    approved = said(await stage.place.client.post(f"/v1/tokens/{token['id']}/secret", steps))
    return stage.place.client.bearing(approved["token"])


@scene("POST /v1/tokens", shows="authentication")
async def _(stage: Stage) -> httpx.Response:
    john, id_ = await _with_password(stage), str(uuid7())
    body = stage.body(value=john.user.username, secret=PASSWORD, id=id_, uuid=id_)
    return await stage.place.client.post("/v1/tokens", body)


@scene("POST /v1/tokens/{id}/secret", shows="authentication")
async def _(stage: Stage) -> httpx.Response:
    token, steps = await _asked_for_code(stage)
    body = stage.body(secret=steps["secret"])
    return await stage.place.client.post(f"/v1/tokens/{token['id']}/secret", body)


@scene("GET /v1/tokens/{id}")
async def _(stage: Stage) -> httpx.Response:
    token, _ = await _asked_for_code(stage)
    return await stage.place.client.get(f"/v1/tokens/{token['id']}")


@scene("POST /v1/sessions", shows="session")
async def _(stage: Stage) -> httpx.Response:
    return await (await _logged_in(stage)).post("/v1/sessions")


@scene("POST /v1/sessions/verify")
async def _(stage: Stage) -> httpx.Response:
    return await stage.john.post("/v1/sessions/verify")


async def _announced(stage: Stage) -> str:
    """The id of an announcement, with a button as the sample has it."""
    now = datetime.now(UTC)
    new = NewAnnouncement(
        title="Updated Terms of Use",
        message="Lorem ipsum dolor sit amet, consectetur adipiscing elit.",
        button_label="Open Terms of Use",
        button_url="http://www.mementopayments.com/terms",
        start_at=now,
    )
    async with stage.place.db.transaction() as tx:
        return str(await announcements.announce(tx, new=new, now=now))


@scene("GET /v1/announcements", shows="announcement")
async def _(stage: Stage) -> httpx.Response:
    await _announced(stage)
    return await stage.john.get("/v1/announcements")


@scene("POST /v1/announcement/{id}/ack")
async def _(stage: Stage) -> httpx.Response:
    return await stage.john.post(f"/v1/announcement/{await _announced(stage)}/ack")


async def _contact(stage: Stage) -> str:
    """The path of a contact of John's."""
    user = await stage.place.person()
    made = said(await stage.john.post("/v1/contacts", {"user_id": user.id}), 201)
    return f"/v1/contacts/{made['id']}"


@scene("GET /v1/contacts", shows="contact")
async def _(stage: Stage) -> httpx.Response:
    await _contact(stage)
    return await stage.john.get("/v1/contacts")


@scene("GET /v1/contacts/{id}", shows="contact")
async def _(stage: Stage) -> httpx.Response:
    return await stage.john.get(await _contact(stage))


@scene("POST /v1/contacts", shows="contact")
async def _(stage: Stage) -> httpx.Response:
    return await stage.john.post("/v1/contacts", stage.body(user_id=stage.arnar.id))


@scene("DELETE /v1/contacts/{id}")
async def _(stage: Stage) -> httpx.Response:
    return await stage.john.delete(await _contact(stage))


@scene("GET /v1/devices/current", shows="device")
async def _(stage: Stage) -> httpx.Response:
    return await stage.john.get("/v1/devices/current")


@scene("PUT /v1/devices/current", shows="device")
async def _(stage: Stage) -> httpx.Response:
    return await stage.john.put("/v1/devices/current", stage.body())


@scene("GET /v1/users/current", shows="current user")
async def _(stage: Stage) -> httpx.Response:
    return await stage.john.get("/v1/users/current")


@scene("GET /v1/users/{id}", shows="user")
async def _(stage: Stage) -> httpx.Response:
    return await stage.john.get(f"/v1/users/{stage.arnar.id}")


@scene("POST /v1/users/{id}/block")
async def _(stage: Stage) -> httpx.Response:
    other = await stage.place.person()
    return await stage.john.post(f"/v1/users/{other.id}/block")


@scene("POST /v1/users/{id}/unblock")
async def _(stage: Stage) -> httpx.Response:
    other = await stage.place.person()
    said(await stage.john.post(f"/v1/users/{other.id}/block"))
    return await stage.john.post(f"/v1/users/{other.id}/unblock")


@scene("GET /v1/users/current/summary", shows="activity summary")
async def _(stage: Stage) -> httpx.Response:
    return await stage.john.get("/v1/users/current/summary")


@scene("GET /v1/activity/updates", shows="activity update")
async def _(stage: Stage) -> httpx.Response:
    return await stage.john.get("/v1/activity/updates")


@scene("POST /v1/users/search", shows="user")
async def _(stage: Stage) -> httpx.Response:
    arnar = stage.arnar
    body = stage.body(username=[arnar.user.username], email=[new_email()], phone=[arnar.phone])
    return await stage.john.post("/v1/users/search", body)


@scene("POST /v1/users", shows="current user")
async def _(stage: Stage) -> httpx.Response:
    phone, email, client = new_phone(), new_email(), stage.place.client
    proofs = iter([await client.verify(email), await client.verify(phone), str(uuid7())])
    body = stage.body(username=new_user().username, email=email, phone=phone, id=proofs)
    return await client.post("/v1/users", body)


@scene("PUT /v1/users", shows="current user")
async def _(stage: Stage) -> httpx.Response:
    john = await stage.place.person()
    id_ = said(await john.get("/v1/devices/current"))["id"]
    username, email, phone = new_user().username, new_email(), new_phone()
    body = stage.body(username=username, email=email, phone=phone, id=id_)
    return await john.put("/v1/users", body)


@scene("POST /v1/verifications", shows="verification")
async def _(stage: Stage) -> httpx.Response:
    john = await stage.place.person()
    return await john.post("/v1/verifications", stage.body(recipient=new_phone()))


async def _verification(stage: Stage, phone: str) -> str:
    """The path of a verification that waits for a code."""
    body = {"type": "sms", "recipient": phone, "event": "add_new_device"}
    made = said(await stage.arnar.post("/v1/verifications", body), 201)
    return f"/v1/verifications/{made['id']}"


@scene("POST /v1/verifications/{id}/data", shows="verification")
async def _(stage: Stage) -> httpx.Response:
    path = await _verification(stage, phone := new_phone())
    body = stage.body(data=await last_code(stage.place.db, phone))
    return await stage.arnar.post(f"{path}/data", body)


@scene("GET /v1/verifications/{id}", shows="verification")
async def _(stage: Stage) -> httpx.Response:
    return await stage.arnar.get(await _verification(stage, new_phone()))
