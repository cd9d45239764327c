"""What each outcome makes of the money: a pure function of the locked state.

A call begins `open`, may be `pending`, and ends. After that only two words count: that a payout or
a refund came back, and that something went through after all. Whatever was charged and cannot land
any more is in the payer's wallet; a payout whose money had gone back here before is `overpaid`,
which only an operator can put right.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from uuid_utils.compat import uuid7

from whipround.db.outbox import Message
from whipround.domain import limits, payees
from whipround.domain.funding.wallet import CLEARING_ACCOUNT, FEES_ACCOUNT, WALLET_ACCOUNT
from whipround.domain.gateway_calls import CallStatus, GatewayDeclined, GatewayUnavailable, Said
from whipround.domain.legs import Ends, set_aside, through, together, turned_round
from whipround.domain.limits import Usage
from whipround.domain.notifications import Event, words
from whipround.domain.payees import Holding, Payee, hold_transfer
from whipround.domain.payments import making
from whipround.domain.payments.commands import ParticipantStatus, RecipientUnavailable
from whipround.domain.payments.shares import POOL_ACCOUNT, Pooled
from whipround.domain.payments.state import Recipient
from whipround.domain.refunds import settling
from whipround.domain.refunds.settling import Settled
from whipround.domain.settlements.cases import Case, Standing, State, paid_user
from whipround.domain.settlements.commands import Settle
from whipround.domain.transactions import TransactionStatus
from whipround.errors import DomainError
from whipround.ledger.accounts import PRODUCT, AccountName
from whipround.ledger.transfers import Leg, Transfer
from whipround.money import Money
from whipround.outcomes import Outcome

FIRST_PAUSE = timedelta(seconds=15)
LONGEST_PAUSE = timedelta(hours=1)
"""How long until a processor that has not decided is asked again: twice as long each time."""

MAY_CHANGE_WITHIN = timedelta(days=7)
MAY_CHANGE_PAUSE = timedelta(days=1)
"""For how long, and how often, it is asked whether what was paid out has come back, and whether
what was given up has happened after all."""


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a payment and its transaction.

    `recipient` is who has the money then; `lands_at_id` the payer's wallet, where what was charged
    could not get any further.
    """

    case: Case
    transaction: TransactionStatus
    participant: ParticipantStatus
    is_open: bool = False
    recipient: Recipient | None = None
    holding: Holding | None = None
    lands_at_id: UUID | None = None
    error: DomainError | None = None
    error_code: str = ""

    @property
    def has_strayed(self) -> bool:
        """Whether nothing of it gets to where it was to go, which then is nobody's business."""
        return self.case.kind == "charge" and self.participant == "cancelled"


@dataclass(slots=True)
class Decision:
    """What is to be written; by call is what becomes of one, the last word on it alone."""

    said: dict[UUID, Said] = field(default_factory=dict)
    changes: dict[UUID, Change] = field(default_factory=dict)
    refunds: dict[UUID, Settled] = field(default_factory=dict)
    holdings: list[Holding] = field(default_factory=list)
    told: dict[UUID, Payee] = field(default_factory=dict)
    given_back: list[Usage] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)


def decide(state: State, commands: Sequence[Settle]) -> Decision:
    """What the outcomes come to, one after the other on `state`."""
    decision = Decision()
    for command in commands:
        case = state.cases.get(command.call_id)
        if case is not None:
            _settle(state, case, command, decision)
    return decision


def _settle(state: State, case: Case, command: Settle, decision: Decision) -> None:
    outcome = command.outcome
    before = state.standings[case.call_id]
    after = next_status(case, before.status, outcome)
    if after is None:
        return
    state.standings[case.call_id] = replace(before, status=after)
    said = outcome or Outcome("declined", error_code=GatewayUnavailable.code)
    due_at = _due_at(state, case, before, after)
    decision.said[case.call_id] = Said(case.call_id, after, said, due_at)
    if after in {before.status, "pending", "overpaid"}:
        return
    if case.kind == "refund":
        _refund(state, case, outcome, decision)
    elif case.kind == "charge":
        change = _charged(state, case, said, before.status, decision)
        _share(state, case, change, before.status)
        _keep(state, change, before.status, decision, is_awaited=command.render is not None)
    else:
        change = _paid_out(state, case, said, before.status)
        _keep(state, change, before.status, decision, is_awaited=command.render is not None)


