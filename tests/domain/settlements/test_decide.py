"""What outcomes make of money, without a database: whatever the outside says, in whatever order and
however often, the money ends once where it belongs.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple, TypeAlias
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from whipround.db.request_keys import Answer
from whipround.domain.audit import DOMAIN_CHECKS
from whipround.domain.funding.wallet import (
    CLEARING_ACCOUNT,
    FEES_ACCOUNT,
    POSITION_ACCOUNT,
    WALLET_ACCOUNT,
)
from whipround.domain.gateway_calls import CallStatus, Said
from whipround.domain.legs import Ends, Worth, through
from whipround.domain.limits import Usage
from whipround.domain.payees import MOST_TOLD, Holding, Payee
from whipround.domain.payments.sharing import Shares
from whipround.domain.payments.state import Recipient
from whipround.domain.settlements.cases import Case, Standing, State
from whipround.domain.settlements.commands import Settle
from whipround.domain.settlements.decide import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    MAY_CHANGE_PAUSE,
    MAY_CHANGE_WITHIN,
    Change,
    Decision,
    decide,
)
from whipround.ledger.accounts import PRODUCT, Account, AccountName
from whipround.ledger.transfers import Book, Transfer
from whipround.outcomes import Outcome

NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
ANN, WALLET = UUID(int=1), UUID(int=2)
"""Who pays, or is paid out to; and the wallet."""

BEN = UUID(int=103)
"""Who the first call is to pay."""

THERE = {"EUR": Decimal(1000), "MXN": Decimal(0)}
"""What Ann has in the wallet, before anything is set aside."""

NO_FEE, FEE = Decimal(0), Decimal("0.50")

APPROVED, DECLINED, PENDING, NEVER = (
    Outcome("approved", reference_code="R1"),
    Outcome("declined", "expired_card"),
    Outcome("pending"),
    None,
)

Goes: TypeAlias = Literal["user", "payee", "top_up", "withdrawal"]


class Plot(NamedTuple):
    """A payment that the outside was asked for: where it goes, and what it is worth."""

    goes: Goes = "user"
    converts: bool = False
    fee: Decimal = FEE

    @property
    def worth(self) -> Worth:
        """What it is worth on either side."""
        if self.converts:
            return Worth(Decimal(200), "MXN", Decimal("10.30"), "EUR", self.fee)
        return Worth(Decimal(10), "EUR", Decimal(10), "EUR", self.fee)


class Posted(Book):
    """A book that remembers which steps were posted of which transaction."""

    def __init__(self, accounts: Sequence[Account]) -> None:
        super().__init__(accounts)
        self.steps: list[tuple[str, str]] = []

    def post(self, transfer: Transfer) -> None:
        """Post a transfer; one of a key that was posted before is an error, as in the database."""
        transaction_id, step = transfer.key.split(":")
        assert (transaction_id, step) not in self.steps
        assert transfer.kind == {"pay": "payment"}.get(step, step)
        super().post(transfer)
        self.steps.append((transaction_id, step))


class Stage:
    """Calls that were made and the state that a batch reads: all accounts, and nothing said yet."""

    def __init__(self, plots: Sequence[Plot]) -> None:
        self.plots = plots
        self.cases = [_case(number, plot) for number, plot in enumerate(plots)]
        self.accounts: dict[AccountName, UUID] = {}
        opened: list[Account] = []
        for name, floor in self._names():
            there = THERE[name[2]] if name[0] == WALLET else Decimal(0)
            self.accounts[name] = UUID(int=10_000 + len(opened))
            opened.append(Account(self.accounts[name], name[2], there, floor, 0))
        self.book = Posted(opened)
        for case in self.cases:
            if case.kind == "payout":
                self._set_aside(case)
        self.state = State(
            now=NOON,
            cases={case.call_id: case for case in self.cases},
            standings={case.call_id: Standing("open", 0) for case in self.cases},
            refunds={},
            recipients={it.user_id: it for it in map(_recipient, self.cases)},
            payees={
                case.payee: Payee(_id(case, 5), *case.payee, None)
                for case in self.cases
                if case.payee is not None
            },
            shares=Shares(),
            accounts=self.accounts,
            book=self.book,
        )
        self.changes: dict[UUID, Change] = {}
        self.holdings: dict[UUID, Holding] = {}

    def _names(self) -> list[tuple[AccountName, Decimal | None]]:
        """The accounts there are, with their floors."""
        floor = Decimal(0)
        names: dict[AccountName, Decimal | None] = {}
        for currency in THERE:
            names[WALLET, WALLET_ACCOUNT, currency] = floor
            names[PRODUCT, FEES_ACCOUNT, currency] = floor
            names[PRODUCT, CLEARING_ACCOUNT, currency] = floor
            names[PRODUCT, POSITION_ACCOUNT, currency] = None
            for case in self.cases:
                names[case.outside_id, WALLET_ACCOUNT, currency] = None
                names[_recipient(case).wallet_id, WALLET_ACCOUNT, currency] = floor
        return list(names.items())

    def _set_aside(self, case: Case) -> None:
        """What the payments batch does of a withdrawal before the bank is asked."""
        worth, id_ = case.worth, case.transaction_id
        ends = Ends(
            source=self.accounts[WALLET, WALLET_ACCOUNT, worth.source_currency],
            destination=self.accounts[PRODUCT, CLEARING_ACCOUNT, worth.currency],
            fee=self.accounts[PRODUCT, CLEARING_ACCOUNT, worth.source_currency],
        )
        legs = through(worth, ends, self.accounts)
        self.book.post(Transfer(id_, "hold", f"{id_}:hold", legs))

    def hear(self, words: Sequence["Word"]) -> Decision:
        """One batch: what these words come to."""
        commands = [
            Settle(
                self.cases[word.case].call_id,
                word.outcome,
                render=_render if word.is_awaited else None,
            )
            for word in words
        ]
        decision = decide(self.state, commands)
        self.changes |= decision.changes
        self.holdings |= {it.transaction_id: it for it in decision.holdings}
        return decision

    def prove(self, number: int) -> None:
        """Somebody proves the address that is paid."""
        case = self.cases[number]
        if case.payee is not None:
            payee = self.state.payees[case.payee]
            self.state.payees[case.payee] = replace(payee, user_id=_recipient(case).user_id)

    def leave(self, number: int) -> None:
        """The recipient cannot be paid any more; Ann can."""
        case = self.cases[number]
        if case.payment_kind == "payment":
            self.state.recipients.pop(_recipient(case).user_id, None)

    def how(self, number: int) -> tuple[str, str, str, str]:
        """How a transaction stands, in the words of the audit's first check."""
        case = self.cases[number]
        change = self.changes.get(case.call_id)
        kinds = sorted(
            {"pay": "payment"}.get(step, step)
            for id_, step in self.book.steps
            if id_ == str(case.transaction_id)
        )
        said = f"{case.kind} {self.state.standings[case.call_id].status}"
        return ("payment", change.transaction if change else "active", " ".join(kinds), said)

    def balances(self) -> dict[AccountName, Decimal]:
        """What everybody holds, but for accounts that hold nothing."""
        held = {name: self.book.balance(id_) for name, id_ in self.accounts.items()}
        for number, case in enumerate(self.cases):
            if case.transaction_id in self.holdings:
                holding = self.holdings[case.transaction_id]
                balance = self.book.balance(holding.account_id)
                held[_id(self.cases[number], 9), "holding", holding.currency] = balance
        return {name: balance for name, balance in held.items() if balance}


