"""How tests speak to Mobbr: as a client would, with what a client knows."""

import json
from base64 import b64encode
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx

from tests.money import Person, make_person
from tests.people import new_email
from whipround.db.database import Database
from whipround.domain import sessions
from whipround.domain.funding.wallet import wallet_of
from whipround.domain.users.person import User
from whipround.domain.users.proofs import Proven
from whipround.keyring import Keyring
from whipround.money import Money

Json = dict[str, Any]

ROOT = "/api_v1"

_STATUSES = {"GET": 200, "DELETE": 200, "POST": 201, "PUT": 201}


def said(answer: httpx.Response) -> Any:
    """The result of a call that has succeeded, with exact numbers."""
    assert answer.status_code == _STATUSES[answer.request.method], (answer, answer.text)
    body = _body(answer)
    assert body["message"] is None or body["message"]["type"] in {"info", "warning"}
    return body["result"]


def told(answer: httpx.Response) -> str:
    """What a call that has succeeded says beside its result."""
    said(answer)
    text: str = _body(answer)["message"]["text"]
    return text


def refused(answer: httpx.Response, status: int = 400) -> str:
    """Why a call was refused with this status."""
    assert answer.status_code == status, (answer, answer.text)
    body = _body(answer)
    assert body["result"] is None
    assert body["message"]["type"] == "error"
    text: str = body["message"]["text"]
    assert text
    return text


def _body(answer: httpx.Response) -> Json:
    body: Json = json.loads(answer.text, parse_float=Decimal)
    assert body.keys() == {"result", "message"}
    return body


def basic(username: str, password: str) -> str:
    """The Authorization header for a name and a password."""
    return f"Basic {b64encode(f'{username}:{password}'.encode()).decode()}"


async def log_in(db: Database, user: User, *, now: datetime) -> str:
    """A login token of the user."""
    async with db.transaction() as tx:
        return (await sessions.open_login(tx, user_id=user.id, now=now, kind="wmb")).secret


@dataclass(slots=True)
class Client:
    """Somebody's client: `someone` calls with the `token`, and reads these `languages`."""

    http: httpx.AsyncClient
    db: Database
    keyring: Keyring
    token: str | None = None
    someone: Person | None = None
    languages: str | None = None

    @property
    def person(self) -> Person:
        """Who is calling."""
        assert self.someone is not None
        return self.someone

    @property
    def username(self) -> str:
        """The username of who is calling."""
        assert self.person.user.username is not None
        return self.person.user.username

    @property
    def email(self) -> str:
        """The email of who is calling."""
        assert self.person.user.email is not None
        return self.person.user.email

    async def call(
        self, method: str, path: str, body: object = None, *, key: str | None = None, **given: Any
    ) -> httpx.Response:
        """One request for a path below the root, with this Idempotency-Key.

        `given` is what httpx sends beyond a body: `params`, `data`, `headers`.
        """
        headers = httpx.Headers(given.pop("headers", None))
        if self.token is not None:
            headers.setdefault("Authorization", basic("", self.token))
        if self.languages is not None:
            headers["Accept-Language"] = self.languages
        if key is not None:
            headers["Idempotency-Key"] = key
        if isinstance(body, bytes):
            given["content"] = body
        elif body is not None:
            given["json"] = body
        return await self.http.request(method, ROOT + path, headers=headers, **given)

    async def get(self, path: str, **params: Any) -> httpx.Response:
        return await self.call("GET", path, params=params)

    async def delete(self, path: str, **params: Any) -> httpx.Response:
        return await self.call("DELETE", path, params=params)

    async def post(self, path: str, body: object = None, **given: Any) -> httpx.Response:
        return await self.call("POST", path, body, **given)

    async def put(self, path: str, body: object = None, **given: Any) -> httpx.Response:
        return await self.call("PUT", path, body, **given)

    def bearing(self, token: str | None) -> "Client":
        """The same client, with this token."""
        return replace(self, token=token)

    def reading(self, languages: str | None) -> "Client":
        """The same client, which accepts these languages."""
        return replace(self, languages=languages)

    async def of(self, someone: Person | User) -> "Client":
        """A client with which somebody calls, wherever they have signed up."""
        user = someone.user if isinstance(someone, Person) else someone
        async with self.db.transaction() as tx:
            person = Person(user, await wallet_of(tx, user_id=user.id))
        token = await log_in(self.db, user, now=datetime.now(UTC))
        return replace(self, token=token, someone=person)

    async def join(self, *amounts: Money, **given: Any) -> "Client":
        """A client of somebody new, who has proven an email, with `amounts` in the wallet.

        `given` is what `make_user` takes.
        """
        given.setdefault("proven", Proven(email=new_email()))
        person = await make_person(
            self.db, *amounts, keyring=self.keyring, now=datetime.now(UTC), **given
        )
        return await self.of(person)
