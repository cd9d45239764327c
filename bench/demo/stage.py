"""What the story is played with: a client, those who act, and what they do again and again."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import quote
from uuid import uuid4

from rich.console import Console
from rich.markup import escape

from bench.server import Server

PIN = "4711"
DEMO_USERNAME, DEMO_PASSWORD, DEMO_PIN = "jondough", "m0ney-p00l", "1234"
DEMO_PHONE, DEMO_EMAIL = "+447700900001", "jondough@example.com"

LONGEST_SECONDS = 30

_SIGNS = {"EUR": "€", "MXN": "MX$"}


class NotSo(Exception):
    """Something did not come out as the story has it."""


class Answer(NamedTuple):
    """An answer: `body` as it came, `data` what it says, with exact numbers."""

    status: int
    body: bytes
    data: Any


class Client:
    """Calls the server's API, one request after the other."""

    def __init__(self, server: Server) -> None:
        self._connection = http.client.HTTPConnection(*server.address, timeout=LONGEST_SECONDS)
        self.requests = 0

    def __call__(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        token: str | None = None,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request; `key` is its Correlation-ID, `token` that of a session of Memento's."""
        sent = {"Content-Type": "application/json", "Correlation-ID": key or str(uuid4())}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        content = None if body is None else json.dumps(body)
        self._connection.request(method, path, content, {**sent, **(headers or {})})
        response = self._connection.getresponse()
        received = response.read()
        self.requests += 1
        data = json.loads(received, parse_float=Decimal) if received else None
        return Answer(response.status, received, data)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a session, and what their money is paid from."""

    name: str
    id: str
    pin: str
    session: str
    wallet_id: str


class Teller:
    """Says what happened, a line each, and refuses to go on where it should not have."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, line: str) -> None:
        """One step that came out well."""
        self._console.print(f"[green]✓[/] {escape(line)}")

    def check(self, what: str, found: object, expected: object) -> None:
        """Raise NotSo unless they are equal."""
        if found != expected:
            raise NotSo(f"{what}: {expected} was expected, and it is {found}")

    def answered(self, answer: Answer, status: int, code: str | None = None) -> Any:
        """What an answer of that status says; `code` is that of its first error."""
        if answer.status != status:
            raise NotSo(f"{status} was expected, and it is {answer.status}: {answer.body.decode()}")
        if code is not None:
            self.check("the error", answer.data["errors"][0]["code"], code)
        return answer.data


def money(amount: Decimal, currency: str = "EUR") -> str:
    """An amount as the story tells it."""
    return f"{_SIGNS[currency]}{amount:,.2f}"


class Stage:
    """Where the story is played: what people do, each step checked. All raise NotSo."""

    def __init__(self, call: Client, tell: Teller) -> None:
        self.call = call
        self.tell = tell

    def sign_up(self, first_name: str, last_name: str, phone: str) -> Person:
        """Have somebody sign up with their phone."""
        call, tell = self.call, self.tell
        asked = {"type": "sms", "recipient": phone, "event": "signup"}
        verification = tell.answered(call("POST", "/v1/verifications", asked), 201)
        code = self.newest_message(phone)["data"]["code"]
        verified = call("POST", f"/v1/verifications/{verification['id']}/data", {"data": code})
        tell.check("the verification", tell.answered(verified, 200)["status"], "approved")
        answer = call(
            "POST",
            "/v1/users",
            {
                "first_name": first_name,
                "last_name": last_name,
                "username": first_name.lower(),
                "pin": PIN,
                "verifications": [{"field": "phone", "id": verification["id"]}],
                "device": _device(),
            },
        )
        user = tell.answered(answer, 201)
        person = self._enter(first_name, user["id"], PIN, user["token"]["token"])
        tell.say(f"{first_name} signs up with the code {code}, which came by SMS to {phone}")
        return person

    def log_in(self) -> Person:
        """Have a demo user log in, from a new device."""
        call, tell = self.call, self.tell
        login = {
            "identity": {"type": "username", "value": DEMO_USERNAME},
            "authenticator": "password",
            "secret": DEMO_PASSWORD,
            "device": _device(),
        }
        pending = tell.answered(call("POST", "/v1/tokens", login), 201)
        tell.check("the login", pending["status"], "pending")
        code = self.newest_message(DEMO_PHONE)["data"]["code"]
        proof = {"secret": code, "pin": DEMO_PIN}
        approved = tell.answered(call("POST", f"/v1/tokens/{pending['id']}/secret", proof), 200)
        tell.check("the login", approved["status"], "approved")
        john = self._enter("John", None, DEMO_PIN, approved["token"])
        tell.say(f"John, a demo user, logs in with his password and, on a new device, code {code}")
        return john

    def _enter(self, name: str, user_id: str | None, pin: str, token: str) -> Person:
        """A session for the bearer of an authentication token, and their wallet."""
        call, tell = self.call, self.tell
        session = tell.answered(call("POST", "/v1/sessions", token=token), 201)["token"]
        me = tell.answered(call("GET", "/v1/users/current", token=session), 200)
        tell.check("the session's user", user_id or me["id"], me["id"])
        sources = tell.answered(call("GET", "/v1/funding_sources", token=session), 200)
        [wallet] = [source for source in sources if source["type"] == "virtual"]
        return Person(name, me["id"], pin, session, wallet["id"])

    def pay(
        self,
        payer: Person,
        amount: Decimal,
        recipient: Mapping[str, str],
        description: str,
        *,
        source_id: str | None = None,
        pin: str | None = None,
        key: str | None = None,
        **more: str,
    ) -> Answer:
        """Have somebody pay, from their wallet unless another source is named."""
        body = {
            "currency": "EUR",
            "description": description,
            "recipient": {"amount": str(amount), **recipient},
            "funding_source_id": source_id or payer.wallet_id,
            "pin": pin or payer.pin,
            **more,
        }
        return self.call("POST", "/v1/payments", body, token=payer.session, key=key)

    def has(self, person: Person, expected: Decimal, currency: str = "EUR") -> None:
        """Tell a balance, which is to be the expected one."""
        self.tell.check(f"{person.name}'s balance", self.held(person, currency), expected)
        self.tell.say(f"  {person.name} has {money(expected, currency)}")

    def held(self, person: Person, currency: str = "EUR", *, source_id: str | None = None) -> Any:
        """What somebody's wallet, or another source of theirs, has in a currency."""
        path = f"/v1/funding_sources/{source_id or person.wallet_id}"
        source = self.tell.answered(self.call("GET", path, token=person.session), 200)
        [held] = [each for each in source["balances"] if each["currency"] == currency]
        return held["amount"]

    def is_told(self, recipient: str, amount: str) -> None:
        """Tell the last message to somebody, which is to name the amount."""
        said = self.newest_message(recipient)["body"]
        if amount not in said:
            raise NotSo(f"the SMS to {recipient} does not tell of {amount}: {said}")
        self.tell.say(f"  SMS to {recipient}: {said}")

    def newest_message(self, recipient: str) -> Any:
        """What the sandbox kept of the last message to somebody."""
        path = f"/sandbox/messages?recipient={quote(recipient)}"
        messages = self.tell.answered(self.call("GET", path), 200)
        if not messages:
            raise NotSo(f"there is no message to {recipient}")
        return messages[0]


def _device() -> Mapping[str, str]:
    """A telephone that has not been seen before."""
    return {
        "id": str(uuid4()),
        "make": "Fairphone",
        "model": "5",
        "os_name": "Android",
        "os_version": "16",
    }