def _render(_: object) -> Answer:
    return Answer(201, b"")


def _id(case: Case, what: int) -> UUID:
    """An id of something that belongs to the case."""
    return UUID(int=case.call_id.int + what)


def _case(number: int, plot: Plot) -> Case:
    at = 100 * (number + 1)
    card, wallet = UUID(int=at + 1), UUID(int=at + 4)
    goes: dict[Goes, UUID | None] = {
        "user": UUID(int=at + 3),
        "payee": None,
        "top_up": ANN,
        "withdrawal": ANN,
    }
    arrives: dict[Goes, UUID | None] = {
        "user": wallet,
        "payee": None,
        "top_up": WALLET,
        "withdrawal": card,
    }
    pays_out = plot.goes == "withdrawal"
    return Case(
        call_id=UUID(int=at),
        kind="payout" if pays_out else "charge",
        outside_id=card,
        transaction_id=UUID(int=at + 2),
        request_number=None,
        called_at=NOON,
        payment_id=UUID(int=at + 6),
        payment_kind=plot.goes if plot.goes in {"top_up", "withdrawal"} else "payment",
        owner_id=ANN,
        funding_source_id=WALLET if pays_out else card,
        arrives_at_id=arrives[plot.goes],
        worth=plot.worth,
        description="Lunch",
        recipient_user_id=goes[plot.goes],
        payee=("phone", f"+44790000{at:04}") if plot.goes == "payee" else None,
        request_id=None,
        pool_id=None,
        participant_id=None,
        paid_at=NOON,
        payer_name="Ann",
        payer_wallet_id=WALLET,
    )


