"""The fourth part: the same people and pools through another API, which is about pesos."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from bench.demo.outside import DECLINED_TOKEN, GOOD_TOKEN
from bench.demo.stage import DEMO_EMAIL, DEMO_PASSWORD, Answer, Person, Stage, money
from bench.demo.wallets import Cast

EVA, EVA_EMAIL, EVA_PASSWORD = "Eva Ruiz", "eva@example.com", "s3cr3t!"
VERSION = "application/vnd.moneypool.mx+json; version=1"


class Face:
    """Somebody's client of Moneypool; without a user nobody's."""

    def __init__(self, stage: Stage, user: Mapping[str, Any] | None = None) -> None:
        self._stage = stage
        self._token = user and user["auth_token"]
        self.id = user and user["id"]

    def __call__(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """Send a request; a path that begins with no slash is below the user's own."""
        headers = {"Accept": VERSION}
        if self._token is not None:
            headers["Authorization"] = f"Token token={self._token}"
        where = path if path.startswith("/") else f"/api/users/{self.id}/{path}"
        return self._stage.call(method, where.rstrip("/"), body, headers=headers)

    def enter(self, path: str, user: Mapping[str, str]) -> "Face":
        """The face of who logs in or signs up."""
        answer = self("POST", path, {"user": user})
        return Face(self._stage, self._stage.tell.answered(answer, 201)["user"])

    def has(self, name: str, expected: Decimal) -> None:
        """Tell what is in the wallet, which is to be the expected amount."""
        user = self._stage.tell.answered(self("GET", ""), 200)["user"]
        self._stage.tell.check(f"{name}'s wallet", Decimal(user["wallet"]), expected)
        self._stage.tell.say(f"  {name} has {money(expected, 'MXN')}")


def play(stage: Stage, cast: Cast) -> Face:
    """From money for an email to a history; Eva. Raises NotSo at the first thing that is wrong."""
    john = Face(stage).enter("/api/sessions", {"email": DEMO_EMAIL, "password": DEMO_PASSWORD})
    eva = _john_pays_an_email(stage, john)
    _eva_is_invited(stage, cast.ben, eva)
    _what_eva_sees(stage, eva)
    return eva


def _john_pays_an_email(stage: Stage, john: Face) -> Face:
    tell = stage.tell
    payment = {"payment_method": "wallet", "wallet_amount": "300.0", "new_email": EVA_EMAIL}
    paid = tell.answered(john("POST", "mixed_payments", {"payment": payment}), 201)["payment"]
    tell.check("the payment", paid["status"], "waiting")
    tell.say(f"John logs in to Moneypool, and pays MX$300.00 to {EVA_EMAIL}: the money waits")
    names = ("password", "password_confirmation")
    user = {"name": EVA, "email": EVA_EMAIL, **dict.fromkeys(names, EVA_PASSWORD)}
    eva = Face(stage).enter("/api/users", user)
    eva.has("Eva", Decimal(0))
    link = urlsplit(stage.newest_message(EVA_EMAIL)["data"]["url"]).path
    tell.answered(stage.call("GET", link), 200)
    tell.say("Eva signs up there with that email, and follows the link that was mailed to it")
    eva.has("Eva", Decimal("300.00"))
    return eva


def _eva_is_invited(stage: Stage, ben: Person, eva: Face) -> None:
    call, tell = stage.call, stage.tell
    found = call("POST", "/v1/users/search", {"email": [EVA_EMAIL]}, token=ben.session)
    [person] = tell.answered(found, 200)
    body = {
        "description": "Mariachis for Cleo",
        "currency": "MXN",
        "funding_source_id": ben.wallet_id,
        "invites": [person["id"]],
    }
    pool = tell.answered(call("POST", "/v1/pools", body, token=ben.session), 201)
    [invitation] = tell.answered(eva("GET", "mixed_payment_requests"), 200)["payment_requests"]
    shown = (invitation["type"], invitation["party"])
    tell.check("the invitation", shown, ("pool", "Mariachis for Cleo"))
    tell.say("Ben opens a pool in pesos, in Memento, and invites her: she has it in her list")
    payment = {"payment_method": "mixed", "wallet_amount": "60.0", "pool_id": invitation["id"]}
    card = {"amount": "90.0", "card": DECLINED_TOKEN, "name": EVA}
    order = {"payment": payment, "transaction": card}
    declined = tell.answered(eva("POST", "mixed_payments", order), 422)
    tell.check("the refusal", list(declined["errors"]), ["card"])
    tell.say("Eva pays MX$60.00 from her wallet and MX$90.00 from a card, which is declined")
    eva.has("Eva", Decimal("300.00"))
    card["card"] = GOOD_TOKEN
    paid = tell.answered(eva("POST", "mixed_payments", order), 201)["payment"]
    fee = money(Decimal(paid["fee"]), "MXN")
    tell.say(f"With another card both halves go through, and a fee of {fee}")
    eva.has("Eva", Decimal("239.40"))
    left = tell.answered(eva("GET", "mixed_payment_requests"), 200)["payment_requests"]
    tell.check("her list", left, [])
    path = f"/v1/pools/{pool['id']}/close"
    closed = tell.answered(call("POST", path, token=ben.session), 200)
    tell.check("the pool", closed["amount"], Decimal("150.00"))
    tell.say("It is off her list. Ben closes the pool, and has all of it")
    stage.has(ben, Decimal("550.00"), "MXN")


def _what_eva_sees(stage: Stage, eva: Face) -> None:
    listed = stage.tell.answered(eva("GET", "history"), 200)["history"]
    shown = [(it["type"], it["amount"]) for each in listed for it in each.values()]
    expected = [("card_to_pool", "90.0"), ("wallet_to_pool", "60.0"), ("user_to_wallet", "300.0")]
    stage.tell.check("Eva's history", shown, expected)
    stage.tell.say("Her history has the two halves of her payment, and what John has paid her")
