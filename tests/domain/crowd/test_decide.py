"""What crowd payments come to, without a database: whatever is confirmed and claimed in whatever
order, nothing is lost, made, or moved twice.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import reduce
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.crowd import render
from tests.money import new_key
from whipround.domain.crowd.commands import (
    MOST_WAITING,
    PLEDGE_ACCOUNT,
    ClaimPledge,
    Command,
    Confirm,
    CrowdPayment,
    PledgeNotFound,
    PreviewRefused,
    RecipientsChanged,
    TooManySharesWaiting,
)
from whipround.domain.crowd.decide import decide
from whipround.domain.crowd.dividing import Division
from whipround.domain.crowd.plan import Page, Plan, PlannedShare
from whipround.domain.crowd.state import Decision, Payer, Shown, State
from whipround.domain.funding.wallet import FEES_ACCOUNT, WALLET_ACCOUNT
from whipround.domain.limits import Limits
from whipround.domain.payees import Address, Payee
from whipround.domain.payments.state import Recipient
from whipround.ledger.accounts import PRODUCT, Account
from whipround.ledger.transfers import Book, InsufficientFunds
from whipround.money import EXACT, split

NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
ANN, BEN, CAT = (UUID(int=number) for number in range(1, 4))
PEOPLE = (ANN, BEN, CAT)
GONE = UUID(int=9)
ADDRESSES: tuple[Address, ...] = (
    ("email", "free@example.com"),
    ("profile", "https://github.com/octocat"),
    ("phone", "+447900000001"),  # Ben's
)
TARGETS: tuple[UUID | Address, ...] = (*PEOPLE, *ADDRESSES)
FEES = UUID(int=300)
PREVIEWS = tuple(UUID(int=number) for number in range(500, 504))
PLEDGES = tuple(UUID(int=number) for number in range(600, 602))
PLEDGED = Decimal(10)
PLEDGE_FEE = Decimal("0.07")
NO_FEE = Decimal(0)


def wallet(user: UUID) -> UUID:
    """The id of the user's wallet."""
    return UUID(int=user.int + 100)


def account(user: UUID) -> UUID:
    """The id of the account of the user's wallet."""
    return UUID(int=user.int + 200)


def state(balances: Mapping[UUID, Decimal]) -> State:
    """What a batch has read: two pledges of Ann wait; four previews are good, one for Cat only."""
    accounts = {(PRODUCT, FEES_ACCOUNT, "EUR"): FEES}
    opened = [Account(FEES, "EUR", Decimal(0), Decimal(0), 0)]
    for user in PEOPLE:
        accounts[wallet(user), WALLET_ACCOUNT, "EUR"] = account(user)
        opened.append(Account(account(user), "EUR", balances[user], Decimal(0), 1))
    for pledge_id in PLEDGES:
        accounts[pledge_id, PLEDGE_ACCOUNT, "EUR"] = pledge_id
        opened.append(Account(pledge_id, "EUR", PLEDGED + PLEDGE_FEE, Decimal(0), 1))
    until = NOON + timedelta(minutes=1)
    return State(
        now=NOON,
        payers={user: Payer(user, "Somebody", None, False, wallet(user), True) for user in PEOPLE},
        previews={
            id_: Shown(id_, CAT if id_ == PREVIEWS[-1] else None, None, until) for id_ in PREVIEWS
        },
        pledges={pledge_id: _pledge(pledge_id) for pledge_id in PLEDGES},
        recipients={user: _recipient(user) for user in PEOPLE},
        payees={
            address: Payee(UUID(int=400 + at), *address, BEN if address[0] == "phone" else None)
            for at, address in enumerate(ADDRESSES)
        },
        blocks={(BEN, CAT), (CAT, BEN)},
        limits=Limits(()),
        waiting={},
        pledged={},
        accounts=accounts,
        book=Book(opened),
    )


def _pledge(pledge_id: UUID) -> CrowdPayment:
    return CrowdPayment(
        id=pledge_id,
        owner_id=ANN,
        owner_name="Ann",
        funding_source_id=wallet(ANN),
        status="pledged",
        amount=PLEDGED,
        fee=PLEDGE_FEE,
        currency="EUR",
        page=Page(url="https://example.org/"),
        referrer=None,
        is_invoiced=False,
        participants=(BEN,),
        expires_at=NOON + timedelta(days=1),
        created_at=NOON,
        paid_at=None,
    )


@pytest.mark.parametrize(
    ("page", "title"),
    [
        (Page(url="https://a.test/", title="A task", message="Thanks"), "A task"),
        (Page(url="https://a.test/", message="Thanks"), "Thanks"),
        (Page(url="https://a.test/"), "https://a.test/"),
        (Page(), ""),
    ],
)
def test_what_shares_are_called(page: Page, title: str) -> None:
    crowd = _pledge(PLEDGES[0])._replace(page=page)

    assert Division(crowd, (), (), "").title == title


def _recipient(user: UUID) -> Recipient:
    return Recipient(user, None, wallet(user), "Somebody", "somebody", False, False)


def planned(amount: Decimal, weights: Mapping[UUID | Address, int]) -> tuple[PlannedShare, ...]:
    """Shares of the amount for these, in proportion."""
    parts = [Decimal(weight) for weight in weights.values()]
    amounts, percentages = split(amount, parts), split(Decimal(100), parts)
    return tuple(
        PlannedShare(
            recipient=str(target),
            role="",
            percentage=percentage,
            amount=part,
            name="",
            user_id=target if isinstance(target, UUID) else None,
            address=None if isinstance(target, UUID) else target,
        )
        for target, part, percentage in zip(weights, amounts, percentages, strict=True)
    )


