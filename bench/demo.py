"""A story, played over HTTP against a fresh sandbox server, and then the audit of its books.

`make demo`. Every answer and every balance is checked; the exit status is 0 only if all held.
"""

import http.client
import json
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote
from uuid import uuid4

from rich.console import Console
from rich.markup import escape

from bench.server import Server, ServerFailed, run, serving, temporary_folder

PIN = "4711"
DEMO_USERNAME, DEMO_PASSWORD, DEMO_PIN = "jondough", "m0ney-p00l", "1234"
DEMO_PHONE = "+447700900001"
# Of the range that is kept free for stories.
ANA, BEN, CLEO = "+447700900111", "+447700900112", "+447700900113"

LONGEST_SECONDS = 30


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
    ) -> Answer:
        """Send a request; `key` is its Correlation-ID."""
        headers = {"Content-Type": "application/json", "Correlation-ID": key or str(uuid4())}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        sent = None if body is None else json.dumps(body)
        self._connection.request(method, path, sent, headers)
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


def euros(amount: Decimal) -> str:
    """An amount as the story tells it."""
    return f"€{amount:,.2f}"


class Story:
    """Who is in it and what happens, in order."""

    def __init__(self, call: Client, teller: Teller) -> None:
        self._call = call
        self._tell = teller

    def play(self) -> None:
        """From the first sign-up to the receipts. Raises NotSo at the first thing that is wrong."""
        ana = self._sign_up("Ana", "Torres", ANA)
        ben = self._sign_up("Ben", "Okafor", BEN)
        john = self._log_in()
        self._john_pays(john, ana)
        lunch = self._ana_pays(ana, ben)
        self._ana_pays_a_number(ana)
        self._what_is_refused(ben, ana)
        self._receipts(ana, ben, lunch)

    def _sign_up(self, first_name: str, last_name: str, phone: str) -> Person:
        call, tell = self._call, self._tell
        asked = {"type": "sms", "recipient": phone, "event": "signup"}
        verification = tell.answered(call("POST", "/v1/verifications", asked), 201)
        code = self._newest_message(phone)["data"]["code"]
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

    def _log_in(self) -> Person:
        call, tell = self._call, self._tell
        login = {
            "identity": {"type": "username", "value": DEMO_USERNAME},
            "authenticator": "password",
            "secret": DEMO_PASSWORD,
            "device": _device(),
        }
        pending = tell.answered(call("POST", "/v1/tokens", login), 201)
        tell.check("the login", pending["status"], "pending")
        code = self._newest_message(DEMO_PHONE)["data"]["code"]
        proof = {"secret": code, "pin": DEMO_PIN}
        approved = tell.answered(call("POST", f"/v1/tokens/{pending['id']}/secret", proof), 200)
        tell.check("the login", approved["status"], "approved")
        john = self._enter("John", None, DEMO_PIN, approved["token"])
        tell.say(f"John, a demo user, logs in with his password and, on a new device, code {code}")
        self._has(john, Decimal("1000.00"))
        return john

    def _enter(self, name: str, user_id: str | None, pin: str, token: str) -> Person:
        """A session for the bearer of an authentication token, and their wallet."""
        call, tell = self._call, self._tell
        session = tell.answered(call("POST", "/v1/sessions", token=token), 201)["token"]
        me = tell.answered(call("GET", "/v1/users/current", token=session), 200)
        tell.check("the session's user", user_id or me["id"], me["id"])
        sources = tell.answered(call("GET", "/v1/funding_sources", token=session), 200)
        [wallet] = [source for source in sources if source["type"] == "virtual"]
        return Person(name, me["id"], pin, session, wallet["id"])

    def _john_pays(self, john: Person, ana: Person) -> None:
        tell = self._tell
        key = str(uuid4())
        answer = self._pay(john, Decimal("200.00"), {"user_id": ana.id}, "Rent", key=key)
        payment = tell.answered(answer, 201)
        tell.check("the payment", payment["fulfillment_status"], "fulfilled")
        tell.say("John pays Ana €200.00, and a fee of €2.00 on top")
        self._has(john, Decimal("798.00"))
        self._has(ana, Decimal("200.00"))
        self._is_told(ANA, "€200.00")
        again = self._pay(john, Decimal("200.00"), {"user_id": ana.id}, "Rent", key=key)
        tell.check("the repeat", (again.status, again.body), (answer.status, answer.body))
        tell.say("John's telephone sends it again, with the same Correlation-ID: the same answer")
        self._has(john, Decimal("798.00"))
        self._has(ana, Decimal("200.00"))

    def _ana_pays(self, ana: Person, ben: Person) -> str:
        tell = self._tell
        answer = self._pay(ana, Decimal("50.00"), {"user_id": ben.id}, "Lunch")
        payment_id: str = tell.answered(answer, 201)["id"]
        tell.say("Ana pays Ben €50.00, and a fee of €0.50 on top")
        self._has(ana, Decimal("149.50"))
        self._has(ben, Decimal("50.00"))
        return payment_id

    def _ana_pays_a_number(self, ana: Person) -> None:
        call, tell = self._call, self._tell
        answer = self._pay(ana, Decimal("30.00"), {"phone": CLEO, "name": "Cleo"}, "Taxi")
        payment = tell.answered(answer, 201)
        tell.check("the payment", payment["status"], "open")
        tell.say(f"Ana pays €30.00 to {CLEO}, where nobody is known: the money waits, with its fee")
        self._has(ana, Decimal("119.20"))
        self._is_told(CLEO, "€30.00")
        cleo = self._sign_up("Cleo", "Marsh", CLEO)
        self._has(cleo, Decimal("30.00"))
        paid = tell.answered(call("GET", f"/v1/payments/{payment['id']}", token=ana.session), 200)
        tell.check("the payment", (paid["status"], paid["fulfillment_status"]), _DONE)
        tell.check("its recipient", paid["recipient"]["user_id"], cleo.id)
        tell.say("Ana sees that Cleo has it")

    def _what_is_refused(self, ben: Person, ana: Person) -> None:
        tell = self._tell
        too_much = self._pay(ben, Decimal("50.00"), {"user_id": ana.id}, "Lunch")
        tell.answered(too_much, 400, "insufficient_funds")
        tell.say("Ben cannot pay all of his €50.00: there is nothing left for the fee")
        careless = self._pay(ben, Decimal("5.00"), {"user_id": ana.id}, "Coffee", pin="0000")
        tell.answered(careless, 400, "invalid_pin")
        tell.say("Nor can Ben pay with a wrong PIN")
        self._has(ben, Decimal("50.00"))
        self._has(ana, Decimal("119.20"))

    def _receipts(self, ana: Person, ben: Person, payment_id: str) -> None:
        call, tell = self._call, self._tell
        path = f"/v1/payments/{payment_id}/receipt"
        payers = tell.answered(call("GET", path, token=ana.session), 200)
        amounts = payers["amounts"]
        paid = (amounts["paid"], amounts["cost"], amounts["total"])
        tell.check("the receipt", paid, ("€50.00", "€0.50", "€50.50"))
        tell.check("the method", payers["payment_method"]["id"], ana.wallet_id)
        title = payers["payment_method"]["title"]
        reference = payers["reference_code"]
        tell.say(f"Ana's receipt {reference}: €50.00 and a fee of €0.50, by {title}")
        recipients = tell.answered(call("GET", path, token=ben.session), 200)
        tell.check("Ben's receipt", recipients["reference_code"], reference)
        tell.check("the method", recipients["payment_method"], None)
        tell.say(f"Ben's receipt {reference} does not show how it was paid")

    def _pay(
        self,
        payer: Person,
        amount: Decimal,
        recipient: Mapping[str, str],
        description: str,
        *,
        pin: str | None = None,
        key: str | None = None,
    ) -> Answer:
        body = {
            "currency": "EUR",
            "description": description,
            "recipient": {"amount": str(amount), **recipient},
            "funding_source_id": payer.wallet_id,
            "pin": pin or payer.pin,
        }
        return self._call("POST", "/v1/payments", body, token=payer.session, key=key)

    def _has(self, person: Person, expected: Decimal) -> None:
        """Tell a balance, which is to be the expected one."""
        path = f"/v1/funding_sources/{person.wallet_id}"
        wallet = self._tell.answered(self._call("GET", path, token=person.session), 200)
        [held] = [each for each in wallet["balances"] if each["currency"] == "EUR"]
        self._tell.check(f"{person.name}'s balance", held["amount"], expected)
        self._tell.say(f"  {person.name} has {euros(expected)}")

    def _is_told(self, recipient: str, amount: str) -> None:
        """Tell the last message to somebody, which is to name the amount."""
        said = self._newest_message(recipient)["body"]
        if amount not in said:
            raise NotSo(f"the SMS to {recipient} does not tell of {amount}: {said}")
        self._tell.say(f"  SMS to {recipient}: {said}")

    def _newest_message(self, recipient: str) -> Any:
        """What the sandbox kept of the last message to somebody."""
        path = f"/sandbox/messages?recipient={quote(recipient)}"
        messages = self._tell.answered(self._call("GET", path), 200)
        if not messages:
            raise NotSo(f"there is no message to {recipient}")
        return messages[0]


