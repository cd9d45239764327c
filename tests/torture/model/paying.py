"""People pay each other, and those who are nobody yet; and give back what they were paid."""

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.api.memento.paying import new_card, said
from tests.people import PIN
from tests.torture.model.base import CENTS, CURRENCY, HOW, TOKENS, WAY, WHICH, Base, when
from tests.torture.model.book import CENT, NOTHING, fee_of
from tests.torture.model.things import Address, Payment, Person

MOST_DECLINES = 15
"""After twenty in a day a card is asked no more."""

MOST_WRONG_PINS = 3
"""The fifth in a row locks."""


class Paying(Base):
    """Payments and refunds."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._declines = 0

    # Cards.

    def card(self, person: Person, way: str) -> str:
        """A card of somebody's that does this, by its token; it is added if need be."""
        token = TOKENS[way]
        if token not in person.cards:
            client = self.someone[person]
            added = self.run(client.call("memento", "POST", "/v1/funding_sources", new_card(token)))
            person.cards[token] = said(added, 201)["id"]
        return token

    def bearable(self, way: str) -> str:
        """The way, unless too many cards have declined already."""
        if way != "declined":
            return way
        self._declines += 1
        return way if self._declines < MOST_DECLINES else "ok"

    def by(
        self, payer: Person, way: str, currency: str, amount: Decimal, kind: str = "payment"
    ) -> dict[str, Any]:
        """How the model has a payment made that way."""
        source = "virtual" if way == "wallet" else "card"
        return {
            "payer": payer,
            "currency": currency,
            "amount": amount,
            "fee": fee_of(kind, source, amount, currency),
            "source": None if way == "wallet" else self.card(payer, way),
        }

    def source_of(self, payer: Person, payment: Payment) -> str:
        """The id of what it is paid from."""
        if payment.source is None:
            return self.someone[payer].wallet_id
        return payer.cards[payment.source]

    def why_not(self, payment: Payment, way: str) -> set[str]:
        """Why Memento refuses a payment for want of money."""
        if payment.source is None:
            balance = self.world.balance(payment.payer, payment.currency)
            return {"insufficient_funds"} if payment.whole > balance else set()
        return {"gateway_declined"} if way == "declined" else set()

    def token(self, way: str) -> str:
        """The token of a card that does this."""
        return TOKENS[way]

    def is_decided(self, way: str) -> bool:
        """Whether it is known at once what became of it."""
        return way in {"wallet", "ok"}

    # Paying.

    @rule(payer=WHICH, to=WHICH, currency=CURRENCY, cents=CENTS, how=HOW, way=WAY)
    def pay_in_memento(
        self, *, payer: int, to: int, currency: str, cents: int, how: str, way: str
    ) -> None:
        """To a user, or to a phone number, whoever's it is."""
        who, way = self.pick(self.world.people, payer), self.bearable(way)
        phones = [it for it in self.world.strangers if it[0] == "phone"]
        choice: list[Person | Address] = [*self.others(who), *phones]
        whom = self.pick(choice, to)
        amount = self.amount(who, currency, cents, how)
        payment = Payment(self.label("paid"), **self.by(who, way, currency, amount))
        recipient: dict[str, Any] = {"amount": str(amount)}
        if not isinstance(whom, Person):
            payment.address = whom
            recipient["phone"] = whom[1]
        elif to % 2 and (phone := whom.phone()):
            payment.to, recipient["phone"] = whom, phone
        else:
            payment.to, recipient["user_id"] = whom, str(self.someone[whom].user.id)
        self.pay_plainly("pay", payment, way, recipient)

    def pay_plainly(self, what: str, payment: Payment, way: str, recipient: dict[str, Any]) -> None:
        """Send what Memento calls a payment."""
        who = payment.payer
        body = {
            "currency": payment.currency,
            "description": payment.label,
            "recipient": recipient,
            "funding_source_id": self.source_of(who, payment),
            "pin": PIN,
        }
        why = self.why_not(payment, way)
        paid = self.send(what, who, "memento", "POST", "/v1/payments", body=body, why=why)
        if not why:
            payment.transaction_id = paid["recipient"]["transaction_id"]
            self.world.pay(payment, is_decided=self.is_decided(way))

    @rule(payer=WHICH, to=WHICH, cents=CENTS, how=HOW, way=WAY, borne=CENTS)
    def pay_in_moneypool(
        self, *, payer: int, to: int, cents: int, how: str, way: str, borne: int
    ) -> None:
        """To an email, whoever's it is; from a card, the wallet, or both."""
        who, way = self.pick(self.world.people, payer), self.bearable(way)
        known: list[tuple[Person | None, str]] = [
            (it, email) for it in self.others(who) if (email := it.email())
        ]
        strangers = [(None, it[1]) for it in self.world.strangers if it[0] == "email"]
        whom, email = self.pick([*known, *strangers], to)
        payment = Payment(self.label("paid"), who, "MXN", NOTHING, NOTHING, to=whom, is_kept=False)
        payment.address = None if whom else ("email", email)
        body = self.mixed(payment, way, cents, how, borne if borne % 3 == 0 else 0)
        body["payment"]["new_email"] = email
        self.pay_mixed("pay", payment, way, body)

    def mixed(
        self, payment: Payment, way: str, cents: int, how: str, borne: int
    ) -> dict[str, dict[str, Any]]:
        """The body of a payment from the wallet, a card, or a card and partly from the wallet."""
        who = payment.payer
        part = self.amount(who, "MXN", borne if way != "wallet" else cents, how)
        fee = fee_of("payment", "virtual", part, "MXN")
        body: dict[str, Any] = {"payment": {"description": payment.label}}
        if way == "wallet":
            payment.amount, payment.fee = part, fee
            body["payment"] |= {"payment_method": "wallet", "wallet_amount": str(part)}
            return body
        charged = cents * CENT
        payment.source = "once"
        payment.amount, payment.fee = charged, fee_of("payment", "card", charged, "MXN")
        body["payment"]["payment_method"] = "card"
        body["transaction"] = {"amount": str(charged), "card": TOKENS[way], "name": "Ann Model"}
        if borne:
            payment.borne, payment.borne_fee = part, fee
            payment.amount, payment.fee = charged + part, payment.fee + fee
            body["payment"] |= {"payment_method": "mixed", "wallet_amount": str(part)}
        return body

    def pay_mixed(
        self, what: str, payment: Payment, way: str, body: Any, why: set[str] | None = None
    ) -> None:
        """Send what Moneypool calls a mixed payment, which may be refused for these reasons."""
        why, who = set(why or ()), payment.payer
        taken = payment.borne + payment.borne_fee if payment.source else payment.whole
        if taken > self.world.balance(who, "MXN"):
            why.add("wallet_amount")
        if way == "declined":
            why.add("card")
        path = self.someone[who].moneypool.own("/mixed_payments")
        self.send(what, who, "moneypool", "POST", path, body=body, why=why, is_kept=not why)
        if not why:
            self.world.pay(payment, is_decided=self.is_decided(way))

    @rule(payer=WHICH, currency=CURRENCY, cents=CENTS, way=WAY)
    def top_up(self, *, payer: int, currency: str, cents: int, way: str) -> None:
        """From a card into one's own wallet."""
        who = self.pick(self.world.people, payer)
        way = self.bearable("ok" if way == "wallet" else way)
        amount = cents * CENT
        payment = Payment(
            self.label("top-up"),
            kind="top_up",
            to=who,
            **self.by(who, way, currency, amount, "top_up"),
        )
        recipient = {"amount": str(amount), "funding_source_id": self.someone[who].wallet_id}
        self.pay_plainly("top up", payment, way, recipient)

    @rule(which=WHICH, approves=st.booleans())
    @when(lambda self: self._undecided())
    def a_card_decides(self, *, which: int, approves: bool) -> None:
        """What was pending is approved or declined; a second word changes nothing."""
        payment = self.pick(self._undecided(), which)
        path = f"/sandbox/charges/{payment.transaction_id}/"
        said_ = self.decide(path + ("approve" if approves else "decline"))
        assert said_ == 200
        assert self.decide(path + ("decline" if approves else "approve")) == 409
        if approves:
            self.world.approve(payment)
        else:
            self.world.decline(payment)
        self.did("card decides")

    def _undecided(self) -> list[Payment]:
        """What a card has not decided about."""
        return [
            it
            for it in self.world.in_state("pending")
            if it.transaction_id and it.kind != "withdrawal" and it.source == TOKENS["pending"]
        ]

    def decide(self, path: str) -> int:
        """Have a processor decide; the status of the answer."""
        return self.run(self.place.http.post(path)).status_code

    @rule(payer=WHICH, to=WHICH)
    @when(lambda self: any(it.wrong_pins < MOST_WRONG_PINS for it in self.world.people))
    def pay_with_a_wrong_pin(self, *, payer: int, to: int) -> None:
        """It is refused; the fifth in a row would lock."""
        careful = [it for it in self.world.people if it.wrong_pins < MOST_WRONG_PINS]
        who = self.pick(careful, payer)
        who.wrong_pins += 1
        whom = self.pick(self.others(who), to)
        body = {
            "currency": "EUR",
            "recipient": {"amount": "0.01", "user_id": str(self.someone[whom].user.id)},
            "funding_source_id": self.someone[who].wallet_id,
            "pin": "9876",
        }
        why = {"invalid_pin"}
        self.send(
            "pay with a wrong pin", who, "memento", "POST", "/v1/payments", body=body, why=why
        )

    # Refunds.

    @rule(which=WHICH, by=WHICH, cents=CENTS, how=HOW)
    @when(lambda self: any(_can_be_given_back(it) for it in self.world.payments))
    def refund(self, *, which: int, by: int, cents: int, how: str) -> None:
        """Who was paid gives back all of it, or a part."""
        payment = self.pick([it for it in self.world.payments if _can_be_given_back(it)], which)
        assert isinstance(payment.to, Person)
        who = payment.to if by % 8 else self.pick(self.world.people, by // 8)
        left = payment.amount - payment.refunded
        amount = None if how == "all" else (cents - 1) % (int(left / CENT) or 1) * CENT + CENT
        if how == "too much":
            amount = (left / CENT).to_integral_value() * CENT + CENT
        why = set()
        if who is not payment.to or payment.is_ones_own:
            why |= {"not_refundable", "404"}
        if not left:
            why.add("already_refunded")
        elif amount is not None and amount > left:
            why.add("amount too_large")
        if min(amount or left, left) > self.world.balance(payment.to, payment.currency):
            why.add("insufficient_funds")
        id_ = self.id_of(payment)
        body = {"pin": PIN} | ({} if amount is None else {"amount": str(amount)})
        path = f"/v1/payments/{id_}/refund"
        kept = not why & {"amount too_large", "404"}
        self.send("refund", who, "memento", "POST", path, body=body, why=why, is_kept=kept)
        if not why:
            self.world.refund(payment, left if amount is None else amount)

    def id_of(self, payment: Payment) -> str:
        """The id of a payment in Memento, where who was paid finds it by what it is called."""
        if payment.id is None:
            assert isinstance(payment.to, Person)
            asked = payment.asked.request.id if payment.asked else payment.label
            known = {it.id for it in self.world.payments}
            payer = str(self.someone[payment.payer].user.id)
            shown = self.told(payment.to, "memento", "/v1/payments?limit=100")
            found = [
                it["id"]
                for it in shown
                if (it["owner"]["id"], it["amount"]) == (payer, payment.amount)
                and (it["description"] == payment.label or it["request_id"] == asked)
                and it["id"] not in known
            ]
            assert found, (payment, shown)
            payment.id = found[0]
        return payment.id


def _can_be_given_back(payment: Payment) -> bool:
    arrived = payment.status == "arrived" and isinstance(payment.to, Person)
    return arrived and payment.kind != "cash"
