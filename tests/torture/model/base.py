"""What all steps have in common: how a request is sent, and what has to be true after each."""

import asyncio
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import wraps
from itertools import count
from typing import Any, TypeAlias, TypeVar
from uuid import uuid4

import httpx
from hypothesis import strategies as st
from hypothesis.errors import StopTest
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant

from tests.money import EUR, MXN, problems
from tests.people import new_email, new_phone
from tests.torture.model.book import CENT, NOTHING, fee_of, spendable
from tests.torture.model.people import Dialect, Someone, sign_up
from tests.torture.model.setting import Setting
from tests.torture.model.things import Address, Person, Pledge
from tests.torture.model.world import World

T = TypeVar("T")
Step: TypeAlias = Callable[..., None]

MOST_PEOPLE = 4
DEMO_PHONES = {"+447700900001", "+447700900002"}
NAMES = ["ann", "ben", "cat", "dan"]
READ_AT_ONCE = 2
"""How many wallets are read over HTTP after each step, each through another of the APIs."""

A_MOMENT = timedelta(milliseconds=1)

WHICH = st.integers(0, 59)
"""One of several, counted round and round."""

CENTS = st.integers(1, 2000)
CURRENCY = st.sampled_from(["EUR", "MXN"])
HOW = st.sampled_from(["some", "some", "some", "some", "some", "all", "too much"])
"""How much: a part of what there is, all of it, or more."""

WAY = st.sampled_from(["wallet", "wallet", "wallet", "ok", "ok", "declined", "pending", "timeout"])
"""What is paid with: the wallet, or a card that does this."""