_DONE = ("closed", "fulfilled")


def _device() -> Mapping[str, str]:
    """A telephone that has not been seen before."""
    return {
        "id": str(uuid4()),
        "make": "Fairphone",
        "model": "5",
        "os_name": "Android",
        "os_version": "16",
    }


def _audit(folder: Path, console: Console) -> None:
    audit = run(folder, "audit")
    console.print(escape(audit.stdout.rstrip()))
    if audit.returncode != 0:
        raise NotSo("the audit found something")


def _play(folder: Path, console: Console) -> None:
    with serving(folder) as server:
        teller = Teller(console)
        teller.say(f"A fresh sandbox is ready on {server.url}, in {server.seconds_to_ready:.1f} s")
        client = Client(server)
        started = time.perf_counter()
        try:
            Story(client, teller).play()
        finally:
            client.close()
        seconds = time.perf_counter() - started
        teller.say(f"That took {client.requests} requests and {seconds:.1f} s. Now the audit:")
        _audit(folder, console)
    console.print("[green]✓[/] The server has stopped. All held.")


def main() -> int:
    """Play it; the exit status."""
    console = Console(highlight=False, soft_wrap=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        with temporary_folder() as folder:
            _play(folder, console)
    except (NotSo, ServerFailed, OSError, http.client.HTTPException) as error:
        console.print(f"[red]✗[/] {escape(str(error) or repr(error))}")
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0


if __name__ == "__main__":
    sys.exit(main())
