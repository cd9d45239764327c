"""The second part: money comes in from cards, is converted, goes out to a bank, and back."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bench.demo.stage import Person, Stage, money
from bench.demo.wallets import ANA, Cast

GOOD_TOKEN, DECLINED_TOKEN = "tok_test_visa_4242", "tok_test_card_declined"
IBAN, BIC = "GB33BUKB20201555555555", "BUKBGB22"


def play(stage: Stage, cast: Cast) -> None:
    """From a card to a refund. Raises NotSo at the first thing that is wrong."""
    ana, ben, lunch_id = cast
    _ben_tops_up(stage, ben)
    _bens_other_card(stage, ben)
    _ana_pays_in_pesos(stage, ana, ben)
    _ben_withdraws(stage, ben)
    _ben_gives_back(stage, ana, ben, lunch_id)


def _ben_tops_up(stage: Stage, ben: Person) -> None:
    card = _add_card(stage, ben, GOOD_TOKEN)
    stage.tell.check("the card", (card["type"], card["status"]), ("card", "enabled"))
    ending = card["card"]["masked_number"][-4:]
    stage.tell.say(f"Ben adds a card that ends in {ending}: enabled, as its processor knows it")
    amount = Decimal("100.00")
    quoted = _quote(stage, ben, amount, "EUR", source_id=card["id"])
    stage.tell.say(f"To top up {money(amount)} with it would cost {money(quoted['fee'])}")
    answer = stage.pay(ben, amount, {"user_id": ben.id}, "Top-up", source_id=card["id"])
    payment = stage.tell.answered(answer, 201)
    stage.tell.check("the top-up", payment["fulfillment_status"], "fulfilled")
    charged = -stage.held(ben, source_id=card["id"])
    stage.tell.check("what the card was charged", charged, quoted["total"])
    stage.tell.say(f"Ben tops up his wallet, and the card is charged {money(charged)}")
    stage.has(ben, Decimal("150.00"))


def _bens_other_card(stage: Stage, ben: Person) -> None:
    card = _add_card(stage, ben, DECLINED_TOKEN)
    top_up = stage.pay(ben, Decimal("20.00"), {"user_id": ben.id}, "Top-up", source_id=card["id"])
    stage.tell.answered(top_up, 400, "gateway_declined")
    stage.tell.say("Another card of Ben's is declined when he tops up with it")
    stage.has(ben, Decimal("150.00"))


def _ana_pays_in_pesos(stage: Stage, ana: Person, ben: Person) -> None:
    amount = Decimal("400.00")
    quoted = _quote(stage, ana, amount, "MXN")
    taken, fee, total = (money(quoted[name]) for name in ("amount", "fee", "total"))
    stage.tell.say(
        f"{money(amount, 'MXN')} would cost Ana {taken} and a fee of {fee}, at a rate of"
        f" {quoted['exchange_rate']:.4f}"
    )
    answer = stage.pay(
        ana, amount, {"user_id": ben.id}, "Tacos", currency="MXN", source_currency="EUR"
    )
    payment = stage.tell.answered(answer, 201)
    stage.tell.check("what was taken", payment["source_amount"], quoted["amount"])
    stage.tell.check("the rate", payment["exchange_rate"], quoted["exchange_rate"])
    stage.tell.say(f"Ana pays Ben {money(amount, 'MXN')} out of her euros, {total} in all")
    stage.has(ana, Decimal("119.20") - quoted["total"])
    stage.has(ben, amount, "MXN")


def _ben_withdraws(stage: Stage, ben: Person) -> None:
    tell = stage.tell
    account = {"country": "GB", "iban": IBAN, "swift": BIC}
    bank = _add(stage, ben, "bank_account", "My bank", account)
    tell.check("the bank account", (bank["status"], bank["verified"]), ("pending", False))
    code = stage.newest_message(bank["id"])["data"]["code"]
    path = f"/v1/funding_sources/{bank['id']}/verify"
    proven = tell.answered(stage.call("POST", path, {"code": code}, token=ben.session), 200)
    tell.check("the bank account", (proven["status"], proven["verified"]), ("enabled", True))
    tell.say(f"Ben adds a bank account, and proves it with the code {code} from its statement")
    to_bank = {"funding_source_id": bank["id"]}
    payment = tell.answered(stage.pay(ben, Decimal("80.00"), to_bank, "Savings"), 201)
    tell.check("the withdrawal", payment["fulfillment_status"], "fulfilled")
    tell.say("Ben has €80.00 of his paid out to it, and a fee of €0.50 on top")
    stage.has(ben, Decimal("69.50"))


def _ben_gives_back(stage: Stage, ana: Person, ben: Person, lunch_id: str) -> None:
    call, tell = stage.call, stage.tell
    before = stage.held(ana)
    body = {"amount": "20.00", "description": "Too much", "pin": ben.pin}
    path = f"/v1/payments/{lunch_id}/refund"
    refund = tell.answered(call("POST", path, body, token=ben.session), 201)
    tell.check("the refund", (refund["status"], refund["amount"]), ("approved", Decimal("20.00")))
    tell.say("Ben gives €20.00 of the lunch back, and Ana gets that part of her fee back too")
    stage.has(ben, Decimal("49.50"))
    stage.has(ana, before + Decimal("20.20"))
    stage.is_told(ANA, "€20.20")
    receipt = call("GET", f"/v1/payments/{lunch_id}/receipt", token=ana.session)
    refunded = tell.answered(receipt, 200)["amounts"]["refunded"]
    tell.check("the receipt", refunded, "€20.20")
    tell.say(f"Ana's receipt says so: {refunded} of it came back")


def _add_card(stage: Stage, person: Person, token: str) -> Any:
    card = {
        "brand": "VISA",
        "last_digits": "4242",
        "expiration_month": 12,
        "expiration_year": datetime.now(UTC).year + 2,
        "token": token,
    }
    return _add(stage, person, "card", "My card", card)


def _add(
    stage: Stage, person: Person, kind: str, description: str, details: Mapping[str, Any]
) -> Any:
    body = {"type": kind, "description": description, kind: details}
    added = stage.call("POST", "/v1/funding_sources", body, token=person.session)
    return stage.tell.answered(added, 201)


def _quote(
    stage: Stage, payer: Person, amount: Decimal, currency: str, *, source_id: str | None = None
) -> Any:
    """What it would cost to pay so much out of somebody's euros: to others, or from a card."""
    source = {"funding_source_id": source_id or payer.wallet_id, "currency": "EUR"}
    to: dict[str, str] = {"currency": currency}
    if source_id is not None:
        to["funding_source_id"] = payer.wallet_id
    body = {"amount": str(amount), "source": source, "destination": to}
    return stage.tell.answered(
        stage.call("POST", "/v1/fees/calculate", body, token=payer.session), 200
    )