def next_status(case: Case, before: CallStatus, outcome: Outcome | None) -> CallStatus | None:
    """The call's next status; None where the word is not, or no longer, of interest."""
    word = None if outcome is None else outcome.status
    if before in {"open", "pending"}:
        return word or "cancelled"
    if (before, word) in {("approved", "approved"), ("cancelled", None)}:
        return before  # still: when to ask next
    if case.kind == "charge":
        return "approved" if word == "approved" and before != "approved" else None
    # That something was approved may be an old word, overtaken by the one that it has come back;
    # but of what was given up nobody had ever heard.
    changes: dict[tuple[CallStatus, str | None], CallStatus] = {
        ("approved", "declined"): "failed",
        ("cancelled", "approved"): "overpaid",
    }
    return changes.get((before, word))


def _due_at(state: State, case: Case, before: Standing, after: CallStatus) -> datetime | None:
    if after == "pending":
        growth: int = 2 ** min(before.attempts, 20)
        return state.now + min(FIRST_PAUSE * growth, LONGEST_PAUSE)
    may_change = after == "cancelled" or (after == "approved" and case.kind != "charge")
    is_news = after != before.status  # be it late, it is looked after once more
    if may_change and (is_news or state.now - case.called_at < MAY_CHANGE_WITHIN):
        return state.now + MAY_CHANGE_PAUSE
    return None


def _refund(state: State, case: Case, outcome: Outcome | None, decision: Decision) -> None:
    unsettled = state.refunds[case.transaction_id]
    settled = settling.settle(unsettled, outcome, state.accounts, now=state.now)
    if settled is not None:
        state.book.post(settled.transfer)
        state.refunds[case.transaction_id] = replace(
            unsettled, refund=settled.refund, goes_to_id=settled.in_funding_source_id
        )
        decision.refunds[case.call_id] = settled


def _charged(
    state: State, case: Case, said: Outcome, before: CallStatus, decision: Decision
) -> Change:
    """What becomes of a payment from a card or a bank account."""
    if said.status != "approved":
        _give_part_back(state, case)
        return _failed(case, said)
    worth, accounts, step = case.worth, state.accounts, f"{case.transaction_id}:"
    outside = accounts[case.outside_id, WALLET_ACCOUNT, worth.source_currency]
    user_id = paid_user(case, state.payees)
    recipient = state.recipients.get(user_id) if user_id else None
    pool = state.pool_of(case)
    if before in {"open", "pending"} and (recipient or pool):
        ends = Ends(
            source=outside,
            destination=accounts[_to(recipient, pool, worth.currency)],
            fee=accounts[PRODUCT, FEES_ACCOUNT, worth.source_currency],
        )
        legs = _with_part(state, case, through(worth, ends, accounts))
        state.book.post(Transfer(case.transaction_id, "payment", f"{step}pay", legs))
        return Change(case, "approved", "paid", recipient=recipient)
    wallet = accounts[case.payer_wallet_id, WALLET_ACCOUNT, worth.source_currency]
    if before in {"open", "pending"} and case.payee is not None and user_id is None:
        return _hold(state, case, outside, wallet, decision)
    # The recipient has gone, or the payment has been given up: it is the payer's money.
    if before in {"open", "pending"}:
        legs = _with_part(state, case, set_aside(worth, outside, wallet))
    else:  # what the wallet was to bear is there again already
        legs = (Leg(outside, -case.asked), Leg(wallet, case.asked))
    state.book.post(Transfer(uuid7(), "return", f"{step}return", legs))
    error = RecipientUnavailable()
    return Change(
        case,
        "failed",
        "cancelled",
        lands_at_id=case.payer_wallet_id,
        error=error,
        error_code=error.code,
    )