def confirm(
    payer: UUID,
    amount: Decimal,
    weights: Mapping[UUID | Address, int],
    *,
    preview_id: UUID = PREVIEWS[0],
    is_pledge: bool = False,
    fee: Decimal = NO_FEE,
) -> Confirm:
    """Somebody's order to pay what they were shown."""
    plan = Plan(
        amount=amount,
        fee=fee,
        currency="EUR",
        kind="pledge" if is_pledge else "payment",
        page=Page(title="Thing"),
        is_invoiced=False,
        referrer=None,
        shares=planned(amount, weights),
        script=msgspec.Raw(b"{}"),
    )
    return Confirm(new_key(), payer, wallet(payer), preview_id, plan, render, "")


_WEIGHTS = st.dictionaries(
    st.sampled_from(TARGETS), st.integers(1, 10**9), min_size=1, max_size=len(TARGETS)
)
_CENTS = st.integers(1, 3_000).map(lambda cents: Decimal(cents).scaleb(-2))


@dataclass(frozen=True, slots=True)
class Run:
    """Some commands, and the world that they meet."""

    balances: Mapping[UUID, Decimal]
    commands: Sequence[Command]


@st.composite
def _commands(draw: st.DrawFn) -> Command:
    weights = draw(_WEIGHTS)
    if draw(st.booleans()):
        return confirm(
            draw(st.sampled_from(PEOPLE)),
            draw(_CENTS),
            weights,
            preview_id=draw(st.sampled_from(PREVIEWS)),
            is_pledge=draw(st.booleans()),
            fee=draw(st.sampled_from([NO_FEE, Decimal("0.07"), Decimal(3)])),
        )
    return ClaimPledge(draw(st.sampled_from(PLEDGES)), planned(PLEDGED, weights), "")


RUNS = st.builds(
    Run,
    st.fixed_dictionaries(dict.fromkeys(PEOPLE, st.integers(0, 60).map(Decimal))),
    st.lists(_commands(), max_size=8),
)


@given(RUNS)
def test_no_money_is_lost_or_made(run: Run) -> None:
    before = state(run.balances)
    decided = decide(before, run.commands)

    inside = sum(
        (before.book.balance(id_) for id_ in (FEES, *PLEDGES, *map(account, PEOPLE))), Decimal(0)
    )
    waiting = sum((held.worth.total for held in decided.holdings), Decimal(0))
    pledged = sum(
        (made.amount + made.fee for made in decided.made if made.status == "pledged"), Decimal(0)
    )
    started = sum(run.balances.values(), Decimal(0)) + 2 * (PLEDGED + PLEDGE_FEE)
    assert inside + waiting + pledged == started
    assert all(before.book.balance(account(user)) >= 0 for user in PEOPLE)


@given(RUNS)
def test_what_is_paid_is_divided_to_the_last_of_it(run: Run) -> None:
    decided = decide(state(run.balances), run.commands)

    paid = [each for each in (*decided.made, *decided.claimed) if each.status == "paid"]
    by_id = {payment.id: payment for payment in decided.payments}
    for crowd in paid:
        rows = [row for row in decided.shares if row.crowd_id == crowd.id]
        of = [by_id[row.payment_id] for row in rows]
        assert _sum(each.amount for each in of) == crowd.amount
        assert _sum(each.fee for each in of) == crowd.fee
        assert _sum(row.percentage for row in rows) == 100
        assert [row.position for row in rows] == list(range(len(rows)))
        assert crowd.owner_id not in {each.recipient.user_id for each in of}
    assert len(decided.shares) == len(decided.payments) == len(by_id)


@given(RUNS)
def test_a_preview_is_used_once_and_a_pledge_is_paid_once(run: Run) -> None:
    decided = decide(state(run.balances), run.commands)

    assert len(decided.used) == len(set(decided.used)) == len(decided.made)
    assert len({each.id for each in decided.claimed}) == len(decided.claimed)
    assert len(decided.outcomes) == len(run.commands)


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return reduce(EXACT.add, amounts, Decimal(0))


def _errors(decided: Decision) -> list[type]:
    return [type(outcome) for outcome in decided.outcomes]


RICH = dict.fromkeys(PEOPLE, Decimal(100))


def test_each_refusal_has_its_reason() -> None:
    ten = Decimal(10)
    refused: dict[type, Command] = {
        PreviewRefused: confirm(ANN, ten, {BEN: 1}, preview_id=PREVIEWS[-1]),
        RecipientsChanged: confirm(BEN, ten, {CAT: 1, ANN: 1}),
        InsufficientFunds: confirm(ANN, Decimal("99.99"), {BEN: 1}, fee=Decimal("0.02")),
        PledgeNotFound: ClaimPledge(GONE, planned(ten, {BEN: 1}), ""),
    }

    decided = decide(state(RICH), list(refused.values()))

    assert _errors(decided) == list(refused)
    assert not decided.made
    assert not decided.payments


def test_a_pledge_minds_neither_blocks_nor_who_is_gone() -> None:
    decided = decide(
        state(RICH),
        [confirm(BEN, Decimal(10), {CAT: 1, GONE: 1, ANN: 1}, is_pledge=True)],
    )

    [made] = decided.made
    assert made.status == "pledged"
    assert made.participants == (ANN,)


def test_shares_that_wait_are_counted_over_all_of_a_batch() -> None:
    waits: dict[UUID | Address, int] = {ADDRESSES[0]: 1}
    of_then = state(RICH)
    of_then.waiting[ANN] = MOST_WAITING - 2
    claims = [ClaimPledge(id_, planned(PLEDGED, waits), "") for id_ in PLEDGES]

    decided = decide(of_then, [confirm(ANN, Decimal(10), waits), *claims])

    assert _errors(decided) == [CrowdPayment, CrowdPayment, TooManySharesWaiting]
