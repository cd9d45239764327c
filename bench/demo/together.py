"""The third part: money that is asked for, and money that is put together."""

from decimal import Decimal
from typing import Any

from bench.demo.stage import Person, Stage
from bench.demo.wallets import Cast

DAN = "+447700900114"


def play(stage: Stage, cast: Cast) -> None:
    """From a request to a pool that is paid out. Raises NotSo at the first thing that is wrong."""
    ana, ben, _ = cast
    dan = _ana_asks(stage, ana, ben)
    _ben_collects(stage, ana, ben, dan)
    _what_ana_sees(stage, ana)


def _ana_asks(stage: Stage, ana: Person, ben: Person) -> Person:
    call, tell = stage.call, stage.tell
    before = stage.held(ana)
    body = {
        "amount": 30.0,
        "currency": "EUR",
        "description": "Cinema",
        "funding_source_id": ana.wallet_id,
        "participants": [
            {"user_id": ben.id, "amount": 10.0},
            {"phone": DAN, "name": "Dan", "amount": 10.0},
        ],
    }
    request = tell.answered(call("POST", "/v1/requests", body, token=ana.session), 201)
    path = f"/v1/requests/{request['id']}"
    tell.check("those asked", request["participation"]["count"]["pending"], 2)
    tell.say(f"Ana asks Ben and {DAN}, where nobody is known, for €10.00 each")
    stage.is_told(DAN, "€10.00")
    paid = tell.answered(_pay(stage, ben, f"{path}/pay"), 200)
    tell.check("Ben's share", (paid["status"], paid["amount"]), ("paid", Decimal("10.00")))
    tell.say("Ben pays his share, and a fee of €0.10 on top")
    stage.has(ben, Decimal("39.40"))
    tell.answered(_pay(stage, ben, f"{path}/pay"), 400, "already_paid")
    tell.say("He cannot pay it twice")
    dan = stage.sign_up("Dan", "Ito", DAN)
    asked = tell.answered(call("GET", "/v1/requests", token=dan.session), 200)
    tell.check("what Dan finds", [it["id"] for it in asked], [request["id"]])
    share = asked[0]["participant"]["id"]
    stage.tell.answered(stage.pay(ben, Decimal("20.00"), {"user_id": dan.id}, "Pocket money"), 201)
    tell.answered(_pay(stage, dan, f"{path}/participants/{share}/pay"), 200)
    tell.say("Dan, whose number it is, finds the request as he signs up, and pays his share")
    done = tell.answered(call("GET", path, token=ana.session), 200)
    ended = (done["status"], done["fulfillment_status"], done["amount_paid"])
    tell.check("the request", ended, ("closed", "fulfilled", Decimal("20.00")))
    tell.say("The request is fulfilled; the third part is Ana's own")
    stage.has(ana, before + Decimal("20.00"))
    return dan


def _ben_collects(stage: Stage, ana: Person, ben: Person, dan: Person) -> None:
    call, tell = stage.call, stage.tell
    before = stage.held(ben)
    body = {
        "description": "A gift for Cleo",
        "currency": "EUR",
        "funding_source_id": ben.wallet_id,
        "invites": [ana.id, dan.id],
        "contribution_options": [{"title": "A flower", "amount": 2.5}],
        "allows_optional_amount": True,
    }
    pool = tell.answered(call("POST", "/v1/pools", body, token=ben.session), 201)
    path = f"/v1/pools/{pool['id']}"
    tell.say("Ben opens a pool for a gift, and invites Ana and Dan")
    option = pool["contribution_options"][0]["id"]
    flower = {"amount": 2.5, "contribution_option_id": option}
    tell.answered(_pay(stage, dan, f"{path}/participants", **flower), 201)
    tell.answered(_pay(stage, ana, f"{path}/participants", amount=12.0), 201)
    filled = tell.answered(call("GET", path, token=dan.session), 200)
    tell.check("the pool", filled["amount"], Decimal("14.50"))
    tell.check("who has paid", filled["participation"]["count"]["paid"], 2)
    tell.say("Dan gives a flower's €2.50 and Ana €12.00: there are €14.50 in it")
    closed = tell.answered(call("POST", f"{path}/close", token=ben.session), 200)
    tell.check(
        "the pool", (closed["status"], closed["fulfillment_status"]), ("closed", "fulfilled")
    )
    tell.answered(_pay(stage, ana, f"{path}/participants", amount=1.0), 400, "pool_closed")
    tell.say("Ben closes it, and all of it is in his wallet; nobody can contribute any more")
    stage.has(ben, before + Decimal("14.50"))


def _what_ana_sees(stage: Stage, ana: Person) -> None:
    call, tell = stage.call, stage.tell
    moments = tell.answered(call("GET", "/v1/moments?limit=2", token=ana.session), 200)
    tell.check("Ana's moments", [it["type"] for it in moments], ["pool", "request"])
    told = tell.answered(call("GET", "/v1/notifications?limit=2", token=ana.session), 200)
    said = "; ".join(each["description"] for each in told)
    tell.say(f"Ana's feed begins with the pool and her request. She was told: {said}")


def _pay(stage: Stage, payer: Person, path: str, **more: Any) -> Any:
    """Have somebody pay a share, from their wallet."""
    body = {"funding_source_id": payer.wallet_id, "pin": payer.pin, **more}
    return stage.call("POST", path, body, token=payer.session)
