"""What people ask of a server, through all dialects, and what it must come to in their wallets."""

from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import accumulate
from random import Random
from typing import Any, TypeAlias
from uuid import UUID

import msgspec

from bench.people import PIN, Crowd, Payer
from tests.api.serving import VERSION

CREATED, FOUND = b"HTTP/1.1 201 ", b"HTTP/1.1 200 "

Account: TypeAlias = tuple[UUID, str]
"""A wallet, and a currency."""

Heard: TypeAlias = "Callable[[bytes], Ask | None]"
"""What is done with the body of an answer that is as expected; and what is to be asked then."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, how its answer has to begin, and what else follows from what it says."""

    sent: bytes
    expected: bytes
    heard: "Heard | None" = None


@dataclass(frozen=True, slots=True)
class Books:
    """What came into wallets, and went out of them, by all that was accepted; in cents.

    Amounts are whole, so that the fee, one per cent, is as many cents.
    """

    credited: Counter[Account] = field(default_factory=Counter)
    debited: Counter[Account] = field(default_factory=Counter)
    payments: Counter[str] = field(default_factory=Counter)

    def spend(self, payer: Payer, amount: int, currency: str = "EUR") -> None:
        """Somebody has paid from the wallet."""
        self.debited[payer.wallet_id, currency] += 101 * amount

    def receive(self, person: Payer, amount: int, currency: str = "EUR") -> None:
        """Somebody was paid."""
        self.credited[person.wallet_id, currency] += 100 * amount


