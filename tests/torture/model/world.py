"""What people have paid, asked, pooled and pledged, in memory; and what becomes of it."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

from tests.torture.model.book import (
    CENT,
    FEES,
    GRANTS,
    Account,
    Book,
    clearing,
    divide,
    weights,
)
from tests.torture.model.things import (
    SHARES_UNCLAIMED_FOR,
    Address,
    Part,
    Payment,
    Person,
    Pledge,
    Pool,
    Request,
    Task,
)


class World:
    """All that there is, and what time it is: how long after the beginning."""

    def __init__(self) -> None:
        self.book = Book()
        self.now = timedelta()
        self.people: list[Person] = []
        self.strangers: list[Address] = []
        self.payments: list[Payment] = []
        self.requests: list[Request] = []
        self.pools: list[Pool] = []
        self.tasks: list[Task] = []
        self.pledges: list[Pledge] = []

    def balance(self, person: Person, currency: str) -> Decimal:
        """What is in somebody's wallet."""
        return self.book.held(person.wallet, currency)

    def whose(self, address: Address) -> Person | None:
        """Who has proven it."""
        return next((it for it in self.people if address in it.addresses), None)

    def grant(self, person: Person, currency: str, amount: Decimal) -> None:
        """Money that a sandbox's people begin with."""
        self.book.move(currency, (GRANTS, -amount), (person.wallet, amount))

    # Payments.

    def pay(self, payment: Payment, *, is_decided: bool = True) -> None:
        """Have somebody pay, with what a card or a bank may have to decide about."""
        self.payments.append(payment)
        if isinstance(payment.to, Pool):
            payment.to.gifts.append(payment)
        source = payment.payer.wallet
        if payment.source is not None:
            source = payment.payer.outside(payment.source)
        taken = payment.borne + payment.borne_fee
        if is_decided:
            self._take(payment, (source, taken - payment.whole), (payment.payer.wallet, -taken))
            return
        payment.status = "pending"
        if payment.asked:
            payment.asked.is_paying = True
        self.book.move(payment.currency, (payment.payer.wallet, -taken), (clearing(payment), taken))

    def approve(self, payment: Payment) -> None:
        """A card that had not decided has paid."""
        taken = payment.borne + payment.borne_fee
        source = payment.payer.outside(str(payment.source))
        if payment.asked:
            payment.asked.is_paying = False
        self._take(payment, (source, taken - payment.whole), (clearing(payment), -taken))

    def decline(self, payment: Payment) -> None:
        """A card that had not decided does not pay."""
        taken = payment.borne + payment.borne_fee
        payment.status = "failed"
        if payment.asked:
            payment.asked.is_paying = False
        self.book.move(payment.currency, (clearing(payment), -taken), (payment.payer.wallet, taken))

    def _take(self, payment: Payment, *legs: tuple[Account, Decimal]) -> None:
        """Bring what was taken to where it belongs now."""
        whose = None if payment.address is None else self.whose(payment.address)
        to = whose or payment.to
        if isinstance(to, Pool) and (to.is_closed or self.has_ended(to)):
            payment.status = "returned"
            arrives = ((payment.payer.wallet, payment.whole),)
            self.book.move(payment.currency, *legs, *arrives)
        elif to is None:
            payment.status, payment.until = "waiting", self.now + payment.waits_for
            self.book.move(payment.currency, *legs, (payment.holding, payment.whole))
        else:
            payment.to, payment.status = to, "arrived"
            # What a card has paid goes back to it, even if it has come to its own owner.
            goes_to_wallet = payment.source is None or bool(payment.borne)
            payment.is_ones_own = to is payment.payer and goes_to_wallet
            account = to.account if isinstance(to, Pool) else to.wallet
            self.book.move(payment.currency, *legs, (account, payment.amount), (FEES, payment.fee))
            if payment.asked:
                payment.asked.status = "paid"

    def prove(self, person: Person, address: Address) -> None:
        """An address is somebody's from now on, and so is what waits for it."""
        before = self.whose(address)
        if before is not None:
            before.addresses.remove(address)
        person.addresses.add(address)
        if address in self.strangers:
            self.strangers.remove(address)
        for payment in self.payments:
            if payment.status == "waiting" and payment.address == address:
                self._take(payment, (payment.holding, -payment.whole))
        for request in self.requests:
            for asked in request.asked:
                if asked.address == address and asked.person is None:
                    asked.person = person

    def give_back(self, payment: Payment) -> None:
        """What waits returns to its payer's wallet, fee and all."""
        payment.status = "returned"
        self.book.move(
            payment.currency,
            (payment.holding, -payment.whole),
            (payment.payer.wallet, payment.whole),
        )

    def refund(self, payment: Payment, amount: Decimal) -> None:
        """Who was paid gives back a part of it, and the fee of that part goes back with it."""
        assert isinstance(payment.to, Person)
        refunded = payment.refunded + amount
        due = payment.fee
        if refunded < payment.amount:
            # That of a share may be less than what it is rounded up to.
            exact = payment.fee * refunded / payment.amount
            due = min(exact.quantize(CENT, ROUND_HALF_EVEN), payment.fee)
        fee = due - payment.fee_refunded
        payment.refunded, payment.fee_refunded = refunded, due
        back = payment.payer.wallet
        if payment.source is not None and not payment.borne:
            back = payment.payer.outside(payment.source)
        self.book.move(
            payment.currency, (payment.to.wallet, -amount), (FEES, -fee), (back, amount + fee)
        )

    # Withdrawals.

    def withdraw(self, payment: Payment, *, is_decided: bool) -> None:
        """Set aside what goes to a bank, and have it arrive there if that has decided."""
        self.payments.append(payment)
        payment.status = "pending"
        self.book.move(
            payment.currency,
            (payment.payer.wallet, -payment.whole),
            (clearing(payment), payment.whole),
        )
        if is_decided:
            self.arrive(payment)

    def arrive(self, payment: Payment) -> None:
        """The bank has it."""
        payment.status = "out"
        self.book.move(
            payment.currency,
            (clearing(payment), -payment.whole),
            (payment.payer.outside(str(payment.source)), payment.amount),
            (FEES, payment.fee),
        )

    def come_back(self, payment: Payment) -> None:
        """The bank does not take it, or sends it back: it is in the wallet, fee and all."""
        legs: list[tuple[Account, Decimal]] = [(clearing(payment), -payment.whole)]
        if payment.status == "out":
            bank = payment.payer.outside(str(payment.source))
            legs = [(bank, -payment.amount), (FEES, -payment.fee)]
        payment.status = "failed"
        self.book.move(payment.currency, *legs, (payment.payer.wallet, payment.whole))

    # Pools, and scripts.

    def has_ended(self, pool: Pool) -> bool:
        """Whether its time is over."""
        return pool.ends_at is not None and pool.ends_at <= self.now

    def close(self, pool: Pool) -> None:
        """All that is in a pool goes to its owner."""
        pool.is_closed = True
        amount = self.book.held(pool.account, pool.currency)
        self.book.move(pool.currency, (pool.account, -amount), (pool.owner.wallet, amount))

    def divide(
        self,
        label: str,
        payer: Person,
        currency: str,
        money: tuple[Decimal, Decimal],
        parts: Sequence[Part],
        *,
        out_of: Account,
    ) -> None:
        """Divide amount and fee, which are in an account, among those who are not their payer."""
        amount, fee = money
        parts = self.payable(payer, parts)
        amounts = divide(amount, weights([it.share for it in parts]))
        fees = divide(fee, [Fraction(it) for it in amounts])
        for part, share, its_fee in zip(parts, amounts, fees, strict=True):
            payment = Payment(
                label,
                payer,
                currency,
                share,
                its_fee,
                kind="share",
                to=part.to if isinstance(part.to, Person) else None,
                address=None if isinstance(part.to, Person) else part.to,
                waits_for=SHARES_UNCLAIMED_FOR,
            )
            self.payments.append(payment)
            self._take(payment, (out_of, -payment.whole))

    def payable(self, payer: Person, parts: Sequence[Part]) -> list[Part]:
        """Those who can be paid: everybody but oneself."""
        return [it for it in parts if payer not in {it.to, self._found(it.to)}]

    def _found(self, to: Person | Address) -> Person | None:
        return to if isinstance(to, Person) else self.whose(to)

    def pledge(self, pledge: Pledge) -> None:
        """Set aside what is pledged."""
        self.pledges.append(pledge)
        whole = pledge.amount + pledge.fee
        self.book.move(pledge.currency, (pledge.payer.wallet, -whole), (pledge.account, whole))

    def unpledge(self, pledge: Pledge) -> None:
        """What is pledged returns."""
        pledge.status = "returned"
        whole = pledge.amount + pledge.fee
        self.book.move(pledge.currency, (pledge.account, -whole), (pledge.payer.wallet, whole))

    def claim(self, pledge: Pledge) -> None:
        """A pledge is paid by the script as it is now."""
        pledge.status = "paid"
        money = (pledge.amount, pledge.fee)
        self.divide(
            pledge.task.label,
            pledge.payer,
            pledge.currency,
            money,
            pledge.task.parts,
            out_of=pledge.account,
        )

    # Time.

    def pass_time(self, by: timedelta) -> None:
        """What becomes of all that once it is so much later."""
        self.now += by
        for payment in self.in_state("pending"):
            if payment.kind == "withdrawal":
                self.arrive(payment)
            else:
                self.approve(payment)
        for payment in self.in_state("waiting"):
            if payment.until <= self.now:
                self.give_back(payment)
        for pledge in self.pledges:
            if pledge.status == "pledged" and pledge.until <= self.now:
                self.unpledge(pledge)
        for pool in self.pools:
            if not pool.is_closed and self.has_ended(pool):
                self.close(pool)

    def in_state(self, *states: str) -> Iterator[Payment]:
        """The payments that are in one of them."""
        return iter([it for it in self.payments if it.status in states])