def _recipient(case: Case) -> Recipient:
    """Who is paid, or proves the address that is."""
    user_id, wallet_id = _id(case, 3), _id(case, 4)
    if case.payment_kind != "payment":
        user_id, wallet_id = ANN, WALLET
    return Recipient(user_id, None, wallet_id, "Ben", "ben", False, False)


class Word(NamedTuple):
    """What the outside says of one of the calls; a request may wait to hear it."""

    case: int
    outcome: Outcome | None
    is_awaited: bool = False


# The rules once more.

End: TypeAlias = Literal["waiting", "arrived", "held", "in the wallet", "nothing", "came back"]


@dataclass
class Rules:
    """What becomes of one call, as plainly as it can be put."""

    case: Case
    call: CallStatus = "open"
    end: End = "waiting"
    transaction: str = "active"
    told: list[str] = field(default_factory=list)
    given_back: int = 0
    counted_again: int = 0

    def hear(self, outcome: Outcome | None, *, paid_to: Literal["user", "payee", "nobody"]) -> None:
        """Take in a word; `paid_to` is who would have the money now."""
        if self.call in {"open", "pending"}:
            if outcome is None:
                self._end("cancelled", "cancelled", "nothing")
            elif outcome.status == "pending":
                self.call = "pending"
            elif outcome.status == "declined":
                self._end("declined", "rejected", "nothing")
            elif paid_to == "user":
                self._end("approved", "approved", "arrived")
            elif paid_to == "payee":
                self._end("approved", "active", "held")
            else:
                self._end("approved", "failed", "in the wallet")
        elif self.call == "cancelled" and self.case.kind == "payout" and outcome == APPROVED:
            self.call = "overpaid"  # and it stays where it is
        elif outcome is not None and self._is_late_news(outcome):
            if self.case.kind == "payout":
                self._end("failed", "failed", "came back")
            else:
                self._end("approved", "failed", "in the wallet")

    def _is_late_news(self, outcome: Outcome) -> bool:
        if self.case.kind == "payout":
            return self.call == "approved" and outcome.status == "declined"
        return self.call in {"declined", "cancelled"} and outcome.status == "approved"

    def _end(self, call: CallStatus, transaction: str, end: End) -> None:
        self.call, self.transaction, self.end = call, transaction, end
        # What was charged stays charged, wherever it landed.
        if transaction in {"rejected", "cancelled", "failed"} and end != "in the wallet":
            self.given_back = 1
        elif end == "in the wallet" and self.given_back:
            self.counted_again = 1
        kind = self.case.payment_kind
        good = {"payment": "payment_received", "top_up": "top_up_done"}
        bad = "withdrawal_failed" if kind == "withdrawal" else "payment_failed"
        self.told.append(
            {"arrived": good.get(kind, "withdrawal_paid"), "held": "payment_waiting"}.get(end, bad)
        )

    def moved(self) -> dict[AccountName, Decimal]:
        """What the payment has done to each account."""
        worth, euros, pesos = self.case.worth, "EUR", self.case.worth.currency
        positions = {
            (PRODUCT, POSITION_ACCOUNT, euros): worth.source_amount,
            (PRODUCT, POSITION_ACCOUNT, pesos): -worth.amount,
        }
        outside = (self.case.outside_id, WALLET_ACCOUNT)
        wallet = (WALLET, WALLET_ACCOUNT, euros)
        fees = (PRODUCT, FEES_ACCOUNT, euros)
        pays_out = self.case.kind == "payout"
        match self.end:
            case "arrived" if pays_out:
                ends = [(wallet, -worth.total), ((*outside, pesos), worth.amount)]
                moved = _sum([*ends, (fees, worth.fee)])
            case "waiting" if pays_out:
                moved = _sum(
                    [
                        (wallet, -worth.total),
                        ((PRODUCT, CLEARING_ACCOUNT, pesos), worth.amount),
                        ((PRODUCT, CLEARING_ACCOUNT, euros), worth.fee),
                    ]
                )
            case "arrived":
                to = (_recipient(self.case).wallet_id, WALLET_ACCOUNT, pesos)
                ends = [((*outside, euros), -worth.total), (to, worth.amount)]
                moved = _sum([*ends, (fees, worth.fee)])
            case "held":
                holding = (_id(self.case, 9), "holding", euros)
                return _sum([((*outside, euros), -worth.total), (holding, worth.total)])
            case "in the wallet":
                return _sum([((*outside, euros), -worth.total), (wallet, worth.total)])
            case _:
                return {}
        return _sum([*moved.items(), *positions.items()]) if worth.converts else moved