class Mix:
    """Random people who do what people do, as often as they do."""

    def __init__(
        self,
        crowd: Crowd,
        pools: Sequence[UUID],
        address: tuple[str, int],
        books: Books,
        it: Random,
    ) -> None:
        self._people, self._pools, self._chance, self._books = crowd.payers, pools, it, books
        host, port = address
        self._common = (
            f"Host: {host}:{port}\r\nProduct-ID: {crowd.product.id}\r\nUser-Agent: load\r\n"
        )
        kinds: dict[Callable[[], Ask], int] = {
            self._balances: 15,
            self._list: 10,
            self._balances_through_moneypool: 8,
            self._history_through_moneypool: 5,
            self._balances_through_mobbr: 7,
            self._list_through_mobbr: 5,
            self._pay_from_wallet: 18,
            self._pay_from_card: 8,
            self._contribute: 7,
            self._request: 4,
            self._pay_through_moneypool: 8,
            self._preview_through_mobbr: 5,
        }
        self._kinds, self._weights = [*kinds], [*accumulate(kinds.values())]

    def next(self) -> Ask:
        """What somebody asks for next."""
        [kind] = self._chance.choices(self._kinds, cum_weights=self._weights)
        return kind()

    def _balances(self) -> Ask:
        return self._get("/v1/funding_sources", self._memento(self._anybody()))

    def _list(self) -> Ask:
        which = self._chance.choice(("payments", "moments", "transactions", "requests", "pools"))
        return self._get(f"/v1/{which}", self._memento(self._anybody()))

    def _balances_through_moneypool(self) -> Ask:
        who = self._anybody()
        return self._get(f"/api/users/{who.number}", self._moneypool(who))

    def _history_through_moneypool(self) -> Ask:
        who = self._anybody()
        return self._get(f"/api/users/{who.number}/history", self._moneypool(who))

    def _balances_through_mobbr(self) -> Ask:
        return self._get("/api_v1/balances", self._mobbr(self._anybody()))

    def _list_through_mobbr(self) -> Ask:
        return self._get("/api_v1/payments", self._mobbr(self._anybody()))

    def _pay_from_wallet(self) -> Ask:
        payer, other, amount = self._two()

        def accepted(_: bytes) -> None:
            self._books.payments["from wallets"] += 1
            self._books.spend(payer, amount)
            self._books.receive(other, amount)

        body = _payment(other, amount, source=payer.wallet_id)
        return self._post("/v1/payments", self._memento(payer), body, accepted)

    def _pay_from_card(self) -> Ask:
        payer, other, amount = self._two()

        def accepted(_: bytes) -> None:
            self._books.payments["from cards"] += 1
            self._books.receive(other, amount)

        body = _payment(other, amount, source=payer.card_id)
        return self._post("/v1/payments", self._memento(payer), body, accepted)

    def _contribute(self) -> Ask:
        payer, _, amount = self._two()

        def accepted(_: bytes) -> None:
            self._books.payments["contributions"] += 1
            self._books.spend(payer, amount)

        path = f"/v1/pools/{self._chance.choice(self._pools)}/participants"
        body = {"amount": amount, "funding_source_id": payer.wallet_id, "pin": PIN}
        return self._post(path, self._memento(payer), body, accepted)

    def _request(self) -> Ask:
        """Somebody asks for money, and is paid."""
        owner, asked, amount = self._two()

        def paid(_: bytes) -> None:
            self._books.payments["of requests"] += 1
            self._books.spend(asked, amount)
            self._books.receive(owner, amount)

        def accepted(said: bytes) -> Ask:
            request = msgspec.json.decode(said)
            [participant] = request["participants"]
            path = f"/v1/requests/{request['id']}/participants/{participant['id']}/pay"
            body = {"funding_source_id": asked.wallet_id, "pin": PIN}
            return self._post(path, self._memento(asked), body, paid, expected=FOUND)

        body = {
            "amount": amount,
            "currency": "EUR",
            "description": "Dinner",
            "funding_source_id": owner.wallet_id,
            "participants": [{"user_id": asked.user_id, "amount": amount}],
        }
        return self._post("/v1/requests", self._memento(owner), body, accepted)

    def _pay_through_moneypool(self) -> Ask:
        payer, other, amount = self._two()

        def accepted(_: bytes) -> None:
            self._books.payments["through Moneypool"] += 1
            self._books.spend(payer, amount, "MXN")
            self._books.receive(other, amount, "MXN")

        wanted = {
            "payment_method": "wallet",
            "wallet_amount": f"{amount}.00",
            "description": "Lunch",
            "new_email": other.email,
        }
        path = f"/api/users/{payer.number}/mixed_payments"
        return self._post(path, self._moneypool(payer), {"payment": wanted}, accepted)

    def _preview_through_mobbr(self) -> Ask:
        """Somebody looks at what a script would pay two people, and then has it pay them."""
        payer, *others = self._chance.sample(self._people, 3)
        each = self._chance.randint(1, 10)

        def paid(_: bytes) -> None:
            self._books.payments["through Mobbr"] += 1
            self._books.spend(payer, 2 * each)
            for other in others:
                self._books.receive(other, each)

        def previewed(said: bytes) -> Ask:
            body = {"hash": msgspec.json.decode(said)["result"]["hash"]}
            path = "/api_v1/payments/confirm"
            return self._post(path, self._mobbr(payer), body, paid, method="PUT")

        script = {"title": "Lunch", "participants": [{"id": it.username} for it in others]}
        body = {"data": script, "amount": f"{2 * each}.00", "currency": "EUR", "annotated": False}
        return self._post("/api_v1/payments/preview", self._mobbr(payer), body, previewed)

    def _anybody(self) -> Payer:
        return self._chance.choice(self._people)

    def _two(self) -> tuple[Payer, Payer, int]:
        """Two people, and how much is between them."""
        one, other = self._chance.sample(self._people, 2)
        return one, other, self._chance.randint(1, 20)

    def _memento(self, who: Payer) -> str:
        return f"Authorization: Bearer {who.session}\r\n"

    def _moneypool(self, who: Payer) -> str:
        return f"Accept: {VERSION}\r\nAuthorization: Token token={who.auth_token}\r\n"

    def _mobbr(self, who: Payer) -> str:
        basic = b64encode(f":{who.login_token}".encode()).decode()
        return f"Accept: application/json\r\nAuthorization: Basic {basic}\r\n"

    def _get(self, path: str, headers: str) -> Ask:
        return Ask(f"GET {path} HTTP/1.1\r\n{self._common}{headers}\r\n".encode(), FOUND)

    def _post(
        self,
        path: str,
        headers: str,
        body: Any,
        heard: Heard,
        *,
        method: str = "POST",
        expected: bytes = CREATED,
    ) -> Ask:
        key = UUID(int=self._chance.getrandbits(128), version=4)
        said = msgspec.json.encode(body)
        head = (
            f"{method} {path} HTTP/1.1\r\n{self._common}{headers}Correlation-ID: {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(said)}\r\n\r\n"
        )
        return Ask(head.encode() + said, expected, heard)


def _payment(other: Payer, amount: int, *, source: UUID) -> dict[str, object]:
    return {
        "currency": "EUR",
        "description": "Lunch",
        "recipient": {"amount": amount, "user_id": other.user_id},
        "funding_source_id": source,
        "pin": PIN,
    }


def in_cents(amount: Decimal) -> int:
    """An amount as the books have it. Raises ValueError if it is not of whole cents."""
    cents = amount * 100
    if cents != int(cents):
        raise ValueError(amount)
    return int(cents)
