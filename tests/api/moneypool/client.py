"""How tests speak to Moneypool: as a client would, with what a client knows."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx

from tests.api.serving import VERSION
from tests.money import Person, fund
from tests.people import new_email
from whipround.db.database import Database
from whipround.domain import sessions
from whipround.domain.funding.wallet import wallet_of
from whipround.domain.users import joining
from whipround.domain.users.person import User
from whipround.keyring import Keyring
from whipround.money import Money

Json = dict[str, Any]

CURRENCIES = ("EUR", "MXN")


def said(answer: httpx.Response, status: int = 200) -> Any:
    """What an answer of this status says, with exact numbers."""
    assert answer.status_code == status, (answer.status_code, answer.text)
    return json.loads(answer.text, parse_float=Decimal) if answer.content else None


def wrong(answer: httpx.Response, status: int = 422) -> dict[str, list[str]]:
    """What a refusal of this status says is wrong, by field."""
    body = said(answer, status)
    assert body.keys() == {"errors"}
    errors: dict[str, list[str]] = body["errors"]
    assert errors
    assert all(messages and all(messages) for messages in errors.values())
    return errors


async def make_person(
    db: Database,
    *amounts: Money,
    keyring: Keyring,
    now: datetime,
    name: str = "John Doe",
    email: str | None = None,
    is_proven: bool = True,
    password_hash: str | None = None,
    locale: str = "en",
) -> Person:
    """Somebody who has signed up here, by default with an email that is theirs; no PIN."""
    async with db.transaction() as tx:
        user = await joining.create(
            tx,
            name=name,
            email=email or new_email(),
            is_proven=is_proven,
            password_hash=password_hash,
            locale=locale,
            currencies=CURRENCIES,
            keyring=keyring,
            now=now,
        )
        person = Person(user, await wallet_of(tx, user_id=user.id))
    await fund(db, person, *amounts, now=now)
    return person


async def log_in(db: Database, user: User, *, now: datetime) -> str:
    """The token of the user, who is logged in now."""
    async with db.transaction() as tx:
        return (await sessions.open_login(tx, user_id=user.id, now=now)).secret


@dataclass(slots=True)
class Client:
    """Somebody's client: `someone` is logged in with the `token`, and reads these `languages`."""

    http: httpx.AsyncClient
    db: Database
    keyring: Keyring
    token: str | None = None
    someone: Person | None = None
    languages: str | None = None
    accept: str | None = VERSION

    @property
    def person(self) -> Person:
        """Who is logged in."""
        assert self.someone is not None
        return self.someone

    @property
    def id(self) -> int:
        """The id of who is logged in."""
        return self.person.user.number

    @property
    def email(self) -> str:
        """The email of who is logged in."""
        assert self.person.user.email is not None
        return self.person.user.email

    def own(self, path: str) -> str:
        """The path of something of one's own, as in `own("/history")`."""
        return f"/api/users/{self.id}{path}"

    async def call(
        self, method: str, path: str, body: object = None, *, key: str | None = None, **given: Any
    ) -> httpx.Response:
        """One request, with this Idempotency-Key; `given` is what httpx sends beyond a body."""
        headers = httpx.Headers(given.pop("headers", None))
        # httpx accepts anything by itself.
        headers.setdefault("Accept", self.accept or "*/*")
        if self.token is not None:
            headers.setdefault("Authorization", f"Token token={self.token}")
        if self.languages is not None:
            headers["Accept-Language"] = self.languages
        if key is not None:
            headers["Idempotency-Key"] = key
        if isinstance(body, bytes):
            given["content"] = body
        elif body is not None:
            given["json"] = body
        return await self.http.request(method, path, headers=headers, **given)

    async def get(self, path: str, **given: Any) -> httpx.Response:
        return await self.call("GET", path, **given)

    async def post(self, path: str, body: object = None, **given: Any) -> httpx.Response:
        return await self.call("POST", path, body, **given)

    async def patch(self, path: str, body: object = None, **given: Any) -> httpx.Response:
        return await self.call("PATCH", path, body, **given)

    async def delete(self, path: str, **given: Any) -> httpx.Response:
        return await self.call("DELETE", path, **given)

    def bearing(self, token: str | None) -> "Client":
        """The same client, with this token."""
        return replace(self, token=token)

    def reading(self, languages: str | None) -> "Client":
        """The same client, which accepts these languages."""
        return replace(self, languages=languages)

    async def of(self, someone: Person | User) -> "Client":
        """A client on which somebody is logged in, wherever they have signed up."""
        user = someone.user if isinstance(someone, Person) else someone
        async with self.db.transaction() as tx:
            person = Person(user, await wallet_of(tx, user_id=user.id))
        token = await log_in(self.db, user, now=datetime.now(UTC))
        return replace(self, token=token, someone=person)

    async def join(self, *amounts: Money, **given: Any) -> "Client":
        """A client of somebody new, with `amounts` in the wallet; `given` as `make_person`."""
        person = await make_person(
            self.db, *amounts, keyring=self.keyring, now=datetime.now(UTC), **given
        )
        return await self.of(person)