def _sum(parts: Sequence[tuple[AccountName, Decimal]]) -> dict[AccountName, Decimal]:
    sums: dict[AccountName, Decimal] = {}
    for name, amount in parts:
        sums[name] = sums.get(name, Decimal(0)) + amount
    return sums


LEGAL = set(re.findall(r"\('(\w+)', '(\w+)', '([\w ]*)', '([\w ]*)'\)", DOMAIN_CHECKS[0].query))
"""Every state that the first check of the audit takes for true."""

USAGE = Usage(UUID(int=0), "EUR", "out", NOON.date(), 1, Decimal(0))


def _taken(given: Usage) -> Usage:
    """The contrary."""
    return replace(given, count=-given.count, amount=-given.amount)


def _counted(case: Case) -> list[Usage]:
    """What the payment was counted for when it was made."""
    worth = case.worth
    out = replace(USAGE, funding_source_id=case.funding_source_id, amount=worth.total)
    if case.payment_kind == "payment" or case.arrives_at_id is None:
        return [out]
    into = replace(
        out,
        funding_source_id=case.arrives_at_id,
        currency=worth.currency,
        direction="in",
        amount=worth.amount,
    )
    return [out, into]


PLOTS = st.builds(
    Plot,
    st.sampled_from(["user", "payee", "top_up", "withdrawal"]),
    st.booleans(),
    st.sampled_from([NO_FEE, FEE]),
)
WORDS = st.builds(
    Word,
    st.integers(0, 2),
    st.sampled_from([APPROVED, APPROVED, DECLINED, PENDING, NEVER]),
    st.booleans(),
)
EVENTS = st.one_of(
    st.lists(WORDS, min_size=1, max_size=5),
    st.tuples(st.sampled_from(["proves", "leaves"]), st.integers(0, 2)),
)


