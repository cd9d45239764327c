"""How tests speak to the API: as a client would, with what a client knows."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
from uuid_utils.compat import uuid7

from tests.people import PIN, last_code, log_in, make_user
from whipround.db.database import Database
from whipround.domain.users.person import User
from whipround.keyring import Keyring

Json = dict[str, Any]


def device(**given: Any) -> Json:
    """A device as a body describes it."""
    described: Json = {
        "id": str(uuid7()),
        "make": "iPhone",
        "model": "iPhone6,2",
        "os_name": "iOS",
        "os_version": "8.0",
    }
    return {**described, **given}


def wrong_fields(answer: httpx.Response) -> dict[str, str]:
    """The wrong fields that a 422 names, with their codes."""
    assert answer.status_code == 422, (answer.status_code, answer.text)
    errors = answer.json()["errors"]
    assert all(error.keys() == {"field", "code", "message"} for error in errors)
    assert all(error["message"] for error in errors)
    return {error["field"]: error["code"] for error in errors}


def error_code(answer: httpx.Response, status: int = 400) -> str:
    """The code of the one error that an answer has."""
    assert answer.status_code == status, (answer.status_code, answer.text)
    [error] = answer.json()["errors"]
    assert error.keys() == {"code", "message"}
    return str(error["code"])


@dataclass(slots=True)
class Client:
    """Somebody's client; `session` is who is logged in, `languages` what they want to read."""

    http: httpx.AsyncClient
    db: Database
    keyring: Keyring
    product_id: str
    session: str | None = None
    languages: str | None = None

    async def call(
        self, method: str, path: str, body: object = None, *, key: UUID | None = None
    ) -> httpx.Response:
        """One request, with a Correlation-ID of its own unless one is given."""
        headers: dict[bytes, bytes] = {
            b"Product-ID": self.product_id.encode(),
            b"Correlation-ID": str(key or uuid4()).encode(),
            b"Content-Type": b"application/json",
        }
        if self.session is not None:
            headers[b"Authorization"] = f"Bearer {self.session}".encode("latin-1")
        if self.languages is not None:
            headers[b"Accept-Language"] = self.languages.encode("latin-1")
        if isinstance(body, bytes):
            return await self.http.request(method, path, content=body, headers=headers)
        return await self.http.request(method, path, json=body, headers=headers)

    async def get(self, path: str) -> httpx.Response:
        return await self.call("GET", path)

    async def post(self, path: str, body: object = None, **given: Any) -> httpx.Response:
        return await self.call("POST", path, body, **given)

    async def put(self, path: str, body: object = None, **given: Any) -> httpx.Response:
        return await self.call("PUT", path, body, **given)

    def bearing(self, session: str | None) -> "Client":
        """The same client, with this token."""
        return replace(self, session=session)

    def reading(self, languages: str | None) -> "Client":
        """The same client, which accepts these languages."""
        return replace(self, languages=languages)

    async def make_user(self, **given: Any) -> User:
        """A user of the product."""
        return await make_user(self.db, keyring=self.keyring, now=datetime.now(UTC), **given)

    async def of(self, user: User) -> "Client":
        """A client on which the user is logged in."""
        logged_in = await log_in(self.db, user, now=datetime.now(UTC))
        return self.bearing(logged_in.opened.secret)

    async def verify(self, recipient: str) -> str:
        """The id of an approved verification of the recipient."""
        kind = "email" if "@" in recipient else "sms"
        asked = await self.post(
            "/v1/verifications", {"type": kind, "recipient": recipient, "event": "test"}
        )
        assert asked.status_code == 201, asked.text
        id_ = str(asked.json()["id"])
        code = await last_code(self.db, recipient)
        brought = await self.post(f"/v1/verifications/{id_}/data", {"data": code})
        assert brought.json()["status"] == "approved"
        return id_

    async def sign_up_body(self, phone: str, **given: Any) -> Json:
        """The body of a sign-up with a verified phone."""
        body: Json = {
            "first_name": "John",
            "last_name": "Dough",
            "username": f"john{uuid4().hex[:12]}",
            "phone": phone,
            "pin": PIN,
            "verifications": [{"field": "phone", "id": await self.verify(phone)}],
            "device": device(),
        }
        return {**body, **given}