def _with_part(state: State, case: Case, legs: tuple[Leg, ...]) -> tuple[Leg, ...]:
    """The legs out of a card, with the part that was set aside for the payer's wallet to bear."""
    if case.part is None:
        return legs
    clearing = state.accounts[PRODUCT, CLEARING_ACCOUNT, case.worth.source_currency]
    return together(legs, case.part, clearing)


def _give_part_back(state: State, case: Case) -> None:
    """The card has not paid: neither does the payer's wallet."""
    if case.part is None:
        return
    currency, id_ = case.worth.source_currency, case.transaction_id
    legs = (
        Leg(state.accounts[PRODUCT, CLEARING_ACCOUNT, currency], -case.part.total),
        Leg(state.accounts[case.payer_wallet_id, WALLET_ACCOUNT, currency], case.part.total),
    )
    state.book.post(Transfer(uuid7(), "release", f"{id_}:back", legs))


def _to(recipient: Recipient | None, pool: Pooled | None, currency: str) -> AccountName:
    """The account that gets the amount."""
    if pool is not None:
        return (pool.id, POOL_ACCOUNT, currency)
    assert recipient is not None  # noqa: S101 - the caller's case
    return (recipient.wallet_id, WALLET_ACCOUNT, currency)


def _share(state: State, case: Case, change: Change, before: CallStatus) -> None:
    """What the payment's outcome makes of the share that it pays."""
    if case.participant_id is None or before not in {"open", "pending"}:
        return
    shares, is_paid = state.shares, change.participant == "paid"
    if case.payment_kind == "request":
        if is_paid:
            shares.requested_paid(case.participant_id, payment_id=case.payment_id, now=state.now)
        else:
            shares.requested_failed(case.participant_id, now=state.now)
        return
    row = shares.contributors[case.participant_id]
    if is_paid:
        shares.contributed(row, now=state.now)
    else:
        shares.contribution_failed(row, now=state.now)


def _hold(state: State, case: Case, outside: UUID, wallet: UUID, decision: Decision) -> Change:
    """To an address that nobody has proven. What is not claimed returns to the payer's wallet."""
    assert case.payee is not None  # noqa: S101 - the caller's case
    holding = making.hold(
        state.book,
        case.worth,
        payee=state.payees[case.payee],
        payment_id=case.payment_id,
        transaction_id=case.transaction_id,
        returns_to=case.payer_wallet_id,
        return_account_id=wallet,
        now=state.now,
    )
    transfer = hold_transfer(holding, from_account_id=outside)
    state.book.post(transfer._replace(legs=_with_part(state, case, transfer.legs)))
    decision.holdings.append(holding)
    payee = payees.told(state.payees[case.payee], now=state.now)
    if payee is not None:
        state.payees[case.payee] = decision.told[payee.id] = payee
        message = making.waiting_message(
            payee,
            amount=_amount(case),
            payer=case.payer_name,
            description=case.description,
            expires_at=holding.expires_at,
        )
        decision.messages.append(message)
    return Change(case, "active", "pending", is_open=True, holding=holding)


def _paid_out(state: State, case: Case, said: Outcome, before: CallStatus) -> Change:
    """What becomes of a withdrawal, whose money is in the clearing account until it is approved."""
    worth, accounts, id_ = case.worth, state.accounts, case.transaction_id
    wallet = accounts[case.payer_wallet_id, WALLET_ACCOUNT, worth.source_currency]
    to_clear = Ends(
        source=wallet,
        destination=accounts[PRODUCT, CLEARING_ACCOUNT, worth.currency],
        fee=accounts[PRODUCT, CLEARING_ACCOUNT, worth.source_currency],
    )
    outside = accounts[case.outside_id, WALLET_ACCOUNT, worth.currency]
    fees = accounts[PRODUCT, FEES_ACCOUNT, worth.source_currency]
    if said.status == "approved":
        legs: tuple[Leg, ...] = (
            Leg(to_clear.destination, -worth.amount),
            Leg(outside, worth.amount),
            Leg(to_clear.fee, -worth.fee),
            Leg(fees, worth.fee),
        )
        state.book.post(Transfer(uuid7(), "settle", f"{id_}:settle", legs))
        return Change(case, "approved", "paid", recipient=state.recipients.get(case.owner_id))
    if before == "approved":  # the bank has sent it back, days later
        legs = turned_round(through(worth, Ends(wallet, outside, fees), accounts))
        state.book.post(Transfer(uuid7(), "return", f"{id_}:return", legs))
        error = GatewayDeclined()
        return Change(case, "failed", "cancelled", error=error, error_code=said.error_code)
    legs = turned_round(through(worth, to_clear, accounts))
    state.book.post(Transfer(uuid7(), "release", f"{id_}:release", legs))
    return _failed(case, said)