@given(st.lists(PLOTS, min_size=3, max_size=3), st.lists(EVENTS, max_size=6))
@example([Plot("withdrawal", True)] * 3, [[Word(0, APPROVED), Word(0, DECLINED)]])
@example([Plot("payee", True)] * 3, [("proves", 0), ("leaves", 0), [Word(0, APPROVED)] * 2])
def test_whatever_is_said_the_money_ends_once_where_it_belongs(
    plots: Sequence[Plot], events: Sequence[list[Word] | tuple[str, int]]
) -> None:
    stage = Stage(plots)
    rules = [Rules(case) for case in stage.cases]
    proven: set[int] = set()
    gone: set[int] = set()
    given_back: list[Usage] = []
    for event in events:
        if isinstance(event, tuple):
            kind, number = event
            {"proves": stage.prove, "leaves": stage.leave}[kind](number)
            {"proves": proven, "leaves": gone}[kind].add(number)
            continue

        decision = stage.hear(event)

        given_back += decision.given_back
        told = []
        for word in event:
            told += _told_of(rules[word.case], word, proven=proven, gone=gone)
        kinds = [it.kind for it in decision.events] + [it.kind for it in decision.messages]
        assert Counter(kinds) == Counter(told)
        assert {id_: it.status for id_, it in decision.said.items()} == {
            id_: stage.state.standings[id_].status for id_ in decision.said
        }
        _is_as_the_rules_say(stage, rules)
    counted = [it for rule in rules for it in _counted(rule.case) * rule.given_back]
    # What leaves the card leaves it, late or not.
    counted += [_taken(_counted(rule.case)[0]) for rule in rules if rule.counted_again]
    assert sorted(given_back, key=str) == sorted(counted, key=str)


def _told_of(rule: Rules, word: Word, *, proven: set[int], gone: set[int]) -> list[str]:
    """Have the rules hear a word; what is told by message of what it came to."""
    plot_is_payment = rule.case.payment_kind == "payment"
    paid_to: Literal["user", "payee", "nobody"] = "user"
    if rule.case.payee is not None and word.case not in proven:
        paid_to = "payee"
    elif plot_is_payment and word.case in gone:
        paid_to = "nobody"
    before = len(rule.told)
    rule.hear(word.outcome, paid_to=paid_to)
    news = rule.told[before:]
    # Whoever waits for the answer needs no message; the others do.
    return [
        it for it in news if not word.is_awaited or it in {"payment_received", "payment_waiting"}
    ]


def _is_as_the_rules_say(stage: Stage, rules: Sequence[Rules]) -> None:
    """Every account and every status; and so money is conserved."""
    for number, rule in enumerate(rules):
        how = stage.how(number)
        # What was overpaid is for the audit to tell.
        assert (how in LEGAL) == (rule.call != "overpaid")
        assert how[1] == rule.transaction
        assert how[3] == f"{rule.case.kind} {rule.call}"
        change = stage.changes.get(rule.case.call_id)
        if change is not None:
            assert change.is_open == (how[1] == "active")
            assert (change.participant == "paid") == (how[1] == "approved")
            assert (change.recipient is not None) == (how[1] == "approved")
    there = {(WALLET, WALLET_ACCOUNT, name): amount for name, amount in THERE.items()}
    expected = _sum([*there.items(), *(it for rule in rules for it in rule.moved().items())])
    balances = stage.balances()
    assert balances == {name: amount for name, amount in expected.items() if amount}
    for currency, amount in THERE.items():
        assert sum(held for name, held in balances.items() if name[2] == currency) == amount


# One by one.


def heard(plot: Plot, *outcomes: Outcome | None) -> tuple[Stage, list[Decision]]:
    """A call of which all this is said, one after the other."""
    stage = Stage([plot])
    return stage, [stage.hear([Word(0, outcome)]) for outcome in outcomes]


