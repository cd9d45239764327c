"""People put money together, by wallet, card and cash, until it is paid out."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.money import rows
from tests.people import PIN
from tests.torture.model.asking import Asking
from tests.torture.model.base import CENTS, CURRENCY, HOW, WAY, WHICH, when
from tests.torture.model.book import CENT, NOTHING
from tests.torture.model.things import Payment, Person, Pool

CASH_GOOD_FOR = timedelta(days=3)

MOST_CASH = 9
"""More references of one person that nobody has paid with may be too many."""


@dataclass(eq=False)
class Cash:
    """A payment in cash that somebody wants to make."""

    payer: Person
    pool: Pool
    amount: Decimal
    reference: str
    until: timedelta
    is_paid: bool = False


class Pooling(Asking):
    """Pools."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._cash: list[Cash] = []

    def _pools(self) -> list[Pool]:
        """All pools; those that are open come thrice."""
        open_ = [it for it in self.world.pools if not it.is_closed]
        return [*self.world.pools, *open_, *open_]

    @rule(
        owner=WHICH,
        currency=CURRENCY,
        is_unique=st.booleans(),
        is_public=st.sampled_from([True, True, False]),
        least=st.sampled_from([None, None, "1.00"]),
        days=st.sampled_from([None, 1, 5, 30]),
        invited=WHICH,
    )
    def open_pool(
        self,
        *,
        owner: int,
        currency: str,
        is_unique: bool,
        is_public: bool,
        least: str | None,
        days: int | None,
        invited: int,
    ) -> None:
        """A pool that takes this, perhaps until then, with somebody invited."""
        who = self.pick(self.world.people, owner)
        guest = self.pick(self.others(who), invited)
        lasts = None if days is None else timedelta(days=days)
        pool = Pool(
            self.label("pool"),
            who,
            currency,
            is_unique=is_unique,
            is_public=is_public,
            least=None if least is None else Decimal(least),
            ends_at=None if lasts is None else self.world.now + lasts,
            invited={guest},
        )
        body = {
            "description": pool.label,
            "currency": currency,
            "funding_source_id": self.someone[who].wallet_id,
            "has_unique_participants": is_unique,
            "is_public": is_public,
            "minimum_user_amount": least,
            "end_at": None if lasts is None else (datetime.now(UTC) + lasts).isoformat(),
            "invites": [str(self.someone[guest].user.id)],
        }
        made = self.send("open pool", who, "memento", "POST", "/v1/pools", body=body)
        pool.id = made["id"]
        [[pool.number]] = self.run(
            rows(self.place.db, "select number from pool where id = %s", pool.id)
        )
        self.world.pools.append(pool)

    def _why_not(self, pool: Pool, who: Person, amount: Decimal) -> set[str]:
        """Why a pool does not take it, in Memento's words."""
        if not pool.is_seen_by(who):
            return {"404"}
        why = set()
        if pool.is_closed or self.world.has_ended(pool):
            why.add("pool_closed")
        if pool.is_unique and pool.has_given(who):
            why |= {"already_contributed", "payment_under_way"}
        if pool.least is not None and amount < pool.least:
            why.add("amount too_small")
        return why

    @rule(which=WHICH, payer=WHICH, cents=CENTS, how=HOW, way=WAY)
    @when(lambda self: self.world.pools)
    def contribute_in_memento(
        self, *, which: int, payer: int, cents: int, how: str, way: str
    ) -> None:
        """From the wallet or a card."""
        pool, way = self.pick(self._pools(), which), self.bearable(way)
        who = self.pick(self.world.people, payer)
        amount = self.amount(who, pool.currency, cents, how)
        payment = Payment(pool.label, to=pool, **self.by(who, way, pool.currency, amount))
        payment.kind = "contribution"
        why = self._why_not(pool, who, amount) | self.why_not(payment, way)
        body = {
            "amount": str(amount),
            "funding_source_id": self.source_of(who, payment),
            "pin": PIN,
        }
        path = f"/v1/pools/{pool.id}/participants"
        kept = not why & {"404", "amount too_small"}
        given = self.send(
            "contribute", who, "memento", "POST", path, body=body, why=why, is_kept=kept
        )
        if not why:
            payment.transaction_id = given["transaction_id"]
            self.world.pay(payment, is_decided=self.is_decided(way))

    @rule(which=WHICH, payer=WHICH, cents=CENTS, how=HOW, way=WAY, borne=CENTS)
    @when(lambda self: any(it.currency == "MXN" for it in self.world.pools))
    def contribute_in_moneypool(
        self, *, which: int, payer: int, cents: int, how: str, way: str, borne: int
    ) -> None:
        """From the wallet, a card, or both."""
        pool = self.pick([it for it in self._pools() if it.currency == "MXN"], which)
        who, way = self.pick(self.world.people, payer), self.bearable(way)
        payment = Payment(pool.label, who, "MXN", NOTHING, NOTHING, to=pool, is_kept=False)
        payment.kind = "contribution"
        body = self.mixed(payment, way, cents, how, borne if borne % 3 == 0 else 0)
        body["payment"]["pool_id"] = pool.number
        why = set()
        if self._why_not(pool, who, payment.amount):
            why = {"pool_id", "base", "404", "wallet_amount", "amount", "transaction.amount"}
        self.pay_mixed("contribute", payment, way, body, why)

    @rule(which=WHICH, stranger=WHICH)
    @when(lambda self: self.world.pools)
    def close_pool(self, *, which: int, stranger: int) -> None:
        """By its owner, or rarely by somebody else."""
        pool = self.pick(self._pools(), which)
        who = pool.owner if stranger % 5 else self.pick(self.world.people, stranger // 5)
        why = {"pool_closed"} if pool.is_closed or self.world.has_ended(pool) else set()
        if who is not pool.owner:
            why = {"404"}
        path, kept = f"/v1/pools/{pool.id}/close", "404" not in why
        self.send("close pool", who, "memento", "POST", path, why=why, is_kept=kept)
        if not why:
            self.world.close(pool)

    # Cash.

    @rule(which=WHICH, payer=WHICH, cents=CENTS)
    @when(lambda self: any(it.currency == "MXN" for it in self.world.pools))
    def order_cash(self, *, which: int, payer: int, cents: int) -> None:
        """Get a reference to pay with at a shop."""
        pool = self.pick([it for it in self._pools() if it.currency == "MXN"], which)
        who, amount = self.pick(self.world.people, payer), (cents + 99) * CENT
        if len([it for it in self._cash if it.payer is who and not it.is_paid]) >= MOST_CASH:
            self.instead(which)
            return
        why = {"pool_id", "404", "base"} if self._why_not(pool, who, amount) else set()
        body = {"payment": {"pool_id": pool.number, "amount": str(amount), "description": "cash"}}
        path = self.someone[who].moneypool.own("/cash_payments")
        what = "order cash"
        made = self.send(what, who, "moneypool", "POST", path, body=body, why=why, is_kept=not why)
        if not why:
            reference = made["cash_payment"]["reference"]
            until = self.world.now + CASH_GOOD_FOR
            self._cash.append(Cash(who, pool, amount, reference, until))

    @rule(which=WHICH)
    @when(lambda self: self._cash)
    def pay_cash(self, *, which: int) -> None:
        """Pay at a shop: into the pool, else into the wallet; once, however often it is told."""
        cash = self.pick(self._cash, which)
        status = self.decide(f"/sandbox/cash/{cash.reference}")
        is_late = not cash.is_paid and cash.until <= self.world.now
        assert status == (409 if is_late else 200)
        self.did("pay cash", is_accepted=not is_late)
        if cash.is_paid or is_late:
            return
        cash.is_paid = True
        payment = Payment("cash", cash.payer, "MXN", cash.amount, NOTHING, source="cash")
        takes = not self._why_not(cash.pool, cash.payer, cash.amount)
        payment.kind = "contribution" if takes else "cash"
        payment.to = cash.pool if takes else cash.payer
        self.world.pay(payment)
