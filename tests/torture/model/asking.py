"""People ask each other for money, and pay, reject, settle, cancel or delete what is asked."""

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.people import PIN
from tests.torture.model.base import CENTS, CURRENCY, WAY, WHICH, when
from tests.torture.model.book import CENT, NOTHING, fee_of
from tests.torture.model.paying import Paying
from tests.torture.model.things import Address, Asked, Payment, Person, Request

RESPONDED = {
    "paid": "already_paid",
    "settled": "already_paid",
    "rejected": "participant_responded",
    "cancelled": "participant_responded",
}


def why_not(asked: Asked) -> set[str]:
    """Why Memento lets nothing more be done about what somebody is asked for."""
    if asked.request.is_deleted:
        return {"404"}
    if asked.is_paying:
        return {"payment_under_way"}
    return {RESPONDED[asked.status]} if asked.status in RESPONDED else set()


class Asking(Paying):
    """Requests."""

    @rule(
        owner=WHICH,
        currency=CURRENCY,
        asked=st.lists(WHICH, min_size=1, max_size=3),
        cents=CENTS,
    )
    def ask_in_memento(self, *, owner: int, currency: str, asked: list[int], cents: int) -> None:
        """One to three, people and phone numbers."""
        who = self.pick(self.world.people, owner)
        phones = [it for it in self.world.strangers if it[0] == "phone"]
        choice: list[Person | Address] = [*self.others(who), *phones]
        whom = list(dict.fromkeys(self.pick(choice, it) for it in asked))
        request = Request(self.label("asked"), who, currency)
        for index, it in enumerate(whom):
            # What people have is not much more than what they are asked for.
            amount = (cents // 4 + index + 1) * CENT
            known = it if isinstance(it, Person) else None
            request.asked.append(
                Asked(request, amount, known, None if isinstance(it, Person) else it)
            )
        participants = [
            {"amount": str(it.amount)}
            | (
                {"user_id": str(self.someone[it.person].user.id)}
                if it.person
                else {"phone": str(it.address and it.address[1])}
            )
            for it in request.asked
        ]
        body = {
            "amount": str(sum(it.amount for it in request.asked)),
            "currency": currency,
            "description": request.label,
            "funding_source_id": self.someone[who].wallet_id,
            "participants": participants,
        }
        made = self.send("request", who, "memento", "POST", "/v1/requests", body=body)
        self._know(request, made)

    @rule(owner=WHICH, whom=WHICH, cents=CENTS)
    def ask_in_moneypool(self, *, owner: int, whom: int, cents: int) -> None:
        """One person, for pesos."""
        who = self.pick(self.world.people, owner)
        other = self.pick(self.others(who), whom)
        request = Request(self.label("asked"), who, "MXN")
        request.asked.append(Asked(request, cents * CENT, other))
        body = {
            "amount": str(cents * CENT),
            "description": request.label,
            "user_requested_id": self.someone[other].moneypool.id,
        }
        path = self.someone[who].moneypool.own("/payment_requests")
        made = self.send("request", who, "moneypool", "POST", path, body=body)
        request.asked[0].number = made["payment_request"]["id"]
        listed = self.told(who, "memento", "/v1/requests?limit=100")
        self._know(request, next(it for it in listed if it["description"] == request.label))

    def _know(self, request: Request, shown: Any) -> None:
        request.id = shown["id"]
        users = {str(self.someone[it].user.id): it for it in self.world.people}
        for participant in shown["participants"]:
            person = users.get(participant["user_id"])
            amount = participant["amount"]
            asked = next(it for it in request.asked if it.person is person and it.amount == amount)
            asked.id = participant["id"]
        self.world.requests.append(request)

    def _asked(self) -> list[Asked]:
        """All that somebody who is known is asked for; what can still be done about comes twice."""
        all_ = [it for each in self.world.requests for it in each.asked if it.person]
        return [
            *all_,
            *(it for it in all_ if not why_not(it)),
            *(it for it in all_ if not why_not(it)),
        ]

    def _is_short(self, asked: Asked) -> bool:
        assert asked.person is not None
        return self.is_short(asked.person, asked.request.currency, asked.amount, "payment")

    # What can be done about it.

    @rule(which=WHICH, way=WAY, stranger=WHICH)
    @when(lambda self: self._asked())
    def pay_request_in_memento(self, *, which: int, way: str, stranger: int) -> None:
        """By who is asked, or rarely by somebody else."""
        asked, way = self.pick(self._asked(), which), self.bearable(way)
        request = asked.request
        who = asked.person
        assert who is not None
        if stranger % 12 == 0:
            who = self.pick(self.world.people, stranger // 12)
        currency, amount = request.currency, asked.amount
        payment = Payment(request.label, to=request.owner, **self.by(who, way, currency, amount))
        payment.kind, payment.asked = "request", asked
        why = why_not(asked) | self.why_not(payment, way)
        if who is not asked.person:
            why = {"404"}
        body = {"funding_source_id": self.source_of(who, payment), "pin": PIN}
        path = f"/v1/requests/{request.id}/participants/{asked.id}/pay"
        is_kept = "404" not in why
        paid = self.send(
            "pay request", who, "memento", "POST", path, body=body, why=why, is_kept=is_kept
        )
        if not why:
            payment.transaction_id = paid["transaction_id"]
            self.world.pay(payment, is_decided=self.is_decided(way))

    @rule(which=WHICH, way=WAY, borne=CENTS)
    @when(lambda self: self._asked())
    def pay_request_in_moneypool(self, *, which: int, way: str, borne: int) -> None:
        """By who is asked, from the wallet, a card, or both."""
        asked, way = self.pick(self._asked(), which), self.bearable(way)
        request, who = asked.request, asked.person
        assert who is not None
        if request.currency != "MXN" or not self._find_number(asked):
            return
        payment = Payment(
            request.label, who, "MXN", NOTHING, NOTHING, to=request.owner, is_kept=False
        )
        payment.kind, payment.asked = "request", asked
        body = self._all_of(payment, asked.amount, way, borne)
        body["payment"]["payment_request_id"] = asked.number
        why = {"payment_request_id"} if why_not(asked) else set()
        self.pay_mixed("pay request", payment, way, body, why)

    def _all_of(self, payment: Payment, amount: Decimal, way: str, borne: int) -> dict[str, Any]:
        """The body of a payment of just this amount."""
        part = (
            (borne % int(amount / CENT)) * CENT if way != "wallet" and borne % 3 == 0 else NOTHING
        )
        if way == "wallet":
            part = amount
        payment.amount = amount
        payment.fee = fee_of("payment", "virtual", part, "MXN") if part else NOTHING
        body: dict[str, Any] = {"payment": {"description": ""}}
        if way == "wallet":
            body["payment"] |= {"payment_method": "wallet", "wallet_amount": str(amount)}
            return body
        charged = amount - part
        payment.source, payment.borne, payment.borne_fee = "once", part, payment.fee
        payment.fee += fee_of("payment", "card", charged, "MXN")
        body["payment"] |= {"payment_method": "mixed" if part else "card"}
        if part:
            body["payment"]["wallet_amount"] = str(part)
        body["transaction"] = {"amount": str(charged), "card": self.token(way), "name": "Ann Model"}
        return body

    def _find_number(self, asked: Asked) -> bool:
        """Whether Moneypool's number of it is known, or can be learned from who is asked."""
        if asked.number is None and asked.person and not why_not(asked):
            path = self.someone[asked.person].moneypool.own("/mixed_payment_requests")
            for it in self.told(asked.person, "moneypool", path)["payment_requests"]:
                found = (it["type"], it.get("description"), Decimal(it["amount"]))
                if found == ("from_user", asked.request.label, asked.amount):
                    asked.number = it["id"]
        return asked.number is not None

    @rule(which=WHICH, action=st.sampled_from(["settle", "cancel", "settle"]), stranger=WHICH)
    @when(lambda self: self._asked())
    def settle_or_cancel(self, *, which: int, action: str, stranger: int) -> None:
        """By the owner, or rarely by somebody else."""
        asked = self.pick(self._asked(), which)
        request = asked.request
        who = request.owner if stranger % 8 else self.pick(self.world.people, stranger // 8)
        why = why_not(asked) if who is request.owner else {"404"}
        path = f"/v1/requests/{request.id}/participants/{asked.id}/{action}"
        self.send(action, who, "memento", "POST", path, why=why, is_kept="404" not in why)
        if not why:
            asked.status = {"settle": "settled", "cancel": "cancelled"}[action]

    @rule(which=WHICH, by_number=st.booleans())
    @when(lambda self: self._asked())
    def reject(self, *, which: int, by_number: bool) -> None:
        """By who is asked."""
        asked = self.pick(self._asked(), which)
        who, request = asked.person, asked.request
        assert who is not None
        why = why_not(asked)
        if by_number and request.currency == "MXN" and self._find_number(asked):
            path = self.someone[who].moneypool.own(f"/payment_requests/{asked.number}/reject")
            why = {"base", "404"} if why else set()
            self.send("reject", who, "moneypool", "PATCH", path, why=why, is_kept=False)
        else:
            if len([it for it in request.asked if it.person is who]) > 1:
                return  # which of the two it is, is another question
            path = f"/v1/requests/{request.id}/reject"
            kept = "404" not in why
            self.send("reject", who, "memento", "POST", path, why=why, is_kept=kept)
        if not why:
            asked.status = "rejected"

    @rule(which=WHICH, stranger=WHICH)
    @when(lambda self: self.world.requests)
    def delete_request(self, *, which: int, stranger: int) -> None:
        """By the owner, while nobody has responded; or rarely by somebody else."""
        request = self.pick(self.world.requests, which)
        who = request.owner if stranger % 6 else self.pick(self.world.people, stranger // 6)
        why = set()
        if any(it.status in {"paid", "settled", "rejected"} for it in request.asked):
            why.add("participant_responded")
        if any(it.is_paying for it in request.asked):
            why.add("payment_under_way")
        if request.is_deleted or who is not request.owner:
            why = {"404"}
        path, kept = f"/v1/requests/{request.id}", "404" not in why
        self.send("delete request", who, "memento", "DELETE", path, why=why, is_kept=kept)
        if not why:
            request.is_deleted = True