def _shown(stage: Stage) -> dict[str, Decimal]:
    """The balances of the only case, by names that are easily read."""
    [case] = stage.cases
    names = {
        WALLET: "Ann",
        case.outside_id: "card",
        _id(case, 4): "Ben",
        _id(case, 9): "waiting",
    }
    return {
        f"{names.get(owner, kind)} {currency}": balance
        for (owner, kind, currency), balance in stage.balances().items()
    }


@pytest.mark.parametrize(
    ("plot", "outcomes", "status", "balances"),
    [
        pytest.param(
            Plot("user"),
            [PENDING, APPROVED],
            "approved",
            {"Ann EUR": "1000", "card EUR": "-10.50", "Ben EUR": "10", "fees EUR": "0.50"},
            id="a card pays",
        ),
        pytest.param(
            Plot("user", converts=True),
            [APPROVED],
            "approved",
            {
                "Ann EUR": "1000",
                "card EUR": "-10.80",
                "position EUR": "10.30",
                "position MXN": "-200",
                "Ben MXN": "200",
                "fees EUR": "0.50",
            },
            id="a card pays in another currency",
        ),
        pytest.param(
            Plot("payee", converts=True),
            [APPROVED],
            "active",
            {"Ann EUR": "1000", "card EUR": "-10.80", "waiting EUR": "10.80"},
            id="a card pays an address",
        ),
        pytest.param(
            Plot("top_up"),
            [APPROVED, DECLINED],
            "approved",
            {"Ann EUR": "1010", "card EUR": "-10.50", "fees EUR": "0.50"},
            id="a card tops up",
        ),
        pytest.param(
            Plot("user"), [DECLINED, NEVER], "rejected", {"Ann EUR": "1000"}, id="a card declines"
        ),
        pytest.param(
            Plot("user", converts=True),
            [NEVER, APPROVED],
            "failed",
            {"Ann EUR": "1010.80", "card EUR": "-10.80"},
            id="a card pays after all",
        ),
        pytest.param(
            Plot("withdrawal", converts=True),
            [PENDING],
            "active",
            {
                "Ann EUR": "989.20",
                "position EUR": "10.30",
                "position MXN": "-200",
                "clearing MXN": "200",
                "clearing EUR": "0.50",
            },
            id="a bank has yet to decide",
        ),
        pytest.param(
            Plot("withdrawal", converts=True),
            [APPROVED, APPROVED],
            "approved",
            {
                "Ann EUR": "989.20",
                "position EUR": "10.30",
                "position MXN": "-200",
                "card MXN": "200",
                "fees EUR": "0.50",
            },
            id="a bank is paid",
        ),
        pytest.param(
            Plot("withdrawal", converts=True),
            [APPROVED, DECLINED, APPROVED],
            "failed",
            {"Ann EUR": "1000"},
            id="a bank sends back",
        ),
    ],
)
def test_where_the_money_is(
    plot: Plot, outcomes: Sequence[Outcome | None], status: str, balances: dict[str, str]
) -> None:
    stage, _ = heard(plot, *outcomes)

    assert stage.how(0)[1] == status
    assert _shown(stage) == {name: Decimal(amount) for name, amount in balances.items()}


@pytest.mark.parametrize(
    ("plot", "outcome", "told"),
    [
        (Plot("user"), APPROVED, [("payment_received", BEN, "10.00")]),
        (Plot("payee"), APPROVED, [("payment_waiting", "+447900000100", "10.00")]),
        (Plot("user"), DECLINED, [("payment_failed", ANN, "10.00")]),
        (Plot("payee"), NEVER, [("payment_failed", ANN, "10.00")]),
        (Plot("top_up", True), APPROVED, [("top_up_done", ANN, "200.00")]),
        (Plot("withdrawal"), APPROVED, [("withdrawal_paid", ANN, "10.00")]),
        (Plot("withdrawal"), DECLINED, [("withdrawal_failed", ANN, "10.00")]),
        (Plot("withdrawal"), PENDING, []),
    ],
)
@pytest.mark.parametrize("is_awaited", [False, True])
def test_who_is_told_what(
    plot: Plot, outcome: Outcome | None, told: list[tuple[str, UUID | str, str]], is_awaited: bool
) -> None:
    decision = Stage([plot]).hear([Word(0, outcome, is_awaited)])

    if is_awaited:  # the payer, by the answer
        told = [it for it in told if it[1] != ANN]
    heard: list[tuple[str, UUID | str, str]] = [
        (it.kind, it.user_id, it.data["amount"]) for it in decision.events
    ]
    heard += [(it.kind, it.recipient, it.data["amount"]) for it in decision.messages]
    assert heard == told