TOKENS = {
    "ok": "tok_test_visa_4242",
    "declined": "tok_test_card_declined",
    "pending": "tok_test_pending",
    "timeout": "tok_test_timeout",
}


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that was sent under a key, and what it was answered."""

    who: Person
    dialect: Dialect
    method: str
    path: str
    body: object
    key: str
    status: int
    content: bytes
    at: timedelta


def complaints(dialect: Dialect, answer: httpx.Response) -> set[str]:
    """Why a request was refused, in words of its dialect; nothing if it was not."""
    if answer.status_code < 300:
        return set()
    assert answer.status_code < 500, (answer.status_code, answer.text)
    if not answer.content:
        return {str(answer.status_code)}
    said = answer.json()
    if dialect == "mobbr":
        return {said["message"]["text"]}
    if dialect == "moneypool":
        return set(said["errors"]) | {str(answer.status_code)}
    return {" ".join([*filter(None, [it.get("field")]), it["code"]]) for it in said["errors"]}


def unused_phone() -> str:
    """A phone that is nobody's, not even a demo user's (docs/memento.md)."""
    return next(it for it in iter(new_phone, "") if it not in DEMO_PHONES)


def agree(what: object, shown: object, expected: object) -> None:
    """What is shown of something is what the model has."""
    assert shown == expected, f"{what}: {shown} is shown, and {expected} it should be"


def when(possible: Callable[[Any], object]) -> Callable[[Step], Step]:
    """Take the step if it is possible, and else one that makes more possible.

    A precondition would end sequences in which most rules are left out.
    """

    def wrap(step: Step) -> Step:
        @wraps(step)
        def act(self: Base, **given: Any) -> None:
            if possible(self):
                step(self, **given)
            else:
                self.instead(next(it for it in given.values() if isinstance(it, int)))

        return act

    return wrap


class Base(RuleBasedStateMachine):
    """A sequence of steps, over HTTP and in the model."""

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self.setting = setting
        self.world = World()
        self.someone: dict[Person, Someone] = {}
        self.sent: list[Sent] = []
        self.steps = 0
        self._labels = count(1)
        self.place = setting.place()
        self.place.clock.begin()
        self.before = self.run(self.place.by_kind())
        self.mark = uuid4().hex[:8]

    @initialize(
        dialects=st.lists(
            st.sampled_from(["memento", "moneypool", "mobbr"]), min_size=2, max_size=2
        )
    )
    def begin(self, dialects: list[Dialect]) -> None:
        """Two people, of these dialects, and some addresses that are nobody's."""
        self.find_strangers()
        for dialect in dialects:
            self.join(dialect, self.new_address(dialect))

    # What steps are made of.

    def run(self, what: Coroutine[Any, Any, T]) -> T:
        """Have it done, while the server serves."""
        return self.setting.runner.run(what)

    def label(self, what: str) -> str:
        """A description that nothing else has."""
        return f"{what} {self.mark} {next(self._labels)}"

    def pick(self, some: Sequence[T], which: int) -> T:
        """One of them."""
        return some[which % len(some)]

    def others(self, person: Person) -> list[Person]:
        """Everybody else."""
        return [it for it in self.world.people if it is not person]

    def new_address(self, dialect: Dialect) -> Address:
        """One that is nobody's, by which one can sign up there."""
        return ("phone", unused_phone()) if dialect == "memento" else ("email", new_email())

    def find_strangers(self) -> None:
        """Have there be addresses of every kind that are nobody's yet."""
        for kind, least in (("phone", 2), ("email", 2), ("profile", 1)):
            have = [it for it in self.world.strangers if it[0] == kind]
            for _ in range(least - len(have)):
                profile = f"https://github.com/m{uuid4().hex[:20]}"
                made: dict[str, Address] = {
                    "phone": ("phone", unused_phone()),
                    "email": ("email", new_email()),
                    "profile": ("profile", profile),
                }
                self.world.strangers.append(made[kind])

    def join(self, dialect: Dialect, address: Address) -> Person:
        """Somebody signs up with an address, and has a little money."""
        name = NAMES[len(self.world.people)]
        grants = [EUR("60.00"), MXN("900.00")]
        someone = self.run(sign_up(self.place, dialect, name, address, *grants))
        person = Person(name, str(someone.user.username), set())
        self.someone[person] = someone
        self.world.people.append(person)
        for money in grants:
            self.world.grant(person, money.currency, money.amount)
        self.world.prove(person, address)
        self.find_strangers()
        return person

    def amount(
        self, payer: Person, currency: str, cents: int, how: str, kind: str = "payment"
    ) -> Decimal:
        """How much somebody pays from the wallet."""
        most = spendable(self.world.balance(payer, currency), kind, currency)
        if how == "too much":
            return most + (cents % 3 + 1) * CENT
        if most <= 0:
            return cents * CENT
        if how == "all":
            return most
        return ((cents - 1) % (int(most / CENT) // 3 + 1) + 1) * CENT

    def is_short(self, payer: Person, currency: str, amount: Decimal, kind: str) -> bool:
        """Whether the wallet has too little for that and its fee."""
        fee = fee_of(kind, "virtual", amount, currency)
        return amount + fee > self.world.balance(payer, currency)

    def send(
        self,
        what: str,
        who: Person,
        dialect: Dialect,
        method: str,
        path: str,
        *,
        body: object = None,
        why: Collection[str] = (),
        is_kept: bool = True,
    ) -> Any:
        """Send a request that is accepted, or else refused for one of these reasons.

        What it says, with exact numbers. `is_kept` is whether the same again gets the same answer.
        """
        key = str(uuid4())
        answer = self.run(self.someone[who].call(dialect, method, path, body, key))
        said = complaints(dialect, answer)
        told = (what, method, path, body, answer.status_code, answer.text)
        assert bool(said) == bool(why), (why, told)
        assert not why or said & set(why), (why, told)
        self.did(what, is_accepted=not why)
        if is_kept:
            self.sent.append(
                Sent(
                    *(who, dialect, method, path, body, key),
                    *(answer.status_code, answer.content, self.world.now),
                )
            )
        return json.loads(answer.text, parse_float=Decimal) if answer.content else None

    def did(self, what: str, *, is_accepted: bool = True) -> None:
        """Count it."""
        self.setting.tally.steps[what, is_accepted] += 1

    def told(self, who: Person, dialect: Dialect, path: str) -> Any:
        """What somebody is shown, with exact numbers."""
        return self.run(self._shown(who, dialect, path))

    async def _shown(self, who: Person, dialect: Dialect, path: str, *, status: int = 200) -> Any:
        answer = await self.someone[who].call(dialect, "GET", path)
        assert answer.status_code == status, (path, answer.status_code, answer.text)
        return json.loads(answer.text, parse_float=Decimal) if answer.content else None

    def pass_time(self, by: timedelta) -> None:
        """Set the clock forward, and do what it demands."""
        self.place.clock.forward(by)
        self.run(self.place.housekeep())
        self.world.pass_time(by)

    def instead(self, which: int) -> None:
        """A step that is always possible."""
        raise NotImplementedError

    # What is true after each step.

    @invariant()
    def balances_agree(self) -> None:
        """What everybody is shown, and what the books hold, is what the model has."""
        if self.world.people:
            self.steps += 1
            self.run(self._look())
            # What is made in the next step is a little younger.
            self.place.clock.forward(A_MOMENT)

    async def _look(self) -> None:
        books = await self.place.by_kind()
        new = {key: amount - self.before.get(key, 0) for key, amount in books.items()}
        new |= {key: -amount for key, amount in self.before.items() if key not in books}
        agree("the books", _something(new), self.world.book.by_kind())
        wallets = {it.wallet_id: person for person, it in self.someone.items()}
        held = {
            (id_, currency): self._held(person, currency)
            for id_, person in wallets.items()
            for currency in ("EUR", "MXN")
        }
        agree("the wallets", await self.place.wallets([*wallets]), _something(held))
        people = self.world.people
        shown = [people[(self.steps + it) % len(people)] for it in range(READ_AT_ONCE)]
        faces = (self._in_memento, self._in_moneypool, self._in_mobbr)
        looks = [
            faces[(self.steps // len(people) + it) % len(faces)](person)
            for it, person in enumerate(shown)
        ]
        await asyncio.gather(*looks)
        if self.steps % 2:
            await self._glimpse(self.steps // 2)
        self.setting.tally.looks += len(looks)

    async def _in_memento(self, person: Person) -> None:
        sources = await self._shown(person, "memento", "/v1/funding_sources")
        found: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for source in sources:
            for it in source["balances"]:
                found[source["type"], it["currency"]] += it["amount"]
        held = {}
        for currency in ("EUR", "MXN"):
            kept = {"card": person.cards, "bank_account": [*person.banks, "clabe"]}
            held["virtual", currency] = self._held(person, currency)
            for type_, names in kept.items():
                accounts = [person.outside(it) for it in names]
                amounts = (self.world.book.held(it, currency) for it in accounts)
                held[type_, currency] = sum(amounts, NOTHING)
        agree(f"{person} in Memento", _something(found), _something(held))

    async def _in_moneypool(self, person: Person) -> None:
        path = self.someone[person].moneypool.own("")
        shown = (await self._shown(person, "moneypool", path))["user"]["wallet"]
        agree(f"{person} in Moneypool", Decimal(shown), self._held(person, "MXN"))

    async def _in_mobbr(self, person: Person) -> None:
        shown = (await self._shown(person, "mobbr", "/balances"))["result"]["balances"]
        found = {it["currency_iso"]: Decimal(it["amount"]) for it in shown}
        held = {currency: self._held(person, currency) for currency in ("EUR", "MXN")}
        agree(f"{person} in Mobbr", {it: found.get(it, NOTHING) for it in held}, held)

    def _held(self, person: Person, currency: str) -> Decimal:
        return self.world.balance(person, currency)

    async def _glimpse(self, which: int) -> None:
        """How something stands that is not in a wallet: another thing each time."""
        person = self.pick(self.world.people, which // 4)
        match which % 4:
            case 0 if self.world.requests:
                await self._look_at_request(which // 4)
            case 1 if self.world.pools:
                await self._look_at_pool(which // 4)
            case 2:
                await self._look_at_waiting(person)
            case _:
                await self._look_at_pledges(person)

    async def _look_at_request(self, which: int) -> None:
        request = self.pick(self.world.requests, which)
        status = 404 if request.is_deleted else 200
        shown = await self._shown(
            request.owner, "memento", f"/v1/requests/{request.id}", status=status
        )
        if request.is_deleted:
            return
        agree(request.label, shown["amount_paid"], request.amount_paid())
        found = {it["id"]: it["status"] for it in shown["participants"]}
        agree(request.label, found, {it.id: it.status for it in request.asked})

    async def _look_at_pool(self, which: int) -> None:
        pool = self.pick(self.world.pools, which)
        shown = await self._shown(pool.owner, "memento", f"/v1/pools/{pool.id}")
        agree(pool.label, shown["amount"], pool.collected())
        agree(pool.label, shown["status"], "closed" if pool.is_closed else "open")

    async def _look_at_waiting(self, person: Person) -> None:
        found = await self._shown(person, "mobbr", "/payments/unclaimed_shares")
        shown = sorted(
            (it["title"], it["currency_iso"], Decimal(it["amount"])) for it in found["result"]
        )
        waiting = [it for it in self.world.in_state("waiting") if it.payer is person]
        expected = sorted((it.label, it.currency, it.amount) for it in waiting)
        agree(f"what waits of {person}'s", shown, expected)

    async def _look_at_pledges(self, person: Person) -> None:
        found = await self._shown(person, "mobbr", "/payments/pledged")
        shown = {it["id"]: abs(Decimal(it["amount"])) for it in found["result"]}
        expected = {it.id: it.amount for it in self._pledged(person)}
        agree(f"what {person} has pledged", shown, expected)

    def _pledged(self, person: Person) -> list[Pledge]:
        pledges = self.world.pledges
        return [it for it in pledges if it.payer is person and it.status == "pledged"]

    # The end.

    def teardown(self) -> None:
        """Time goes on until nothing waits any more; then the books are audited."""
        error = sys.exception()  # or there is only no more to be drawn
        is_broken = error is not None and not isinstance(error, StopTest)
        try:
            if self.world.people and not is_broken:
                is_broken = True
                self._come_to_an_end()
                is_broken = False
        finally:
            self.place.clock.end()
            if is_broken:  # what is left under way is nothing to go on from
                self.setting.leave()

    def _come_to_an_end(self) -> None:
        # Once more, as what a card pays only then may wait from then on.
        for _ in range(2):
            self.pass_time(timedelta(days=181))
        self.steps += 1
        self.run(self._look())
        kinds = {kind for kind, _ in self.world.book.by_kind()}
        agree("what still waits", kinds - {"wallet", "pool", "fees", "grants"}, set())
        agree("the audit", list(self.run(problems(self.place.db))), [])
        tally = self.setting.tally
        tally.lengths.append(self.steps)
        for currency, amount in self.world.book.moved.items():
            tally.moved[currency] += amount


def _something(held: Mapping[T, Decimal]) -> dict[T, Decimal]:
    return {key: amount for key, amount in held.items() if amount}
