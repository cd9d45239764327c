"""The first part: people pay each other from their wallets."""

from decimal import Decimal
from typing import NamedTuple
from uuid import uuid4

from bench.demo.stage import Person, Stage

# Of the range that is kept free for stories.
ANA, BEN, CLEO = "+447700900111", "+447700900112", "+447700900113"

_DONE = ("closed", "fulfilled")


class Cast(NamedTuple):
    """Who goes on to the second part, and what Ana paid Ben."""

    ana: Person
    ben: Person
    lunch_id: str


def play(stage: Stage) -> Cast:
    """From the first sign-up to the receipts. Raises NotSo at the first thing that is wrong."""
    ana = stage.sign_up("Ana", "Torres", ANA)
    ben = stage.sign_up("Ben", "Okafor", BEN)
    john = stage.log_in()
    stage.has(john, Decimal("1000.00"))
    _john_pays(stage, john, ana)
    lunch_id = _ana_pays(stage, ana, ben)
    _ana_pays_a_number(stage, ana)
    _what_is_refused(stage, ben, ana)
    _receipts(stage, ana, ben, lunch_id)
    return Cast(ana, ben, lunch_id)


def _john_pays(stage: Stage, john: Person, ana: Person) -> None:
    tell = stage.tell
    key = str(uuid4())
    answer = stage.pay(john, Decimal("200.00"), {"user_id": ana.id}, "Rent", key=key)
    payment = tell.answered(answer, 201)
    tell.check("the payment", payment["fulfillment_status"], "fulfilled")
    tell.say("John pays Ana €200.00, and a fee of €2.00 on top")
    stage.has(john, Decimal("798.00"))
    stage.has(ana, Decimal("200.00"))
    stage.is_told(ANA, "€200.00")
    again = stage.pay(john, Decimal("200.00"), {"user_id": ana.id}, "Rent", key=key)
    tell.check("the repeat", (again.status, again.body), (answer.status, answer.body))
    tell.say("John's telephone sends it again, with the same Correlation-ID: the same answer")
    stage.has(john, Decimal("798.00"))
    stage.has(ana, Decimal("200.00"))


def _ana_pays(stage: Stage, ana: Person, ben: Person) -> str:
    answer = stage.pay(ana, Decimal("50.00"), {"user_id": ben.id}, "Lunch")
    payment_id: str = stage.tell.answered(answer, 201)["id"]
    stage.tell.say("Ana pays Ben €50.00, and a fee of €0.50 on top")
    stage.has(ana, Decimal("149.50"))
    stage.has(ben, Decimal("50.00"))
    return payment_id


def _ana_pays_a_number(stage: Stage, ana: Person) -> None:
    call, tell = stage.call, stage.tell
    answer = stage.pay(ana, Decimal("30.00"), {"phone": CLEO, "name": "Cleo"}, "Taxi")
    payment = tell.answered(answer, 201)
    tell.check("the payment", payment["status"], "open")
    tell.say(f"Ana pays €30.00 to {CLEO}, where nobody is known: the money waits, with its fee")
    stage.has(ana, Decimal("119.20"))
    stage.is_told(CLEO, "€30.00")
    cleo = stage.sign_up("Cleo", "Marsh", CLEO)
    stage.has(cleo, Decimal("30.00"))
    paid = tell.answered(call("GET", f"/v1/payments/{payment['id']}", token=ana.session), 200)
    tell.check("the payment", (paid["status"], paid["fulfillment_status"]), _DONE)
    tell.check("its recipient", paid["recipient"]["user_id"], cleo.id)
    tell.say("Ana sees that Cleo has it")


def _what_is_refused(stage: Stage, ben: Person, ana: Person) -> None:
    tell = stage.tell
    too_much = stage.pay(ben, Decimal("50.00"), {"user_id": ana.id}, "Lunch")
    tell.answered(too_much, 400, "insufficient_funds")
    tell.say("Ben cannot pay all of his €50.00: there is nothing left for the fee")
    careless = stage.pay(ben, Decimal("5.00"), {"user_id": ana.id}, "Coffee", pin="0000")
    tell.answered(careless, 400, "invalid_pin")
    tell.say("Nor can Ben pay with a wrong PIN")
    stage.has(ben, Decimal("50.00"))
    stage.has(ana, Decimal("119.20"))


def _receipts(stage: Stage, ana: Person, ben: Person, payment_id: str) -> None:
    call, tell = stage.call, stage.tell
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