def test_an_address_is_told_no_more_often_than_is_bearable() -> None:
    stage = Stage([Plot("payee")])
    [case] = stage.cases
    assert case.payee is not None
    told = replace(stage.state.payees[case.payee], told=MOST_TOLD, told_since=NOON)
    stage.state.payees[case.payee] = told

    decision = stage.hear([Word(0, APPROVED)])

    assert (len(decision.holdings), decision.messages, decision.told) == (1, [], {})


@pytest.mark.parametrize(
    ("goes", "outcome", "attempts", "age", "pause"),
    [
        ("user", PENDING, 0, timedelta(0), FIRST_PAUSE),
        ("user", PENDING, 3, timedelta(0), 8 * FIRST_PAUSE),
        ("withdrawal", PENDING, 8, timedelta(days=30), LONGEST_PAUSE),
        ("withdrawal", PENDING, 32_000, timedelta(0), LONGEST_PAUSE),
        ("user", APPROVED, 0, timedelta(0), None),
        ("user", DECLINED, 0, timedelta(0), None),
        ("withdrawal", NEVER, 0, timedelta(0), MAY_CHANGE_PAUSE),
        ("user", NEVER, 0, MAY_CHANGE_WITHIN, MAY_CHANGE_PAUSE),
        ("withdrawal", APPROVED, 0, MAY_CHANGE_WITHIN - timedelta(seconds=1), MAY_CHANGE_PAUSE),
        ("withdrawal", APPROVED, 0, MAY_CHANGE_WITHIN, MAY_CHANGE_PAUSE),
    ],
)
def test_when_the_outside_is_asked_again(
    goes: Goes, outcome: Outcome | None, attempts: int, age: timedelta, pause: timedelta | None
) -> None:
    stage = Stage([Plot(goes)])
    [case] = stage.cases
    stage.state.cases[case.call_id] = replace(case, called_at=NOON - age)
    stage.state.standings[case.call_id] = Standing("open", attempts)

    [said] = stage.hear([Word(0, outcome)]).said.values()

    assert said.due_at == (None if pause is None else NOON + pause)


@pytest.mark.parametrize("status", ["approved", "cancelled"])
def test_what_has_not_changed_for_a_week_is_not_asked_about_any_more(status: CallStatus) -> None:
    stage = Stage([Plot("withdrawal")])
    [case] = stage.cases
    stage.state.cases[case.call_id] = replace(case, called_at=NOON - MAY_CHANGE_WITHIN)
    stage.state.standings[case.call_id] = Standing(status, 7)

    [said] = stage.hear([Word(0, APPROVED if status == "approved" else NEVER)]).said.values()

    assert (said.status, said.due_at) == (status, None)


def test_what_is_recorded_of_a_call_is_the_last_that_counted() -> None:
    stage = Stage([Plot("withdrawal")])
    words = [PENDING, APPROVED, PENDING, DECLINED, APPROVED, NEVER]

    decision = stage.hear([Word(0, outcome) for outcome in words])

    call_id = stage.cases[0].call_id
    assert decision.said == {call_id: Said(call_id, "failed", DECLINED, None)}
    assert decision.changes[call_id].error_code == "expired_card"


def test_nothing_is_made_of_a_call_that_nobody_knows() -> None:
    stage = Stage([Plot()])

    decision = decide(stage.state, [Settle(UUID(int=7), APPROVED)])

    assert decision == Decision()
