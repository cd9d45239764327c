"""What scripts divide, what is pledged until it is claimed, and what its payer takes back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.torture.model.base import CENTS, CURRENCY, HOW, WHICH, when
from tests.torture.model.book import Share, fee_of
from tests.torture.model.pooling import Pooling
from tests.torture.model.things import PLEDGED_FOR, Address, Part, Person, Pledge, Task

GOOD_FOR = timedelta(minutes=10)

STALE = (
    "Invalid parameter: hash. The hash is unknown, has been used or has expired: preview the"
    " payment again."
)
SHORT = "There is not enough money in the account for this and its fee."
STILL_PLEDGING = "Cannot claim this pledge because task is still in pledging mode"
GONE = "Not everybody can be paid any more as it was shown: preview the payment again."
NOBODY = "There is nobody who can be paid."

SHARES = st.lists(st.tuples(WHICH, st.integers(1, 30), st.booleans()), min_size=1, max_size=4)
"""Who gets how much of it: parts, or per cent."""


@dataclass(eq=False)
class Preview:
    """What somebody was shown."""

    payer: Person
    hash: str
    label: str
    currency: str
    amount: Decimal
    fee: Decimal
    parts: Sequence[Part]
    until: timedelta
    answer: bytes | None = None


class Splitting(Pooling):
    """Payments by script."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._previews: list[Preview] = []

    def _parts(self, payer: Person, shares: Sequence[tuple[int, int, bool]]) -> list[Part]:
        """Those who get a share; whoever is chosen twice gets the first. The payer gets none."""
        choice: list[Person | Address] = [*self.others(payer), *self.world.strangers]
        chosen = {
            id(it := self.pick(choice, which)): (it, size, flag)
            for which, size, flag in reversed(shares)
        }
        # The last of them has a whole number: percentages alone would have to come to 100.
        people = list(reversed(chosen.values()))
        return [
            Part(to, Share(size, is_percentage=flag and index < len(people) - 1))
            for index, (to, size, flag) in enumerate(people)
        ]

    def _participants(self, parts: Sequence[Part]) -> list[dict[str, Any]]:
        """As they stand in a script."""
        prefix = {"phone": "tel:", "email": "mailto:", "profile": ""}
        return [
            {
                "id": it.to.username if isinstance(it.to, Person) else prefix[it.to[0]] + it.to[1],
                "share": it.share.written(),
            }
            for it in parts
        ]

    def _resolved(self, parts: Sequence[Part]) -> list[Part]:
        """Those in it as they are found now, nobody twice."""
        found: dict[object, Part] = {}
        for part in parts:
            to = part.to if isinstance(part.to, Person) else self.world.whose(part.to) or part.to
            found.setdefault(to, part)
        *others, last = found.values()
        return [*others, Part(last.to, Share(last.share.size))]  # as the one that was may be gone

    @rule(payer=WHICH, currency=CURRENCY, cents=CENTS, how=HOW, shares=SHARES)
    def preview(
        self,
        *,
        payer: int,
        currency: str,
        cents: int,
        how: str,
        shares: list[tuple[int, int, bool]],
    ) -> None:
        """See what a script would come to, and perhaps pay it at once."""
        who = self.pick(self.world.people, payer)
        parts = self._parts(who, shares)
        amount = self.amount(who, currency, cents, how)
        label = self.label("split")
        data = {"title": label, "participants": self._participants(parts)}
        shown = self._previewed(who, data, amount, currency)
        made = Preview(
            who,
            shown["hash"],
            label,
            currency,
            amount,
            fee_of("payment", "virtual", amount, currency),
            parts,
            self.world.now + GOOD_FOR,
        )
        assert Decimal(str(shown["script"][".fee"])) == made.fee
        self._previews.append(made)
        if payer % 3:
            self._confirm(made, who)

    def _previewed(self, who: Person, data: object, amount: Decimal, currency: str) -> Any:
        body = {"data": data, "amount": str(amount), "currency": currency}
        path = "/payments/preview"
        return self.send("preview", who, "mobbr", "POST", path, body=body, is_kept=False)["result"]

    @rule(which=WHICH, stranger=WHICH)
    @when(lambda self: self._previews)
    def confirm(self, *, which: int, stranger: int) -> None:
        """Pay what was shown, or try it again, too late, or as somebody else."""
        # What has been confirmed comes once, what has not comes thrice.
        new = [it for it in self._previews if it.answer is None]
        shown = self.pick([*self._previews[-4:], *new[-4:], *new[-4:]], which)
        who = shown.payer if stranger % 6 else self.pick(self.world.people, stranger // 6)
        self._confirm(shown, who)

    def _confirm(self, shown: Preview, who: Person) -> None:
        body, what = {"hash": shown.hash}, "confirm"
        path = "/payments/confirm"
        if who is shown.payer and shown.answer is not None:
            again = self.run(self.someone[who].call("mobbr", "PUT", path, body, str(uuid4())))
            assert (again.status_code, again.content) == (201, shown.answer)
            self.did("confirm again")
            return
        why = set()
        if who is not shown.payer or shown.until <= self.world.now:
            why.add(STALE)
        elif len(self.world.payable(who, shown.parts)) < len(shown.parts):
            why.add(GONE)
        if shown.amount + shown.fee > self.world.balance(who, shown.currency):
            why.add(SHORT)
        self.send(what, who, "mobbr", "PUT", path, body=body, why=why, is_kept=not why)
        if not why:
            shown.answer = self.sent[-1].content
            money = (shown.amount, shown.fee)
            self.world.divide(
                shown.label, who, shown.currency, money, shown.parts, out_of=who.wallet
            )

    # Pledges.

    @rule(payer=WHICH, currency=CURRENCY, cents=CENTS, how=HOW, shares=SHARES, which=WHICH)
    def pledge(
        self,
        *,
        payer: int,
        currency: str,
        cents: int,
        how: str,
        shares: list[tuple[int, int, bool]],
        which: int,
    ) -> None:
        """Pledge to a page, a new one or one that others have pledged to."""
        who = self.pick(self.world.people, payer)
        tasks = [it for it in self.world.tasks if it.is_pledging]
        if which % 2 and tasks and self._takes_part_beside(who, self.pick(tasks, which)):
            task = self.pick(tasks, which)
        else:
            task = self._new_task(self._parts(who, shares))
        amount = self.amount(who, currency, cents, how)
        fee = fee_of("payment", "virtual", amount, currency)
        shown = self._previewed(who, task.url, amount, currency)
        short = amount + fee > self.world.balance(who, currency)
        body = {"hash": shown["hash"]}
        why = {SHORT} if short else set()
        path = "/payments/confirm"
        made = self.send("pledge", who, "mobbr", "PUT", path, body=body, why=why, is_kept=not why)
        if not why:
            until = self.world.now + PLEDGED_FOR
            id_ = made["result"]["payment_id"]
            self.world.pledge(Pledge(task, who, currency, amount, fee, until, id_))

    def _takes_part_beside(self, who: Person, task: Task) -> bool:
        """Whether somebody else than them is named by the page."""
        return bool(self.world.payable(who, task.parts))

    def _new_task(self, parts: Sequence[Part]) -> Task:
        outside = self.place.outside
        path = outside.new_path()
        task = Task(outside.site.url(path), path, self.label("task"), parts)
        self._serve(task)
        self.world.tasks.append(task)
        return task

    def _serve(self, task: Task) -> None:
        script = {
            "type": "pledge" if task.is_pledging else "payment",
            "title": task.label,
            "participants": self._participants(task.parts),
        }
        self.place.outside.page(script, path=task.path)

    @rule(which=WHICH, by=WHICH, pays=st.booleans())
    @when(lambda self: self.world.tasks)
    def claim(self, *, which: int, by: int, pays: bool) -> None:
        """Have what was pledged to a page be paid, if that says so by now."""
        task = self.pick(self.world.tasks, which)
        who = self.pick(self.world.people, by)
        if pays:
            task.is_pledging, task.parts = False, self._resolved(task.parts)
            self._serve(task)
        waiting = [it for it in self._waiting() if it.task is task]
        payable = [it for it in waiting if self.world.payable(it.payer, task.parts)]
        why = set()
        if waiting and task.is_pledging:
            why.add(STILL_PLEDGING)
        elif waiting and not payable:
            why.add(NOBODY)
        elif task.is_pledging:
            return  # nothing is promised of a page that nobody has pledged to
        path, body = "/payments/claim", {"url": task.url}
        made = self.send("claim", who, "mobbr", "PUT", path, body=body, why=why, is_kept=False)
        if not why:
            expected = {"claimed": len(payable), "left": len(waiting) - len(payable)}
            assert made["result"] == expected, (made, expected)
            for pledge in payable:
                self.world.claim(pledge)

    def _waiting(self) -> list[Pledge]:
        return [it for it in self.world.pledges if it.status == "pledged"]

    # What is taken back.

    @rule(which=WHICH, by=WHICH)
    @when(lambda self: self._waiting())
    def revoke_pledge(self, *, which: int, by: int) -> None:
        """By its payer, or rarely by somebody else, whose wish is passed over."""
        pledge = self.pick(self._waiting(), which)
        who = pledge.payer if by % 4 else self.pick(self.world.people, by // 4)
        body = {"ids": [str(UUID(pledge.id).hex)]}
        self.send("revoke pledge", who, "mobbr", "DELETE", "/payments/pledged", body=body)
        if who is pledge.payer:
            self.world.unpledge(pledge)

    @rule(which=WHICH, by=WHICH)
    @when(lambda self: any(self.world.in_state("waiting")))
    def revoke_share(self, *, which: int, by: int) -> None:
        """By its payer, or rarely by somebody else, whose wish is passed over."""
        payment = self.pick(list(self.world.in_state("waiting")), which)
        path = "/payments/unclaimed_shares"
        assert payment.address is not None
        number = next(
            it["share_id"]
            for it in self.told(payment.payer, "mobbr", path)["result"]
            if (it["title"], Decimal(it["amount"])) == (payment.label, payment.amount)
            and it["recipient_id"].endswith(payment.address[1])
        )
        who = payment.payer if by % 4 else self.pick(self.world.people, by // 4)
        body = {"share_ids": [number]}
        self.send("revoke share", who, "mobbr", "DELETE", path, body=body)
        if who is payment.payer:
            self.world.give_back(payment)
