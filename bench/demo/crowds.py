"""The fifth part: one amount for many, by scripts, through a third API; and a page that is paid."""

import json
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from html import escape
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import quote, urlsplit

from bench.demo.pesos import EVA_EMAIL, Face
from bench.demo.stage import DEMO_PASSWORD, DEMO_USERNAME, Answer, Stage, money
from bench.demo.wallets import Cast

FAY, FAY_EMAIL, FAY_PASSWORD = "fay", "fay@example.com", "4-l1ttle-more"

STILL_PLEDGING = "Cannot claim this pledge because task is still in pledging mode"


class Payer:
    """Somebody's client of Mobbr, which brings a name and a password; without these nobody's."""

    def __init__(self, stage: Stage, username: str = "", password: str = "") -> None:
        self._stage = stage
        # Whoever sends a request has to say what with.
        self._headers = {"User-Agent": "demo"}
        if username:
            credentials = b64encode(f"{username}:{password}".encode()).decode()
            self._headers["Authorization"] = f"Basic {credentials}"

    def __call__(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """Send a request for a path below the root."""
        return self._stage.call(method, f"/api_v1{path}", body, headers=self._headers)

    def held(self) -> Decimal:
        """The pesos in the wallet."""
        balances = self._stage.tell.answered(self("GET", "/balances"), 200)["result"]["balances"]
        [amount] = [it["amount"] for it in balances if it["currency_iso"] == "MXN"]
        return Decimal(amount)

    def has(self, name: str, expected: Decimal) -> None:
        """Tell what is in the wallet, which is to be the expected amount."""
        self._stage.tell.check(f"{name}'s wallet", self.held(), expected)
        self._stage.tell.say(f"  {name} has {money(expected, 'MXN')}")

    def preview(self, data: object, amount: str) -> Any:
        """What it would come to, to pay so many pesos."""
        body = {"data": data, "amount": amount, "currency": "MXN"}
        return self._stage.tell.answered(self("POST", "/payments/preview", body), 201)["result"]

    def pay(self, data: object, amount: str) -> Any:
        """Pay or pledge so many pesos, as shown; the whole answer."""
        shown = self.preview(data, amount)
        confirmed = self("PUT", "/payments/confirm", {"hash": shown["hash"]})
        return self._stage.tell.answered(confirmed, 201)


class Page:
    """A page on a website of its own, that says who is paid for it."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/mural"
        self.script: Mapping[str, Any] = {}

    def rendered(self) -> bytes:
        """The page as it is served."""
        script = escape(json.dumps(self.script))
        title = "A mural for the market"
        head = f'<title>{title}</title><meta name="participation" content="{script}">'
        return f"<html><head>{head}</head><body>{title}</body></html>".encode()


@contextmanager
def _website() -> Iterator[Page]:
    """A website with one page, on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_page = self.path == "/mural"
            body = page.rendered() if is_page else b""
            self.send_response(200 if is_page else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (as inherited)
            """Say nothing: the story does."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    page = Page(server.server_port)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield page
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def play(stage: Stage, cast: Cast, eva: Face) -> None:
    """From a script to a pledge that is taken back. Raises NotSo at the first thing wrong."""
    john = Payer(stage, DEMO_USERNAME, DEMO_PASSWORD)
    _john_divides(stage, john, cast, eva)
    fay = _fay_claims(stage, john)
    with _website() as page:
        _a_page_is_pledged_to(stage, john, fay, page)
        _the_page_is_done(stage, cast, eva, page)
        _john_changes_his_mind(stage, john, page)


def _john_divides(stage: Stage, john: Payer, cast: Cast, eva: Face) -> None:
    tell, before = stage.tell, john.held()
    script = {
        "title": "The feast",
        "participants": [
            {"id": f"mailto:{FAY_EMAIL}", "role": "Cook", "share": "10%"},
            {"id": "ben", "role": "Musician", "share": 2},
            {"id": EVA_EMAIL, "role": "Dancer", "share": 1},
        ],
    }
    shown = john.preview(script, "300")["script"]["participants"]
    tell.check("the preview", [it[".amount"] for it in shown], ["30", "180", "90"])
    tell.say("In Mobbr, John has a script divide MX$300.00: 10% to the cook, the rest 2 to 1")
    said = john.pay(script, "300")["message"]["text"]
    tell.check("the answer", said, "MXN 300 was divided among 3 recipient(s)")
    tell.say(
        "He confirms it: Ben, a Memento user, and Eva, by her Moneypool email, have it at once"
    )
    stage.has(cast.ben, Decimal("730.00"), "MXN")
    eva.has("Eva", Decimal("329.40"))
    john.has("John", before - Decimal("302.00"))
    newest = tell.answered(eva("GET", "history?per_page=1"), 200)["history"][0]["income"]
    tell.check("Eva's history", (newest["amount"], newest["description"]), ("90.0", "The feast"))
    tell.say("Eva's history in Moneypool has it as an income, for the feast")


def _fay_claims(stage: Stage, john: Payer) -> Payer:
    tell = stage.tell
    [share] = tell.answered(john("GET", "/payments/unclaimed_shares"), 200)["result"]
    waits = (share["recipient_id"], share["amount"])
    tell.check("what waits", waits, (f"mailto:{FAY_EMAIL}", "30.00000000"))
    link = urlsplit(stage.newest_message(FAY_EMAIL)["data"]["url"])
    told = tell.answered(stage.call("GET", f"{link.path}?{link.query}"), 200)
    tell.say(f"The cook's part waits. {FAY_EMAIL} is mailed a link: {told['message']['text']}")
    new = {"username": FAY, "email": FAY_EMAIL, "password": FAY_PASSWORD}
    new["claim_token"] = link.query.partition("=")[2]
    nobody = Payer(stage)
    tell.answered(nobody("PUT", "/user/register_user_send_login_link", new), 201)
    fay = Payer(stage, FAY, FAY_PASSWORD)
    tell.say("Fay signs up with the link's token, which proves that the email is hers")
    fay.has("Fay", Decimal("30.00"))
    left = tell.answered(john("GET", "/payments/unclaimed_shares"), 200)["result"]
    tell.check("what waits", left, [])
    return fay


def _a_page_is_pledged_to(stage: Stage, john: Payer, fay: Payer, page: Page) -> None:
    tell, before = stage.tell, john.held()
    page.script = {"type": "pledge", "participants": [{"id": "ben"}]}
    for payer, amount in ((john, "200"), (fay, "20")):
        said = payer.pay(page.url, amount)["message"]["text"]
        tell.check("the answer", said, f"MXN {amount} was pledged")
    tell.say("A page on the web says that it takes pledges: John pledges MX$200.00, Fay MX$20.00")
    john.has("John", before - Decimal("202.00"))
    fay.has("Fay", Decimal("9.80"))
    listed = tell.answered(Payer(stage)("GET", f"/payments/uri?url={quote(page.url)}"), 200)
    shown = [(it["amount"], it["is_pledge"]) for it in listed["result"]]
    tell.check("the list", shown, [("20.00000000", "1"), ("200.00000000", "1")])
    tell.say("Everybody can see what was pledged to the page")


def _the_page_is_done(stage: Stage, cast: Cast, eva: Face, page: Page) -> None:
    tell, anybody = stage.tell, Payer(stage)
    refused = tell.answered(anybody("PUT", "/payments/claim", {"url": page.url}), 400)
    tell.check("the refusal", refused["message"]["text"], STILL_PLEDGING)
    tell.say("While it does, nobody can claim it")
    page.script = {"participants": [{"id": "ben", "share": 1}, {"id": EVA_EMAIL, "share": 1}]}
    claimed = tell.answered(anybody("PUT", "/payments/claim", {"url": page.url}), 201)
    tell.check("what was claimed", claimed["result"], {"claimed": 2, "left": 0})
    tell.say("Now it says that the mural is done, by Ben and Eva. Somebody claims: both are paid")
    stage.has(cast.ben, Decimal("840.00"), "MXN")
    eva.has("Eva", Decimal("439.40"))


def _john_changes_his_mind(stage: Stage, john: Payer, page: Page) -> None:
    tell, before = stage.tell, john.held()
    page.script = {**page.script, "type": "pledge"}
    pledge = john.pay(page.url, "50")["result"]["payment_id"]
    john.has("John", before - Decimal("50.50"))
    revoked = tell.answered(john("DELETE", f"/payments/pledged?ids={pledge}"), 200)
    tell.check("the answer", revoked["message"]["text"], "1 payments(s) revoked")
    tell.say("John pledges MX$50.00 to another one, and takes it back, fee and all")
    john.has("John", before)
