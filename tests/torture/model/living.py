"""People come, prove what is theirs, and withdraw money; time passes; and requests are repeated."""

from datetime import timedelta
from random import Random
from typing import Any
from uuid import uuid4

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.api.memento.paying import new_account, said
from tests.people import PIN, last_code
from tests.torture.model.base import (
    CENTS,
    CURRENCY,
    HOW,
    MOST_PEOPLE,
    TOKENS,
    WHICH,
    Sent,
    complaints,
    when,
)
from tests.torture.model.book import fee_of
from tests.torture.model.people import Dialect, prove
from tests.torture.model.splitting import Splitting
from tests.torture.model.things import Address, Payment, Person

CLABE = "002010077777777771"

KEPT_FOR = timedelta(days=30)
A_DAY = timedelta(days=1)

STEPS = st.sampled_from(
    [
        timedelta(minutes=2),
        timedelta(minutes=5),
        timedelta(hours=1),
        timedelta(days=1),
        timedelta(days=1),
        timedelta(days=5),
        timedelta(days=30),
        *["to the end"] * 5,
        *["to just before"] * 2,
    ]
)
"""How far the clock is set forward: so far, or to where something ends, or an hour less."""

REUSED = {"correlation_id_reused", "base"}


class Living(Splitting):
    """All else."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._is_time_after = 0
        self._is_repeat_after = 0

    def instead(self, which: int) -> None:
        """One of the steps that are always possible."""
        chance = Random(which * 1009 + self.steps)
        one, other, cents = chance.randrange(60), chance.randrange(60), chance.randrange(1, 2000)
        given = {"currency": chance.choice(["EUR", "MXN"]), "cents": cents}
        shares = [(one, 2, True), (other, 3, False), (one + other, 1, False)]
        if self.steps >= self._is_time_after + 4:
            self.time_passes(by="to the end", which=other)
            return
        match chance.randrange(8):
            case 0:
                self.pay_in_memento(payer=one, to=other, how="some", way="wallet", **given)
            case 1:
                self.pay_in_moneypool(
                    payer=one, to=other, how="some", way="ok", cents=cents, borne=other * 3
                )
            case 2:
                self.ask_in_memento(owner=one, asked=[other, which], **given)
            case 3:
                self.ask_in_moneypool(owner=one, whom=other, cents=cents)
            case 4:
                self.open_pool(
                    owner=one,
                    currency=given["currency"],
                    is_unique=False,
                    is_public=True,
                    least=None,
                    days=5,
                    invited=other,
                )
            case 5:
                self.preview(payer=one, how="some", shares=shares, **given)
            case 6:
                self.pledge(payer=one, how="some", shares=shares, which=other, **given)
            case 7:
                self.withdraw_in_memento(payer=one, how="some", way="pending", **given)

    # People.

    @rule(
        dialect=st.sampled_from(["memento", "moneypool", "mobbr"]),
        which=WHICH,
        is_known=st.sampled_from([True, True, True, False]),
    )
    @when(lambda self: len(self.world.people) < MOST_PEOPLE)
    def sign_up(self, *, dialect: Dialect, which: int, is_known: bool) -> None:
        """Somebody new, by an address that perhaps was paid, or asked, already."""
        address = self.new_address(dialect)
        if is_known:
            kinds = ("phone", "email") if dialect == "memento" else ("email",)
            address = self.pick(self._wanted(*kinds), which)
        self.join(dialect, address)
        self.did(f"sign up in {dialect}")

    def _wanted(self, *kinds: str) -> list[Address]:
        """Addresses of strangers, first those for which something waits."""
        known = [it for it in self.world.strangers if it[0] in kinds]
        waits = {it.address for it in self.world.in_state("waiting")}
        return [it for it in known if it in waits] or known

    @rule(who=WHICH, which=WHICH)
    def prove(self, *, who: int, which: int) -> None:
        """Somebody shows that a further email, or a profile, is theirs."""
        person = self.pick(self.world.people, who)
        address = self.pick(self._wanted("email", "profile"), which)
        self.run(prove(self.place, self.someone[person], address))
        self.world.prove(person, address)
        self.find_strangers()
        self.did("prove")

    # Withdrawals.

    @rule(
        payer=WHICH,
        currency=CURRENCY,
        cents=CENTS,
        how=HOW,
        way=st.sampled_from(["ok", "ok", "declined", "pending", "pending", "timeout"]),
    )
    def withdraw_in_memento(
        self, *, payer: int, currency: str, cents: int, how: str, way: str
    ) -> None:
        """To a bank that does this."""
        who, way = self.pick(self.world.people, payer), self.bearable(way)
        amount = self.amount(who, currency, cents, how, "withdrawal")
        payment = self._withdrawal(who, currency, amount, self._bank(who, way))
        body = {
            "currency": currency,
            "description": payment.label,
            "recipient": {
                "amount": str(amount),
                "funding_source_id": who.banks[str(payment.source)],
            },
            "funding_source_id": self.someone[who].wallet_id,
            "pin": PIN,
        }
        why = set()
        if payment.whole > self.world.balance(who, currency):
            why.add("insufficient_funds")
        elif way == "declined":
            why.add("gateway_declined")
        made = self.send("withdraw", who, "memento", "POST", "/v1/payments", body=body, why=why)
        if not why:
            payment.transaction_id = made["recipient"]["transaction_id"]
            self.world.withdraw(payment, is_decided=way == "ok")

    def _withdrawal(self, who: Person, currency: str, amount: Any, source: str) -> Payment:
        fee = fee_of("withdrawal", "virtual", amount, currency)
        label = self.label("out")
        return Payment(label, who, currency, amount, fee, kind="withdrawal", source=source)

    def _bank(self, who: Person, way: str) -> str:
        """A bank account of somebody's that does this, by its name; it is added if need be."""
        name = f"bank {way}"
        if name not in who.banks:
            client = self.someone[who]
            token = {} if way == "ok" else {"token": TOKENS[way]}
            added = self.run(
                client.call("memento", "POST", "/v1/funding_sources", new_account(**token))
            )
            id_ = said(added, 201)["id"]
            code = self.run(last_code(self.place.db, id_))
            path = f"/v1/funding_sources/{id_}/verify"
            said(self.run(client.call("memento", "POST", path, {"code": code})))
            who.banks[name] = id_
        return name

    @rule(payer=WHICH, cents=CENTS, how=HOW)
    def withdraw_in_moneypool(self, *, payer: int, cents: int, how: str) -> None:
        """To one's CLABE."""
        who = self.pick(self.world.people, payer)
        client = self.someone[who].moneypool
        if not who.has_clabe:
            path = client.own("")
            body: dict[str, Any] = {"user": {"clabe": CLABE}}
            self.send("set CLABE", who, "moneypool", "PATCH", path, body=body, is_kept=False)
            who.has_clabe = True
        amount = self.amount(who, "MXN", cents, how, "withdrawal")
        payment = self._withdrawal(who, "MXN", amount, "clabe")
        short = payment.whole > self.world.balance(who, "MXN")
        why = {"amount"} if short else set()
        path, body = client.own("/withdrawals"), {"withdrawal": {"amount": str(amount)}}
        self.send("withdraw", who, "moneypool", "POST", path, body=body, why=why)
        if not why:
            self.world.withdraw(payment, is_decided=True)

    @rule(which=WHICH, arrives=st.booleans())
    @when(lambda self: self._payouts())
    def a_bank_decides(self, *, which: int, arrives: bool) -> None:
        """What is on its way arrives, or comes back, be it later on."""
        payment = self.pick(self._payouts(), which)
        path = f"/sandbox/payouts/{payment.transaction_id}/"
        was_out = payment.status == "out"
        status = self.decide(path + ("approve" if arrives else "fail"))
        self.did("bank decides", is_accepted=status == 200)
        if arrives:
            assert status == (409 if was_out else 200)
            if not was_out:
                self.world.arrive(payment)
        else:
            assert status == 200
            self.world.come_back(payment)
            assert self.decide(path + "approve") == 409

    def _payouts(self) -> list[Payment]:
        return [
            it
            for it in self.world.in_state("pending", "out")
            if it.transaction_id
            and it.kind == "withdrawal"
            and (it.status == "out" or it.source == "bank pending")
        ]

    # Time.

    @rule(by=STEPS, which=WHICH)
    @when(lambda self: self.steps >= self._is_time_after)
    def time_passes(self, *, by: timedelta | str, which: int) -> None:
        """The clock is set forward, and the jobs of the day are done."""
        if isinstance(by, str):
            ends = sorted(it for it in self._ends() if it > self.world.now)
            to = self.pick(ends or [self.world.now + timedelta(days=1)], which)
            is_before = by == "to just before" and to - self.world.now > A_DAY
            by = to - self.world.now - timedelta(hours=1 if is_before else 0)
        self.pass_time(by)
        self._is_time_after = self.steps + 6
        self._declines = 0 if by >= A_DAY else self._declines
        self.did("time passes")

    def _ends(self) -> set[timedelta]:
        """When something ends that is good for a while."""
        return {
            *(it.until for it in self.world.in_state("waiting")),
            *(it.until for it in self.world.pledges if it.status == "pledged"),
            *(it.ends_at for it in self.world.pools if it.ends_at and not it.is_closed),
            *(it.until for it in self._cash if not it.is_paid),
            *(it.until for it in self._previews[-4:] if it.answer is None),
        }

    # The same again.

    @rule(which=WHICH)
    @when(lambda self: self._kept() and self.steps >= self._is_repeat_after)
    def repeat(self, *, which: int) -> None:
        """The same request under the same key gets the first answer, and does nothing."""
        sent = self.pick(self._kept(), which)
        self._is_repeat_after = self.steps + 3
        client = self.someone[sent.who]
        what = (sent.dialect, sent.method, sent.path, sent.body)
        again = self.run(client.call(*what, sent.key))
        assert (again.status_code, again.content) == (sent.status, sent.content), (what, again.text)
        self.did("repeat", is_accepted=sent.status < 300)

    @rule(which=WHICH)
    @when(lambda self: self._kept_with_body() and self.steps >= self._is_repeat_after)
    def reuse_a_key(self, *, which: int) -> None:
        """Another request under the same key is refused."""
        sent = self.pick(self._kept_with_body(), which)
        self._is_repeat_after = self.steps + 3
        assert isinstance(sent.body, dict)
        body = {**sent.body, "meta": str(uuid4())}
        client = self.someone[sent.who]
        answer = self.run(client.call(sent.dialect, sent.method, sent.path, body, sent.key))
        assert complaints(sent.dialect, answer) & REUSED, (sent, answer.text)
        self.did("reuse a key", is_accepted=False)

    def _kept(self) -> list[Sent]:
        """The newest requests whose answers are still kept."""
        return [it for it in self.sent[-16:] if self.world.now - it.at < KEPT_FOR]

    def _kept_with_body(self) -> list[Sent]:
        """Those of which there can be another: where no body is looked at, there is none.

        Nor where a hash is the key.
        """
        return [it for it in self._kept() if it.body and it.dialect != "mobbr"]
