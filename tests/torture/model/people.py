"""How people sign up in each of the dialects, and are logged in in all of them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx

from tests.api.memento.client import Client as MementoClient
from tests.api.memento.client import device
from tests.api.memento.paying import said
from tests.api.mobbr import client as mobbr
from tests.api.mobbr.client import Client as MobbrClient
from tests.api.moneypool.client import Client as MoneypoolClient
from tests.mails import last_link, last_token
from tests.money import Person as Account
from tests.money import fund
from tests.people import PIN, last_code
from tests.torture.model.place import Place
from tests.torture.model.things import Address
from whipround.domain.users import person
from whipround.domain.users.person import User
from whipround.money import Money

Dialect: TypeAlias = Literal["memento", "moneypool", "mobbr"]

PASSWORD = "m0del-pass"


_GOOD_FOR: dict[Dialect, timedelta] = {
    "memento": timedelta(hours=20),
    "moneypool": timedelta(days=85),
    "mobbr": timedelta(days=25),
}
"""How long somebody stays logged in, and somewhat less."""


@dataclass(slots=True)
class Someone:
    """Somebody's clients, on all of which they are logged in."""

    user: User
    wallet_id: str
    memento: MementoClient
    moneypool: MoneypoolClient
    mobbr: MobbrClient
    _since: dict[Dialect, datetime]

    async def call(
        self, dialect: Dialect, method: str, path: str, body: object = None, key: str = ""
    ) -> httpx.Response:
        """One request under a key, which is a UUID; those of Mobbr are below its root."""
        await self._stay(dialect)
        key = key or str(uuid4())
        if dialect == "memento":
            return await self.memento.call(method, path, body, key=UUID(key))
        if dialect == "moneypool":
            return await self.moneypool.call(method, path, body, key=key)
        if method == "DELETE":
            assert isinstance(body, dict)
            return await self.mobbr.call(method, path, key=key, params=body)
        return await self.mobbr.call(method, path, body, key=key)

    async def _stay(self, dialect: Dialect) -> None:
        """Log in anew, once what they are logged in with is about to end."""
        now = datetime.now(UTC)
        if now - self._since[dialect] < _GOOD_FOR[dialect]:
            return
        match dialect:
            case "memento":
                self.memento = await self.memento.of(self.user)
            case "moneypool":
                self.moneypool = await self.moneypool.of(self.user)
            case "mobbr":
                self.mobbr = await self.mobbr.of(self.user)
        self._since[dialect] = now


async def sign_up(
    place: Place, dialect: Dialect, name: str, address: Address, *grants: Money
) -> Someone:
    """Somebody new, who has proven the address, and whose wallet begins with these."""
    kind, value = address
    if kind == "phone" or dialect == "memento":
        memento = await _in_memento(place, name, kind, value)
    elif dialect == "moneypool":
        memento = await _choose_pin(place, await _in_moneypool(place, name, value), value)
    else:
        memento = await _choose_pin(place, await _in_mobbr(place, name, value), value)
    me = said(await memento.get("/v1/users/current"))
    [wallet] = said(await memento.get("/v1/funding_sources"))
    async with place.db.transaction() as tx:
        user = await person.find(tx, user_id=UUID(me["id"]))
    account = Account(user, UUID(wallet["id"]))
    await fund(place.db, account, *grants, now=datetime.now(UTC))
    now = datetime.now(UTC)
    return Someone(
        user=user,
        wallet_id=wallet["id"],
        memento=memento,
        moneypool=await place.moneypool.of(account),
        mobbr=await place.mobbr.of(account),
        _since={"memento": now, "moneypool": now, "mobbr": now},
    )


async def _in_memento(place: Place, name: str, kind: str, value: str) -> MementoClient:
    client = place.memento
    body = {
        "first_name": name.title(),
        "last_name": "Model",
        "username": f"{name}_{uuid4().hex[:8]}",
        kind: value,
        "pin": PIN,
        "verifications": [{"field": kind, "id": await client.verify(value)}],
        "device": device(),
    }
    signed_up = said(await client.post("/v1/users", body), 201)
    return await _enter(client, signed_up["token"]["token"])


async def _enter(client: MementoClient, token: str) -> MementoClient:
    opened = said(await client.bearing(token).post("/v1/sessions"), 201)
    return client.bearing(opened["token"])


async def _in_moneypool(place: Place, name: str, email: str) -> str:
    """The username of somebody who has followed the link that was mailed."""
    said_ = {"name": f"{name.title()} Model", "email": email}
    password = {"password": PASSWORD, "password_confirmation": PASSWORD}
    answer = await place.moneypool.post("/api/users", {"user": said_ | password})
    link = (await last_link(place.db, email))["url"]
    said(await place.moneypool.get(urlsplit(link).path))
    return str(said(answer, 201)["user"]["username"])


async def _in_mobbr(place: Place, name: str, email: str) -> str:
    """The username of somebody who has logged in by the link that was mailed."""
    username = f"{name}_{uuid4().hex[:8]}"
    body = {"username": username, "email": email, "password": PASSWORD}
    mobbr.said(await place.mobbr.put("/user/register_user_send_login_link", body))
    token = await last_token(place.db, email, "login_link")
    me = mobbr.said(await place.mobbr.put("/user/link_login", {"login_token": token}))
    return str(me["username"])


async def _choose_pin(place: Place, username: str, email: str) -> MementoClient:
    """Log in to Memento with the password, the code that is mailed, and a PIN from then on."""
    login: dict[str, Any] = {
        "identity": {"type": "username", "value": username},
        "authenticator": "password",
        "secret": PASSWORD,
        "device": device(),
    }
    client = place.memento
    first = said(await client.post("/v1/tokens", login), 201)
    step = {"secret": await last_code(place.db, email), "pin": PIN}
    second = said(await client.post(f"/v1/tokens/{first['id']}/secret", step))
    return await _enter(client, second["token"])


async def prove(place: Place, someone: Someone, address: Address) -> None:
    """Have somebody prove a further email, or a profile."""
    kind, value = address
    if kind == "email":
        mobbr.said(await someone.call("mobbr", "POST", "/user/email_id", {"new_email": value}))
        token = await last_token(place.db, value, "email_id")
        body = {"confirm_token": token}
        mobbr.said(await someone.call("mobbr", "PUT", "/user/confirm_email_id", body))
        return
    asked = await someone.call("mobbr", "GET", "/user/oauth_url?provider=github")
    [state] = parse_qs(urlsplit(mobbr.said(asked)).query)["state"]
    code = f"oauth_test_{value.rpartition('/')[2]}"
    body = {"provider": "github", "code": code, "state": state}
    mobbr.said(await someone.call("mobbr", "PUT", "/user/oauth_id", body))