def _failed(case: Case, said: Outcome) -> Change:
    """Nothing was moved outside, and nothing here is left of it."""
    if said.error_code == GatewayUnavailable.code:
        error: DomainError = GatewayUnavailable()
        return Change(case, "cancelled", "cancelled", error=error, error_code=said.error_code)
    return Change(
        case, "rejected", "cancelled", error=GatewayDeclined(), error_code=said.error_code
    )


def _keep(
    state: State, change: Change, before: CallStatus, decision: Decision, *, is_awaited: bool
) -> None:
    """Keep the change; count the payment against limits no more if it failed; tell of it."""
    decision.changes[change.case.call_id] = change
    was_counted = before in {"open", "pending", "approved"}
    # What was charged stays charged, wherever it landed.
    if change.participant == "cancelled" and was_counted and change.lands_at_id is None:
        decision.given_back += _given_back(change.case)
    elif change.lands_at_id is not None and not was_counted:
        paid, *_ = _given_back(change.case)
        decision.given_back.append(replace(paid, count=-paid.count, amount=-paid.amount))
    decision.events += _events(state, change.case, change, is_awaited=is_awaited)


def _given_back(case: Case) -> list[Usage]:
    worth, day = case.worth, limits.day_of(case.paid_at)
    used = [Usage(case.funding_source_id, worth.source_currency, "out", day, 1, case.asked)]
    if case.part is not None:
        borne = case.part.total
        used.append(Usage(case.payer_wallet_id, worth.source_currency, "out", day, 1, borne))
    if case.payment_kind in {"top_up", "withdrawal"} and case.arrives_at_id is not None:
        used.append(Usage(case.arrives_at_id, worth.currency, "in", day, 1, worth.amount))
    return used


def _events(state: State, case: Case, change: Change, *, is_awaited: bool) -> list[Event]:
    """Who has the money is told of it; the payer of what nobody waits to hear of."""
    told = []
    pool = state.shares.pools.get(case.pool_id) if case.pool_id else None
    user_id = pool.owner_id if pool else change.recipient.user_id if change.recipient else None
    if change.participant == "paid" and user_id is not None and user_id != case.owner_id:
        told.append(
            making.arrived(
                case.payment_kind,
                user_id=user_id,
                object_id=case.request_id or case.pool_id or case.payment_id,
                payer_id=case.owner_id,
                amount=_amount(case),
                payer=case.payer_name,
                description=case.description,
            )
        )
    kind = _news(case, change)
    if kind is not None and not is_awaited:
        data = words(_amount(case), payer=case.payer_name, description=case.description)
        told.append(Event(case.owner_id, kind, case.payment_id, None, data))
    return told


def _news(
    case: Case, change: Change
) -> Literal["payment_failed", "withdrawal_failed", "withdrawal_paid", "top_up_done"] | None:
    """What there is to tell the payer."""
    if change.participant == "cancelled":
        return "withdrawal_failed" if case.payment_kind == "withdrawal" else "payment_failed"
    if change.participant == "paid":
        if case.payment_kind == "withdrawal":
            return "withdrawal_paid"
        return "top_up_done" if case.payment_kind == "top_up" else None
    return None


def _amount(case: Case) -> Money:
    """What the recipient gets."""
    return Money(case.worth.amount, case.worth.currency)
